"""The dialogue that a photo cannot follow: look ahead, then turn the head as asked, three times.

It knows landmarks, times and the order of the turns, and nothing of cameras and screens: whoever holds the
camera shows it each frame, and says its words. The order is drawn before; only from the first turn on does an
error give something away, so from then on everything that goes wrong ends the dialogue.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from faceunlock.errors import PhotoError
from faceunlock.liveness.asking import TURN_SECONDS, Side, Word
from faceunlock.liveness.following import LEAST_RATE, Following
from faceunlock.liveness.turning import FRONTAL, TURNED, offset_of
from faceunlock.photos.face import Face

FRONTAL_FRAMES = 5
"""Frames in a row that must look ahead before the first turn."""

LAST_FRAMES = 3
"""Frames that must look ahead after the last turn."""

WRONG_WAY = 0.15
"""A head that goes this far to the other side first has not done what it was asked."""

HALF_TURNED = (0.15, 0.30)
"""Offsets at which a turned face still resembles its person: 23 of 24 turned sides have such a frame."""

STEP, STEP_SECONDS = 0.35, 0.12
"""A head does not turn further than this within this time; something else took its place."""

QUICK = 0.20
"""A step that is still taken for a turn, but too quick to be followed well."""

PATIENCE = 3.0
"""Seconds after which too few frames, or darkness, are said."""

NUDGE_SECONDS = 1.5
"""Seconds after which a turn that has begun is encouraged."""

GRACE = 0.3
"""Seconds without a counted face before darkness is said."""

REPEAT = 2.0
"""Seconds before the same hint is repeated."""

BEGUN = 0.06
"""Offset from which a turn has begun."""

DENIED = 0.30
"""Live score below which the frontal frames are taken for a picture."""


Use = Literal["frontal", "left", "right", "last"]
"""What a frame is good for: the face is compared, for each side of the person at least once."""

Fault = Callable[[Face], PhotoError | None]
"""Returns why a frontal face is not good enough to be compared, or None."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one frame led to.

    Attributes
    ----------
    face : Face or None
        The face that is followed.
    words : tuple of Word
        What to say now.
    use : Use or None
        What the frame is good for.
    frontal : int
        How many of the latest frames with this use are frontal ones in a row of the same face.
    state : {"ahead", "ready", "turning", "done"}
        ``ready``: `FRONTAL_FRAMES` were seen, and `Dialogue.begin` asks for the first turn.
    """

    face: Face | None
    words: tuple[Word, ...] = ()
    use: Use | None = None
    frontal: int = 0
    state: Literal["ahead", "ready", "turning", "done"] = "ahead"


@dataclass(frozen=True, slots=True)
class Turned:
    """What a finished dialogue saw: the evidence that a head was there.

    Attributes
    ----------
    turns : tuple of {"left", "right"}
        The turns asked for and made.
    middle : float
        Offset of the nose when the person looked ahead, in eye distances.
    left, right : float
        Largest excursions to the person's left and right, in eye distances.
    seconds : float
        From the first turn asked for to the end.
    """

    turns: tuple[Side, ...]
    middle: float
    left: float
    right: float
    seconds: float


class Dialogue:
    """One dialogue: show it every frame, then call `begin` when it is ready.

    Parameters
    ----------
    turns : sequence of {"left", "right"}
        As `random_turns` returns them.
    pauses : sequence of float
        As `random_pauses` returns them; no pauses when omitted.
    mirrored : bool
        Whether the camera shows a mirror image. Otherwise the picture's right is the person's left.
    patience : float
        Seconds to wait until the person looks ahead.
    """

    def __init__(
        self,
        turns: Sequence[Side],
        pauses: Sequence[float] = (),
        *,
        mirrored: bool = False,
        patience: float = 20.0,
    ) -> None:
        self._pauses = tuple(pauses) or (0.0,) * (len(turns) - 1)
        self._turns, self._mirrored, self._patience = tuple(turns), mirrored, patience
        self._following = Following()
        self._frontal: list[float] = []
        self._raw: deque[float] = deque(maxlen=3)
        self._recent: deque[tuple[float, float]] = deque()
        self._reasons: Counter[str] = Counter()
        self._last: dict[str, PhotoError] = {}
        self._slow_since: float | None = None
        self._said: dict[Word, float] = {}
        self._counted = 0.0
        self._state: Literal["ahead", "ready", "turning", "done"] = "ahead"
        self._middle = 0.0
        self._number, self._back, self._asked, self._started = 0, False, 0.0, 0.0
        self._final, self._fresh = 0, False
        self._due: float | None = None
        self._furthest: dict[Side, float] = {"left": 0.0, "right": 0.0}
        self._now = 0.0
        self._ever: float | None = None

    @property
    def begun(self) -> bool:
        """Whether a turn was asked for: from then on the order is known, and every end counts."""
        return self._state in ("turning", "done")

    @property
    def made(self) -> int | None:
        """Number of turns made; None before the first was asked for."""
        return (self._number + (self._state == "done")) if self.begun else None

    def see(
        self, seconds: float, faces: Sequence[Face], *, dark: bool = False, fault: Fault = lambda _: None
    ) -> Step:
        """Look at one frame.

        Parameters
        ----------
        seconds : float
            When it was taken.
        faces : sequence of Face
            All faces in it.
        dark : bool
            Whether the picture is dark.
        fault : callable
            Asked about a face that looks ahead before the first turn.

        Raises
        ------
        PhotoError
            Before the first turn: ``too-few-frames``; if the time is up, why there was no good frontal
            frame. From then on: ``turn-too-slow``, ``turn-wrong-way``, ``turn-too-soon``, ``turn-too-fast``,
            ``face-lost``, ``face-jumped``, ``second-face``, ``frames-stopped`` or ``too-few-frames``.
        """
        first, self._now = self._ever is None, seconds
        self._ever = seconds if self._ever is None else self._ever
        followed = self._following.see(seconds, faces)
        if followed.broken is not None and self.begun:
            slug = "second-face" if followed.broken == "several-faces" else followed.broken
            raise PhotoError(slug)
        self._check_rate(seconds)
        words = [Word.LOOK] if first else []
        if followed.broken is not None:
            self._forget()
        offset = None if followed.face is None else offset_of(followed.face)
        if offset is not None:
            self._counted = seconds
        elif dark and seconds - self._counted >= GRACE:
            words += self._once(Word.DARK, seconds)
        if self._state == "turning":
            use, said = self._turning(seconds, offset)
        else:
            use, said = self._ahead(seconds, followed.face, offset, followed.broken, dark, fault)
        return Step(followed.face, (*words, *said), use, len(self._frontal), self._state)

    def begin(self, seconds: float) -> Word:
        """Return the word for the first turn, once the state is ``ready``; time counts from the next frame.

        Whoever holds the camera compares the frontal frames before, and nobody shall lose time by that.
        """
        self._state, self._fresh = "turning", True
        self._asked = self._started = seconds
        self._following.pause()
        self._recent.clear()
        return self._ask()

    def result(self) -> Turned:
        """Return what was seen, once the state is ``done``."""
        return Turned(
            self._turns,
            self._middle,
            self._furthest["left"],
            self._furthest["right"],
            self._now - self._started,
        )

    def ended(self) -> PhotoError:
        """Return the error for frames that end before the dialogue does."""
        if self.begun:
            return PhotoError("frames-stopped")
        return self._why_not()

    # before the first turn

    def _ahead(
        self,
        seconds: float,
        face: Face | None,
        offset: float | None,
        broken: str | None,
        dark: bool,
        fault: Fault,
    ) -> tuple[Use | None, list[Word]]:
        error = self._not_frontal(face, offset, broken, dark, fault)
        if error is None and offset is not None:
            self._frontal.append(offset)
            if len(self._frontal) == FRONTAL_FRAMES:
                self._middle = median(self._frontal)
                self._state = "ready"
            return "frontal", []
        if error is not None:
            if face is not None:
                self._forget()
            self._reasons[error.slug] += 1
            self._last[error.slug] = error
        if seconds - (self._ever or 0.0) >= self._patience:
            raise self._why_not()
        return None, []

    def _not_frontal(
        self, face: Face | None, offset: float | None, broken: str | None, dark: bool, fault: Fault
    ) -> PhotoError | None:
        """Return why a frame does not show a good face that looks ahead, or None."""
        if broken == "several-faces":
            return PhotoError("several-faces")
        if face is None or offset is None:
            return PhotoError("camera-dark" if dark else "no-face")
        return PhotoError("not-frontal") if abs(offset) > FRONTAL else fault(face)

    def _forget(self) -> None:
        self._frontal.clear()
        self._raw.clear()
        if self._state == "ready":
            self._state = "ahead"

    def _why_not(self) -> PhotoError:
        if not self._reasons:
            return PhotoError("no-face", "no picture came in time")
        return self._last[self._reasons.most_common(1)[0][0]]

    # turns

    def _turning(self, seconds: float, offset: float | None) -> tuple[Use | None, list[Word]]:
        if self._fresh:
            self._asked = self._started = seconds
            self._fresh = False
        if seconds - self._asked > TURN_SECONDS:
            raise PhotoError("turn-too-slow")
        if offset is None:
            return None, []
        self._raw.append(offset)
        if len(self._raw) < self._raw.maxlen:  # type: ignore[operator]
            return None, []
        turned = median(self._raw) - self._middle
        words = self._check_step(seconds, turned)
        side: Side = "left" if (turned > 0) != self._mirrored else "right"
        self._furthest[side] = max(self._furthest[side], abs(turned))
        asked = self._turns[self._number]
        towards = abs(turned) if side == asked else -abs(turned)
        raw = offset - self._middle
        same_side = (raw > 0) == (turned > 0)
        low, high = HALF_TURNED
        use: Use | None = side if same_side and low <= abs(raw) <= high else None
        if self._back:
            if self._due is not None and abs(turned) >= WRONG_WAY:
                raise PhotoError("turn-too-soon")
            if abs(turned) <= FRONTAL:
                return self._came_back(seconds, abs(raw), words, use)
            return use, words
        if towards <= -WRONG_WAY:
            raise PhotoError("turn-wrong-way")
        if towards >= TURNED:
            self._back, self._asked = True, seconds
            return use, [*words, Word.BACK]
        if towards >= BEGUN and seconds - self._asked >= NUDGE_SECONDS:
            further = Word.FURTHER_LEFT if asked == "left" else Word.FURTHER_RIGHT
            words += self._once(further, seconds)
        return use, words

    def _came_back(
        self, seconds: float, off: float, words: list[Word], use: Use | None
    ) -> tuple[Use | None, list[Word]]:
        """Ask for the next turn, or end with a frame that looks ahead."""
        if self._number + 1 < len(self._turns):
            if self._due is None:
                pause = self._pauses[self._number]
                # The pause is ours: it takes no time from somebody who came back late.
                self._due, self._asked = seconds + pause, self._asked + pause
            if seconds < self._due:
                return use, words
            self._due = None
            self._number, self._back, self._asked = self._number + 1, False, seconds
            return use, [*words, self._ask()]
        if off > FRONTAL:  # the median looks ahead already, this frame not yet
            return use, words
        self._final += 1
        if self._final < LAST_FRAMES:
            return "last", words
        self._state = "done"
        return "last", [*words, Word.DONE]

    def _ask(self) -> Word:
        return Word.LEFT if self._turns[self._number] == "left" else Word.RIGHT

    def _check_step(self, seconds: float, turned: float) -> list[Word]:
        """Refuse a step that no head makes, and ask for slower turns before that."""
        while self._recent and seconds - self._recent[0][0] > STEP_SECONDS:
            self._recent.popleft()
        largest = max((abs(turned - before) for _, before in self._recent), default=0.0)
        self._recent.append((seconds, turned))
        if largest > STEP:
            raise PhotoError("turn-too-fast")
        return self._once(Word.SLOWER, seconds) if largest > QUICK else []

    # both

    def _check_rate(self, seconds: float) -> None:
        rate = self._following.rate
        if rate is None or rate >= LEAST_RATE:
            self._slow_since = None
            return
        self._slow_since = seconds if self._slow_since is None else self._slow_since
        # Before the first turn networks may still be loading.
        if self.begun or seconds - self._slow_since >= PATIENCE:
            raise PhotoError(
                "too-few-frames", f"{rate:.1f} frames a second, at least {LEAST_RATE:.0f} needed"
            )

    def _once(self, word: Word, seconds: float) -> list[Word]:
        """Return the word unless it was said within the last two seconds."""
        if seconds - self._said.get(word, -REPEAT) < REPEAT:
            return []
        self._said[word] = seconds
        return [word]
