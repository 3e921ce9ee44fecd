"""Following one face from frame to frame: what counts as the same face, and what ends it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import dist
from typing import Literal

from faceunlock.photos.face import DOMINANCE, Face

REACH = 0.5
"""The middle of a face moves less than this between two frames, in sizes of the face."""

GROWTH = 1.5
"""A face grows or shrinks by less than this factor between two frames."""

GAP_SECONDS = 0.5
"""A face that is not seen for this long has been lost; so has a camera without a frame."""

LEAST_RATE = 6.0
"""Frames a second below which a quick turn may be missed: at 3 a second a third of them is."""

RATE_FRAMES = 7
"""Frames over which the rate is measured."""

Break = Literal["frames-stopped", "several-faces", "face-jumped", "face-lost"]
"""Why a face is no longer followed."""


def same_place(before: Face, after: Face) -> bool:
    """Return whether a face can have become another within one frame.

    Examples
    --------
    >>> here = Face((0, 0, 100, 100), (), 0.99)
    >>> same_place(here, Face((30, 0, 130, 100), (), 0.99)), same_place(here, Face((0, 0, 60, 60), (), 0.99))
    (True, False)
    """
    near = dist(before.centre, after.centre) < REACH * before.size
    return near and 1 / GROWTH < after.size / before.size < GROWTH if before.size > 0 else False


@dataclass(frozen=True, slots=True)
class Followed:
    """The face of one frame.

    Attributes
    ----------
    face : Face or None
        The face that is followed; None if this frame does not show it.
    broken : Break or None
        Why it is not the face of the frames before; None as long as it is.
    """

    face: Face | None
    broken: Break | None = None


class Following:
    """Follows one face; after a break, starts over with the largest face.

    A second face at least 1 / `DOMINANCE` as large as the first ends it: either could be the one that turns.
    """

    def __init__(self) -> None:
        self._last: Face | None = None
        self._seen = 0.0
        self._paused = False
        self._times: deque[float] = deque(maxlen=RATE_FRAMES)

    @property
    def rate(self) -> float | None:
        """Frames a second over the last `RATE_FRAMES` frames, to a tenth; None if there were fewer."""
        if len(self._times) < RATE_FRAMES:
            return None
        # Times of frames are not exact, and nobody shall read that 6.0 is less than 6.
        return round((RATE_FRAMES - 1) / max(self._times[-1] - self._times[0], 1e-9), 1)

    def see(self, seconds: float, faces: Sequence[Face]) -> Followed:
        """Return the face of a frame.

        Parameters
        ----------
        seconds : float
            When the frame was taken; later than the frame before.
        faces : sequence of Face
            Everything the detector found in it.
        """
        late = bool(self._times) and seconds - self._times[-1] >= GAP_SECONDS
        self._times.append(seconds)
        self._seen, self._paused = (seconds, False) if self._paused else (self._seen, False)
        by_area = sorted(faces, key=lambda face: face.area, reverse=True)
        last = self._last
        if last is None:
            return self._begin(seconds, by_area)
        same = [face for face in by_area if same_place(last, face)]
        face = min(same, key=lambda one: dist(one.centre, last.centre), default=None)
        large = [one for one in by_area if one is not face and one.area * DOMINANCE > last.area]
        broken: Break | None = None
        if late:
            broken = "frames-stopped"
        elif large:
            broken = "several-faces" if face else "face-jumped"
        elif seconds - self._seen >= GAP_SECONDS:
            broken = "face-lost"
        if broken is not None:
            self._last = None
            return Followed(self._begin(seconds, by_area).face, broken)
        if face is not None:
            self._last, self._seen = face, seconds
        return Followed(face)

    def pause(self) -> None:
        """Count time from the next frame on: the program itself is busy until then."""
        self._times.clear()
        self._paused = True

    def _begin(self, seconds: float, by_area: Sequence[Face]) -> Followed:
        if len(by_area) > 1 and by_area[0].area < DOMINANCE * by_area[1].area:
            return Followed(None, "several-faces")
        self._last = by_area[0] if by_area else None
        self._seen = seconds
        return Followed(self._last)
