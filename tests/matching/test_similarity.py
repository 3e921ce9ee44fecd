import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from support.made_templates import make_template

from faceunlock.matching.similarity import Decision, decide, leave_one_out, similarities, unit

numbers = st.floats(-1e6, 1e6, allow_subnormal=False).filter(lambda x: abs(x) > 1e-6)
seeds = st.integers(0, 2**32 - 1)


def made(seed, count, dimension=5):
    return unit(np.random.default_rng(seed).normal(size=(count, dimension)))


@given(arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 8)), elements=numbers))
def test_unit_keeps_direction_and_gives_length_one(vectors):
    scaled = unit(vectors)
    assert np.allclose(np.linalg.norm(scaled, axis=-1), 1.0)
    assert np.allclose(scaled * np.linalg.norm(vectors, axis=-1, keepdims=True), vectors)


@given(seeds, st.floats(1e-6, 1e6))
def test_unit_does_not_depend_on_length(seed, length):
    vectors = made(seed, 3)
    assert np.allclose(unit(vectors * length), vectors)


@pytest.mark.parametrize("bad", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0], [[1.0, 0.0], [0.0, 0.0]]])
def test_unit_refuses_what_has_no_direction(bad):
    with pytest.raises(ValueError, match="no direction"):
        unit(bad)


@given(seeds, st.integers(1, 6), st.integers(1, 6))
def test_similarities_are_cosines(seed, probes, centroids):
    a, b = made(seed, probes), made(seed + 1, centroids)
    scores = similarities(a, b)
    assert scores.shape == (probes, centroids)
    assert np.all((scores >= -1) & (scores <= 1))
    assert np.allclose(scores, similarities(b, a).T)
    assert np.allclose(np.diag(similarities(a, a)), 1.0)
    # The distance of unit vectors says the same: |a - b|^2 = 2 - 2 cos.
    assert np.allclose(((a[:, None] - b[None]) ** 2).sum(axis=2), 2 - 2 * scores)


def test_similarities_never_leave_the_range():
    # In float32, the product of many unit vectors with themselves exceeds 1.
    vectors = made(0, 200, 128).astype(np.float32)
    exact = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    assert exact.max() > 1.0
    assert similarities(vectors, vectors).max() == 1.0


@given(seeds, st.integers(2, 7), st.booleans())
def test_leave_one_out_compares_each_with_the_centroid_of_the_others(seed, count, with_base):
    vectors = made(seed, count)
    base = made(seed + 1, 3).sum(axis=0) if with_base else None
    expected = []
    for i in range(count):
        others = np.delete(vectors, i, axis=0).sum(axis=0)
        expected.append(vectors[i] @ unit(others if base is None else others + base))
    assert np.allclose(leave_one_out(vectors, base), expected)


@given(seeds, st.permutations(range(5)))
def test_leave_one_out_follows_the_order(seed, order):
    vectors = made(seed, 5)
    assert np.allclose(leave_one_out(vectors[order]), leave_one_out(vectors)[order])


def test_leave_one_out_needs_others():
    with pytest.raises(ValueError, match="at least two"):
        leave_one_out([[1.0, 0.0]])
    assert leave_one_out([[1.0, 0.0]], base=[0.0, 2.0]).tolist() == [0.0]


@given(seeds, st.integers(1, 6), st.floats(-1, 1))
def test_the_decision_is_for_the_best_and_says_what_it_compared(seed, count, threshold):
    probe = made(seed, 1)[0]
    people = {f"p{i}": vector for i, vector in enumerate(made(seed + 1, count))}
    decision = decide(probe, people, threshold)
    scores = {name: float(np.clip(probe @ vector, -1, 1)) for name, vector in people.items()}
    assert decision.similarity == pytest.approx(max(scores.values()))
    assert scores[decision.name] == pytest.approx(decision.similarity)
    assert decision.match == (decision.similarity >= threshold)
    assert (decision.threshold, decision.candidates) == (threshold, count)


@given(seeds)
def test_the_threshold_itself_is_a_match(seed):
    probe, centroid = made(seed, 2)
    similarity = decide(probe, {"ada": centroid}, 0.0).similarity
    assert decide(probe, {"ada": centroid}, similarity).match
    assert not decide(probe, {"ada": centroid}, float(np.nextafter(similarity, 2))).match


def test_the_order_of_people_does_not_change_the_answer():
    people = {"ada": np.array([0.8, 0.6]), "bob": np.array([0.6, 0.8])}
    backwards = dict(reversed(people.items()))
    assert decide([1.0, 0.0], people, 0.5) == decide([1.0, 0.0], backwards, 0.5)
    assert decide([1.0, 0.0], people, 0.5) == Decision(True, "ada", 0.8, 0.5, 2)


def test_a_probe_that_is_not_a_number_never_matches():
    assert not decide([np.nan, 0.0], {"ada": np.array([1.0, 0.0])}, -1.0).match


def test_nobody_cannot_be_compared_with():
    with pytest.raises(ValueError, match="nobody"):
        decide([1.0, 0.0], {}, 0.5)


def test_the_centroid_is_the_direction_of_the_sum():
    assert make_template((0.0, 3.0, 4.0)).centroid.tolist() == [0.0, 0.6, 0.8]
