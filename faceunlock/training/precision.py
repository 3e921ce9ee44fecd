"""In which numbers to convolve while training."""

from __future__ import annotations

from pathlib import Path

from faceunlock.training.recipe import Precision

CPUINFO = Path("/proc/cpuinfo")
BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""What a processor must have for bfloat16 to pay: a step of 32 crops then took half the time."""


def best_precision(device: str, cpuinfo: Path = CPUINFO) -> Precision:
    """Return bfloat16 where the device has instructions for it, otherwise float32.

    Parameters
    ----------
    device : {"cpu", "cuda"}
    cpuinfo : Path
        Where Linux tells what the processor can do.
    """
    if device == "cuda":
        import torch

        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    try:
        flags = set(cpuinfo.read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return "float32"
    return "bfloat16" if flags & BFLOAT16_FLAGS else "float32"
