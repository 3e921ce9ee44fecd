"""What to tell somebody who sits before a camera to be enrolled: pure functions of a face and its picture.

A template of photos that are all alike knows one look, so the person is asked to turn a little to both sides,
and to move. Nothing here decides who is enrolled: what is asked for and not done is let pass after a while.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle, islice

from faceunlock.liveness.turning import FRONTAL, offset_of
from faceunlock.photos.camera import Light
from faceunlock.photos.face import DOMINANCE, Face, Quality
from faceunlock.photos.measures import Limits
from faceunlock.photos.pose import outside

OUTSIDE_SHARE = 0.1
"""Share of a face's box that may lie outside the picture."""

NEAREST = 0.9
"""Largest size of a face, as a share of the shorter side of the picture: a crop needs room around it."""

SLIGHT = (0.12, 0.35)
"""Offsets of the nose for a slight turn: with `TANGENT`, 13 to 35 degrees."""

PATIENCE = 4.0
"""Seconds after which a frame is taken though the person does not do what was asked."""

REACTION = 1.0
"""Seconds to do what cannot be measured, before a frame is taken."""

GRACE = 0.4
"""Seconds for which something must be wrong before it is said, so that words do not flicker."""

REPEAT = 3.0
"""Seconds before the same word is said again."""


class Word(StrEnum):
    """Something to tell the person: first what is wrong with a frame, then what to do for the next one."""

    BLACK = "black"
    DARK = "dark"
    NOBODY = "nobody"
    SEVERAL = "several"
    OUTSIDE = "outside"
    CLOSER = "closer"
    BACK = "back"
    LIGHT = "light"
    STILL = "still"

    AHEAD = "ahead"
    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"
    SMILE = "smile"


POSES = (Word.AHEAD, Word.LEFT, Word.RIGHT, Word.UP, Word.DOWN, Word.SMILE)
"""What is asked for, one after the other, and then again."""

MEASURED = (Word.AHEAD, Word.LEFT, Word.RIGHT)
"""The poses that five landmarks show."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one frame shows.

    Attributes
    ----------
    seconds : float
        When it was taken; later than the frame before.
    shape : tuple of int
        Height and width of the picture (further entries are ignored).
    light : {"black", "dark", "lit"}
        As `faceunlock.photos.camera.light` returns it.
    faces : sequence of Face
        Everything the detector found, the largest first.
    quality : Quality or None
        Of the largest face; None without a face.
    """

    seconds: float
    shape: tuple[int, ...]
    light: Light
    faces: Sequence[Face]
    quality: Quality | None


def fault(seen: Seen, limits: Limits) -> Word | None:
    """Return what is wrong with a frame, the first thing to change; None if a face can be learned from it.

    Parameters
    ----------
    seen : Seen
    limits : Limits
        The same that an enrolment has.

    Examples
    --------
    >>> far = Face((300, 200, 330, 230), (), 0.99)
    >>> frame = Seen(0.0, (480, 640, 3), "lit", [far], Quality(30.0, 20.0, 120.0))
    >>> print(fault(frame, Limits(min_size=40, min_sharpness=7, min_brightness=30)))
    closer
    """
    if seen.light == "black":
        return Word.BLACK
    if not seen.faces or seen.quality is None:
        return Word.DARK if seen.light == "dark" else Word.NOBODY
    face, quality = seen.faces[0], seen.quality
    checks = (
        (len(seen.faces) > 1 and face.area < DOMINANCE * seen.faces[1].area, Word.SEVERAL),
        (outside(face.box, seen.shape) > OUTSIDE_SHARE, Word.OUTSIDE),
        (face.size < limits.min_size, Word.CLOSER),
        (face.size > NEAREST * min(seen.shape[:2]), Word.BACK),
        (quality.brightness < limits.min_brightness, Word.LIGHT),
        (quality.sharpness < limits.min_sharpness, Word.STILL),
    )
    return next((word for wrong, word in checks if wrong), None)


def follows(pose: Word, offset: float | None, left: int | None) -> bool:
    """Return whether a face does what was asked; what cannot be measured counts as done.

    Parameters
    ----------
    pose : Word
        One of `POSES`.
    offset : float or None
        `faceunlock.liveness.turning.offset_of` the face; None counts as not done for a turn.
    left : {1, -1} or None
        Sign of the offset of somebody who turns to their left: -1 if the camera shows a mirror image. None if
        that is not known; then either side will do.

    Examples
    --------
    >>> follows(Word.LEFT, 0.2, 1), follows(Word.LEFT, -0.2, 1), follows(Word.LEFT, -0.2, None)
    (True, False, True)
    """
    if pose not in MEASURED:
        return True
    if offset is None:
        return False
    if pose is Word.AHEAD:
        return abs(offset) <= FRONTAL
    towards = abs(offset) if left is None else offset * left * (1 if pose is Word.LEFT else -1)
    return SLIGHT[0] <= towards <= SLIGHT[1]


@dataclass(frozen=True, slots=True)
class Guidance:
    """A word for the person, and how far the sitting is.

    Attributes
    ----------
    word : Word
    number, count : int
        Which photo is next, from 1, and of how many.
    """

    word: Word
    number: int
    count: int


class Coach:
    """Leads somebody through a sitting: says what to do, and which frames to take.

    Parameters
    ----------
    limits : Limits
    count : int
        Number of photos wanted.
    tell : callable
        Gets each `Guidance` when it is due.
    poses : bool
        Ask for poses; a film hears nothing, so of it every good frame will do.
    mirrored : bool or None
        Whether the camera shows a mirror image; None if that is not known.
    """

    def __init__(
        self,
        limits: Limits,
        count: int,
        tell: Callable[[Guidance], None],
        *,
        poses: bool = True,
        mirrored: bool | None = None,
    ) -> None:
        self._limits, self._count, self._tell = limits, count, tell
        self._poses = list(islice(cycle(POSES), count)) if poses else []
        self._left = None if mirrored is None else -1 if mirrored else 1
        self._taken = 0
        self._offset: float | None = None
        self._now = self._asked = 0.0
        self._wrong: tuple[Word, float] | None = None
        self._said: tuple[Word, float] | None = None

    def wants(self, seen: Seen) -> bool:
        """Return whether a frame should be looked at closely, and say what is due.

        A frame that an enrolment would refuse is wanted, too, so that the reason is known if all are bad.
        """
        self._now = seen.seconds
        word = fault(seen, self._limits)
        if word is not None:
            return self._bad(word)
        if self._wrong is not None and self._now - self._wrong[1] >= GRACE:
            self._asked = self._now  # nobody turns while there is something else to mend
        self._wrong = None
        self._offset = offset_of(seen.faces[0])
        if self._taken >= len(self._poses):
            return True
        pose, waited = self._poses[self._taken], self._now - self._asked
        self._say(pose)
        if waited >= PATIENCE:
            return True
        return (pose in MEASURED or waited >= REACTION) and follows(pose, self._offset, self._left)

    def _bad(self, word: Word) -> bool:
        """Say what is wrong if it stays wrong; return whether a frame is wanted all the same."""
        if self._wrong is None or self._wrong[0] is not word:
            self._wrong = word, self._now
        if self._now - self._wrong[1] >= GRACE:
            self._say(word)
        return word not in (Word.OUTSIDE, Word.BACK) or self._now - self._wrong[1] >= PATIENCE

    def took(self) -> None:
        """Note that the last frame was taken, and ask for the next pose."""
        looked_left = self._taken < len(self._poses) and self._poses[self._taken] is Word.LEFT
        offset = self._offset if looked_left and self._left is None else None
        if offset is not None and follows(Word.LEFT, offset, None):
            self._left = 1 if offset > 0 else -1
        self._taken += 1
        self._asked = self._now
        if self._taken < len(self._poses):
            self._say(self._poses[self._taken])

    def _say(self, word: Word) -> None:
        if self._taken >= self._count:
            return
        if self._said is None or self._said[0] is not word or self._now - self._said[1] >= REPEAT:
            self._said = word, self._now
            self._tell(Guidance(word, self._taken + 1, self._count))
