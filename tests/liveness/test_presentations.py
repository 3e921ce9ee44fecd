"""Folders of presentations: photos, sequences and films."""

import os

import pytest
from support.clips import write_clip
from support.fakes import GREY, FakeEmbedder, paint, save, slug_of
from support.made_presentations import AHEAD, TURN, FakeTexture, TurningDetector, save_sequence

from faceunlock.errors import CalibrationError, PhotoError
from faceunlock.liveness.presentations import Source, find_sources, measure_folders, present
from faceunlock.photos.photo import load_photo
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.pipeline.samples import untracked


@pytest.fixture
def folders(tmp_path):
    live = ("ada/1.png", "ada/2.png", "bob.png", ".hidden/3.png", "notes.txt", "ada/turn-1/2.png")
    live += ("ada/turn-1/10.png", "ada/turn-1/more/1.png", "ada/walk/1.jpg", "ada/turn.mp4")
    for name in live:
        (tmp_path / "live" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "live" / name).touch()
    for name in ("print/ada/1.png", "print/bob.jpg", "phone/cyd/turn/4.mp4", "phone/cyd/turn/4.png"):
        (tmp_path / "attack" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "attack" / name).touch()
    return tmp_path / "live", tmp_path / "attack"


def test_who_and_what_follows_from_the_folders(folders):
    found = {
        (one.name.name, len(one.files), one.person, one.species, one.clip, one.asked)
        for one in find_sources(*folders)
    }
    assert found == {
        ("1.png", 1, "ada", None, False, False),
        ("2.png", 1, "ada", None, False, False),
        ("bob.png", 1, "bob", None, False, False),
        ("turn-1", 2, "ada", None, True, True),
        ("more", 1, "ada", None, True, False),
        ("walk", 1, "ada", None, True, False),
        ("turn.mp4", 1, "ada", None, True, True),
        ("1.png", 1, "ada", "print", False, False),
        ("bob.jpg", 1, "bob", "print", False, False),
        ("4.mp4", 1, "cyd", "phone", True, False),
        ("turn", 1, "cyd", "phone", True, False),
    }


def test_frames_are_in_natural_order(folders):
    (turn,) = [one for one in find_sources(*folders) if one.name.name == "turn-1"]
    assert [file.name for file in turn.files] == ["2.png", "10.png"]


def test_an_attack_without_a_species(folders):
    (folders[1] / "loose.png").touch()
    assert slug_of(find_sources, *folders, kind=CalibrationError) == "bad-folder"


def test_nothing_is_both_a_person_and_an_attack(folders, tmp_path):
    """The same folder, one inside the other, a link: whatever it is called."""
    live, attack = folders
    with pytest.raises(CalibrationError, match="among the live people and among the attacks") as caught:
        find_sources(attack, attack)
    assert caught.value.slug == "bad-folder"
    assert slug_of(find_sources, tmp_path, attack) == "bad-folder"
    (tmp_path / "other").symlink_to(attack)
    assert slug_of(find_sources, tmp_path / "other", attack) == "bad-folder"
    os.link(live / "bob.png", attack / "print" / "eve.png")
    assert slug_of(find_sources, live, attack) == "bad-folder"


def test_empty_and_missing_folders(folders, tmp_path):
    (tmp_path / "empty").mkdir()
    assert slug_of(find_sources, tmp_path / "empty", folders[1]) == "bad-folder"
    assert slug_of(find_sources, folders[0], tmp_path / "empty") == "bad-folder"
    assert slug_of(find_sources, folders[0], tmp_path / "nowhere", kind=PhotoError) == "photo-not-found"
    os.mkfifo(tmp_path / "pipe")
    assert slug_of(find_sources, folders[0], tmp_path / "pipe", kind=PhotoError) == "photo-not-found"
    assert slug_of(find_sources, folders[0] / "bob.png", folders[1]) == "photo-not-found"


@pytest.fixture
def acquisition():
    return Acquisition(TurningDetector(), FakeEmbedder())


@pytest.fixture
def place(tmp_path):
    """A live folder with a clip that turns, one that does not, and a photo; a print; nothing else."""
    save_sequence(tmp_path / "live" / "ada" / "turn-1", 1)
    save_sequence(tmp_path / "live" / "ada" / "still", 1, [0] * 8)
    save(tmp_path / "live" / "bob.png", paint(2, AHEAD + 50, side=80))
    save_sequence(tmp_path / "attack" / "print" / "ada" / "1", 201, live=False)
    return tmp_path / "live", tmp_path / "attack"


def measured(acquisition, place, texture=None):
    options = {"seconds": 20.0, "max_pixels": 10**7, "track": untracked}
    return measure_folders(acquisition, texture, *place, **options)


def test_heads_turn_and_flat_pictures_do_not(acquisition, place):
    measurement, left_out, presentations = measured(acquisition, place, FakeTexture())
    assert left_out == () and (measurement.live, measurement.attacks) == (3, 1)
    by_name = {(one.species, one.asked, one.clip): one for one in presentations}
    turned = by_name[None, True, True]
    assert turned.turned.both_sides > 0.3 and turned.texture == pytest.approx(250 / 255)
    still = by_name[None, False, True]
    assert still.turned.one_side < 0.01
    photo = by_name[None, False, False]
    assert photo.turned is None and photo.texture is not None, "a photo counts, wherever it looks"
    flat = by_name["print", False, True]
    assert flat.turned.one_side < 0.1 and flat.texture == pytest.approx(5 / 255)


def test_without_its_weights_minifasnet_scores_nothing(acquisition, place):
    measurement, _, presentations = measured(acquisition, place)
    assert all(one.texture is None for one in presentations)
    assert [one.stage for one in measurement.stages] == ["turn"]
    assert set(measurement.spreads) == {"E1", "E2"}


def test_only_frontal_frames_are_scored_and_at_most_five(acquisition, tmp_path):
    seen = []

    class Counting:
        def score(self, image, face):
            seen.append(face)
            return 0.5

    folder = save_sequence(tmp_path / "clip", 1, [60, 60, *TURN])
    pictures = [load_photo(path) for path in sorted(folder.iterdir())]
    source = Source(tuple(sorted(folder.iterdir())), "ada", "print", folder, clip=True)
    result = present(source, acquisition.subject, Counting(), pictures)
    assert len(seen) == 5 and result.texture == 0.5
    assert present(source, acquisition.subject, Counting(), pictures[:2]).texture is None


def test_films_are_clips_and_what_has_no_face_is_left_out(unlock, tmp_path):
    for number in range(4):
        save(tmp_path / "live" / f"{number}.png", paint(number, side=80))
    save(tmp_path / "attack" / "print" / "a" / "1.png", paint(9, side=80))
    save(tmp_path / "attack" / "print" / "a" / "2.png", GREY)
    write_clip(tmp_path / "live" / "film.avi", [GREY] * 5)
    (tmp_path / "attack" / "print" / "broken.mp4").write_bytes(b"no video")
    report = unlock.measure_pad(tmp_path / "live", tmp_path / "attack")
    measurement = report.measurement
    assert (measurement.live, measurement.no_response_live) == (4, 1)
    assert (measurement.attacks, measurement.no_response_attacks) == (1, 2)
    assert {one.reason for one in report.left_out} == {"no-face", "unreadable-video"}
