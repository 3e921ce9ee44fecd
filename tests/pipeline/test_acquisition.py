import hashlib
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.fakes import FakeDetector, FakeEmbedder, embedding, paint, save, save_person, stream

from faceunlock.errors import SLUGS, PhotoError
from faceunlock.photos.face import Face, measure_quality
from faceunlock.photos.memory import Budget
from faceunlock.photos.photo import load_photo
from faceunlock.pipeline import acquisition as acquiring
from faceunlock.pipeline.acquisition import AHEAD, BATCH, FIRST_LOOK, GROUP_LOOK, Acquisition
from faceunlock.pipeline.samples import LeftOut, Sample


@pytest.fixture
def acquisition():
    return Acquisition(FakeDetector(), FakeEmbedder(), min_face_pixels=40)


def fails(acquisition, path, rule="dominant"):
    """Return the error of one photo and the record of the same photo among many."""
    with pytest.raises(PhotoError) as caught:
        acquisition.sample(load_photo(path), rule)
    (record,) = acquisition.samples([path], rule)
    return caught.value, record


def test_a_sample_is_what_detector_and_embedder_see(acquisition, tmp_path):
    path = save(tmp_path / "ada.png", paint(3, 4))
    photo = load_photo(path)
    sample = acquisition.sample(photo)
    (face,) = FakeDetector().detect(photo.view().image)
    assert (sample.photo, sample.digest) == (str(path), photo.digest)
    assert np.array_equal(sample.embedding, embedding(3, 4))
    assert sample.quality == measure_quality(photo.view().image, face)
    assert sample.quality.size == 60


@pytest.mark.parametrize(
    ("image", "slug", "sentence"),
    [
        (np.full((80, 80, 3), 128, np.uint8), "no-face", "no face was found"),
        (paint(faces=2), "several-faces", "2 faces, and none is clearly the largest"),
        (paint(side=39), "face-too-small", "the face is 39 pixels wide, at least 40 needed"),
    ],
)
def test_a_photo_that_cannot_be_used_is_named_once(acquisition, tmp_path, image, slug, sentence):
    path = save(tmp_path / "photo.png", image)
    error, record = fails(acquisition, path)
    assert (error.slug, error.message) == (slug, f"{path}: {sentence}")
    assert error.hint == SLUGS[slug].hint and error.retryable
    assert record == LeftOut(str(path), slug, sentence)


def test_a_photo_from_a_stream_is_named_too(acquisition):
    with pytest.raises(PhotoError, match="standard input: no face was found"):
        acquisition.sample(load_photo(stream(np.full((80, 80, 3), 128, np.uint8))))


def test_a_face_that_cannot_be_cropped_is_named(tmp_path):
    class Confused(FakeEmbedder):
        def crop(self, image, face):
            raise PhotoError("no-face", "the landmarks do not describe a face")

    path = save(tmp_path / "photo.png", paint())
    error, record = fails(Acquisition(FakeDetector(), Confused()), path)
    assert error.message == f"{path}: the landmarks do not describe a face"
    assert record.detail == "the landmarks do not describe a face"


@pytest.mark.parametrize("content", [b"", b"no photo", b"\x89PNG\r\n\x1a\n cut"])
def test_an_unreadable_photo_is_named_once(acquisition, tmp_path, content):
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    (record,) = acquisition.samples([path])
    assert (record.photo, record.reason) == (str(path), "unreadable-photo")
    assert record.detail and str(path) not in record.detail


def test_a_photo_that_is_gone_does_not_stop_the_others(acquisition, tmp_path):
    here = save(tmp_path / "here.png", paint())
    gone, sample = acquisition.samples([tmp_path / "gone.png", here])
    assert gone == LeftOut(str(tmp_path / "gone.png"), "photo-not-found", "no such file or folder")
    assert isinstance(sample, Sample)


def test_a_name_that_is_no_text_can_be_reported(acquisition, tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    path.write_bytes(b"no photo")
    (record,) = acquisition.samples([path])
    assert record.photo == f"{tmp_path}/caf\\udce9.png".encode().decode()
    assert record.photo not in record.detail
    Image.fromarray(paint()).save(path, format="PNG")
    (sample,) = acquisition.samples([path])
    assert sample.photo == record.photo


def test_a_photo_with_too_many_pixels_is_refused(tmp_path):
    acquisition = Acquisition(FakeDetector(), FakeEmbedder(), max_pixels=100)
    (record,) = acquisition.samples([save(tmp_path / "large.png", paint())])
    assert record.reason == "photo-too-large"


@pytest.mark.parametrize(("rule", "person"), [("dominant", 5), ("largest", 5), ("central", 6)])
def test_the_rule_decides_whose_face_counts(acquisition, tmp_path, rule, person):
    sample = acquisition.sample(load_photo(save(tmp_path / "a.png", paint(5, faces=2, second_side=41))), rule)
    assert np.array_equal(sample.embedding, embedding(person, 0))


def test_the_largest_of_equal_faces_will_do_if_that_is_the_rule(acquisition, tmp_path):
    path = save(tmp_path / "a.png", paint(5, faces=2))
    assert isinstance(next(acquisition.samples([path], "largest")), Sample)
    assert isinstance(next(acquisition.samples([path], "dominant")), LeftOut)


def test_many_photos_are_embedded_in_batches_and_keep_their_order(tmp_path):
    embedder = FakeEmbedder()
    paths = save_person(tmp_path, 1, BATCH + 5)
    save(paths[3], np.full((80, 80, 3), 128, np.uint8))
    outcomes = list(Acquisition(FakeDetector(), embedder).samples(paths))
    assert embedder.batches == [BATCH - 1, 5]
    assert [outcome.photo for outcome in outcomes] == [str(path) for path in paths]
    for number, outcome in enumerate(outcomes):
        if number == 3:
            assert outcome.reason == "no-face"
        else:
            assert np.array_equal(outcome.embedding, embedding(1, number))


def test_a_sample_brings_its_crop_where_it_is_asked_for(acquisition, tmp_path):
    paths = save_person(tmp_path, 1, 2)
    assert [sample.crop for sample in acquisition.samples(paths)] == [None, None]
    assert acquisition.sample(load_photo(paths[0])).crop is None
    for path, sample in zip(paths, acquisition.samples(paths, keep_crops=True), strict=True):
        photo = load_photo(path).view().image
        (face,) = FakeDetector().detect(photo)
        assert np.array_equal(sample.crop, FakeEmbedder().crop(photo, face))


def test_photos_are_read_when_they_are_asked_for(tmp_path):
    detector = FakeDetector()
    outcomes = Acquisition(detector, FakeEmbedder()).samples(save_person(tmp_path, 1, BATCH + 1))
    assert detector.calls == 0
    next(outcomes)
    assert BATCH <= detector.calls <= BATCH + AHEAD


def test_without_a_usable_photo_nothing_is_embedded(tmp_path):
    embedder = FakeEmbedder()
    acquisition = Acquisition(FakeDetector(), embedder)
    assert list(acquisition.samples([])) == []
    assert len(list(acquisition.samples([tmp_path / "gone.png"]))) == 1
    assert embedder.batches == []


class SpyDetector:
    """Finds one face, given in pixels of the whole photo, and notes the views it was shown."""

    def __init__(self, whole: tuple[int, int], box: tuple[float, float, float, float], blind_below: int = 0):
        self.whole, self.box, self.blind_below = whole, box, blind_below
        self.views: list[tuple[int, ...]] = []

    def detect(self, image):
        self.views.append(image.shape[:2])
        if max(image.shape[:2]) < self.blind_below:
            return []
        landmarks = tuple((self.box[0] + i, self.box[1] + i) for i in range(5))
        return [Face(self.box, landmarks, 0.99).scaled(image.shape[1] / self.whole[0])]


class SpyEmbedder(FakeEmbedder):
    """Notes view and face of each crop; needs 100 pixels."""

    input_size = 100

    def crop(self, image, face):
        self.cropped = image.shape[:2], face
        return np.zeros((3, 3, 3), dtype=np.uint8)


def large_jpeg(path, width=2400, height=1600):
    noise = np.random.default_rng(0).integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((width, height)).save(path, quality=80)
    return path


def test_a_large_face_is_cut_from_a_reduced_view(tmp_path):
    detector, embedder = SpyDetector((2400, 1600), (400, 200, 1200, 1000)), SpyEmbedder()
    sample = Acquisition(detector, embedder).sample(load_photo(large_jpeg(tmp_path / "a.jpg")))
    assert FIRST_LOOK <= max(detector.views[0]) < 2400
    assert embedder.cropped[0] == detector.views[0]
    assert embedder.cropped[1].size >= embedder.input_size
    assert sample.quality.size == pytest.approx(800)


def test_a_small_face_is_cut_from_a_closer_view(tmp_path):
    detector, embedder = SpyDetector((2400, 1600), (400, 200, 560, 360)), SpyEmbedder()
    sample = Acquisition(detector, embedder).sample(load_photo(large_jpeg(tmp_path / "a.jpg")))
    (seen,) = detector.views
    view, face = embedder.cropped
    assert max(seen) < max(view) <= 2400
    assert face.size >= embedder.input_size
    assert face.box[0] * 2400 / view[1] == pytest.approx(400)
    assert sample.quality.size == pytest.approx(160)


def test_a_face_missed_in_the_view_is_looked_for_in_the_whole_photo(tmp_path):
    detector = SpyDetector((2400, 1600), (400, 200, 430, 230), blind_below=2000)
    embedder = SpyEmbedder()
    Acquisition(detector, embedder).sample(load_photo(large_jpeg(tmp_path / "a.jpg")))
    assert detector.views[-1] == (1600, 2400)
    assert embedder.cropped[0] == (1600, 2400)


def test_several_workers_keep_the_order(tmp_path):
    paths = save_person(tmp_path, 1, 2 * BATCH + 3)
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    paths.insert(7, tmp_path / "broken.jpg")
    alone = list(Acquisition(FakeDetector(), FakeEmbedder()).samples(paths))
    together = list(Acquisition(FakeDetector(), FakeEmbedder(), workers=4).samples(paths))
    assert [outcome.photo for outcome in together] == [str(path) for path in paths]
    for one, other in zip(alone, together, strict=True):
        assert type(one) is type(other)
        if isinstance(one, Sample):
            assert np.array_equal(one.embedding, other.embedding)


def test_what_nobody_asks_for_any_more_is_not_read(tmp_path):
    detector = FakeDetector()
    outcomes = Acquisition(detector, FakeEmbedder(), workers=2).samples(save_person(tmp_path, 1, 8 * BATCH))
    next(outcomes)
    outcomes.close()
    assert detector.calls <= 4 * BATCH + 2 * AHEAD


def test_every_face_of_a_photo_from_left_to_right(acquisition, tmp_path):
    photo = save(tmp_path / "a.png", paint(5, faces=3, second_side=50))
    grey = save(tmp_path / "grey.png", np.full((80, 80, 3), 128, np.uint8))
    far = save(tmp_path / "far.png", paint(8, side=39))
    gone = tmp_path / "gone.png"
    outcomes = list(acquisition.faces([photo, grey, gone, far]))
    assert [getattr(outcome, "path", None) for outcome in outcomes] == [photo, grey, None, far]
    assert [found.face.box[0] for found in outcomes[0].faces] == [20, 120, 220]
    for number, found in enumerate(outcomes[0].faces):
        assert np.array_equal(found.embedding, embedding(5 + number, 0)) and found.reason is None
        assert found.quality.size == (60, 50, 50)[number] and found.quality.sharpness > 0
    assert outcomes[0].digest == hashlib.sha256(photo.read_bytes()).digest()
    assert outcomes[1].faces == () and outcomes[2].reason == "photo-not-found"
    (small,) = outcomes[3].faces
    assert (small.embedding, small.reason) == (None, "face-too-small") and small.quality is None


def test_small_faces_are_cut_from_a_closer_view_and_told_in_pixels_of_the_photo(tmp_path):
    detector, embedder = SpyDetector((6000, 4000), (400, 200, 480, 290)), SpyEmbedder()
    path = large_jpeg(tmp_path / "a.jpg", 6000, 4000)
    (outcome,) = Acquisition(detector, embedder).faces([path])
    view, face = embedder.cropped
    assert GROUP_LOOK <= max(detector.views[0]) < max(view) == 6000
    assert face.box == pytest.approx((400, 200, 480, 290))
    assert outcome.faces[0].face.box == pytest.approx((400, 200, 480, 290))


def test_crops_need_no_embedding(tmp_path):
    embedder = FakeEmbedder()
    paths = [*save_person(tmp_path, 1, 2), tmp_path / "gone.png"]
    first, second, gone = Acquisition(FakeDetector(), embedder).crops(paths)
    assert embedder.batches == [] and gone.reason == "photo-not-found"
    assert (first.photo, second.photo) == (str(paths[0]), str(paths[1]))
    assert not np.array_equal(first.pixels, second.pixels)


def test_large_photos_are_not_all_decoded_at_once_however_many_workers(tmp_path, monkeypatch):
    paths = [save(tmp_path / f"{number}.png", paint(number)) for number in range(12)]
    needed = load_photo(paths[0]).memory
    inside, most, lock = [], [], threading.Lock()

    class Watching(FakeDetector):
        def detect(self, image):
            with lock:
                inside.append(image)
                most.append(len(inside))
            time.sleep(0.02)
            with lock:
                inside.pop()
            return super().detect(image)

    monkeypatch.setattr(acquiring, "PIXELS", Budget(2 * needed))
    found = list(Acquisition(Watching(), FakeEmbedder(), workers=8).samples(paths))
    assert all(isinstance(sample, Sample) for sample in found)
    assert max(most) == 2


class Sideways(FakeDetector):
    """Finds the same faces, a little to the side."""

    def detect(self, image):
        return [
            Face((face.box[0] - 8, *face.box[1:]), face.landmarks, face.confidence)
            for face in super().detect(image)
        ]


class BoxEmbedder(FakeEmbedder):
    """What it sees depends on the box."""

    def crop(self, image, face):
        return np.full((3, 3, 3), int(face.box[0]) % 256, np.uint8)

    def embed(self, crops):
        return np.stack([embedding(int(crop[0, 0, 0]), 0) for crop in crops])


def test_the_subject_of_a_group_is_seen_as_alone(tmp_path):
    """One way to a score: the detectors for a group and for a subject find slightly different boxes."""
    photo = save(tmp_path / "group.png", paint(1, faces=2, second_side=40))
    embedder = BoxEmbedder()
    alone = Acquisition(FakeDetector(), embedder).sample(load_photo(photo), "largest")
    (two,) = Acquisition(Sideways(), embedder, subject_detector=FakeDetector()).faces([photo])
    subject, other = two.faces
    assert np.array_equal(subject.embedding, alone.embedding)
    assert subject.face.box[0] == 20 and other.face.box[0] == 112, "the other face stays where it was found"
    (apart,) = Acquisition(Sideways(), embedder).faces([photo])
    assert not np.array_equal(apart.faces[0].embedding, alone.embedding)


def test_a_subject_that_only_a_group_search_finds_stays_as_it_is(tmp_path):
    class Blind(FakeDetector):
        def detect(self, image):
            return []

    photo = save(tmp_path / "one.png", paint(1))
    (found,) = Acquisition(FakeDetector(), BoxEmbedder(), subject_detector=Blind()).faces([photo])
    assert [face.face.box[0] for face in found.faces] == [20]


def test_the_face_at_a_place_is_the_one_that_is_found_among_all(acquisition, tmp_path):
    file = load_photo(save(tmp_path / "two.png", paint(3, 4, faces=2, second_side=45)))
    (found,) = acquisition.faces([Path(file.name)], keep_crops=True)
    for face, x in zip(found.faces, (0.3, 0.7), strict=True):
        crop, place = acquisition.inspect_at(file, (x, 0.5))
        assert place == face.face and np.array_equal(crop.pixels, face.crop)
        assert crop.digest == file.digest and crop.quality.size == face.face.size
    small = load_photo(save(tmp_path / "small.png", paint(3, 4, side=30)))
    assert acquisition.inspect_at(small, (0.5, 0.5))[0].quality.size == 30  # looked at, though not compared
    with pytest.raises(PhotoError) as caught:
        acquisition.inspect_at(load_photo(save(tmp_path / "grey.png", np.zeros_like(paint()))), (0, 0))
    assert caught.value.slug == "no-face" and caught.value.message.startswith(str(tmp_path))
