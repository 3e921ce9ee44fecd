from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.made_comparisons import made

from faceunlock.errors import CalibrationError
from faceunlock.matching.calibration import Calibration
from faceunlock.studies.calibration_report import WORST, report_for

MANY = made(people=30, strangers=30)


def test_a_report_shows_the_material_of_the_comparisons():
    comparisons = made()
    report = report_for(comparisons, 0.5)
    for name in (
        "identity",
        "plan",
        "data",
        "people",
        "photos",
        "strangers",
        "skipped",
        "created",
        "failures",
    ):
        assert getattr(report, name) == getattr(comparisons, name)
    assert (report.genuine, report.impostor) == (10, 13 * 5 - 10)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.001, 0.9))
def test_a_supported_threshold_keeps_the_target_and_the_rates_are_those_there(target):
    report = report_for(MANY, target)
    genuine, own, strangers = MANY.scores()
    impostor = np.concatenate([own.scores, strangers.scores])
    threshold = report.choice.threshold
    assert report.choice.target == target
    assert report.choice.fmr.errors == np.sum(impostor >= threshold)
    assert report.fnmr.errors == np.sum(genuine.scores < threshold)
    if report.supported:
        assert report.choice.fmr.upper <= target
        assert Calibration.from_dict(report.calibration.to_dict()) == report.calibration
    else:
        with pytest.raises(CalibrationError, match=f"target {target:g}") as caught:
            _ = report.calibration
        assert caught.value.slug == "insufficient-data"


def test_a_higher_target_never_has_a_higher_threshold():
    thresholds = [report_for(MANY, target).choice.threshold for target in (0.1, 0.2, 0.4)]
    assert thresholds == sorted(thresholds, reverse=True) and thresholds[0] > thresholds[-1]


def test_the_worst_pairs_are_named_by_file_and_person():
    comparisons = made()
    similarity = comparisons.similarity.copy()
    similarity[2, 1], similarity[12, 0] = -0.9, 0.99  # Bob's first photo, and the last stranger's
    report = report_for(replace(comparisons, similarity=similarity), 0.5)
    lowest, highest = report.lowest_genuine[0], report.highest_impostor[0]
    assert (lowest.photo, lowest.person, lowest.similarity) == ("photo 2.png", comparisons.names[1], -0.9)
    assert (highest.photo, highest.person, highest.similarity) == ("photo 12.png", "Ada", 0.99)
    assert len(report.lowest_genuine) == len(report.highest_impostor) == WORST


def test_without_genuine_comparisons_there_is_no_equal_error_rate():
    comparisons = made(people=4, strangers=0)
    strange = replace(
        comparisons, probe_person=np.repeat([4, 5, 6, 7], 2).astype(np.int32), own_probes=0, strangers=4
    )
    report = report_for(strange, 0.9)
    assert (report.genuine, report.eer, report.lowest_genuine) == (0, None, ())
    assert report.choice.own_fmr is None and report.choice.strangers_fmr.trials == 32


def test_data_that_support_no_target_at_all_say_so():
    comparisons = made()
    same = replace(comparisons, similarity=np.ones((13, 5)))
    report = report_for(same, 0.5)
    assert not report.supported and "cannot support any FMR" in report.insufficient().message


def test_a_target_out_of_range_is_refused():
    with pytest.raises(ValueError, match="target"):
        report_for(made(), 1.0)
