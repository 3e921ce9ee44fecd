"""How far a head has turned in a film: a flat picture keeps its nose where it is; see `nose_offset`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from faceunlock.photos.face import Face
from faceunlock.photos.pose import nose_offset

CONFIDENCE = 0.99
"""Frames with a less certain face are not counted."""

FRONTAL = 0.10
"""A face with an offset of at most this, to either side, looks ahead."""

TURNED = 0.25
"""A turned head reaches this on both sides, seen from its own middle; no print of ``liveness.json`` does."""


def offset_of(face: Face) -> float | None:
    """Return `nose_offset` of a face; None also if the detector is not sure of it."""
    return nose_offset(face.landmarks) if face.confidence >= CONFIDENCE else None


@dataclass(frozen=True, slots=True)
class Excursions:
    """How far a face went to either side of its own middle.

    Attributes
    ----------
    middle : float
        The offset of the face when it looked ahead.
    left, right : float
        The largest excursion towards the picture's left and right, in eye distances, at least 0.
    """

    middle: float
    left: float
    right: float

    @property
    def one_side(self) -> float:
        """The larger of the two: E1. A print can be bent to about .2; a head turns further."""
        return max(self.left, self.right)

    @property
    def both_sides(self) -> float:
        """The smaller of the two: E2, which tells a turning head from a picture that is moved."""
        return min(self.left, self.right)


def smooth(offsets: Iterable[float]) -> list[float]:
    """Return the median of every three offsets in a row, so that one bad frame moves nothing.

    Examples
    --------
    >>> smooth([0.0, 0.9, 0.1, 0.2])
    [0.1, 0.2]
    """
    known = list(offsets)
    return [median(known[start : start + 3]) for start in range(len(known) - 2)]


def middle(offsets: Iterable[float]) -> float | None:
    """Return the median of the frontal offsets, `FRONTAL` or nearer to 0; None if there are none.

    Examples
    --------
    >>> middle([0.02, 0.4, 0.04, 0.03])
    0.03
    """
    frontal = [offset for offset in offsets if abs(offset) <= FRONTAL]
    return median(frontal) if frontal else None


def excursions(offsets: Sequence[float | None]) -> Excursions | None:
    """Return how far the face of a clip turned to either side.

    Parameters
    ----------
    offsets : sequence of float or None
        `offset_of` the face in every frame; frames with None are left out.

    Returns
    -------
    Excursions or None
        None if the face never looks ahead, or fewer than three frames count.

    Examples
    --------
    >>> turned = excursions([0.0, 0.0, 0.0, 0.3, 0.3, 0.3, 0.0, 0.0, -0.2, -0.2, -0.2])
    >>> turned.one_side, turned.both_sides
    (0.3, 0.2)
    """
    known = [offset for offset in offsets if offset is not None]
    ahead = middle(known)
    smoothed = smooth(known)
    if ahead is None or not smoothed:
        return None
    return Excursions(ahead, max(0.0, ahead - min(smoothed)), max(0.0, max(smoothed) - ahead))
