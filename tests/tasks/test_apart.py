"""The child that reads photos: what it answers, what it may do, and that its death is never a yes."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fakes import GREY, embedding, paint, save, slug_of

from faceunlock.errors import FaceUnlockError, PhotoError
from faceunlock.files.channel import Message
from faceunlock.liveness.asking import Word
from faceunlock.photos.face import Quality
from faceunlock.tasks import apart, apart_child
from faceunlock.tasks.apart_process import _numbers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the child needs Linux")

FILTERED = os.uname().machine in ("x86_64", "aarch64") if hasattr(os, "uname") else False
NOT_ROOT_S = os.geteuid() == 0 if hasattr(os, "geteuid") else False


@pytest.fixture
def child(open_home, ada, monkeypatch):
    """A gallery with Ada, whose photos a made child reads; it does at its moment what it is told."""
    usual = open_home()
    usual.enroll("Ada", ada)

    def make(action="works", argument="", **settings):
        start = (
            "import sys; sys.path[:] = {path!r}; from support.hostile import run; "
            f"run({{descriptor}}, {action!r}, {argument!r})"
        )
        monkeypatch.setattr(apart_child, "_START", start)
        chosen = replace(usual.settings, decode_apart="always", camera_seconds=1.0, **settings)
        return open_home(settings=chosen, detector=None, embedder=None)

    return make


@pytest.fixture
def photo(tmp_path):
    return save(tmp_path / "probe.png", paint(1, 7))


def test_the_answer_is_that_of_the_same_process(child, open_home, photo, tmp_path):
    unlock, here = child(), open_home()
    ours, theirs = unlock.verify(photo, "Ada"), here.verify(photo, "Ada")
    assert ours.decision == theirs.decision and ours.decision.match
    assert (ours.quality, ours.identity) == (theirs.quality, theirs.identity)
    assert not unlock.verify(save(tmp_path / "s.png", paint(9)), "Ada").decision.match
    assert slug_of(unlock.verify, save(tmp_path / "n.png", GREY), "Ada") == "no-face"
    assert [entry.outcome for entry in unlock.attempts.log.entries()] == ["yes", "yes", "no", "no-face"]


def test_many_photos_keep_their_order_and_their_reasons(child, open_home, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(25):
        save(folder / f"{number:02}.png", GREY if number % 7 == 3 else paint(1, number))
    (folder / "05.png").write_bytes(b"no photo")
    (folder / "24.png").write_bytes(b"")
    paths = [*sorted(folder.iterdir()), folder / "missing.png"]
    reader, identity = apart.apart_acquisition(child())
    acquisition, same = open_home().choice.acquisition()
    assert identity == same
    for ours, theirs in zip(reader.samples(paths), acquisition.samples(paths), strict=True):
        assert type(ours) is type(theirs) and ours.photo == theirs.photo
        if hasattr(theirs, "reason"):
            assert ours == theirs
        else:
            assert ours.digest == theirs.digest and (ours.embedding == theirs.embedding).all()


@pytest.mark.skipif(not FILTERED, reason="the filter is for x86-64 and aarch64")
def test_what_it_may_open_write_and_connect_to_tried_from_inside_it(child, photo, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("of root")
    secret.chmod(0o600)
    with pytest.raises(PhotoError) as caught:
        child("tries", str(secret)).verify(photo, "Ada")
    done = dict(word.split("=", 1) for word in caught.value.message.split(": ", 1)[1].split())
    refused = {name for name, what in done.items() if what in ("E1", "E13")}
    always = {
        "append", "exec", "fork", "from-thread", "kill", "limit-parent", "message-queue", "mkdir", "outlive",
        "own-io", "own-io-device", "pair", "passwd", "ptrace", "queue-signal", "read-itself", "root",
        "secret", "shadow", "signal-thread", "socket", "spawn", "terminal", "unix", "unlink", "write",
    }  # fmt: skip
    assert refused == always, done
    assert done["limits"] == "True" and done["thread"] == "started"
    assert done["session"] == "True", "it has no terminal to read passwords from, or to type at"
    assert done["uid"] == ("65534" if NOT_ROOT_S else str(os.geteuid()))
    assert secret.read_text() == "of root"


@pytest.mark.parametrize("moment", ["dies at once", "dies while loading", "exits", "crashes", "eats memory"])
def test_its_death_at_any_moment_is_no_answer(child, photo, moment):
    unlock = child(moment)
    assert slug_of(unlock.verify, photo, "Ada") == "reader-failed"
    assert "yes" not in {entry.outcome for entry in unlock.attempts.log.entries()}


@pytest.mark.parametrize("moment", ["hangs", "burns time"])
def test_it_has_only_so_much_time(child, photo, moment, monkeypatch):
    monkeypatch.setattr(apart, "PHOTO_SECONDS", 1.0)
    started = time.monotonic()
    assert slug_of(child(moment).verify, photo, "Ada") == "reader-failed"
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    "what",
    [
        "too long a vector", "no unit vector", "not a number", "no quality", "an odd quality", "another word",
        "yes", "an error of another kind", "much", "two answers",
    ],
)  # fmt: skip
def test_nonsense_is_no_answer(child, photo, what):
    unlock = child(f"says {what}")
    assert slug_of(unlock.verify, photo, "Ada") == "reader-failed"
    assert [entry.outcome for entry in unlock.attempts.log.entries()] == ["reader-failed"]


@pytest.mark.parametrize(
    ("there", "answer"),
    [("person", True), ("stranger", False), ("black", "camera-black"), ("busy", "camera-busy")],
)
def test_a_camera_is_read_by_the_child_only(child, there, answer, monkeypatch):
    monkeypatch.setattr("faceunlock.photos.camera.opencv", lambda: pytest.fail("read by this process"))
    unlock = child(f"camera {there}")
    if isinstance(answer, str):
        assert slug_of(unlock.take, "/dev/null", "Ada") == answer
        return
    taken = unlock.take("/dev/null", "Ada")
    assert taken.photo.data == b"", "no picture comes back"
    assert unlock.verify(taken, "Ada").decision.match == answer


def test_a_camera_that_is_missing_starts_no_child(child, monkeypatch):
    unlock = child("camera person")
    monkeypatch.setattr(apart_child.subprocess, "Popen", lambda *_, **__: pytest.fail("started"))
    assert slug_of(unlock.take, "/dev/video97", "Ada") == "no-camera"
    assert slug_of(unlock.verify_live, "/dev/video97", "Ada") == "no-camera"


def test_a_whole_dialogue_of_turns_in_the_child(child):
    unlock, words = child("camera head"), []
    answer = unlock.verify_live("/dev/null", "Ada", tell=words.append)
    assert answer.decision.match and answer.decision.name == "Ada"
    assert answer.liveness.turns == tuple(word for word in words if word in (Word.LEFT, Word.RIGHT))
    assert words[0] == Word.LOOK and words[-1] == Word.DONE


def test_it_ends_with_its_job_and_the_next_one_waits(child, photo):
    unlock = child()
    unlock.readers_ahead = True
    assert unlock.verify(photo, "Ada").decision.match
    (reader,) = unlock.readers.values()
    first = reader._waiting
    assert first is not None and first.is_alive()
    assert unlock.verify(photo, "Ada").decision.match
    assert not first.is_alive() and reader._waiting is not first
    reader._waiting._process.kill()  # an idle one that died is replaced
    reader._waiting._process.wait()
    assert unlock.verify(photo, "Ada").decision.match


@pytest.mark.skipif(not NOT_ROOT_S, reason="needs root")
@pytest.mark.parametrize("task", ["enroll", "init"])
def test_roots_enroll_and_init_read_photos_in_a_child(child, bob, task, monkeypatch):
    monkeypatch.setattr("faceunlock.photos.decoding.decode_view", lambda *_: pytest.fail("read by root"))
    unlock = child()
    unlock.settings = replace(unlock.settings, decode_apart="auto")
    assert getattr(unlock, task)("Bob", bob)
    assert "Bob" in [person.name for person in unlock.gallery.people()]


@pytest.mark.parametrize("mirror", [False, True])
def test_a_sitting_in_the_child_gives_the_same_words(child, mirror):
    unlock, said, found = child("camera sitting", camera_photos=4), [], []
    photos = list(
        unlock.take_several(
            "Eve",
            "/dev/null",
            guide=lambda word: said.append((word.number, word.count, str(word.word))),
            mirror=found.append if mirror else None,
        )
    )
    assert said[:4] == [(1, 4, "ahead"), (2, 4, "left"), (3, 4, "right"), (4, 4, "up")]
    assert len(photos) == 4 and unlock.enroll("Eve", photos).saved
    assert found[:1] == (["turn"] if mirror else [])


@pytest.mark.skipif(not NOT_ROOT_S, reason="needs root")
def test_a_film_of_roots_own_is_read_in_the_child(child, tmp_path, monkeypatch):
    """Nobody else may open it, so the child opens it before it gives up that right."""
    pytest.importorskip("cv2")
    from support.clips import write_clip

    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    film = write_clip(folder / "film.avi", [paint(1, number % 3) for number in range(30)])
    film.chmod(0o600)
    monkeypatch.setattr("faceunlock.photos.camera.opencv", lambda: pytest.fail("read by root"))
    unlock = child()
    unlock.settings = replace(unlock.settings, decode_apart="auto")
    with pytest.raises(PhotoError, match="no good face in 11 frames"):  # compression spoils painted faces
        list(unlock.take_several("Eve", str(film), guide=lambda _: None))
    assert slug_of(lambda: list(unlock.take_several("Eve", str(folder)))) == "no-camera"
    (folder / "junk.avi").write_bytes(b"no film")
    assert slug_of(lambda: list(unlock.take_several("Eve", str(folder / "junk.avi")))) == "unreadable-video"


class Scripted:
    """A child that says what a test wants, whatever it is asked."""

    def __init__(self, *says: Message) -> None:
        self.says, self.heard, self.ended = iter(says), [], False

    def receive(self, seconds: float, most_data: int = 0) -> Message:
        message = next(self.says, None)
        if message is None:
            raise PhotoError("reader-failed", "it ended")
        return message

    def send(self, kind: str, data: bytes = b"", **words: object) -> None:
        self.heard.append((kind, words.get("answer")))

    def end(self) -> None:
        self.ended = True


@pytest.fixture
def scripted(child, monkeypatch):
    """A gallery whose child is under a stranger's control from its first job."""
    unlock = child()
    reader, _ = apart.apart_acquisition(unlock)

    def make(*says):
        made = Scripted(*says)
        monkeypatch.setattr(type(reader), "_child", lambda _: apart_child.Job(made, lambda: None))
        return unlock, made

    return make


def sample(kind, person, **words):
    return Message(
        kind,
        {"quality": [80.0, 20.0, 120.0, 0.0, None, None], **words},
        embedding(person, 0).astype(np.float32).tobytes(),
    )


TURNED = Message("turned", {"turns": ["left", "right", "left"], "numbers": [0.0, 1.0, -1.0, 5.0]})


@pytest.mark.parametrize(
    "says",
    [
        [Message("end", {})],
        [Message("next", {})] * 9,
        [Message("next", {}), Message("end", {})],
        [Message("next", {}), Message("next", {}), Message("end", {})],
        [Message("left-out", {"slug": "no-face", "detail": "x"})],
        [Message("next", {}), Message("left-out", {"slug": ["no-face"], "detail": "x"})],
        [Message("next", {}), Message("left-out", {"slug": "no-face", "detail": 7})],
        [Message("next", {}), sample("sample", 1, quality=[10**400, 1, 1, 0, None, None])],
    ],
)
def test_a_child_that_keeps_to_no_order_is_no_answer(scripted, photo, says):
    unlock, there = scripted(*says)
    assert slug_of(unlock.verify, photo, "Ada") == "reader-failed"
    assert there.ended and len(there.heard) < 4, "it does not keep its parent busy"


@pytest.mark.parametrize(
    "says",
    [
        [TURNED],
        [Message("shows", {"part": "left"}, embedding(1, 0).astype(np.float32).tobytes()), TURNED],
        [sample("known", 1), sample("known", 1), TURNED],
        [sample("known", 1), Message("turned", {"turns": [["left"]], "numbers": [0, 0, 0, 0]})],
        [sample("known", 1), Message("turned", {"turns": ["left"], "numbers": [0, 0, 0, 10**400]})],
        [Message("nobody", {})],
        [Message("tell", {"word": "look"})] * 5000,
    ],
)
def test_a_dialogue_that_did_not_happen_is_no_yes(scripted, says):
    unlock, _ = scripted(*says)
    assert slug_of(unlock.verify_live, "/dev/null", "Ada") == "reader-failed"
    assert "yes" not in {entry.outcome for entry in unlock.attempts.log.entries()}


def test_a_child_cannot_try_one_face_after_the_other(scripted):
    """The first one that is not known ends it, and counts; it learns no more."""
    unlock, there = scripted(*(sample("known", person) for person in range(2, 99)))
    for _ in range(unlock.settings.failures_before_wait):
        assert not unlock.verify_live("/dev/null", "Ada").decision.match
    assert slug_of(unlock.verify_live, "/dev/null", "Ada") == "locked-out"
    assert ("judged", True) not in there.heard and next(there.says) is not None


def test_turns_that_showed_somebody_else_are_no_yes(scripted):
    others = [
        Message("shows", {"part": part}, embedding(2, 0).astype(np.float32).tobytes())
        for part in ("left", "right", "last")
    ]
    unlock, _ = scripted(sample("known", 1), *others, TURNED)
    assert slug_of(unlock.verify_live, "/dev/null", "Ada") == "face-changed"


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([10**400, "no-face", "PhotoError", "left", "\ud800"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.just("left"), inner),
    max_leaves=8,
)
_SAID = ["slug", "type", "message", "hint", "quality", "turns", "numbers", "word", "number"]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(_SAID), _VALUES))
def test_whatever_a_child_says_is_understood_or_refused(words):
    said = Message("any", words)
    readers = [
        apart_child.quality_of,
        apart_child.turned_of,
        apart_child.word_of,
        lambda message: apart_child.guidance_of(message, 4),
        lambda message: apart_child.error_of(message.words),
    ]
    for read in readers:
        with suppress(FaceUnlockError):
            read(said)


@pytest.mark.parametrize(("turn", "eyes"), [(None, None), (-41.5, None), (None, 0.3), (-41.5, 0.3)])
def test_how_a_face_stands_comes_from_the_child_too(turn, eyes):
    quality = Quality(80.0, 20.0, 120.0, turn, 0.25, eyes)
    sent = Message("sample", {"quality": _numbers(quality)}, b"")
    assert apart_child.quality_of(sent) == quality


@pytest.mark.parametrize("numbers", [[80, 20, 120, None, None, None], [1, 1, 1, 1, "1", None], [1] * 5, None])
def test_a_quality_of_another_form_is_nonsense(numbers):
    with pytest.raises(PhotoError, match="nonsense"):
        apart_child.quality_of(Message("sample", {"quality": numbers}, b""))
