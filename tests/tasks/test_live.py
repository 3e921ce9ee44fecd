"""Whole sessions before a fake camera: who gets a yes, and what everything else is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.fakes import FakeEmbedder, embedding, paint, save, slug_of
from support.made_heads import (
    HEAD,
    MARK,
    PICTURE,
    HeadDetector,
    Live,
    Obedient,
    Stage,
    View,
    face,
    paint_heads,
)

from faceunlock.errors import LockoutError, PhotoError
from faceunlock.liveness.asking import Word
from faceunlock.photos.camera import Camera
from faceunlock.photos.face import Face

SEAT = View(centre=(200.0, 150.0), eyes=22.0)


class HeadEmbedder(FakeEmbedder):
    """Reads who is on a painted head."""

    def crop(self, image: np.ndarray, one: Face) -> np.ndarray:
        left, top = round(one.box[0]), round(one.box[1])
        if not (image[top, left] == MARK).all():
            raise PhotoError("no-face", "not a painted head")
        return np.tile(image[top : top + 1, left : left + 3], (3, 1, 1))


class Session:
    """A person before a camera: hears the words, and is painted into every frame."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, person: int = 1, rate: float = 10.0, **how: Any
    ) -> None:
        self.person, self.words, self.turning = person, [], 0
        self.head = Obedient(how.pop("points", HEAD), how.pop("seed", 1), view=SEAT, **how)
        self.stage = Stage(self.frame, rate)
        self.change: Callable[[list[tuple[int, Face]]], Any] = lambda there: there
        monkeypatch.setattr(
            "faceunlock.photos.camera.open_camera",
            lambda device, films: Camera(self.stage, device, live=False),
        )

    def frame(self, now: float) -> np.ndarray | None:
        self.turning += any(word in (Word.LEFT, Word.RIGHT) for word in self.words)
        there = self.change([(self.person, self.head.face(now))])
        return None if there is None else paint_heads(there)

    def tell(self, word: Word) -> None:
        self.words.append(word)
        self.head.hear(word, self.stage.now)


@pytest.fixture
def live(open_home, ada, bob):
    """A gallery with two people; its detector and embedder read painted heads."""
    usual = open_home()
    usual.enroll("Ada", ada)
    usual.enroll("Bob", bob)
    return open_home(detector=HeadDetector(), embedder=HeadEmbedder())


@pytest.fixture
def before(monkeypatch):
    return lambda *args, **how: Session(monkeypatch, *args, **how)


def failures(unlock: Any) -> int:
    return unlock.attempts.release(None)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", ["Ada", None])
def test_a_person_who_turns_as_asked_gets_a_yes(live, before, seed, name):
    there = before(seed=seed, rate=8 + seed)
    answer = live.verify_live("0", name, tell=there.tell)
    assert answer.decision.match and answer.decision.name == "Ada"
    assert answer.liveness.turns == tuple(word for word in there.words if word in (Word.LEFT, Word.RIGHT))
    assert min(answer.liveness.left, answer.liveness.right) >= 0.25
    assert there.words[0] == Word.LOOK and there.words[-1] == Word.DONE
    assert there.stage.released
    assert live.attempts.log.entries()[-1].outcome == "yes"
    assert failures(live) == 0


def test_the_same_decision_as_for_a_photo(live, before, tmp_path):
    there = before()
    answer = live.verify_live("0", "Ada", tell=there.tell)
    centroid = live.person("Ada").template.centroid
    assert answer.decision.similarity == pytest.approx(float(embedding(1, 0) @ centroid), abs=1e-6)
    assert (
        slug_of(live.verify, save(tmp_path / "a.png", paint(1)), "Ada", require_live=True)
        == "no-living-person"
    )


def test_a_stranger_gets_a_no_before_any_turn(live, before):
    there = before(person=9)
    answer = live.verify_live("0", tell=there.tell)
    assert not answer.decision.match and answer.liveness is None
    assert there.words == [Word.LOOK]
    assert failures(live) == 1


def test_a_mirror_image_can_be_set(open_home, live, before):
    assert slug_of(_run, live, before(mirrored=True)) == "turn-wrong-way"
    settings = replace(live.settings, camera_mirrored="yes")
    other = open_home(detector=HeadDetector(), embedder=HeadEmbedder(), settings=settings)
    assert _run(other, before(mirrored=True)).decision.match


def _run(unlock: Any, there: Session, **options: Any) -> Any:
    return unlock.verify_live("0", "Ada", tell=there.tell, **options)


def second(there, session):
    return [*there, (9, face(HEAD, View(centre=(320.0, 150.0), eyes=20.0)))]


def jump(there, session):
    return [(1, face(HEAD, View(centre=(330.0, 150.0), eyes=22.0)))]


@pytest.mark.parametrize(
    ("change", "slug"),
    [
        (second, "second-face"),
        (jump, "face-jumped"),
        (lambda there, session: [], "face-lost"),
        (lambda there, session: [(9, there[0][1])], "face-changed"),
        (lambda there, session: None, "frames-stopped"),
    ],
)
def test_what_goes_wrong_during_the_turns_has_its_name_and_counts(live, before, change, slug):
    session = before()
    session.change = lambda there: change(there, session) if session.turning > 8 else there
    assert slug_of(_run, live, session) == slug
    assert live.attempts.log.entries()[-1].outcome == slug
    assert failures(live) == 1


@pytest.mark.parametrize(
    ("how", "slug"),
    [
        ({"angle": 0.0}, "turn-too-slow"),
        ({"mirrored": True}, "turn-wrong-way"),
        ({"rate": 3.0}, "too-few-frames"),
        ({"speed": 900.0, "rate": 24.0}, "turn-too-fast"),
        ({"points": PICTURE, "angle": 40.0}, "turn-too-slow"),
    ],
)
def test_what_does_not_turn_as_asked_has_its_name_and_counts(live, before, how, slug):
    assert slug_of(_run, live, before(**how)) == slug
    assert failures(live) == 1


def test_what_looks_like_a_picture_is_refused_before_any_turn(live, before):
    seen: list[int] = []

    def deny(frames: Any) -> float:
        seen.append(len(frames))
        assert all(image.shape == (300, 400, 3) and one.landmarks for image, one in frames)
        return 0.29

    there = before()
    assert slug_of(_run, live, there, deny=deny) == "not-live"
    assert seen == [5] and there.words == [Word.LOOK]
    assert failures(live) == 1
    for score in (0.30, None):
        assert _run(live, before(), deny=lambda frames, score=score: score).decision.match


def test_a_process_that_is_killed_during_the_turns_has_failed(live, before):
    there = before()

    def killed(word: Word) -> None:
        there.tell(word)
        if word in (Word.LEFT, Word.RIGHT):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        live.verify_live("0", "Ada", tell=killed)
    assert failures(live) == 1


def test_somebody_who_is_locked_out_sees_no_camera(live, before):
    for _ in range(live.settings.failures_before_wait):
        slug_of(_run, live, before(mirrored=True))
    there = before()
    with pytest.raises(LockoutError):
        _run(live, there)
    assert there.words == []


def test_the_last_free_try_still_counts_as_a_yes(live, before):
    for _ in range(live.settings.failures_before_wait - 1):
        slug_of(_run, live, before(mirrored=True))
    assert _run(live, before()).decision.match
    assert failures(live) == 0


def test_nobody_and_darkness(live, before):
    live.settings = replace(live.settings, camera_seconds=1.0)
    empty = before()
    empty.change = lambda there: []
    assert slug_of(_run, live, empty) == "no-face"
    dark = before()
    dark.frame = lambda now: np.full((300, 400, 3), 20, np.uint8)
    dark.stage = Stage(dark.frame)
    assert slug_of(_run, live, dark) == "camera-dark"
    assert Word.DARK in dark.words
    assert failures(live) == 0, "nobody was asked for anything"


def test_an_enrolment_learns_whether_a_camera_mirrors(live, before, monkeypatch):
    from faceunlock.tasks.mirrors import is_mirrored

    there = before(person=5, mirrored=True)
    live.settings = replace(live.settings, camera_photos=3)
    monkeypatch.setattr(
        "faceunlock.photos.camera.open_camera", lambda device, films: Live(there.stage, device, live=True)
    )
    heard: list[str] = []

    def mirror(found: str) -> None:
        heard.append(found)
        there.head.hear("left", there.stage.now + 0.5)

    monkeypatch.setattr("faceunlock.photos.capture.DIFFERENT", 0.0)
    photos = list(live.take_several("Eve", mirror=mirror))
    assert len(photos) == 3 and heard == ["turn", "mirrored"]
    assert is_mirrored(live, "0")
    heard.clear()
    assert list(live.take_several("Eve", mirror=mirror)) and heard == []


@pytest.fixture
def sitting(live, before, monkeypatch):
    """Somebody new before a device: sit, and return the photos' number and what was said."""
    monkeypatch.setattr("faceunlock.photos.capture.DIFFERENT", 0.0)

    def sit(seconds=20.0, change=None, live_device=True, **how):
        there = before(person=5, angle=24.0, **how)
        if change is not None:
            there.change = lambda faces: change(faces, there.stage.now)
        kind = Live if live_device else Camera
        monkeypatch.setattr(
            "faceunlock.photos.camera.open_camera",
            lambda device, films: kind(there.stage, device, live=live_device),
        )
        live.settings = replace(live.settings, camera_seconds=seconds, camera_photos=4)
        said = []

        def guide(word):
            said.append((word.number, str(word.word)))
            there.head.hear(word.word, there.stage.now)

        photos = list(live.take_several("Eve", guide=guide))
        assert there.stage.released and live.enroll("Eve", photos, dry_run=True).enrolment.template.count == 4
        return there.stage.now, said

    return sit


@pytest.mark.parametrize("mirrored", [False, True])
def test_somebody_who_sits_for_photos_hears_what_to_do(sitting, mirrored):
    seconds, said = sitting(mirrored=mirrored)
    assert said == [(1, "ahead"), (2, "left"), (3, "right"), (4, "up")] and seconds < 6


def test_a_sitting_says_what_is_wrong_and_goes_on_when_it_is_right(sitting):
    far = face(HEAD, View(centre=(200.0, 150.0), eyes=15.0))
    second_one = face(HEAD, View(centre=(320.0, 150.0), eyes=20.0))

    def late(faces, now):
        if now < 1.0:
            return []
        return [(5, far)] if now < 2.0 else faces if now < 4.0 or now > 5.0 else [*faces, (9, second_one)]

    _, said = sitting(change=late)
    assert [word for _, word in said[:3]] == ["nobody", "closer", "ahead"]
    assert {word for _, word in said} >= {"several", "left", "right", "up"}


def test_a_film_is_asked_for_nothing(sitting):
    seconds, said = sitting(live_device=False)
    assert said == [] and seconds < 2


def test_a_sitting_without_a_good_face_ends_with_its_reason(sitting, live):
    assert slug_of(sitting, 1.0, lambda faces, now: []) == "no-face"
