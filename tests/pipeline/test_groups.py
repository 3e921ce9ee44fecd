"""One person or several, from made embeddings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fakes import direction, embedding

from faceunlock.matching.similarity import unit
from faceunlock.pipeline.groups import APART, several_people

LIMIT = 0.9


def people(*counts):
    return np.stack([embedding(person, i) for person, count in enumerate(counts) for i in range(count)])


@settings(deadline=None)  # the first call imports SciPy
@given(
    st.lists(st.integers(2, 6), min_size=2, max_size=5),
    st.randoms(use_true_random=False),
    st.sampled_from([None, 0.7, 0.9]),
)
def test_people_are_told_apart_whatever_the_order(counts, random, pair):
    owner = [person for person, count in enumerate(counts) for _ in range(count)]
    order = random.sample(range(len(owner)), len(owner))
    groups = several_people(people(*counts)[order], LIMIT, pair)
    assert sorted(sorted({owner[order[i]] for i in group}) for group in groups) == [
        [person] for person in range(len(counts))
    ]
    assert sorted(i for group in groups for i in group) == list(range(len(owner)))
    assert [len(group) for group in groups] == sorted(counts, reverse=True)


@given(st.integers(0, 12), st.floats(0.0, 0.3), st.integers(0, 50))
def test_one_person_is_one_person(count, noise, person):
    photos = np.array([embedding(person, i, noise) for i in range(count)])
    assert several_people(photos, LIMIT) == several_people(photos, LIMIT, 0.9) == ()


@given(st.integers(4, 8), st.integers(0, 3))
def test_a_single_photo_is_not_a_person(count, strays):
    photos = np.stack([*people(count), *(direction(100 + number) for number in range(strays))])
    assert several_people(photos, LIMIT) == ()
    assert several_people(photos[: count + 1], LIMIT, LIMIT) == ()


@given(st.integers(2, 5), st.integers(2, 5))
def test_the_same_photo_again_and_again_is_one_person(count, other):
    one = np.repeat(embedding(0, 0)[None], count, axis=0)
    assert several_people(one, LIMIT) == ()
    both = np.vstack([one, np.repeat(embedding(1, 0)[None], other, axis=0)])
    assert len(several_people(both, LIMIT)) == 2


@pytest.mark.parametrize(("share", "groups"), [(0.95, 0), (1.05, 2)])
@pytest.mark.parametrize("pair", [0.5, 0.907, 0.955])
def test_the_distance_that_counts_follows_the_scale_of_the_model(pair, share, groups):
    gap = share * APART * (1 - pair)
    across = pair - 0.01
    # Two pairs of vectors with exactly these similarities inside and across.
    gram = np.full((4, 4), across)
    gram[:2, :2] = gram[2:, 2:] = across + gap
    np.fill_diagonal(gram, 1.0)
    photos = np.linalg.cholesky(gram)
    assert len(several_people(unit(photos), LIMIT, pair)) == groups


def test_groups_that_match_each_other_are_never_apart():
    gram = np.full((4, 4), 0.91)
    gram[:2, :2] = gram[2:, 2:] = 0.999
    np.fill_diagonal(gram, 1.0)
    photos = np.linalg.cholesky(gram)
    assert several_people(photos, 0.9) == several_people(photos, 0.9, 0.9) == ()
    assert len(several_people(photos, 0.92)) == len(several_people(photos, 0.92, 0.92)) == 2
