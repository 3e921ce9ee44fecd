"""A closed set of people: heads, their figures and their files."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.fakes import IDENTITY, embedding, slug_of

from faceunlock.training.head import Head, learn_head, measure_head
from faceunlock.training.head_file import read_head, write_head


def sample(people, photos, noise=0.5, first=0):
    vectors = [embedding(p, v, noise) for p in range(first, first + people) for v in range(photos)]
    return np.stack(vectors), np.repeat(np.arange(people), photos)


NAMES = ("Ada", "Bob", "Cyd")


@pytest.fixture
def learned():
    return learn_head(*sample(3, 6), NAMES)


def test_people_are_told_apart_and_strangers_are_none_of_these(learned):
    head, held_out = learned
    assert held_out.misnamed.errors == 0 and held_out.misnamed.trials == 18
    assert held_out.confusion.sum() == 18 and held_out.confusion.shape == (3, 4)
    assert np.array_equal(held_out.confusion[:, :3], np.diag(held_out.confusion[:, :3].diagonal()))
    new, person = sample(3, 9)
    answers = [head.name(vector) for vector in new]
    assert [answer.name for answer in answers] == [NAMES[p] for p in person]
    assert all(0.5 < answer.probability <= 1 for answer in answers)
    strangers, _ = sample(20, 1, first=50)
    assert [head.name(vector).name for vector in strangers] == [None] * 20


def test_two_people_and_crowded_cosines():
    # As of dlib: everything lies around one direction.
    vectors, person = sample(2, 8)
    crowded = vectors + 5 * vectors.mean(axis=0)
    crowded /= np.linalg.norm(crowded, axis=1, keepdims=True)
    head, held_out = learn_head(crowded.astype(np.float32), person, NAMES[:2])
    assert held_out.misnamed.errors == 0 and head.weights.shape == (2, 64)
    assert head.name(crowded[0]).probability > 0.8


def test_the_threshold_keeps_the_share_of_strangers():
    vectors, person = sample(4, 10, noise=2.5)
    strict, lenient = (learn_head(vectors, person, (*NAMES, "Dan"), strangers=s)[1] for s in (0.0, 0.5))
    assert strict.strangers.errors == 0 and lenient.strangers.value <= 0.5
    assert strict.refused.errors > lenient.refused.errors
    assert strict.confusion[:, -1].sum() == strict.refused.errors


def test_a_person_without_a_photo_for_every_fold():
    vectors, person = sample(2, 6)
    _, held_out = learn_head(vectors[:8], person[:8], NAMES[:2])
    assert held_out.how == "2-fold cross-validation" and held_out.misnamed.trials == 8


def test_a_head_learned_elsewhere_is_measured():
    vectors, person = sample(3, 5)
    centres = np.stack([vectors[person == p].mean(axis=0) for p in range(3)])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    head, held_out = measure_head(
        Head(NAMES, 16 * centres, np.zeros(3), centres, 1.0), vectors, person, "new"
    )
    assert held_out.how == "new" and held_out.misnamed.errors == 0
    assert -1 <= head.threshold < 1 and head.name(vectors[0]).name == "Ada"


def test_a_head_comes_back_as_it_was_written(learned, tmp_path):
    write_head(tmp_path / "head", *learned, IDENTITY, "dlib", overwrite=False)
    kept = read_head(tmp_path / "head")
    head, held_out = learned
    assert kept.identity == IDENTITY and kept.model == "dlib" and kept.head.names == NAMES
    assert np.array_equal(kept.head.weights, head.weights) and kept.head.threshold == head.threshold
    assert kept.held_out == held_out.to_dict()
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "head").iterdir()} == {0o600}
    assert slug_of(write_head, tmp_path / "head", *learned, IDENTITY, "x", overwrite=False) == "file-exists"
    write_head(tmp_path / "head", *learned, IDENTITY, "", overwrite=True)
    assert read_head(tmp_path / "head").model == str(tmp_path / "head")


def test_a_head_that_cannot_be_trusted_is_refused(learned, tmp_path):
    folder = tmp_path / "head"
    assert slug_of(read_head, folder) == "file-unreadable"
    write_head(folder, *learned, IDENTITY, "dlib", overwrite=False)
    record = json.loads((folder / "head.json").read_text())
    for harm in (
        {"threshold": 2},
        {"threshold": "low"},
        {"names": ["Ada", "Bob"]},
        {"names": 7},
        {"identity": {}},
        {"sha256": "0" * 64},
        {"format": 2},
    ):
        (folder / "head.json").write_text(json.dumps({**record, **harm}))
        assert slug_of(read_head, folder) == "head-damaged"
    (folder / "head.json").write_text(json.dumps(record))
    read_head(folder)
    (folder / "head.json").chmod(0o666)
    assert slug_of(read_head, folder) == "insecure-permissions"
    (folder / "head.json").chmod(0o600)
    (folder / "head.safetensors").write_bytes(b"")
    assert slug_of(read_head, folder) == "head-damaged"
    (tmp_path / "file").write_text("no folder")
    assert slug_of(write_head, tmp_path / "file", *learned, IDENTITY, "", overwrite=True) == "file-unwritable"
