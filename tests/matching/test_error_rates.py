from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from faceunlock.matching.error_rates import (
    FalseMatches,
    clopper_pearson_interval,
    clopper_pearson_upper,
    equal_error_rate,
    fmr_at,
    fmr_from_counts,
    fnmr_at,
    rate_over_people,
)
from faceunlock.matching.rate import Rate
from faceunlock.matching.scores import GenuineScores, ImpostorScores

RATE = Rate(1, 4, 3, 0.0, 0.75, 0.95, "clopper-pearson", True)


def everybody_against_everybody(people: int) -> tuple[np.ndarray, np.ndarray]:
    probe, template = np.nonzero(~np.eye(people, dtype=bool))
    return probe, template


# --- Rate


def test_a_rate_survives_json():
    assert RATE.to_dict() == {
        "value": 0.25,
        "errors": 1,
        "trials": 4,
        "people": 3,
        "lower": 0.0,
        "upper": 0.75,
        "confidence": 0.95,
        "method": "clopper-pearson",
        "one_sided": True,
    }
    assert Rate.from_dict(json.loads(json.dumps(RATE.to_dict()))) == RATE


def test_without_trials_a_rate_says_nothing():
    rate = fnmr_at(GenuineScores([], []), 0.5)
    assert math.isnan(rate.value)
    assert (rate.errors, rate.trials, rate.people, rate.lower, rate.upper) == (0, 0, 0, 0.0, 1.0)
    assert rate.to_dict()["value"] is None
    assert Rate.from_dict(rate.to_dict()) == rate
    assert fmr_at(ImpostorScores([], [], []), 0.5).upper == 1.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("errors", -1),
        ("errors", 5),
        ("errors", 1.0),
        ("errors", True),
        ("trials", "4"),
        ("people", -1),
        ("lower", 0.8),
        ("lower", math.nan),
        ("upper", 1.5),
        ("upper", None),
        ("confidence", 1.0),
        ("method", "guess"),
        ("method", []),
        ("one_sided", 1),
        ("value", 0.5),
        ("more", 0),
    ],
)
def test_a_changed_rate_is_refused(name, value):
    with pytest.raises(ValueError):
        Rate.from_dict({**RATE.to_dict(), name: value})


def test_an_incomplete_rate_is_refused():
    for name in RATE.to_dict():
        data = RATE.to_dict()
        del data[name]
        with pytest.raises(ValueError, match="rate"):
            Rate.from_dict(data)
    for data in (None, [], "rate", 3):
        with pytest.raises(ValueError, match="not a rate"):
            Rate.from_dict(data)


# --- Clopper-Pearson


def test_known_bounds():
    assert clopper_pearson_upper(0, 300) == pytest.approx(1 - 0.05 ** (1 / 300), rel=1e-12)
    assert clopper_pearson_upper(0, 300) == pytest.approx(0.00994, abs=5e-6)
    assert clopper_pearson_upper(0, 3000) == pytest.approx(3 / 3000, rel=0.01)
    assert clopper_pearson_interval(5, 100) == pytest.approx((0.0164, 0.1128), abs=5e-5)
    assert clopper_pearson_upper(7, 7) == 1.0
    assert clopper_pearson_upper(0, 0) == 1.0
    assert clopper_pearson_interval(0, 0) == (0.0, 1.0)
    assert clopper_pearson_interval(0, 10)[0] == 0.0
    for errors, trials in ((-1, 3), (4, 3)):
        with pytest.raises(ValueError, match="errors in"):
            clopper_pearson_upper(errors, trials)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_bounds_are_those_of_the_exact_binomial_test(counts):
    errors, trials = counts
    exact = binomtest(errors, trials).proportion_ci(0.95, "exact")
    assert clopper_pearson_interval(errors, trials) == pytest.approx((exact.low, exact.high), abs=1e-9)
    one_sided = binomtest(errors, trials, alternative="less").proportion_ci(0.95, "exact")
    assert clopper_pearson_upper(errors, trials) == pytest.approx(one_sided.high, abs=1e-9)


# --- rates


def test_a_similarity_at_the_threshold_matches():
    genuine = GenuineScores([0.5, np.nextafter(0.5, 0)], [0, 1])
    assert fnmr_at(genuine, 0.5).errors == 1
    impostor = ImpostorScores([0.5, np.nextafter(0.5, 0)], [0, 1], [1, 0])
    assert fmr_at(impostor, 0.5).errors == 1


def test_every_trial_is_somebodys():
    with pytest.raises(ValueError, match="outcomes"):
        rate_over_people([True, False], [0])


def test_few_people_are_the_trials():
    # 4 people with 10 comparisons each: the first fails always, the second once.
    wrong = np.zeros(40, dtype=bool)
    wrong[:11] = True
    rate = rate_over_people(wrong, np.repeat(np.arange(4), 10))
    assert (rate.errors, rate.trials, rate.people, rate.method) == (11, 40, 4, "clopper-pearson-people")
    assert rate.lower == clopper_pearson_interval(1, 4)[0]
    assert rate.upper == clopper_pearson_interval(2, 4)[1]
    assert not rate.one_sided


def test_no_error_is_bounded_by_the_number_of_people_not_of_comparisons():
    rate = fnmr_at(GenuineScores(np.full(3000, 0.9), np.repeat(np.arange(30), 100)), 0.5)
    assert rate.upper == clopper_pearson_interval(0, 30)[1]
    assert rate.lower == 0.0
    probe, template = everybody_against_everybody(40)
    false_matches = fmr_at(ImpostorScores(np.zeros(len(probe)), probe, template), 0.5)
    assert false_matches.upper == clopper_pearson_upper(0, 40)
    assert (false_matches.lower, false_matches.one_sided) == (0.0, True)
    assert (false_matches.people, false_matches.method) == (40, "clopper-pearson-people")


def test_nothing_but_errors_is_bounded_by_people_too():
    rate = fnmr_at(GenuineScores(np.zeros(3000), np.repeat(np.arange(30), 100)), 0.5)
    assert (rate.lower, rate.upper) == (clopper_pearson_interval(30, 30)[0], 1.0)


def test_the_bound_is_never_below_that_on_comparisons():
    # One person brings nearly all comparisons, and all errors.
    person = np.concatenate([np.zeros(1000, dtype=int), np.arange(1, 10)])
    rate = rate_over_people(person == 0, person)
    assert rate.upper == clopper_pearson_interval(1000, 1009)[1]
    assert rate.method == "clopper-pearson"


def test_few_templates_make_the_probe_people_the_trials():
    # 5 templates, 50 strangers; one stranger looks like three of the five.
    probe, template = np.divmod(np.arange(250), 5)
    scores = np.where((probe == 7) & (template < 3), 0.9, 0.1)
    rate = fmr_at(ImpostorScores(scores, probe + 5, template), 0.5)
    assert (rate.errors, rate.people, rate.method) == (3, 55, "clopper-pearson-people")
    assert rate.upper == clopper_pearson_upper(1, 50)


def naive_resampled(impostor: ImpostorScores, errors: np.ndarray, draws: np.ndarray) -> np.ndarray:
    weight = draws[impostor.probe_person].astype(float) * draws[impostor.template_person]
    return weight[errors].sum(axis=0) / weight.sum(axis=0)


@pytest.mark.parametrize("dense", [True, False])
def test_a_comparison_is_drawn_with_both_of_its_people(dense):
    generator = np.random.default_rng(3)
    probe, template = everybody_against_everybody(30)
    if not dense:
        kept = (template - probe) % 30 < 4
        probe, template = probe[kept], template[kept]
    # Repeats, as of several photos of one person, belong to the same pair.
    probe, template = np.tile(probe, 2), np.tile(template, 2)
    impostor = ImpostorScores(generator.uniform(-1, 1, len(probe)), probe, template)
    matches = FalseMatches(impostor, seed=5)
    errors = np.flatnonzero(impostor.scores >= 0.6)
    expected = np.quantile(naive_resampled(impostor, errors, matches._people_draws), 0.95)
    rate = matches.at(0.6)
    assert rate.upper == pytest.approx(
        max(expected, clopper_pearson_upper(len(errors), len(probe))), rel=1e-12
    )
    assert rate.errors == len(errors)


def test_resampling_repeats_itself_under_a_seed():
    generator = np.random.default_rng(0)
    person = np.repeat(np.arange(40), 25)
    wrong = generator.random(1000) < np.repeat(generator.beta(0.5, 2, 40), 25)
    first = rate_over_people(wrong, person, seed=1)
    assert first == rate_over_people(wrong, person, seed=1)
    assert first.method == "bootstrap-people"
    other = rate_over_people(wrong, person, seed=2)
    assert other != first
    assert replace(other, lower=first.lower, upper=first.upper) == first
    assert other.upper == pytest.approx(first.upper, rel=0.1)


def test_a_resample_without_comparisons_counts_as_the_worst():
    # 25 separate pairs: nearly every resample keeps some; a single one of them fails.
    probe, template = np.arange(25), np.arange(25, 50)
    matches = FalseMatches(ImpostorScores(np.linspace(0, 1, 25), probe, template), seed=0)
    matches._people_draws[:, :100] = 0
    assert matches.at(1.0).upper == 1.0


def test_people_cover_where_comparisons_do_not_for_fnmr():
    """People who differ much: the interval on comparisons is far too narrow, the one on people is not."""
    generator = np.random.default_rng(2024)
    truth, photos, people, runs = 0.2, 20, 60, 150
    person = np.repeat(np.arange(people), photos)
    covered = {"people": 0, "comparisons": 0}
    for _ in range(runs):
        own_rate = generator.beta(0.5 * truth, 0.5 * (1 - truth), people)
        rate = rate_over_people(generator.random(len(person)) < own_rate[person], person)
        low, high = clopper_pearson_interval(rate.errors, rate.trials)
        covered["people"] += rate.lower <= truth <= rate.upper
        covered["comparisons"] += low <= truth <= high
    assert covered["people"] >= 0.88 * runs
    assert covered["comparisons"] <= 0.65 * runs


def test_people_cover_where_comparisons_do_not_for_fmr():
    """Some people are like many others, as probe and as template; the truth is the mean over all pairs."""
    generator = np.random.default_rng(2024)
    people, runs = 50, 150
    probe, template = everybody_against_everybody(people)
    truth = (0.7 * 0.1 + 0.3 * 0.5) ** 2
    covered = {"people": 0, "comparisons": 0}
    for _ in range(runs):
        likeness = np.where(generator.random(people) < 0.3, 0.5, 0.1)
        wrong = generator.random(len(probe)) < likeness[probe] * likeness[template]
        rate = fmr_at(ImpostorScores(np.where(wrong, 0.9, 0.1), probe, template), 0.5)
        covered["people"] += truth <= rate.upper
        covered["comparisons"] += truth <= clopper_pearson_upper(rate.errors, rate.trials)
    assert covered["people"] >= 0.88 * runs
    assert covered["comparisons"] <= 0.85 * runs


# --- equal error rate


@pytest.mark.parametrize(
    ("genuine", "impostor", "expected"),
    [
        ([0.9], [0.1], 0.0),
        ([0.5], [0.5], 0.5),
        ([0.1], [0.9], 1.0),
        ([0.8, 0.9], [0.1, 0.2, 0.3], 0.0),
        ([0.5] * 4, [0.5] * 9, 0.5),
        ([0.9, 0.8, 0.4], [0.1, 0.2, 0.5], 1 / 3),
        ([0.9, 0.3], [0.1, 0.2, 0.4, 0.0], 1 / 4),  # at FMR 1/4 the FNMR falls from 1/2 to 0
    ],
)
def test_equal_error_rate_by_hand(genuine, impostor, expected):
    assert equal_error_rate(genuine, impostor) == pytest.approx(expected, abs=1e-12)


def test_equal_error_rate_needs_both_sides():
    for genuine, impostor in (([], [0.1]), ([0.1], []), ([np.nan], [0.1]), ([0.2], [np.inf])):
        with pytest.raises(ValueError, match="scores"):
            equal_error_rate(genuine, impostor)


some_scores = st.lists(st.integers(-8, 8).map(lambda i: i / 8), min_size=1, max_size=20)


@given(some_scores, some_scores)
def test_equal_error_rate_lies_between_the_rates_around_it(genuine, impostor):
    eer = equal_error_rate(genuine, impostor)
    g, i = np.array(genuine), np.array(impostor)
    worse = [max((i >= t).mean(), (g < t).mean()) for t in (*g, *i, 2.0)]
    better = [min((i >= t).mean(), (g < t).mean()) for t in (*g, *i, 2.0)]
    assert max(better) - 1e-12 <= eer <= min(worse) + 1e-12
    # Swapping the roles and the direction of the scores is the same question.
    assert equal_error_rate(-i, -g) == pytest.approx(eer, abs=1e-12)


def test_counts_give_the_rate_that_comparisons_give():
    people = 40
    generator = np.random.default_rng(0)
    first, second = np.triu_indices(people, k=1)
    first, second = first.repeat(4), second.repeat(4)
    ease = generator.random(people) * 0.2
    scores = (generator.random(len(first)) < ease[first] * ease[second] * 5).astype(float)
    kept = fmr_at(ImpostorScores(scores, first, second), 0.5)

    def taken_part(chosen):
        return sum(np.bincount(side[chosen], minlength=people) for side in (first, second))

    counted = fmr_from_counts(taken_part(scores >= 0.5), taken_part(slice(None)))
    assert (counted.errors, counted.trials, counted.people) == (kept.errors, kept.trials, kept.people)
    assert counted.upper == pytest.approx(kept.upper, rel=0.1)
    assert counted.method == "bootstrap-people" and counted.one_sided


def test_counts_of_nobody_and_of_nothing_wrong():
    assert fmr_from_counts([], []).upper == 1.0
    none = fmr_from_counts([0] * 30 + [0], [5] * 30 + [0])
    assert (none.errors, none.trials, none.people) == (0, 75, 30)
    assert none.method == "clopper-pearson-people" and none.upper == pytest.approx(1 - 0.05 ** (1 / 30))
    with pytest.raises(ValueError, match="errors"):
        fmr_from_counts([1], [1, 2])
