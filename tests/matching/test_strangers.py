from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import DIMENSION, IDENTITY, direction, embedding

from faceunlock.matching.strangers import StrangerPhoto, Strangers

KEY = b"k" * 32


def photo(person, variation=0, source="lfw", name=None):
    return StrangerPhoto(
        source, name or f"P{person}", bytes((person, variation)), embedding(person, variation)
    )


def bank(*photos):
    return Strangers.none(IDENTITY, KEY).with_photos(photos)


def test_photos_are_kept_once_and_counted_by_person_and_source():
    full = bank(photo(1), photo(1, 1), photo(1), photo(2, source="work"), photo(3, source="work", name="p1"))
    assert len(full) == 4 and full.embeddings.dtype == np.float32
    # p1 is P1: a name counts once, whoever wrote it, so that nobody is counted twice.
    assert full.people == 2
    assert full.by_source() == {"lfw": (1, 2), "work": (2, 2)}
    assert full.with_photos([photo(2, source="elsewhere")]) is full


def test_a_source_or_a_person_can_be_taken_out():
    full = bank(photo(1), photo(2), photo(2, 1, source="work"))
    assert full.without("lfw").person == ("P2",)
    assert full.without("p2").person == ("P1",)
    assert full.without("work/P2").source == ("lfw", "lfw")  # as reports name them
    assert full.without("nobody") is full.without("lfw/nobody") is full.without("lfw/") is full


def test_the_people_themselves_are_no_strangers_by_name_or_by_the_same_photo():
    full = bank(photo(1), photo(2), photo(2, 1), photo(3))
    assert full.apart_from(["p1"]).person == ("P2", "P2", "P3")
    assert full.apart_from([], [bytes((2, 1))]).person == ("P1", "P3")  # with all photos of that person
    assert full.without_photos([bytes((2, 1))]).person == ("P1", "P2", "P3")
    assert full.apart_from(["nobody"], [b"another"]) is full


def test_somebody_who_only_looks_alike_stays_a_stranger():
    twin = StrangerPhoto("lfw", "Twin", b"twin", embedding(1, 0))
    full = bank(photo(2), twin)
    assert full.apart_from(["Ada"], [b"ada"]) is full
    near = full.nearest(direction(1), 0.7, name="Ada")
    assert (near.name, near.strangers, near.match) == ("Twin", 2, True)
    assert near.similarity == pytest.approx(float(embedding(1, 0) @ direction(1)), abs=1e-6)
    far = full.nearest(direction(1), 0.7, name="TWIN")  # now enrolled under that name
    assert (far.name, far.match) == ("P2", False)
    assert bank(twin).nearest(direction(1), 0.7, name="twin") is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=12), st.integers(0, 12))
def test_adding_in_parts_gives_the_same_bank(pairs, cut):
    photos = [photo(person, variation) for person, variation in pairs]
    whole, parts = bank(*photos), bank(*photos[:cut]).with_photos(photos[cut:])
    assert (whole.person, whole.hashes) == (parts.person, parts.hashes)
    assert np.array_equal(whole.embeddings, parts.embeddings)
    assert whole.people == len({person for person, _ in pairs}) and len(whole) == len(set(pairs))


def test_what_cannot_be_compared_is_refused():
    full = bank(photo(1))
    for wrong in (
        {"person": ()},
        {"source": ("a", "b")},
        {"embeddings": full.embeddings * 2},
        {"embeddings": np.full((1, DIMENSION), np.nan, dtype=np.float32)},
        {"embeddings": full.embeddings[:, 1:]},
    ):
        with pytest.raises(ValueError):
            replace(full, **wrong)
    with pytest.raises(ValueError):
        replace(bank(photo(1), photo(2)), hashes=full.hashes * 2)
