"""The words of the dialogue: each has one, on stderr at once, and a bell only if it is wanted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from faceunlock.cli.answers.live import WORDS, note
from faceunlock.cli.plain_verify import teller
from faceunlock.cli.session import open_session
from faceunlock.liveness.asking import Word
from faceunlock.liveness.dialogue import Turned


def test_every_word_has_its_sentence():
    assert set(WORDS) == set(Word)
    assert len(set(WORDS.values())) == len(Word)
    assert "left" in WORDS[Word.LEFT] and "right" in WORDS[Word.FURTHER_RIGHT]


@pytest.mark.parametrize("sounds", ["off", "bell"])
def test_words_are_said_even_if_the_console_is_quiet(tmp_path, capsys, monkeypatch, sounds):
    session = open_session({"command": "verify", "home": str(tmp_path), "quiet": True})
    session = replace(session, settings=replace(session.settings, dialogue_sounds=sounds))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    teller(session)(Word.LEFT)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "Turn your head to your left.\n" + ("\a" if sounds == "bell" else "")


def test_the_note_promises_nothing_about_films():
    said = note(Turned(("left", "right", "left"), 0.01, 0.4, 0.3, 9.0))
    assert "left, right, left" in said and "film" in said
