"""A sample, or why there is none, as bytes: for another process, or for a file that outlives a killed one."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from faceunlock.errors import SLUGS
from faceunlock.files.reading import parse_json
from faceunlock.photos.face import Quality
from faceunlock.pipeline.samples import LeftOut, Sample

_QUALITY = ("size", "sharpness", "brightness", "cut_off")
_PERHAPS = ("turn", "eye_light")

_UNIT = 1e-3
"""How far the length of an embedding may be from 1."""

_END = b"\n"


def pack(outcome: Sample | LeftOut) -> bytes:
    """Return what was seen on a photo, without its name, its content's checksum and its crop.

    Numbers keep every bit: floats of JSON are the shortest that give the same number again.
    """
    if isinstance(outcome, LeftOut):
        words = {"reason": outcome.reason, "detail": outcome.detail, "hint": outcome.hint}
        return json.dumps(words).encode() + _END
    quality: dict[str, Any] = {name: float(getattr(outcome.quality, name)) for name in _QUALITY}
    for name in _PERHAPS:
        value = getattr(outcome.quality, name)
        quality[name] = None if value is None else float(value)
    vector = np.ascontiguousarray(outcome.embedding, dtype="<f4")
    return json.dumps({"quality": quality}).encode() + _END + vector.tobytes()


def unpack(packed: bytes, photo: str, digest: bytes, dimension: int) -> Sample | LeftOut:
    """Return what `pack` packed.

    Parameters
    ----------
    packed : bytes
    photo : str
        Name of the photo, for messages.
    digest : bytes
        SHA-256 of the file's content, 32 bytes.
    dimension : int
        Length of an embedding.

    Raises
    ------
    ValueError
        If `pack` does not make such bytes. An embedding must be a unit vector of the right length.

    Examples
    --------
    >>> unpack(pack(LeftOut("a.jpg", "no-face", "no face was found")), "b.jpg", bytes(32), 2)
    LeftOut(photo='b.jpg', reason='no-face', detail='no face was found')
    """
    head, end, data = packed.partition(_END)
    try:
        words = parse_json(head)
        if not end or not isinstance(words, dict):
            raise ValueError("not a record")
        if "reason" in words:
            return _left_out(words, photo)
        quality = _quality(words["quality"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a record of a photo") from error
    vector = np.frombuffer(data, dtype="<f4").astype(np.float32)
    if vector.shape != (dimension,) or not np.isfinite(vector).all():
        raise ValueError("not an embedding of this model")
    if abs(float(np.linalg.norm(vector.astype(np.float64))) - 1.0) > _UNIT:
        raise ValueError("not a unit vector")
    return Sample(photo, digest, quality, vector)


def _left_out(words: dict[str, Any], photo: str) -> LeftOut:
    reason, detail, hint = words["reason"], words["detail"], words["hint"]
    if reason not in SLUGS or not isinstance(detail, str) or not isinstance(hint, str | None):
        raise ValueError("not a reason")
    return LeftOut(photo, reason, detail, hint)


def _quality(values: dict[str, Any]) -> Quality:
    size, sharpness, brightness, cut_off = (float(values[name]) for name in _QUALITY)
    turn, eye_light = (None if values[name] is None else float(values[name]) for name in _PERHAPS)
    perhaps = [value for value in (turn, eye_light) if value is not None]
    if not np.isfinite([size, sharpness, brightness, cut_off, *perhaps]).all():
        raise ValueError("not a quality")
    return Quality(size, sharpness, brightness, turn, cut_off, eye_light)
