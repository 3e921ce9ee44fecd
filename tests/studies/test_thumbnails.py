import io

import numpy as np
from PIL import Image
from support.fakes import FakeDetector, FakeEmbedder, save, save_person

from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.studies.collection import collect, thumbnail


def samples(tmp_path, *, thumbnails=True):
    ada, bob = save_person(tmp_path / "Ada", 1, 3), save_person(tmp_path / "Bob", 2, 2)
    copy = tmp_path / "Bob" / "copy.png"
    copy.write_bytes(ada[0].read_bytes())
    nobody = save(tmp_path / "Cyd" / "empty.png", np.full((80, 80, 3), 128, np.uint8))
    owners = [(path, path.parent.name) for path in (*ada, *bob, copy, nobody)]
    return collect(owners, Acquisition(FakeDetector(), FakeEmbedder()), "dominant", thumbnails=thumbnails)


def test_embeddings_names_and_thumbnails_go_together(tmp_path):
    found = samples(tmp_path)
    assert found.embeddings.shape == (5, 64) and found.embeddings.dtype == np.float32
    assert np.allclose(np.linalg.norm(found.embeddings, axis=1), 1, atol=1e-5)
    assert found.person == ("Ada", "Ada", "Ada", "Bob", "Bob")
    assert found.photo[3] == str(tmp_path / "Bob" / "0.png")
    assert found.people == ("Ada", "Bob") and found.person_index.tolist() == [0, 0, 0, 1, 1]
    assert len(found.thumbnails) == len(found) == 5
    assert Image.open(io.BytesIO(found.thumbnails[0])).format == "JPEG"


def test_failures_and_duplicates_are_counted(tmp_path):
    found = samples(tmp_path, thumbnails=False)
    assert found.thumbnails == ()
    assert (found.photos, found.duplicates) == (7, 1)
    assert [failure.reason for failure in found.failures] == ["no-face"]
    assert found.failed_person == ("Cyd",)
    rate = found.failures_to_acquire
    assert (rate.errors, rate.trials, rate.people) == (1, 6, 3)


def test_nothing_to_gather():
    found = collect([], Acquisition(FakeDetector(), FakeEmbedder()), "dominant", thumbnails=True)
    assert len(found) == 0 and found.people == () and found.person_index.shape == (0,)
    assert found.failures_to_acquire.trials == 0


def test_a_thumbnail_is_small_and_carries_nothing_else():
    crop = np.random.default_rng(0).integers(0, 255, (160, 120, 3)).astype(np.uint8)
    picture = Image.open(io.BytesIO(thumbnail(crop)))
    assert picture.size == (60, 80) and not picture.getexif()
    assert Image.open(io.BytesIO(thumbnail(crop[:40, :30]))).size == (30, 40)
