"""What acquisition hands on: samples, crops and faces of usable photos, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceunlock.errors import PhotoError
from faceunlock.photos.face import Face, Quality


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """One photo's subject as the network sees it.

    Attributes
    ----------
    photo : str
        Name of the photo, for messages.
    digest : bytes
        SHA-256 of the file's content, 32 bytes.
    quality : Quality
        Size, sharpness and light of the subject's face.
    pixels : ndarray of uint8, shape (side, side, 3)
        sRGB.
    """

    photo: str
    digest: bytes = field(repr=False)
    quality: Quality
    pixels: NDArray[np.uint8] = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One photo's subject as the matcher sees it.

    Attributes
    ----------
    photo : str
        Name of the photo, for messages.
    digest : bytes
        SHA-256 of the file's content, 32 bytes.
    quality : Quality
        Size, sharpness and light of the subject's face.
    embedding : ndarray of float32, shape (dimension,)
        Unit vector.
    crop : ndarray of uint8, shape (side, side, 3), or None
        The face as the network sees it, sRGB, where it was asked for.
    """

    photo: str
    digest: bytes = field(repr=False)
    quality: Quality
    embedding: NDArray[np.float32] = field(repr=False)
    crop: NDArray[np.uint8] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class FoundFace:
    """One of the faces of a photo.

    Attributes
    ----------
    face : Face
        In pixels of the upright photo.
    embedding : ndarray of float32, shape (dimension,), or None
        Unit vector; None for a face that cannot be compared.
    reason : str or None
        Slug of the reason why not.
    """

    face: Face
    embedding: NDArray[np.float32] | None = field(default=None, repr=False)
    reason: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFaces:
    """All faces of one photo.

    Attributes
    ----------
    photo : str
        Name of the photo, for messages.
    path : Path
        Where it is.
    faces : tuple of FoundFace
        From left to right; empty if there is none.
    """

    photo: str
    path: Path
    faces: tuple[FoundFace, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A photo that was not used, and why.

    Attributes
    ----------
    photo : str
        Name of the photo.
    reason : str
        Slug of `faceunlock.errors.SLUGS`.
    detail : str
        A sentence with the numbers behind the reason.
    """

    photo: str
    reason: str
    detail: str

    @classmethod
    def because(cls, photo: str, error: PhotoError) -> LeftOut:
        """Return the record of a photo that raised `error`, without its name in front of the sentence.

        Examples
        --------
        >>> LeftOut.because("a.jpg", PhotoError("unreadable-photo", "a.jpg: is empty"))
        LeftOut(photo='a.jpg', reason='unreadable-photo', detail='is empty')
        """
        return cls(photo, error.slug, error.message.removeprefix(f"{photo}: "))


class NoneUsableError(PhotoError):
    """Not one of several photos could be used.

    Parameters
    ----------
    left_out : sequence of LeftOut
        All of them, at least one; the first gives the error its slug.

    Examples
    --------
    >>> str(NoneUsableError([LeftOut("a.jpg", "no-face", "no face was found")]))
    'a.jpg: no face was found'
    """

    def __init__(self, left_out: Sequence[LeftOut]) -> None:
        first = left_out[0]
        count = f"none of {len(left_out):,} photos can be used, the first: " if len(left_out) > 1 else ""
        super().__init__(first.reason, f"{count}{first.photo}: {first.detail}")
        self.left_out = tuple(left_out)
