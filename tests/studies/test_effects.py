"""What a threshold does to comparisons agrees with what a calibration says there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.made_comparisons import made

from faceunlock.matching.error_rates import fmr_at, fnmr_at
from faceunlock.matching.scores import pool
from faceunlock.studies.calibration_report import report_for
from faceunlock.studies.effects import BARS, MOST_NAMED, Effects

MANY = made(people=30, strangers=30)
EFFECTS = Effects(MANY)
GENUINE, OWN, STRANGERS = MANY.scores()
IMPOSTOR = pool(OWN, STRANGERS)


@settings(max_examples=20, deadline=None)
@given(st.floats(-1, 1))
def test_the_rates_are_those_of_the_library(threshold):
    effect = EFFECTS.at(threshold)
    assert effect.fmr == fmr_at(IMPOSTOR, threshold, seed=MANY.plan.seed)
    assert effect.fnmr == fnmr_at(GENUINE, threshold, seed=MANY.plan.seed)


@settings(max_examples=20, deadline=None)
@given(st.floats(-1, 1))
def test_exactly_those_who_are_wronged_are_named_the_worst_first(threshold):
    effect = EFFECTS.at(threshold)
    refused = [one.similarity for one in effect.refused]
    admitted = [one.similarity for one in effect.admitted]
    assert refused == sorted(GENUINE.scores[GENUINE.scores < threshold])[:MOST_NAMED]
    assert admitted == sorted(IMPOSTOR.scores[IMPOSTOR.scores >= threshold], reverse=True)[:MOST_NAMED]
    for one in (*effect.refused, *effect.admitted):
        probe, template = MANY.files.index(one.photo), MANY.names.index(one.person)
        assert MANY.similarity[probe, template] == one.similarity
    for one in effect.refused:
        assert MANY.probe_person[MANY.files.index(one.photo)] == MANY.names.index(one.person)


def test_the_chosen_threshold_has_the_rates_of_its_report():
    report = report_for(MANY, 0.3)
    effect = EFFECTS.at(report.choice.threshold)
    assert (effect.fmr, effect.fnmr) == (report.choice.fmr, report.fnmr)


def test_histograms_hold_every_comparison():
    curves = EFFECTS.curves()
    assert len(curves.edges) == BARS + 1
    assert curves.genuine.sum() == pytest.approx(1) and curves.impostor.sum() == pytest.approx(1)


def test_the_curve_goes_through_the_rates_at_its_thresholds():
    curves = EFFECTS.curves()
    assert np.all(np.diff(curves.thresholds) > 0)
    assert np.all(np.diff(curves.fmr) <= 0) and np.all(np.diff(curves.fnmr) >= 0)
    for at in range(0, len(curves.thresholds), 7):
        effect = EFFECTS.at(curves.thresholds[at])
        assert curves.fmr[at] == effect.fmr.value and curves.fnmr[at] == effect.fnmr.value


def test_without_own_photos_there_is_no_curve():
    from faceunlock.studies.comparisons import Comparisons

    values = {name: getattr(MANY, name) for name in Comparisons.__dataclass_fields__}
    alone = Comparisons(
        **values
        | {
            "own_probes": 0,
            "similarity": MANY.similarity[60:],
            "probe_person": MANY.probe_person[60:],
            "files": MANY.files[60:],
        }
    )
    effects = Effects(alone)
    assert len(effects.curves().thresholds) == 0 and effects.curves().genuine.sum() == 0
    assert effects.at(0.5).fnmr.trials == 0 and effects.at(2.0 - 1.0).refused == ()


@settings(max_examples=12, deadline=None)
@given(st.floats(-1, 1))
@example(-0.1953125)
def test_a_calibration_for_the_target_that_a_threshold_keeps_may_save_it(threshold):
    target = EFFECTS.at(threshold).target
    if target is None:  # not even the highest target of two digits would be kept
        assert report_for(MANY, 0.99).choice.threshold > threshold
        return
    plain, wanted = report_for(MANY, target), report_for(MANY, target, threshold)
    assert plain.supported and plain.choice.threshold <= threshold
    assert wanted.supported and wanted.choice.threshold == threshold
    assert wanted.calibration.threshold_for(3).threshold >= threshold
    assert EFFECTS.at(threshold).fmr.upper <= target


def test_a_higher_threshold_is_no_way_around_the_bound():
    highest = float(IMPOSTOR.scores.max())
    assert not report_for(MANY, 1e-4, highest).supported
