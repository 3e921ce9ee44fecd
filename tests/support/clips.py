"""Videos for tests, made from pictures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np


def write_clip(path: Path, frames: Iterable[np.ndarray], rate: float = 10.0) -> Path:
    """Write RGB frames of one size as Motion JPEG; compression loses little."""
    import cv2

    writer = None
    for frame in frames:
        if writer is None:
            height, width = frame.shape[:2]
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, (width, height))
            writer.set(cv2.VIDEOWRITER_PROP_QUALITY, 98)
            assert writer.isOpened()
        writer.write(np.ascontiguousarray(frame[:, :, ::-1]))
    assert writer is not None
    writer.release()
    return path


def panned(image: np.ndarray, width: int, height: int, count: int, step: int = 4) -> list[np.ndarray]:
    """Return views of a picture that move to the right by `step` pixels a frame."""
    return [image[:height, step * n : step * n + width] for n in range(count)]
