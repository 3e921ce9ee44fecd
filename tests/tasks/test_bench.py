"""Timing with painted photos and a clock that ticks when somebody works: what counts for which part."""

import numpy as np
import pytest
from support.fakes import GREY, FakeDetector, FakeEmbedder, paint, save, save_person, slug_of, snapshot

from faceunlock.errors import SettingsError
from faceunlock.photos.photo import PhotoFile
from faceunlock.pipeline.acquisition import BATCH
from faceunlock.pipeline.runtime import Engine
from faceunlock.pipeline.samples import NoneUsableError
from faceunlock.tasks import demo as demonstration
from faceunlock.tasks.bench import PARTS, PartTime, bench
from faceunlock.tasks.loading import Networks
from faceunlock.tasks.models import AUTO
from faceunlock.tasks.stopwatch import Stopwatch


class Clock:
    """Stands still unless something takes its time."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class SlowDetector(FakeDetector):
    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def detect(self, image):
        self.clock.now += 3
        return super().detect(image)


class SlowEmbedder(FakeEmbedder):
    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def crop(self, image, face):
        self.clock.now += 5
        return super().crop(image, face)

    def embed(self, crops):
        self.clock.now += 7 * len(crops)
        return super().embed(crops)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def run(open_home, clock, monkeypatch):
    """Time photos of which each takes 1 to decode, 3 to detect, 5 to align and 7 to embed."""
    decode = PhotoFile.view

    def view(self, at_least=None):
        clock.now += 1
        return decode(self, at_least)

    monkeypatch.setattr(PhotoFile, "view", view)
    detector, embedder = SlowDetector(clock), SlowEmbedder(clock)
    unlock = open_home(detector=detector, embedder=embedder)
    asked = []

    def choose(model):
        asked.append(model)
        if model != AUTO:  # opened anew, which takes longer each time
            clock.now += len(asked)
        return unlock.choice

    monkeypatch.setattr(unlock, "choose", choose)

    def run(*sources, runs=3, **options):
        return bench(unlock, sources, runs=runs, **{"clock": clock} | options)

    run.asked, run.unlock, run.detector, run.embedder = asked, unlock, detector, embedder
    return run


def seconds(timing):
    return {part.part: part.seconds for part in timing.parts}


def test_each_part_gets_what_it_takes_and_they_add_up(run, ada):
    timing = run(ada)
    taken = seconds(timing)
    assert list(taken) == ["load", *PARTS, "rest", "whole", "many"]
    expected = dict(zip((*PARTS, "rest", "whole", "many"), (0, 1, 3, 5, 7, 0, 16, 16), strict=True))
    for part, value in expected.items():
        assert taken[part] == (value,) * 3, part
    assert timing.runs == 3 and timing.identity == FakeEmbedder().identity and not timing.portraits
    assert timing.one == timing.many and timing.one.runtime is None and timing.one.workers == 1


def test_networks_are_opened_anew_each_time_and_the_first_time_does_not_count(run, ada):
    (load,) = (part for part in run(ada).parts if part.part == "load")
    # The model is chosen once, then opened four times; each detects and embeds once.
    assert run.asked == [AUTO, "dlib", "dlib", "dlib", "dlib"]
    assert load.seconds == (3 + 10, 4 + 10, 5 + 10) and (load.median, load.fastest) == (14, 13)


def test_the_warm_up_counts_for_nothing(run, ada):
    assert run(ada, runs=1).parts[-2] == PartTime("whole", (16.0,))
    once = run.detector.calls
    run(ada, runs=2)
    # A run: once among many, seven times each of the five; opening: once; alone: each of the five.
    assert run.detector.calls - once == once + 7 * 5 + 1 + 5


def test_few_photos_are_looked_at_again_until_every_worker_has_two_batches(run, ada):
    timing = run(ada)
    assert timing.many_photos == 35 >= 2 * BATCH and len(timing.megapixels) == 5
    assert run(save(ada / "more" / "6.png", paint(1, 6))).many_photos == 2 * BATCH


def test_photos_without_a_clear_face_are_named_and_not_timed(run, ada):
    save(ada / "grey.png", GREY)
    save(ada / "crowd.png", paint(1, 20, faces=2))
    (ada / "empty.png").write_bytes(b"")
    (ada / "notes.txt").write_text("no photo")
    timing = run(ada)
    assert {photo.photo: photo.reason for photo in timing.left_out} == {
        f"{ada}/grey.png": "no-face",
        f"{ada}/crowd.png": "several-faces",
        f"{ada}/empty.png": "unreadable-photo",
    }
    assert timing.skipped == 1 and len(timing.megapixels) == 5
    assert seconds(timing)["whole"] == (16.0,) * 3


def test_megapixels_are_those_of_the_file(run, ada, tmp_path):
    rows, columns = paint().shape[:2]
    wide = np.full((400, 1500, 3), 128, np.uint8)
    wide[:rows, :columns] = paint()
    timing = run(save(tmp_path / "wide.png", wide), ada / "0.png")
    assert timing.megapixels == (0.6, rows * columns / 1e6)


def test_without_any_usable_photo_each_is_named(run, tmp_path):
    for name in ("a", "b"):
        save(tmp_path / "grey" / f"{name}.png", GREY)
    with pytest.raises(NoneUsableError, match="none of 2 photos can be used") as caught:
        run(tmp_path / "grey")
    assert len(caught.value.left_out) == 2 and run.embedder.batches == []


def test_what_cannot_be_looked_at_is_said_before_any_network_is_opened(run, tmp_path):
    (tmp_path / "empty").mkdir()
    assert slug_of(run, tmp_path / "empty") == slug_of(run, tmp_path / "missing") == "photo-not-found"
    for runs in (0, -1, 1001):
        assert slug_of(run, tmp_path, runs=runs, kind=SettingsError) == "usage"
    assert run.asked == []


def test_without_photos_the_portraits_of_the_demonstration_are_looked_at(run, monkeypatch):
    made = []

    def make_pictures(directory):
        made.append(directory)
        save_person(directory / "photos", 1, 3)
        save(directory / "unseen.jpg", paint(1, 9))
        save(directory / "stranger.jpg", paint(2))
        save(directory / "flower.jpg", GREY)

    monkeypatch.setattr(demonstration, "make_pictures", make_pictures)
    timing = run()
    assert timing.portraits and len(timing.megapixels) == 5 and not timing.left_out
    assert len(made) == 1 and not made[0].exists()


def test_many_at_once_take_the_threads_that_enroll_takes(run, ada, monkeypatch, tmp_path):
    models, asked = run.unlock.choice, []

    def networks(*, fetch=False, photos=1):
        asked.append((fetch, photos))
        workers = 3 if photos > 1 else 1
        return Networks(run.detector, run.embedder, Engine("onnx", "cpu", tmp_path, workers=workers))

    monkeypatch.setattr(models, "networks", networks)
    timing = run(ada / "0.png", runs=1)
    assert asked == [(True, 2), (False, 1), (False, 1)]
    assert (timing.many.workers, timing.many.network_threads) == (3, 1)
    assert (timing.one.workers, timing.one.network_threads, timing.one.runtime) == (1, None, "onnx")
    assert timing.many_photos == 2 * BATCH * 3


def test_progress_is_shown_for_every_step(run, ada):
    steps = []

    def track(items, total, label):
        done = list(items)
        steps.append((label, total, len(done)))
        return done

    run(ada, track=track)
    assert steps == [
        ("photos", 5, 5),
        ("many at once", 3, 3),
        ("opening the networks", 4, 4),
        ("one at a time", 4, 4),
    ]


def test_nothing_is_stored(unlock, ada, home):
    unlock.enroll("Ada", ada)
    before = snapshot(home)
    timing = unlock.bench(ada, runs=2)
    assert snapshot(home) == before and unlock.attempts_log() == ()
    assert all(min(part.seconds) >= 0 and len(part.seconds) == 2 for part in timing.parts)
    assert unlock.bench([ada / "0.png", ada / "1.png"], runs=1).identity == timing.identity


def test_a_part_that_failed_does_not_count(clock):
    watch = Stopwatch(clock)
    with pytest.raises(KeyError), watch.part("a"):
        clock.now += 1
        raise KeyError
    with watch.part("b"):
        clock.now += 2
    assert watch.taken() == {"b": 2.0} and watch.taken() == {}
