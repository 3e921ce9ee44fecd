"""Scores in words."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from faceunlock.matching.wording import needed

cosines = st.floats(-1, 1, allow_subnormal=False)


@given(cosines, cosines)
@example(-1e-05, 0.0)
@example(0.0, 1e-05)
def test_the_two_scores_shown_never_contradict_the_answer(similarity, threshold):
    shown = re.fullmatch(r"(-?\d\.\d+) \(needs (-?\d\.\d+)\)", needed(similarity, threshold))
    one, other = map(float, shown.groups())
    assert (one < other) == (similarity < threshold) or abs(similarity - threshold) < 1e-16
    assert abs(one - similarity) < 1e-3


def test_three_digits_are_usual():
    assert needed(0.97839, 0.918) == "0.978 (needs 0.918)"
    assert needed(0.9179, 0.918) == "0.9179 (needs 0.9180)"
