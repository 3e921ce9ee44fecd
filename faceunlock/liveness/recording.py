"""A recording of the turns that the dialogue asks for: when to say what, and where the frames belong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal

from faceunlock.errors import CalibrationError
from faceunlock.liveness.asking import Word, random_turns
from faceunlock.liveness.presentations import ASKED, INTERVAL
from faceunlock.photos.face import RGBImage

Kind = Literal["live", "attack"]

AHEAD_SECONDS = 3.0
"""How long to look ahead before the first turn."""

SIDE_SECONDS, BACK_SECONDS = 2.5, 2.0
"""How long a turn and the way back may take; nobody judges them, so they are the same for everyone."""

FRAME_SECONDS = INTERVAL
"""Seconds between frames that are kept: those that `pad-test` would look at."""


@dataclass(frozen=True, slots=True)
class Cue:
    """Something to say at some time.

    Attributes
    ----------
    seconds : float
        Time from the first frame.
    word : Word
        What to say.
    """

    seconds: float
    word: Word


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """The frames of one recording, in memory until they are kept.

    Attributes
    ----------
    frames : tuple of bytes
        PNG files.
    seconds : float
        Time of the last frame.
    turns : tuple of {"left", "right"}
        The turns asked for.
    """

    frames: tuple[bytes, ...] = field(repr=False)
    seconds: float
    turns: tuple[str, ...]


def script(random: Random) -> tuple[tuple[str, ...], tuple[Cue, ...]]:
    """Return the turns of a recording, drawn as for the dialogue, and what to say when.

    The last cue is its end. A held picture gets the same time as a person.

    Examples
    --------
    >>> turns, cues = script(Random(1))
    >>> len(turns), [cue.word.value for cue in cues[:1]], cues[-1].seconds
    (3, ['look'], 16.5)
    """
    turns = random_turns(random)
    cues, now = [Cue(0.0, Word.LOOK)], AHEAD_SECONDS
    for turn in turns:
        cues.append(Cue(now, Word.LEFT if turn == "left" else Word.RIGHT))
        cues.append(Cue(now + SIDE_SECONDS, Word.BACK))
        now += SIDE_SECONDS + BACK_SECONDS
    return turns, (*cues, Cue(now, Word.DONE))


def due(cues: Sequence[Cue], said: int, seconds: float) -> Iterator[Cue]:
    """Yield the cues whose time has come, of which `said` were said before."""
    for cue in cues[said:]:
        if cue.seconds > seconds:
            return
        yield cue


def encoded(image: RGBImage) -> bytes:
    """Return a frame as a PNG file: compression that loses something would change how it looks."""
    from io import BytesIO

    from PIL import Image

    stream = BytesIO()
    Image.fromarray(image).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def place(folder: Path, kind: Kind, name: str, shows: str) -> Path:
    """Return a new folder for the frames of a recording, so that `pad-test` finds it.

    Parameters
    ----------
    folder : Path
        ``FOLDER/live`` and ``FOLDER/attack`` are what `pad-test` takes.
    kind : {"live", "attack"}
    name : str
        The person; of an attack, the species.
    shows : str
        The person that an attack shows.

    Raises
    ------
    CalibrationError
        ``bad-folder`` for a name that is no plain folder name.

    Examples
    --------
    >>> place(Path("nowhere"), "live", "Ada", "").as_posix()
    'nowhere/live/Ada/turn-1'
    """
    parts = [name] if kind == "live" else [name, shows]
    for part in parts:
        if part in ("", ".", "..") or part.startswith(".") or "/" in part or "\\" in part or "\0" in part:
            raise CalibrationError(
                "bad-folder", f"{part!r} cannot name a folder", hint="Use letters, digits and spaces."
            )
    parent = folder.joinpath(kind, *parts)
    number = 1
    while (parent / f"{ASKED}-{number}").exists():
        number += 1
    return parent / f"{ASKED}-{number}"
