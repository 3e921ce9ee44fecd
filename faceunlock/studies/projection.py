"""Maps of embeddings in the plane: principal components, or UMAP if it is installed."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faceunlock.errors import ReportError

Method = Literal["pca", "umap"]


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """The position of each photo in the plane.

    Attributes
    ----------
    method : {"pca", "umap"}
    points : ndarray of float64, shape (n, 2)
        Coordinates, without a unit.
    share : tuple of float
        Share of the embeddings' variance along each axis, in [0, 1]; empty for UMAP, whose axes have no
        meaning.
    """

    method: Method
    points: NDArray[np.float64] = field(repr=False)
    share: tuple[float, ...]


def check_method(method: Method) -> None:
    """Check that a method is installed, without importing it.

    Raises
    ------
    ReportError
        ``package-missing`` if it is not.
    """
    if method == "umap" and importlib.util.find_spec("umap") is None:
        raise ReportError(
            "package-missing",
            "--map umap needs the package umap-learn, which is not installed",
            hint="In your clone of faceunlock, run: pip install '.[umap]' — or leave out --map.",
        )


def project(embeddings: NDArray[np.float32], method: Method = "pca", *, seed: int = 0) -> Projection:
    """Return a map of embeddings in the plane, with similar ones close together.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n, dimension)
        Unit vectors, at least three.
    method : {"pca", "umap"}
        Principal components keep as much variance as a plane can; UMAP keeps neighbours together
        (L. McInnes and others, 2018), with cosine distance.
    seed : int
        Seed of UMAP.

    Raises
    ------
    ReportError
        ``package-missing`` if umap-learn is not installed.
    ValueError
        If there are fewer than three embeddings.

    Examples
    --------
    >>> found = project(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], dtype=np.float32))
    >>> found.points.shape, round(sum(found.share), 3)
    ((3, 2), 1.0)
    """
    if len(embeddings) < 3:
        raise ValueError(f"a map needs at least three embeddings, not {len(embeddings)}")
    check_method(method)
    if method == "umap":
        return Projection("umap", _umap(embeddings, seed), ())
    return _principal(embeddings)


def _principal(embeddings: NDArray[np.float32]) -> Projection:
    centred = embeddings.astype(np.float64) - embeddings.mean(axis=0, dtype=np.float64)
    variance, direction = np.linalg.eigh(centred.T @ centred)  # ascending
    first = direction[:, :-3:-1]
    # A direction and its opposite are equally good. Make the largest component positive, so that
    # the same photos always give the same map.
    first = first * np.where(first[np.abs(first).argmax(axis=0), np.arange(2)] < 0, -1.0, 1.0)
    total = max(float(variance.clip(min=0).sum()), np.finfo(np.float64).tiny)
    share = tuple(float(max(part, 0.0) / total) for part in variance[:-3:-1])
    return Projection("pca", centred @ first, share)


def _umap(embeddings: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    import umap

    neighbours = min(15, len(embeddings) - 1)
    # Few points have no spectral layout to start from.
    start = "spectral" if len(embeddings) > 10 else "random"
    fitted = umap.UMAP(n_neighbors=neighbours, metric="cosine", random_state=seed, n_jobs=1, init=start)
    return np.asarray(fitted.fit_transform(embeddings), dtype=np.float64)
