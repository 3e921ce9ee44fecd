"""What a recording asks for, and where it is kept."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import slug_of

from faceunlock.errors import CalibrationError
from faceunlock.liveness.asking import Word
from faceunlock.liveness.presentations import find_sources
from faceunlock.liveness.recording import due, place, script


@given(st.integers(0, 10_000))
def test_both_sides_are_asked_for_and_each_turn_leads_back(seed):
    turns, cues = script(Random(seed))
    words = [cue.word for cue in cues]
    assert words[0] is Word.LOOK and words[-1] is Word.DONE
    assert words[1:-1:2] == [Word(turn) for turn in turns] and set(turns) == {"left", "right"}
    assert set(words[2:-1:2]) == {Word.BACK}
    times = [cue.seconds for cue in cues]
    assert times == sorted(times) and times[1] >= 3.0 and times[-1] < 20


def test_each_word_is_said_once_when_its_time_has_come():
    _, cues = script(Random(3))
    said = []
    for tick in range(200):
        said += due(cues, len(said), tick / 10)
    assert said == list(cues)


def test_recordings_lie_where_pad_test_looks(tmp_path):
    for kind, name, shows in (("live", "Ada", ""), ("live", "Ada", ""), ("attack", "print", "Bob")):
        folder = place(tmp_path, kind, name, shows)
        folder.mkdir(parents=True)
        (folder / "0000.png").touch()
    found = {
        (one.name.name, one.person, one.species, one.asked)
        for one in find_sources(tmp_path / "live", tmp_path / "attack")
    }
    assert found == {
        ("turn-1", "Ada", None, True),
        ("turn-2", "Ada", None, True),
        ("turn-1", "Bob", "print", False),
    }


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", ".hidden", "a\0b"])
def test_a_name_is_a_plain_folder_name(name):
    assert slug_of(place, Path("x"), "live", name, "", kind=CalibrationError) == "bad-folder"
    assert slug_of(place, Path("x"), "attack", "print", name, kind=CalibrationError) == "bad-folder"
