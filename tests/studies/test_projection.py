import sys
from types import SimpleNamespace

import numpy as np
import pytest
from support.fakes import slug_of
from support.made_photos import made

from faceunlock.studies import projection
from faceunlock.studies.projection import check_method, project


def test_principal_components_keep_the_most_variance():
    vectors = made([5, 5, 5]).embeddings
    found = project(vectors)
    centred = vectors - vectors.mean(axis=0)
    _, singular, directions = np.linalg.svd(centred.astype(float))
    assert found.share == pytest.approx(tuple(singular[:2] ** 2 / np.sum(singular**2)), abs=1e-6)
    assert np.allclose(np.abs(found.points), np.abs(centred @ directions[:2].T), atol=1e-5)
    assert 0 < sum(found.share) <= 1


def test_the_same_photos_give_the_same_map_and_a_mirror_image_is_not_left_to_chance():
    vectors = made([5, 5, 5]).embeddings
    order = np.random.default_rng(0).permutation(len(vectors))
    assert np.allclose(project(vectors).points[order], project(vectors[order]).points, atol=1e-5)


def test_equal_photos_have_no_variance():
    found = project(np.tile(np.array([[1.0, 0.0]], dtype=np.float32), (3, 1)))
    assert found.share == (0.0, 0.0) and np.all(found.points == 0)


def test_too_few_photos():
    with pytest.raises(ValueError, match="three"):
        project(made([2]).embeddings)


def test_a_map_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(projection.importlib.util, "find_spec", lambda name: None)
    check_method("pca")
    assert slug_of(check_method, "umap") == "package-missing"


def test_umap_gets_a_seed_and_no_more_neighbours_than_there_are(monkeypatch):
    given = {}

    class UMAP:
        def __init__(self, **options):
            given.update(options)

        def fit_transform(self, vectors):
            return vectors[:, :2]

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=UMAP, __spec__=object()))
    found = project(made([4]).embeddings, "umap", seed=7)
    assert found.method == "umap" and found.share == () and found.points.shape == (4, 2)
    assert (given["n_neighbors"], given["random_state"], given["init"]) == (3, 7, "random")
