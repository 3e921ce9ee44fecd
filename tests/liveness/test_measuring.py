"""Rates from made scores."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import slug_of
from support.made_presentations import judged, made

from faceunlock.errors import CalibrationError
from faceunlock.liveness.measuring import LIVE, LIVE_TURNING, Presentation, by_kind, spread
from faceunlock.liveness.turning import Excursions


def stages(presentations):
    return {one.stage: one for one in judged(presentations).stages}


def test_prints_that_are_moved_are_stopped_and_people_who_turn_are_not():
    found = stages(made())
    assert list(found) == ["turn", "texture", "together"]
    for one in found.values():
        rates = one.apcer["print"]
        assert (rates.by_clip.errors, rates.by_clip.trials, rates.by_clip.people) == (0, 16, 8)
        assert (rates.by_person.errors, rates.by_person.trials) == (0, 8)
        assert (one.bpcer.errors, one.bpcer.trials, one.bpcer.people) == (0, 16, 8)
        assert one.stops == ("print",)
    assert (found["turn"].threshold, found["texture"].threshold) == (0.25, 0.30)


def test_one_clip_that_passes_is_a_person_who_passes():
    presentations = made()
    (first, *_) = [number for number, one in enumerate(presentations) if one.species]
    presentations[first] = replace(presentations[first], turned=Excursions(0.0, 0.4, 0.26))
    rates = stages(presentations)["turn"].apcer["print"]
    assert (rates.by_clip.errors, rates.by_clip.trials) == (1, 16)
    assert (rates.by_person.errors, rates.by_person.trials) == (1, 8)
    # MiniFASNet still refuses it.
    assert stages(presentations)["together"].apcer["print"].by_clip.errors == 0


def test_a_film_of_a_turning_head_is_said_to_pass():
    found = stages([*made(), *(one for one in made(attack=0.6, species="film") if one.species)])
    assert found["turn"].apcer["film"].by_clip.value == 1.0
    assert found["turn"].stops == ("print",)


def test_who_was_not_asked_to_turn_is_refused_by_nothing_but_texture():
    found = stages(made(asked=False, live=0.05, texture=(0.1, 0.1)))
    assert found["turn"].bpcer.trials == 0 and found["turn"].stops == ()
    assert (found["turn"].unasked.errors, found["turn"].unasked.trials) == (0, 16)
    assert found["texture"].bpcer.value == 1.0 and found["texture"].stops == (), "it refuses everybody"


def test_photos_cannot_turn():
    photos = [
        Presentation(f"{n}", "print" if n % 2 else None, texture=0.1 + 0.8 * (n % 2 == 0)) for n in range(20)
    ]
    (only,) = judged(photos).stages
    assert only.stage == "texture" and only.apcer["print"].by_clip.trials == 10
    mixed = stages([*made(), *photos])
    assert mixed["turn"].apcer["print"].by_clip.trials == 16
    assert mixed["turn"].apcer["print"].no_answer == 0
    assert mixed["texture"].apcer["print"].by_clip.trials == 26


def test_an_attack_without_a_score_is_in_no_rate_and_a_person_without_one_is_refused():
    blind = [replace(one, turned=None) if one.person in ("a0", "p0") else one for one in made(texture=None)]
    (turn,) = judged(blind).stages
    assert turn.apcer["print"].no_answer == 2 and turn.apcer["print"].by_clip.trials == 14
    assert (turn.bpcer.errors, turn.bpcer.trials) == (2, 16)


def test_few_people_are_too_few_to_claim_anything():
    found = stages(made(attacks=3))["turn"]
    assert found.apcer["print"].by_clip.errors == 0 and found.stops == ()


@given(st.floats(0, 1), st.floats(0, 1))
def test_what_passes_all_stages_passes_each(turn, texture):
    found = stages(made(attack=turn, texture=(0.9, texture)))
    together = found["together"].apcer["print"].by_clip.errors
    assert together == 16 or turn - 0.01 < 0.25 or texture < 0.3
    assert together <= min(found[name].apcer["print"].by_clip.errors for name in ("turn", "texture"))


@given(st.lists(st.floats(0, 1), min_size=1))
def test_a_spread_is_in_order(values):
    found = spread(values)
    order = [found.lowest, found.low, found.middle, found.high, found.highest]
    assert all(left <= right + 1e-12 for left, right in pairwise(order))
    assert found.count == len(values)


def test_scores_by_kind():
    mixed = [*made(people=1, attacks=1), *made(people=1, attacks=0, asked=False)]
    assert list(by_kind(mixed, "E1")) == [LIVE, LIVE_TURNING, "print"]
    assert by_kind(mixed, "E2")["print"] == [0.03, 0.03]
    assert by_kind(made(texture=None), "texture") == {}
    assert set(judged(mixed).spreads) == {"E1", "E2", "texture"}


@pytest.mark.parametrize("presentations", [[], made(attacks=0), made(people=0)])
def test_too_little_to_measure(presentations):
    assert slug_of(judged, presentations, kind=CalibrationError) == "insufficient-data"
