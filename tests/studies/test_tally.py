import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.made_photos import made

from faceunlock.matching.error_rates import equal_error_rate, fmr_at, fnmr_at
from faceunlock.matching.scores import GenuineScores, ImpostorScores, worst_pairs
from faceunlock.matching.similarity import leave_one_out, unit
from faceunlock.studies import tally as tally_module
from faceunlock.studies.tally import (
    BINS,
    Worst,
    edges_with,
    person_sums,
    tally_centroids,
    tally_photos,
)

EDGES = edges_with(0.5, 0.6123)


def all_pairs(samples):
    """Every pair of photos once, without any of the machinery."""
    person, vectors = samples.person_index, samples.embeddings.astype(float)
    first, second = np.triu_indices(len(person), k=1)
    scores = np.clip(np.einsum("nd,nd->n", vectors[first], vectors[second]), -1, 1)
    mated = person[first] == person[second]
    return (
        GenuineScores(scores[mated], person[first[mated]]),
        ImpostorScores(scores[~mated], person[first[~mated]], person[second[~mated]]),
        (first[mated], second[mated]),
        (first[~mated], second[~mated]),
    )


def counted(samples, worst=5):
    return tally_photos(samples.embeddings, samples.person_index, EDGES, worst)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(0, 1000), st.integers(1, 60))
def test_every_pair_is_counted_once_whatever_the_blocks(counts, seed, block):
    samples = made(counts, seed=seed)
    genuine, impostor, *_ = all_pairs(samples)
    before, tally_module.BLOCK = tally_module.BLOCK, block
    try:
        tally, _, _ = counted(samples)
    finally:
        tally_module.BLOCK = before
    assert (tally.genuine_trials, tally.impostor_trials) == (len(genuine), len(impostor))
    for threshold in (0.5, 0.6123):
        assert tally.fmr(threshold).errors == np.count_nonzero(impostor.scores >= threshold)
        assert tally.fnmr(threshold).errors == np.count_nonzero(genuine.scores < threshold)


def test_rates_have_the_bounds_of_comparisons_that_are_kept():
    samples = made([4] * 26, noise=1.3)
    genuine, impostor, *_ = all_pairs(samples)
    tally, _, _ = counted(samples)
    kept, mine = fnmr_at(genuine, 0.5), tally.fnmr(0.5)
    assert (mine.errors, mine.trials, mine.people) == (kept.errors, kept.trials, kept.people)
    assert mine.upper == pytest.approx(kept.upper, rel=0.02) and mine.lower == pytest.approx(
        kept.lower, rel=0.02
    )
    kept, mine = fmr_at(impostor, 0.5), tally.fmr(0.5)
    assert (mine.errors, mine.trials, mine.people) == (kept.errors, kept.trials, kept.people)
    assert mine.method == kept.method == "bootstrap-people"
    assert mine.upper == pytest.approx(kept.upper, rel=0.2)


def test_few_people_are_the_trials_themselves():
    rate = counted(made([3, 3, 3], noise=2.0))[0].fmr(0.5)
    assert rate.method == "clopper-pearson-people" and rate.people == 3 and rate.upper > 0.6


def test_a_threshold_that_is_no_edge_is_refused():
    tally, _, _ = counted(made([2, 2]))
    for threshold in (0.5001, 2.0):
        with pytest.raises(ValueError, match="not an edge"):
            tally.fmr(threshold)


def test_the_worst_pairs_are_those_of_all():
    samples = made([5, 1, 4, 6])
    genuine, impostor, mated, unmated = all_pairs(samples)
    lowest, highest = worst_pairs(genuine, impostor, 5)
    _, found_lowest, found_highest = counted(samples)
    for found, (first, second), positions in (
        (found_lowest, mated, lowest),
        (found_highest, unmated, highest),
    ):
        assert [(pair.first, pair.second) for pair in found] == [(first[i], second[i]) for i in positions]
    assert found_lowest[0].similarity == pytest.approx(genuine.scores.min())


def test_the_worst_of_many_offers():
    scores = np.random.default_rng(0).permutation(np.linspace(-1, 1, 100))
    worst = Worst(3, lowest=True)
    for start in range(0, 100, 7):
        rows = np.arange(start, min(start + 7, 100))
        worst.offer(scores[rows], rows, rows)
    assert [pair.similarity for pair in worst.pairs] == sorted(scores)[:3]


def test_centroids_leave_the_photo_itself_out():
    samples = made([4, 3, 2, 1])
    person = samples.person_index
    tally = tally_centroids(samples.embeddings, person, EDGES)
    # Two people have templates; 10 photos against both, 7 of them against their own.
    assert (tally.genuine_trials, tally.impostor_trials) == (7, 13)
    own = np.concatenate([leave_one_out(samples.embeddings[person == one]) for one in (0, 1)])
    assert tally.fnmr(0.6123).errors == np.count_nonzero(own < 0.6123)
    centroids = unit(person_sums(samples.embeddings, person)[:2])
    table = samples.embeddings @ centroids.T
    other = table[person[:, None] != np.arange(2)]
    assert tally.fmr(0.5).errors == np.count_nonzero(other >= 0.5)


def test_nobody_with_enough_photos_has_no_centroid():
    tally = tally_centroids(made([2, 1]).embeddings, made([2, 1]).person_index, EDGES)
    assert (tally.genuine_trials, tally.impostor_trials, tally.people) == (0, 0, 0)
    assert tally.equal_error_rate() is None
    assert np.isnan(tally.det()[0]).all() and tally.det_band([0.1]) is None


def test_det_and_equal_error_rate():
    samples = made([5] * 25, noise=2.0)
    genuine, impostor, *_ = all_pairs(samples)
    tally, _, _ = counted(samples)
    fmr, fnmr = tally.det()
    assert (fmr[0], fnmr[0], fmr[-1], fnmr[-1]) == (1, 0, 0, 1)
    assert np.all(np.diff(fmr) <= 0) and np.all(np.diff(fnmr) >= 0)
    exact = equal_error_rate(genuine.scores, impostor.scores)
    assert tally.equal_error_rate() == pytest.approx(exact, abs=2 / BINS)


def test_the_band_lies_around_the_curve():
    tally, _, _ = counted(made([5] * 25, noise=2.0))
    fmr, fnmr = tally.det()
    grid = np.array([0.05, 0.1, 0.2, 0.3])
    lower, upper = tally.det_band(grid)
    middle = np.interp(grid, fmr[::-1], fnmr[::-1])
    assert np.all(lower < middle) and np.all(middle < upper)
    assert np.all(np.diff(upper) <= 0)


def test_no_band_of_few_people():
    assert counted(made([5] * 19))[0].det_band([0.1]) is None
    assert counted(made([1] * 25))[0].det_band([0.1]) is None


def test_similarities_at_both_ends_are_counted():
    vectors = np.array([[1, 0], [1, 0], [-1, 0]], dtype=np.float32)
    tally, _, _ = tally_photos(vectors, np.array([0, 0, 1], dtype=np.int32), EDGES, 1)
    assert tally.genuine[0, -1] == 1 and tally.impostor[:, 0].tolist() == [2, 2]
