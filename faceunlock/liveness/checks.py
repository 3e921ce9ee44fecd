"""The table of checks, and the scores of one presentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from faceunlock.photos.face import Face, RGBImage


@dataclass(frozen=True, slots=True)
class Check:
    """A check for presentation attacks.

    Attributes
    ----------
    version : int
        Version of the check's function; a threshold belongs to one version.
    meaning : str
        Short description of the cue.
    of_clip : bool
        Whether the check needs the frames of a camera or video rather than one photo.
    """

    version: int
    meaning: str
    of_clip: bool = False


CHECKS: dict[str, Check] = {
    "moire": Check(1, "no pixel grid or moiré from a screen"),
    "highlights": Check(1, "no reflections from glass or glossy paper"),
    "sharpness": Check(1, "no detail lost by photographing a picture"),
    "parallax": Check(1, "the face moves relative to its surroundings", of_clip=True),
}
"""The checks by name, in the order of reports."""

CheckScores = dict[str, float]
"""Score of each check that applies; higher looks more live, and NaN means that the check could not be run."""


def scores(image: RGBImage, face: Face, clip: Sequence[RGBImage] = ()) -> CheckScores:
    """Return the scores of one presentation; without a clip, those of the photo checks only.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        The full photo.
    face : Face
        The face, in pixels of `image`.
    clip : sequence of ndarray of uint8, shape (h, w, 3)
        Frames that start with `image`, all shrunk by the same factor.
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
