"""Permutation tests: their p-values, their statistics and the correction for several groups."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from faceunlock.matching.similarity import unit
from faceunlock.studies.permutation import (
    MeanOverPairs,
    MeanOverPeople,
    Spread,
    compare_groups,
    holm,
)

p_values = arrays(np.float64, st.integers(1, 8), elements=st.floats(0, 1))


def random_measures(generator, people=12, dimension=4):
    """One of each kind, from the same people; person i has 1 + i % 3 photos."""
    photos = 1 + np.arange(people) % 3
    owner = np.repeat(np.arange(people), photos)
    vectors = unit(generator.normal(size=(len(owner), dimension)) + 1)
    similarity = vectors @ vectors.T
    member = (owner[:, None] == np.arange(people)).astype(float)
    totals = member.T @ (similarity > 0.6) @ member
    errors = generator.integers(0, photos + 1).astype(float)
    return {
        "pairs": MeanOverPairs(totals, photos.astype(float)),
        "people": MeanOverPeople(errors, photos.astype(float)),
        "spread": Spread(member.T @ vectors, photos.astype(float)),
    }, (owner, vectors, similarity)


@pytest.mark.parametrize("kind", ["pairs", "people", "spread"])
def test_p_values_are_uniform_without_a_difference(kind):
    labels = np.repeat([0, 1], 6)
    p = []
    for seed in range(300):
        measures, _ = random_measures(np.random.default_rng(seed))
        shuffled = np.random.default_rng(seed + 1000).permutation(labels)
        p.append(compare_groups(measures[kind], shuffled, ["a", "b"], permutations=99, seed=seed)[0].p)
    # Exact tests reject at most as often as they say, here within three standard errors.
    for level in (0.05, 0.1, 0.25, 0.5):
        assert np.mean(np.array(p) <= level) <= level + 3 * np.sqrt(level * (1 - level) / len(p))
    assert 0.4 < np.mean(p) < 0.65


def test_equal_rates_of_unequal_groups_are_not_called_different():
    # The groups have the same expected rate but another size and another spread of it over people: a test
    # that is not studentised would reject three times too often here.
    rejected = 0
    for seed in range(300):
        generator = np.random.default_rng(seed)
        steady = generator.binomial(20, 0.5, 60)
        erratic = 20 * generator.binomial(1, 0.5, 15)
        measure = MeanOverPeople(np.concatenate([steady, erratic]).astype(float), np.full(75, 20.0))
        labels = np.repeat([0, 1], [60, 15])
        rejected += compare_groups(measure, labels, ["a", "b"], permutations=199, seed=seed)[0].p <= 0.05
    assert rejected / 300 < 0.11


@pytest.mark.parametrize("kind", ["pairs", "people", "spread"])
def test_the_order_of_people_and_groups_does_not_matter(kind):
    measures, _ = random_measures(np.random.default_rng(3))
    measure, labels = measures[kind], np.array([0, 1, 2] * 4)
    order = np.random.default_rng(4).permutation(12)
    if kind == "pairs":
        shuffled = MeanOverPairs(measure.totals[order][:, order], measure.photos[order])
    elif kind == "people":
        shuffled = MeanOverPeople(measure.errors[order], measure.trials[order])
    else:
        shuffled = Spread(measure.sums[order], measure.photos[order])
    first = compare_groups(measure, labels, "abc", permutations=1999, seed=0)
    second = compare_groups(shuffled, labels[order], "abc", permutations=1999, seed=0)
    renamed = compare_groups(measure, 2 - labels, "cba", permutations=1999, seed=0)
    for one, other in zip(first, second, strict=True):
        assert one.value == pytest.approx(other.value) and one.others == pytest.approx(other.others)
        assert one.p == pytest.approx(other.p, abs=0.05)  # other draws
    for one, other in zip(first, renamed[::-1], strict=True):
        assert (one.group, one.value) == (other.group, pytest.approx(other.value))


def test_what_is_compared_is_what_it_says():
    measures, (owner, vectors, similarity) = random_measures(np.random.default_rng(5))
    labels = np.array([0, 1, 2] * 4)

    def pairs(groups):
        i, j = np.triu_indices(len(owner), 1)
        same_group = (labels[owner[i]] == labels[owner[j]]) & np.isin(labels[owner[i]], groups)
        return np.mean((similarity[i, j] > 0.6)[same_group & (owner[i] != owner[j])])

    def spread(groups):
        parts = [vectors[labels[owner] == group] for group in groups]
        return sum(np.sum((part - part.mean(axis=0)) ** 2) for part in parts) / sum(map(len, parts))

    for kind, expected in (("pairs", pairs), ("spread", spread)):
        found = compare_groups(measures[kind], labels, "abc", permutations=9, seed=0)
        for number, difference in enumerate(found):
            assert difference.value == pytest.approx(expected([number]))
            assert difference.others == pytest.approx(expected([n for n in range(3) if n != number]))


def test_a_large_difference_is_found_and_p_is_never_zero():
    errors = np.repeat([1.0, 0.0], 20)
    measure = MeanOverPeople(errors, np.ones(40))
    first, second = compare_groups(measure, np.repeat([0, 1], 20), "ab", permutations=999, seed=0)
    assert first.p == second.p == first.p_corrected == 0.001  # two groups make one comparison
    three = compare_groups(
        MeanOverPeople(np.repeat([1.0, 0.0, 0.0], 10), np.ones(30)),
        np.repeat([0, 1, 2], 10),
        "abc",
        permutations=999,
        seed=0,
    )
    assert three[0].p == 0.001 and three[0].p_corrected == pytest.approx(0.003)


def test_photos_of_one_person_are_no_evidence():
    # One person of ten has thirty errors: many trials, but one person.
    errors = np.array([30.0] + [0.0] * 9)
    measure = MeanOverPeople(errors, np.full(10, 30.0))
    assert compare_groups(measure, np.repeat([0, 1], 5), "ab", permutations=999, seed=0)[0].p > 0.9


def test_no_errors_at_all_are_no_difference():
    measure = MeanOverPeople(np.zeros(8), np.ones(8))
    found = compare_groups(measure, np.repeat([0, 1], 4), "ab", permutations=99, seed=0)
    assert [(d.value, d.p, d.p_corrected) for d in found] == [(0.0, 1.0, 1.0)] * 2


def test_what_cannot_be_compared_has_no_p():
    one_group = compare_groups(
        MeanOverPeople(np.ones(4), np.ones(4)), np.zeros(4, int), "a", permutations=9, seed=0
    )
    assert one_group[0].value == 1.0 and np.isnan(one_group[0].others) and one_group[0].p is None
    lonely = MeanOverPairs(np.zeros((3, 3)), np.ones(3))
    first, second = compare_groups(lonely, np.array([0, 0, 1]), "ab", permutations=9, seed=0)
    assert np.isnan(second.value) and second.p is None and first.p is None
    nobody = MeanOverPeople(np.empty(0), np.empty(0))
    assert [d.p for d in compare_groups(nobody, np.empty(0, int), "ab", permutations=9, seed=0)] == [
        None,
        None,
    ]


def test_the_seed_decides():
    measures, _ = random_measures(np.random.default_rng(6))
    labels = np.array([0, 1] * 6)
    found = [
        compare_groups(measures["pairs"], labels, "ab", permutations=300, seed=s)[0].p for s in (1, 1, 2)
    ]
    assert found[0] == found[1] != found[2]


@given(p_values)
def test_holm_never_lowers_and_keeps_the_order(p):
    corrected = holm(p)
    assert np.all(corrected >= p) and np.all(corrected <= 1)
    assert np.all(np.diff(corrected[np.argsort(p, kind="stable")]) >= 0)
    assert corrected[np.argmin(p)] == min(1.0, len(p) * p.min())


@given(p_values, st.randoms(use_true_random=False))
def test_holm_does_not_depend_on_the_order(p, random):
    order = np.array(random.sample(range(len(p)), len(p)))
    np.testing.assert_array_equal(np.sort(holm(p[order])), np.sort(holm(p)))
    assert holm([]).shape == (0,)
