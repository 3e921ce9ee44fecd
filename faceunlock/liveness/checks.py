"""The table of checks, and all scores of one presentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from faceunlock.photos.face import Face, RGBImage


@dataclass(frozen=True, slots=True)
class Check:
    """What a check looks at.

    Attributes
    ----------
    version : int
        Changes with the function: a threshold belongs to one version.
    meaning : str
        The cue, in a few words.
    of_clip : bool
        Whether it needs the frames of a camera or video rather than one photo.
    """

    version: int
    meaning: str
    of_clip: bool = False


CHECKS: dict[str, Check] = {
    "moire": Check(1, "no pixel grid or moiré of a screen"),
    "highlights": Check(1, "no reflections of glass or glossy paper"),
    "sharpness": Check(1, "no detail lost in a second picture"),
    "parallax": Check(1, "the face moves against its surroundings", of_clip=True),
}
"""The order is that of reports."""

CheckScores = dict[str, float]
"""Score of each check that applies, higher where it looks more live; NaN where it could not be made."""


def scores(image: RGBImage, face: Face, clip: Sequence[RGBImage] = ()) -> CheckScores:
    """Return the scores of one presentation; without a clip those of the photo checks alone.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        The photo in full.
    face : Face
        In pixels of `image`.
    clip : sequence of ndarray of uint8, shape (h, w, 3)
        Frames that begin with `image`, shrunk alike.
    """
    from faceunlock.liveness import photo_checks

    found = {
        "moire": photo_checks.moire(image, face),
        "highlights": photo_checks.highlights(image, face),
        "sharpness": photo_checks.sharpness(image, face),
    }
    if clip:
        from faceunlock.liveness.motion import parallax

        found["parallax"] = parallax(clip, face.scaled(clip[0].shape[1] / image.shape[1]))
    return found
