"""Read PyTorch files of plain tensors, whoever made them, without running any code that they may contain."""

from __future__ import annotations

import io
import pickle
import struct
import warnings
import zlib
from typing import Any

import torch

UNREADABLE = (
    pickle.UnpicklingError,
    struct.error,
    zlib.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""Exceptions that `torch.load` raises for a damaged, foreign or hostile file."""


def load_plain(data: bytes) -> Any:
    """Return the content of a file that ``torch.save`` wrote: tensors and plain values, on the processor.

    Raises
    ------
    ValueError
        If the file is damaged, is of another kind, or holds anything else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise ValueError("not a PyTorch file of plain values") from error
