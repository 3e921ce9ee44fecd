from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from faceunlock.matching.error_rates import FalseMatches, clopper_pearson_upper, fmr_at
from faceunlock.matching.scores import GenuineScores, ImpostorScores, pool
from faceunlock.matching.thresholds import (
    allowed_false_matches,
    choose_threshold,
    fnmr_at_fmr,
    people_needed,
    threshold_at,
)


def above(score: float) -> float:
    return float(np.nextafter(score, np.inf))


def separate_people(scores) -> ImpostorScores:
    """Every comparison with a probe person of its own, against one of two templates."""
    return ImpostorScores(scores, np.arange(len(scores)) + 2, np.arange(len(scores)) % 2)


# --- the plain rule


@pytest.mark.parametrize(
    ("trials", "target", "expected"),
    [
        (1000, 1e-3, 1),
        (999, 1e-3, 0),
        (100, 0.29, 29),
        (10, 0.3, 3),
        (3, 0.1, 0),
        (10**6, 1e-6, 1),
        (7, 0.0, 0),
    ],
)
def test_the_number_allowed_is_that_of_decimal_numbers(trials, target, expected):
    assert allowed_false_matches(trials, target) == expected


def test_numpy_numbers_are_targets_too():
    assert allowed_false_matches(1000, np.float64(1e-3)) == 1


@pytest.mark.parametrize("target", [-0.1, 1.0, 2.0, float("nan")])
def test_a_target_is_a_proportion(target):
    with pytest.raises(ValueError, match="target FMR"):
        allowed_false_matches(10, target)


def test_plain_threshold_by_hand():
    scores = [0.5, 0.1, 0.4, 0.2, 0.3]
    assert threshold_at(scores, 0.0) == above(0.5)
    assert threshold_at(scores, 0.19) == above(0.5)
    assert threshold_at(scores, 0.2) == above(0.4)
    assert threshold_at(scores, 0.8) == above(0.1)
    assert threshold_at([0.5], 0.99) == above(0.5)
    assert threshold_at([0.5] * 8, 0.5) == above(0.5)
    assert threshold_at([0.5, 0.5, 0.1], 0.4) == above(0.5)
    with pytest.raises(ValueError, match="impostor scores"):
        threshold_at([], 0.1)


scores = st.lists(
    st.one_of(st.floats(-1, 1), st.sampled_from([-0.25, 0.0, 0.5, 1.0])), min_size=1, max_size=60
).map(np.array)
targets = st.one_of(st.floats(0, 1, exclude_max=True), st.sampled_from([0.05, 0.1, 0.29, 0.3, 1 / 3]))


@given(scores, targets)
def test_the_plain_threshold_is_the_lowest_that_keeps_the_target(impostor, target):
    threshold = threshold_at(impostor, target)
    assert np.mean(impostor >= threshold) <= target
    # One representable step lower, an impostor score is met and the target missed.
    assert Fraction(int(np.sum(impostor >= np.nextafter(threshold, -np.inf)))) > len(impostor) * Fraction(
        repr(target)
    )


@given(scores, targets, targets)
def test_a_higher_target_never_gives_a_higher_threshold(impostor, one, other):
    assert threshold_at(impostor, max(one, other)) <= threshold_at(impostor, min(one, other))


def test_fnmr_at_fmr_by_hand():
    impostor = ImpostorScores([0.1, 0.2, 0.3, 0.4], [0, 1, 2, 3], [1, 2, 3, 0])
    genuine = GenuineScores([0.3, above(0.3), 0.9], [0, 1, 2])
    assert (fnmr_at_fmr(genuine, impostor, 0.25).errors, fnmr_at_fmr(genuine, impostor, 0.1).errors) == (1, 2)
    # Perfectly separable, and all equal.
    assert fnmr_at_fmr(GenuineScores([0.9], [0]), impostor, 0.01).errors == 0
    assert fnmr_at_fmr(GenuineScores([0.4], [0]), impostor, 0.01).errors == 1


def test_people_needed_is_the_rule_of_three():
    for target in (0.3, 0.01, 1e-3, 1e-4):
        needed = people_needed(target)
        assert needed == pytest.approx(3 / target, rel=0.2)
        assert clopper_pearson_upper(0, needed) <= target < clopper_pearson_upper(0, needed - 1)
    for target in (0.0, 1.0):
        with pytest.raises(ValueError, match="target FMR"):
            people_needed(target)


# --- the threshold that is used


def test_as_many_false_matches_stay_as_the_bound_allows():
    impostor = separate_people(np.linspace(-1, 0.9, 1000))  # two templates: people are the trials
    choice = choose_threshold(impostor, None, 0.01)
    allowed = max(k for k in range(11) if clopper_pearson_upper(k, 1000) <= 0.01)
    assert 0 < allowed < 10
    assert choice.supported
    assert choice.fmr.errors == allowed
    descending = np.sort(impostor.scores)[::-1]
    assert choice.threshold == above(descending[allowed])
    assert choice.tail == tuple(descending[: allowed + 1])
    assert choice.fmr == fmr_at(impostor, choice.threshold)
    assert (choice.own_fmr, choice.strangers_fmr) == (choice.fmr, None)
    assert (choice.target, choice.needed_people) == (0.01, 299)
    assert choice.lowest_supported_fmr == clopper_pearson_upper(0, 1000)


def test_too_little_data_is_said_with_what_is_missing():
    impostor = separate_people(np.linspace(-1, 0.9, 250))
    choice = choose_threshold(impostor, None, 0.01)
    assert not choice.supported
    assert choice.threshold == threshold_at(impostor.scores, 0.01)
    assert choice.fmr.errors == 2
    assert choice.fmr.upper == clopper_pearson_upper(2, 250) > 0.01
    assert choice.needed_people == 299
    assert choice.lowest_supported_fmr == clopper_pearson_upper(0, 250)
    assert choose_threshold(impostor, None, choice.lowest_supported_fmr).supported
    assert choose_threshold(separate_people(np.linspace(-1, 0.9, 299)), None, 0.01).supported


def test_one_comparison_supports_next_to_nothing():
    choice = choose_threshold(ImpostorScores([0.3], [0], [1]), None, 0.1)
    assert not choice.supported
    assert (choice.threshold, choice.tail) == (above(0.3), (0.3,))
    assert choice.lowest_supported_fmr == pytest.approx(0.95)


def test_equal_scores_are_never_split():
    tied = separate_people(np.repeat([0.5, 0.1], [3, 997]))
    assert clopper_pearson_upper(2, 1000) <= 0.007 < clopper_pearson_upper(3, 1000)
    choice = choose_threshold(tied, None, 0.007)
    assert choice.supported
    assert (choice.fmr.errors, choice.threshold, choice.tail) == (0, above(0.5), (0.5,))
    all_equal = choose_threshold(separate_people(np.full(1000, 0.5)), None, 0.01)
    assert all_equal.supported
    assert (all_equal.fmr.errors, all_equal.threshold) == (0, above(0.5))


def test_a_stranger_with_similarity_one_leaves_no_threshold():
    choice = choose_threshold(separate_people(np.append(np.zeros(299), 1.0)), None, 0.0101)
    assert not choice.supported
    assert choice.lowest_supported_fmr == clopper_pearson_upper(1, 300)


def test_strangers_add_evidence_and_are_reported_separately():
    own = ImpostorScores([0.1, 0.2], [0, 1], [1, 0])
    probe, template = np.divmod(np.arange(2000), 2)
    strangers = ImpostorScores(np.linspace(-1, 0.6, 2000), probe + 2, template)
    choice = choose_threshold(own, strangers, 0.005)
    assert not choose_threshold(own, None, 0.005).supported
    assert choice.supported
    assert choice.fmr == fmr_at(pool(own, strangers), choice.threshold)
    assert choice.own_fmr == fmr_at(own, choice.threshold)
    assert choice.strangers_fmr == fmr_at(strangers, choice.threshold)
    assert choice.fmr.people == 1002
    assert choice.own_fmr.people == 2


def test_own_people_may_not_hide_among_strangers():
    # Two who look alike: the pooled rate would allow it, their own may not.
    own = ImpostorScores([0.8, 0.7], [0, 1], [1, 0])
    probe, template = np.divmod(np.arange(2000), 2)
    strangers = ImpostorScores(np.linspace(-1, 0.6, 2000), probe + 2, template)
    choice = choose_threshold(own, strangers, 0.01)
    assert choice.supported
    assert (choice.threshold, choice.own_fmr.errors, choice.tail) == (above(0.8), 0, (0.8,))
    assert choose_threshold(strangers, None, 0.01).threshold < 0.6


def test_strangers_alone_and_nobody_at_all():
    nobody = ImpostorScores([], [], [])
    strangers = separate_people(np.linspace(-1, 0.6, 1000))
    choice = choose_threshold(nobody, strangers, 0.01)
    assert choice.supported
    assert choice.own_fmr is None
    assert choice == choose_threshold(nobody, strangers, 0.01, seed=0)
    for none in (None, nobody):
        with pytest.raises(ValueError, match="impostor scores"):
            choose_threshold(nobody, none, 0.01)


def test_the_bound_resampled_over_people_decides():
    """Many people: the largest number of false matches is found that every smaller number confirms."""
    generator = np.random.default_rng(7)
    probe, template = np.nonzero(~np.eye(40, dtype=bool))
    likeness = generator.normal(0, 0.1, 40)
    impostor = ImpostorScores(
        np.clip(likeness[probe] + likeness[template] + generator.normal(0, 0.1, len(probe)), -1, 1),
        probe,
        template,
    )
    choice = choose_threshold(impostor, None, 0.05, seed=3)
    matches = FalseMatches(impostor, seed=3)
    descending = np.sort(impostor.scores)[::-1]
    bounds = [
        matches.at(above(descending[k])).upper for k in range(1, allowed_false_matches(len(probe), 0.05) + 1)
    ]
    assert choice.fmr.method == "bootstrap-people"
    assert choice.fmr.errors == max(k for k, bound in enumerate(bounds, 1) if bound <= 0.05)
    assert choice.fmr.errors < max(
        k for k in range(len(bounds)) if clopper_pearson_upper(k, len(probe)) <= 0.05
    )
    assert choice == choose_threshold(impostor, None, 0.05, seed=3)


def random_impostors(people: int, photos: int, seed: int, digits: int) -> ImpostorScores:
    generator = np.random.default_rng(seed)
    probe, template = np.nonzero(~np.eye(people, dtype=bool))
    probe, template = np.tile(probe, photos), np.tile(template, photos)
    rounded = np.clip(generator.normal(0, 0.3, len(probe)), -1, 1).round(digits)
    return ImpostorScores(rounded, probe, template)


impostor_sets = st.builds(
    random_impostors, st.integers(2, 30), st.integers(1, 4), st.integers(0, 10**6), st.integers(1, 3)
)


@settings(max_examples=40, deadline=None)
@given(impostor_sets, st.booleans(), st.floats(0.001, 0.9), st.floats(0.001, 0.9))
def test_what_a_choice_promises(own, with_strangers, one, other):
    strangers = None
    if with_strangers:
        apart = random_impostors(25, 1, 5, 2)
        strangers = ImpostorScores(apart.scores, apart.probe_person + 100, apart.template_person)
    low, high = (choose_threshold(own, strangers, target) for target in sorted((one, other)))
    for choice in (low, high):
        everybody = own if strangers is None else pool(own, strangers)
        assert choice.fmr.errors == int(np.sum(everybody.scores >= choice.threshold)) == len(choice.tail) - 1
        assert choice.tail == tuple(np.sort(everybody.scores)[::-1][: len(choice.tail)])
        assert choice.tail[-1] < choice.threshold
        for rate in (choice.fmr, choice.own_fmr, choice.strangers_fmr):
            assert rate is None or rate.value <= choice.target
        assert choice.supported == (choice.fmr.upper <= choice.target and choice.threshold <= 1.0)
        assert choice.lowest_supported_fmr == low.lowest_supported_fmr
        if choice.supported:
            assert choice.lowest_supported_fmr <= choice.target
    if low.supported and high.supported:
        assert high.threshold <= low.threshold


@settings(max_examples=40, deadline=None)
@given(impostor_sets)
def test_the_lowest_supported_target_is_supported_and_none_below(own):
    lowest = choose_threshold(own, None, 0.5).lowest_supported_fmr
    assume(lowest < 1.0)
    assert choose_threshold(own, None, lowest).supported
    assert not choose_threshold(own, None, lowest * 0.999).supported


def test_millions_of_comparisons_are_no_trouble():
    people = 1680
    probe, template = np.nonzero(~np.eye(people, dtype=bool))
    scores = np.random.default_rng(0).normal(0, 0.15, len(probe)).clip(-1, 1)
    choice = choose_threshold(ImpostorScores(scores, probe, template), None, 1e-3)
    assert choice.supported
    assert choice.fmr.trials == people * (people - 1) > 2_800_000
    assert 2000 < choice.fmr.errors < 2821
