"""The length of a sum of unit vectors says how much they can agree."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from faceunlock.matching.similarity import leave_one_out, similarities, unit
from faceunlock.matching.templates import least_length


def drawn(random, count, dimension, spread):
    """Unit vectors around a direction; with a wide spread, around none."""
    middle = unit(random.normal(size=dimension))
    return unit(middle + spread * random.normal(size=(count, dimension)))


@given(st.integers(0, 2**32), st.integers(2, 12), st.integers(2, 8), st.floats(0.0, 4.0), st.floats(0.0, 4.0))
@settings(max_examples=200, deadline=None)
def test_no_enrolment_makes_a_sum_that_is_too_short(seed, count, dimension, spread, spread_later):
    random = np.random.default_rng(seed)
    vectors = drawn(random, count, dimension, spread)
    total, agreement = vectors.sum(axis=0), leave_one_out(vectors).mean()
    assert np.linalg.norm(total) >= 2 * least_length(count, agreement) - 1e-9, "made at once: twice as much"
    for _ in range(3):  # photos are added, none of them unlike the template
        later = drawn(random, count, dimension, spread_later)
        alike = later[similarities(later, unit(total)[None])[:, 0] >= 0]
        if not len(alike):
            continue
        added = leave_one_out(alike, total).mean()
        agreement = np.average([agreement, added], weights=[count, len(alike)])
        total, count = total + alike.sum(axis=0), count + len(alike)
        assert np.linalg.norm(total) >= least_length(count, agreement) - 1e-9


@given(st.integers(1, 1000), st.floats(0.01, 1.0))
def test_a_sum_is_long_enough_only_from_the_bound_on(count, agreement):
    assert 0 < least_length(count, agreement) <= count / 2
    assert least_length(count, -agreement) == 0
