"""The enrolled photo that a face resembles most, among photos that still lie on this machine."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from support.fakes import FakeEmbedder, embedding, paint, save, save_person

from faceunlock.errors import GalleryError
from faceunlock.matching.similarity import cosine
from faceunlock.tasks.closest import closest, photos_of


@pytest.fixture
def taught(unlock, tmp_path):
    save_person(tmp_path / "ada", 1, 5)
    save_person(tmp_path / "glasses", 1, 3, first=60)
    unlock.enroll("Ada", tmp_path / "ada")
    unlock.enroll("Ada", tmp_path / "glasses", look="glasses")
    return unlock


def test_photos_of_a_person_and_of_the_looks_are_known_by_their_content(taught, tmp_path):
    own = sorted((tmp_path / "ada").iterdir())
    look = sorted((tmp_path / "glasses").iterdir())
    copied = tmp_path / "copied.jpg"  # whatever it is called
    copied.write_bytes(own[2].read_bytes())
    other = save(tmp_path / "other.png", paint(1, 90))
    digests = {}
    found = photos_of(taught, "ada", [*own, copied, other, tmp_path / "none.png", *look], digests)
    assert found == [*own, copied, *look]
    digest = hashlib.sha256(own[2].read_bytes()).digest()
    assert digests[copied] == digest and tmp_path / "none.png" not in digests
    assert photos_of(taught, "ada", own, digests, but=digest) == [*own[:2], *own[3:]]
    copied.unlink()  # what was read already is not read again
    assert photos_of(taught, "ada", [copied], digests) == [copied]


def test_nobody_else_is_found(taught, tmp_path):
    with pytest.raises(GalleryError):
        photos_of(taught, "Bob", sorted((tmp_path / "ada").iterdir()), {})


def test_the_closest_is_the_one_of_the_highest_similarity(taught, tmp_path):
    own = sorted((tmp_path / "ada").iterdir())
    found = taught.explain(save(tmp_path / "probe.png", paint(1, 9)))
    near = closest(taught, found, own)
    noise = FakeEmbedder().noise
    scores = [cosine(embedding(1, 9, noise), embedding(1, n, noise)) for n in range(5)]
    assert near.photo == own[int(np.argmax(scores))]
    assert near.similarity == pytest.approx(max(scores), abs=1e-5)
    assert near.crop.ndim == 3


def test_what_can_no_longer_be_used_is_passed_over(taught, tmp_path):
    found = taught.explain(save(tmp_path / "probe.png", paint(1, 9)))
    (tmp_path / "broken.png").write_bytes(b"no photo")
    assert closest(taught, found, [tmp_path / "broken.png", tmp_path / "none.png"]) is None
    assert closest(taught, found, []) is None
