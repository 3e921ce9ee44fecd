from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceunlock.matching.calibration import Calibration, OperatingPoint
from faceunlock.matching.rate import Rate

FMR = Rate(4, 1000, 30, 0.0, 0.009, 0.95, "bootstrap-people", True)
CALIBRATION = Calibration(
    model="dlib",
    weights_sha256="0123456789abcdef" * 4,
    preprocessing="dlib-150-v1",
    threshold=0.55,
    target_fmr=0.01,
    status="calibrated",
    data="a folder of 30 people",
    created="2025-01-31T12:00:00+00:00",
    people=30,
    photos=300,
    failures_to_acquire=Rate(2, 302, 30, 0.0, 0.03, 0.95, "clopper-pearson", False),
    fmr=FMR,
    fnmr=Rate(1, 210, 30, 0.0, 0.05, 0.95, "bootstrap-people", False),
    own_fmr=FMR,
    strangers_fmr=None,
    eer=0.004,
    tail=(0.9, 0.8, 0.7, 0.6, 0.5),
    seed=0,
    split=3,
)
GUESS = Calibration("new", "0" * 64, "v1", 0.6, None, "not-calibrated", "no data", "2025-01-31")


def above(score: float) -> float:
    return float(np.nextafter(score, np.inf))


# --- the record


@pytest.mark.parametrize(
    "calibration", [CALIBRATION, GUESS, replace(CALIBRATION, status="shipped", fmr=None)]
)
def test_a_calibration_survives_json(calibration):
    document = json.loads(json.dumps(calibration.to_dict(), allow_nan=False))
    assert Calibration.from_dict(document) == calibration


def test_its_names_are_stable():
    assert list(CALIBRATION.to_dict()) == [
        *("model", "weights_sha256", "preprocessing", "threshold", "target_fmr", "status", "data", "created"),
        *("people", "photos", "failures_to_acquire", "fmr", "fnmr", "own_fmr", "strangers_fmr", "eer"),
        *("tail", "seed", "split"),
    ]
    assert CALIBRATION.to_dict()["fmr"]["value"] == 0.004


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", 3),
        ("weights_sha256", "abc"),
        ("weights_sha256", None),
        ("preprocessing", None),
        ("threshold", math.nan),
        ("threshold", math.inf),
        ("threshold", 1.1),
        ("threshold", -1.1),
        ("threshold", "0.5"),
        ("threshold", True),
        ("threshold", None),
        ("threshold", 0.5),  # as low as the score that must be below it
        ("target_fmr", 0.0),
        ("target_fmr", 1.0),
        ("target_fmr", math.nan),
        ("target_fmr", None),
        ("target_fmr", 0.008),  # below the bound
        ("status", "perfect"),
        ("status", []),
        ("data", None),
        ("created", "yesterday"),
        ("created", 2025),
        ("people", -1),
        ("people", 1.5),
        ("photos", None),
        ("fmr", None),
        ("fmr", 0.01),
        ("fmr", {}),
        ("fnmr", {**FMR.to_dict(), "upper": 2.0}),
        ("eer", 1.5),
        ("eer", "0"),
        ("tail", [0.5, 0.9]),
        ("tail", [1.2, 0.4]),
        ("tail", [0.9, math.nan, 0.4]),
        ("tail", ["0.9"]),
        ("tail", None),
        ("seed", "0"),
        ("split", 0),
        ("note", "superfluous"),
    ],
)
def test_a_changed_calibration_is_refused(name, value):
    with pytest.raises(ValueError):
        Calibration.from_dict({**CALIBRATION.to_dict(), name: value})


def test_an_incomplete_calibration_is_refused():
    for name in CALIBRATION.to_dict():
        data = CALIBRATION.to_dict()
        del data[name]
        with pytest.raises(ValueError, match="not a calibration"):
            Calibration.from_dict(data)
    for data in (None, [], "x", 1):
        with pytest.raises(ValueError, match="not a calibration"):
            Calibration.from_dict(data)


# --- one against many


def test_more_candidates_share_the_false_matches():
    assert CALIBRATION.threshold_for(1) == OperatingPoint(0.55, 1, True, 0.01)
    assert CALIBRATION.threshold_for(2) == OperatingPoint(above(0.7), 2, True, 0.01)
    assert CALIBRATION.threshold_for(3) == OperatingPoint(above(0.8), 3, True, 0.01)
    assert CALIBRATION.threshold_for(4) == OperatingPoint(above(0.8), 4, True, 0.01)
    assert CALIBRATION.threshold_for(5) == OperatingPoint(above(0.9), 5, False, None)


def test_a_low_bound_supports_more_candidates_than_false_matches():
    few = replace(CALIBRATION, fmr=replace(FMR, upper=0.001), tail=(0.5,))
    assert few.threshold_for(10) == OperatingPoint(0.55, 10, True, 0.01)
    assert few.threshold_for(11) == OperatingPoint(0.55, 11, False, None)


def test_a_raised_threshold_stays_raised():
    raised = replace(CALIBRATION, threshold=0.75)
    assert [raised.threshold_for(n).threshold for n in (1, 2, 4)] == [0.75, 0.75, above(0.8)]


def test_without_a_tail_only_one_candidate_is_supported():
    bare = replace(CALIBRATION, status="shipped", tail=())
    assert bare.threshold_for(1).supported
    assert bare.threshold_for(2) == OperatingPoint(0.55, 2, False, None)


def test_a_guess_claims_nothing():
    for candidates in (1, 7):
        assert GUESS.threshold_for(candidates) == OperatingPoint(0.6, candidates, False, None)


def test_a_search_needs_somebody():
    with pytest.raises(ValueError, match="at least one person"):
        CALIBRATION.threshold_for(0)


@given(
    st.lists(st.integers(-9, 9).map(lambda i: i / 10), min_size=1, max_size=40),
    st.integers(1, 50),
    st.integers(1, 50),
)
def test_the_union_bound_holds_and_more_candidates_never_lower_the_threshold(scores, one, other):
    tail = tuple(sorted(scores, reverse=True))
    calibration = replace(CALIBRATION, tail=tail, threshold=above(tail[-1]))
    fewer, more = (calibration.threshold_for(n) for n in sorted((one, other)))
    assert fewer.threshold <= more.threshold
    for point in (fewer, more):
        assert point.candidates * sum(score >= point.threshold for score in scores) <= len(scores) - 1
        assert (point.fmr is not None) == point.supported
