"""Measures of a face beside the limits of a good photo."""

from dataclasses import replace

import pytest

from faceunlock.errors import SLUGS
from faceunlock.photos.face import Quality
from faceunlock.photos.measures import AT_LEAST, Limits, measures
from faceunlock.photos.pose import MOST_CUT_OFF, MOST_TURN
from faceunlock.photos.shade import LEAST_EYE_LIGHT

GOOD = Quality(80.0, 20.0, 120.0, 10.0, 0.0, 0.8)
LIMITS = Limits(40, 7.0, 30)


def faults(quality):
    return [one.fault for one in measures(quality, LIMITS) if not one.good]


def test_a_good_photo_has_no_fault_and_every_fault_is_a_slug_with_a_hint():
    found = measures(GOOD, LIMITS)
    assert faults(GOOD) == [] and len({one.fault for one in found}) == len(found)
    assert all(SLUGS[one.fault].hint and SLUGS[one.fault].retryable for one in found)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"size": 39.9}, "face-too-small"),
        ({"cut_off": MOST_CUT_OFF + 0.01}, "face-cut-off"),
        ({"turn": MOST_TURN + 1}, "face-turned"),
        ({"turn": -MOST_TURN - 1}, "face-turned"),
        ({"eye_light": LEAST_EYE_LIGHT - 0.01}, "eyes-shaded"),
        ({"brightness": 29.0}, "too-dark"),
        ({"sharpness": 6.9}, "too-blurred"),
    ],
)
def test_each_fault(change, fault):
    assert faults(replace(GOOD, **change)) == [fault]
    (one,) = [one for one in measures(replace(GOOD, **change), LIMITS) if not one.good]
    assert (one.value < one.limit) == (fault in AT_LEAST)


def test_the_limit_itself_is_good_and_what_cannot_be_told_is_no_fault():
    assert faults(Quality(40, 7.0, 30, MOST_TURN, MOST_CUT_OFF, LEAST_EYE_LIGHT)) == []
    assert faults(replace(GOOD, turn=None, eye_light=None)) == []
