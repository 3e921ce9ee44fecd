"""Thresholds and rates from made scores."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import slug_of
from support.made_presentations import judged, made

from faceunlock.errors import CalibrationError
from faceunlock.liveness.measuring import threshold_for_bpcer


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0, 0.99))
def test_a_threshold_refuses_at_most_the_target_and_is_the_highest_that_does(live, target):
    threshold = threshold_for_bpcer(live, target)
    assert sum(score < threshold for score in live) <= target * len(live)
    higher = np.nextafter(threshold, math.inf)
    assert sum(score < higher for score in live) > target * len(live) or math.floor(
        target * len(live)
    ) >= sum(score < higher for score in live)


def test_what_could_not_be_made_is_refused():
    assert threshold_for_bpcer([math.nan, 1.0, 2.0], 0.0) == -math.inf
    assert threshold_for_bpcer([math.nan, 1.0, 2.0], 0.34) == 1.0
    assert threshold_for_bpcer([], 0.1) == -math.inf


def test_well_separated_attacks_are_stopped():
    (check,) = judged(made()).checks
    assert check.useful and check.rates.apcer["print"].errors == 0
    assert check.rates.apcer["print"].people == 12 and check.rates.bpcer.people == 6
    assert check.rates.worst == 0.0


def test_attacks_like_live_people_pass_and_the_check_is_not_used():
    measurement = judged(made(gap=0.0))
    (check,) = measurement.checks
    assert not check.useful and check.rates.worst > 0.5 and measurement.together is None


def test_what_refuses_nearly_everybody_is_not_used():
    (check,) = judged(made(gap=50.0)).checks
    assert check.useful
    everybody = replace(check.rates, bpcer=judged(made(gap=-50.0)).checks[0].rates.apcer["print"])
    assert everybody.bpcer.value == 1.0 and not replace(check, rates=everybody).useful


def test_few_people_are_too_few_to_use_a_check():
    (check,) = judged(made(attacks=4)).checks
    assert check.rates.apcer["print"].errors == 0 and not check.useful


def test_the_threshold_is_judged_on_other_people_than_it_was_chosen_on():
    presentations = made()
    everyone = {one.person for one in presentations if one.species is None}
    (check,) = judged(presentations).checks
    # Whoever was judged may change without the threshold, whoever chose it may not.
    moved = 0
    for person in everyone:
        changed = [
            replace(one, scores={"moire": -50.0}) if one.person == person else one for one in presentations
        ]
        (other,) = judged(changed).checks
        if other.threshold == check.threshold:
            assert other.rates.bpcer.errors > check.rates.bpcer.errors
        else:
            moved += 1
            assert other.rates.bpcer.errors <= check.rates.bpcer.errors
    assert moved == 6


def test_attacks_choose_nothing_and_those_of_the_chosen_half_are_left_out():
    near, far = judged(made(gap=1.0)).checks[0], judged(made(gap=50.0)).checks[0]
    assert near.threshold == far.threshold
    same = [replace(one, person=one.person.replace("a", "p")) for one in made()]
    assert judged(same).checks[0].rates.apcer["print"].people == 6


def test_each_species_has_its_own_rate_and_the_worst_sums_up():
    both = [*made(), *(one for one in made(gap=0.0, species="mask", seed=3) if one.species)]
    (check,) = judged(both).checks
    assert set(check.rates.apcer) == {"print", "mask"}
    assert check.rates.worst == check.rates.apcer["mask"].value > check.rates.apcer["print"].value
    assert check.useful


def test_checks_share_the_target_and_all_must_be_passed():
    presentations = [
        replace(one, scores=one.scores | {"sharpness": one.scores["moire"] - 3}) for one in made()
    ]
    measurement = judged(presentations)
    assert [one.check for one in measurement.checks] == ["moire", "sharpness"]
    together = measurement.together
    assert together.bpcer.errors >= max(one.rates.bpcer.errors for one in measurement.checks)
    assert together.apcer["print"].errors <= min(
        one.rates.apcer["print"].errors for one in measurement.checks
    )


def test_a_check_of_clips_is_measured_on_clips_alone():
    clips = [
        replace(one, scores=one.scores | {"parallax": 3.0 if one.species is None else 0.1})
        if number % 3 == 0
        else one
        for number, one in enumerate(made())
    ]
    check = judged(clips).checks[1]
    assert (check.check, check.rates.bpcer.trials, check.rates.apcer["print"].trials) == ("parallax", 6, 12)


def test_a_check_that_could_rarely_be_made_is_not_measured():
    presentations = [replace(one, scores={"moire": math.nan}) for one in made()]
    assert judged(presentations).checks == ()


@pytest.mark.parametrize("presentations", [[], made(attacks=0), made(live=1), made(live=0)])
def test_too_little_to_measure(presentations):
    assert slug_of(judged, presentations, kind=CalibrationError) == "insufficient-data"
