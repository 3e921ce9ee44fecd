"""Vectors on their way to pgvector and back: float32, as text with enough digits to be the same again."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def as_text(vector: ArrayLike) -> str:
    """Return a vector as pgvector reads it, rounded to float32.

    Examples
    --------
    >>> as_text([0.6, 0.8])
    '[0.6,0.8]'
    """
    numbers = np.asarray(vector, dtype=np.float32)
    return "[" + ",".join(map(str, numbers)) + "]"


def from_text(text: str) -> NDArray[np.float32]:
    """Return the vector that pgvector writes.

    Examples
    --------
    >>> bool(np.all(from_text("[0.6,0.8]") == np.float32([0.6, 0.8])))
    True
    """
    return np.array(text[1:-1].split(","), dtype=np.float32)
