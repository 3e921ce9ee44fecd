"""Measures of one group, and ratios between groups."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceunlock.matching.error_rates import clopper_pearson_upper
from faceunlock.matching.rate import Rate
from faceunlock.matching.scores import ImpostorScores
from faceunlock.matching.similarity import unit
from faceunlock.studies import measures
from faceunlock.studies.measures import (
    comparisons_within,
    distances,
    most_similar_pairs,
    pair_fmr,
    pairs_of_people,
    within_sum_of_squares,
    worst_ratios,
)

seeds = st.integers(0, 10_000)


def vectors(seed, count, dimension=5):
    return unit(np.random.default_rng(seed).normal(size=(count, dimension)))


@given(seeds, st.integers(1, 30))
def test_sum_of_squares_is_that_of_all_pairs(seed, count):
    points = vectors(seed, count)
    i, j = np.triu_indices(count, 1)
    by_pairs = np.sum((points[i] - points[j]) ** 2) / count
    assert within_sum_of_squares(points) == pytest.approx(by_pairs, abs=1e-12)
    assert within_sum_of_squares(points) == pytest.approx(count - count * np.sum(points.mean(axis=0) ** 2))


@given(seeds, st.integers(2, 20))
def test_sum_of_squares_does_not_depend_on_order_or_rotation(seed, count):
    points = vectors(seed, count)
    generator = np.random.default_rng(seed)
    rotation = np.linalg.qr(generator.normal(size=(5, 5)))[0]
    assert within_sum_of_squares(generator.permutation(points) @ rotation) == pytest.approx(
        within_sum_of_squares(points)
    )


def test_sum_of_squares_of_hardly_anything():
    assert within_sum_of_squares(np.empty((0, 5))) == 0
    assert within_sum_of_squares(vectors(0, 1)) == 0


@given(seeds)
def test_distances_are_those_of_the_vectors(seed):
    a, b = vectors(seed, 2)
    assert distances(a @ b) == pytest.approx(np.linalg.norm(a - b))


@pytest.mark.parametrize("block", [1, 37, 1 << 22])
def test_pairs_of_people_sum_up_all_comparisons(monkeypatch, block):
    monkeypatch.setattr(measures, "BLOCK", block)
    person = np.repeat(np.arange(5), [1, 3, 2, 4, 1])
    points = vectors(1, len(person))
    found = pairs_of_people(points, person, 0.3)
    similarity = points @ points.T
    for a in range(5):
        for b in range(5):
            part = similarity[np.ix_(person == a, person == b)]
            assert found.matches[a, b] == np.sum(part >= 0.3)
            expected = np.sum(np.sqrt(np.maximum(2 - 2 * part, 0)))
            assert found.distance[a, b] == pytest.approx(expected, abs=1e-6)
    assert found.photos.tolist() == [1, 3, 2, 4, 1]


@pytest.mark.parametrize("person", [[1, 2], [0, 2], [1, 0], [0, 1, 0]])
def test_people_must_be_numbered_in_order(person):
    with pytest.raises(ValueError, match="numbered"):
        pairs_of_people(vectors(0, len(person)), person, 0.5)


def test_every_pair_is_compared_once():
    person = np.array([0, 0, 1, 2, 2, 2])
    points = vectors(2, 6)
    genuine, impostor = comparisons_within(points, person)
    assert (
        len(genuine) == 4
        and len(impostor) == 11
        and np.all(impostor.probe_person != impostor.template_person)
    )
    i, j = np.triu_indices(6, 1)
    similarity = np.sum(points[i] * points[j], axis=1)
    mated = person[i] == person[j]
    np.testing.assert_allclose(np.sort(genuine.scores), np.sort(similarity[mated]))
    np.testing.assert_allclose(np.sort(impostor.scores), np.sort(similarity[~mated]))
    for count in (0, 1):
        assert [len(part) for part in comparisons_within(points[:count], person[:count])] == [0, 0]


def test_the_bound_of_few_people_counts_both_sides():
    # Person 3 is on the right side of every comparison, and of every false match.
    impostor = ImpostorScores([0.9, 0.9, 0.9, 0.1, 0.1, 0.1], [0, 1, 2, 0, 0, 1], [3, 3, 3, 1, 2, 2])
    rate = pair_fmr(impostor, 0.5)
    assert (rate.errors, rate.trials, rate.people, rate.upper) == (3, 6, 4, 1.0)
    one = pair_fmr(
        ImpostorScores([0.9, 0.1, 0.1, 0.1, 0.1, 0.1], [0, 1, 2, 0, 0, 1], [3, 3, 3, 1, 2, 2]), 0.5
    )
    assert one.upper == clopper_pearson_upper(2, 4) and one.method == "clopper-pearson-people"


def test_many_people_are_resampled_and_none_cannot_tell():
    points = vectors(3, 40)
    _, impostor = comparisons_within(points, np.arange(40))
    assert pair_fmr(impostor, 0.5).method == "bootstrap-people"
    none = pair_fmr(ImpostorScores([], [], []), 0.5)
    assert (none.trials, none.upper) == (0, 1.0)


@given(seeds, st.integers(0, 12))
def test_the_most_similar_pairs(seed, count):
    points, person, group = vectors(seed, 8), np.array([0, 0, 1, 2, 3, 3, 4, 5]), np.repeat([0, 1], 4)
    rows, columns, scores = most_similar_pairs(points, person, group, count)
    possible = sorted(
        (
            float(points[i] @ points[j])
            for i in range(8)
            for j in range(i + 1, 8)
            if group[i] == group[j] and person[i] != person[j]
        ),
        reverse=True,
    )
    np.testing.assert_allclose(scores, possible[:count])
    assert np.all(group[rows] == group[columns]) and np.all(person[rows] != person[columns])


def rate(errors, trials=100):
    return Rate(errors, trials, 50, 0.0, 1.0, 0.95, "clopper-pearson", True)


def test_ratios():
    to_best, to_mean = worst_ratios([("a", rate(10)), ("b", rate(20)), ("c", rate(80))])
    assert (to_best.value, to_best.worst) == (8.0, "c")
    assert to_mean.value == pytest.approx(0.8 / (0.1 * 0.2 * 0.8) ** (1 / 3)) and to_mean.reason == ""


def test_ratios_of_few_errors_cannot_be_told():
    assert worst_ratios([("a", rate(10)), ("b", rate(9))])[0].reason.startswith("9 errors in b, and")
    assert worst_ratios([("a", rate(0)), ("b", rate(1))])[1].reason.startswith("0 errors in a, and")
    assert worst_ratios([("a", rate(1)), ("b", rate(50))])[1].reason.startswith("1 error in a, and")
    alone = worst_ratios([("a", rate(50)), ("b", rate(0, 0))])
    assert {ratio.reason for ratio in alone} == {"fewer than two groups have such comparisons"}
    assert {ratio.value for ratio in alone} == {None}
