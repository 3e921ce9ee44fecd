"""Average linkage in blocks: what scikit-learn's finds, with no table of all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import AgglomerativeClustering

from faceunlock.matching import clusters
from faceunlock.matching.clusters import cluster, describe
from faceunlock.matching.similarity import unit


def made(seed, people, photos, spread, dimension=8):
    """Photos of some people in any order, and whom each shows."""
    rng = np.random.default_rng(seed)
    whom = rng.permutation(np.repeat(np.arange(people), photos))
    centres = unit(rng.normal(size=(people, dimension)))
    return unit(centres[whom] + spread * rng.normal(size=(len(whom), dimension))), whom


def partition(labels):
    """The clusters as sets of indices, whatever they are called."""
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 6), st.floats(0, 0.6), st.floats(-0.9, 0.99))
def test_it_finds_what_scikit_learn_finds_with_the_whole_matrix(seed, people, photos, spread, threshold):
    vectors, _ = made(seed, people, photos, spread)
    if len(vectors) < 2:
        return
    theirs = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - threshold
    ).fit_predict(vectors)
    assert partition(cluster(vectors, threshold)) == partition(theirs)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 6), st.floats(0, 0.6), st.floats(-0.5, 0.99))
def test_the_order_and_the_size_of_blocks_change_nothing(seed, people, photos, spread, threshold):
    vectors, _ = made(seed, people, photos, spread)
    order = np.random.default_rng(seed).permutation(len(vectors))
    found = cluster(vectors, threshold)
    shuffled = np.empty_like(found)
    shuffled[order] = cluster(vectors[order], threshold)
    assert partition(shuffled) == partition(found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clusters, "BLOCK_BYTES", 24)
        assert np.array_equal(cluster(vectors, threshold), found)
    # Each cluster is called by its first vector, so the same input has the same names.
    assert all(label == np.flatnonzero(found == label)[0] for label in found)


def test_a_chain_of_chance_matches_does_not_join_two_people():
    """Each is like the next, and the ends are strangers: the components of matching pairs would be one."""
    angles = np.radians([0, 5, 10, 15, 20, 25, 30, 35, 40])
    chain = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    threshold = float(np.cos(np.radians(11)))
    found = cluster(chain, threshold)
    assert len(set(found)) > 1
    for one in partition(found):
        inside = chain[sorted(one)] @ chain[sorted(one)].T
        pairs = inside[np.triu_indices(len(one), 1)]
        assert not len(pairs) or pairs.mean() >= np.cos(np.radians(22))


@pytest.mark.parametrize("copies", [2, 3, 7])
def test_copies_of_one_picture_are_together(copies):
    one = unit(np.random.default_rng(copies).normal(size=128)).astype(np.float32)
    found = cluster(np.tile(one, (copies, 1)), 0.9)
    assert found.tolist() == [0] * copies


def test_a_circle_of_equals_is_broken(monkeypatch):
    """Rounding may let three copies point at each other in a circle."""
    circle = np.array([[-np.inf, 0.96, 0.95], [0.95, -np.inf, 0.96], [0.96, 0.95, -np.inf]])
    real = clusters._Means.similarities

    def rounded(self, some):
        for rows, scores in real(self, some):
            yield rows, circle[rows] if len(rows) == 3 else scores

    monkeypatch.setattr(clusters._Means, "similarities", rounded)
    assert len(set(cluster(np.ones((3, 1)), 0.9))) == 1


def test_a_large_cluster_that_takes_one_after_the_other_costs_no_more(monkeypatch):
    """Faces of very different quality: many are most like the same growing cluster."""
    looked_at = []
    real = clusters._Means.similarities

    def counted(self, some):
        looked_at.append(len(some))
        return real(self, some)

    monkeypatch.setattr(clusters._Means, "similarities", counted)
    rng = np.random.default_rng(1)
    centre = unit(rng.normal(size=(1, 128)))
    vectors = unit(centre + rng.gamma(2, 0.03, size=(1000, 1)) * rng.normal(size=(1000, 128)))
    found = cluster(vectors, 0.5)
    assert len(set(found)) < 200
    assert sum(looked_at) < 8 * len(vectors)


def test_nothing_and_one():
    assert cluster(np.empty((0, 4)), 0.5).tolist() == [] and cluster([[1.0, 0.0]], 0.5).tolist() == [0]
    assert describe(np.empty((0, 4)), np.empty(0, dtype=np.int64)) == ()
    assert describe([[1.0, 0.0]], np.array([0])) == ()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 5))
def test_a_description_is_what_the_pairs_say(seed, people, photos):
    vectors, whom = made(seed, people, photos, 0.3)
    _, first = np.unique(whom, return_index=True)
    labels = first[whom]
    similarity = vectors @ vectors.T
    found = describe(vectors, labels)
    assert len(found) == (people if photos > 1 else 0)
    for number, one in enumerate(found):
        inside = similarity[np.ix_(one.members, one.members)]
        assert len({*labels[one.members].tolist()}) == 1 and one.members.tolist() == sorted(one.members)
        assert one.likeness == pytest.approx((inside.sum(axis=1) - 1) / (len(one.members) - 1))
        assert one.tightness == pytest.approx(inside[np.triu_indices(len(inside), 1)].mean())
        across = [
            -1.0 if other == number else similarity[np.ix_(one.members, them.members)].mean()
            for other, them in enumerate(found)
        ]
        if people == 1:
            assert one.nearest is None and one.nearest_similarity == -1
        else:
            assert one.nearest == int(np.argmax(across))
            assert one.nearest_similarity == pytest.approx(max(across))


def test_the_largest_group_is_first():
    ada, bob, cyd = np.eye(3)
    found = describe([bob, ada, bob, ada, ada, cyd], np.array([0, 1, 0, 1, 1, 5]))
    assert [one.members.tolist() for one in found] == [[1, 3, 4], [0, 2]]
