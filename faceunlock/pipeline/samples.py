"""The results of acquisition: samples, crops and faces of usable photos, or why a photo has none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceunlock.errors import PhotoError
from faceunlock.photos.face import Face, Quality

Track = Callable[[Iterable[Any], int, str], Iterable[Any]]
"""Shows progress: ``track(items, total, label)`` yields the items."""


def untracked(items: Iterable[Any], total: int, label: str) -> Iterable[Any]:
    """Return the items and show nothing; a `Track`."""
    return items


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
class PhotoCrops:
    """One or more faces of a photo as the network sees them.

    Attributes
    ----------
    photo : str
        Name of the photo, for messages.
    digest : bytes
        SHA-256 of the file's content, 32 bytes.
    crops : tuple of ndarray of uint8, shape (side, side, 3)
        From left to right, sRGB; at least one.
    boxes : tuple of tuple of float
        Left, top, right and bottom of each face, in pixels of `picture`; empty without it.
    picture : ndarray of uint8, shape (height, width, 3), or None
        The photo, reduced, upright and sRGB; None unless it was asked for.
    """

    photo: str
    digest: bytes = field(repr=False)
    crops: tuple[NDArray[np.uint8], ...] = field(repr=False)
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    picture: NDArray[np.uint8] | None = field(default=None, repr=False)


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
        The face as the network sees it, sRGB; None unless it was asked for.
    """

    photo: str
    digest: bytes = field(repr=False)
    quality: Quality
    embedding: NDArray[np.float32] = field(repr=False)
    crop: NDArray[np.uint8] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class FoundFace:
    """One face of a photo.

    Attributes
    ----------
    face : Face
        In pixels of the upright photo.
    embedding : ndarray of float32, shape (dimension,), or None
        Unit vector; None for a face that cannot be compared.
    reason : str or None
        Slug of the reason why it cannot be compared.
    crop : ndarray of uint8, shape (side, side, 3), or None
        The face as the network sees it, sRGB; None unless it was asked for.
    quality : Quality or None
        Size, sharpness and light of the face; None for a face that cannot be compared.
    """

    face: Face
    embedding: NDArray[np.float32] | None = field(default=None, repr=False)
    reason: str | None = None
    crop: NDArray[np.uint8] | None = field(default=None, repr=False)
    quality: Quality | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFaces:
    """All faces of one photo.

    Attributes
    ----------
    photo : str
        Name of the photo, for messages.
    path : Path or None
        Where it is; None for a picture without a file.
    faces : tuple of FoundFace
        From left to right; empty if there are none.
    digest : bytes
        SHA-256 of the file's content, 32 bytes.
    """

    photo: str
    path: Path | None
    faces: tuple[FoundFace, ...]
    digest: bytes = field(repr=False)


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
    hint : str or None
        What to do, where the reason's own hint does not fit.
    """

    photo: str
    reason: str
    detail: str
    hint: str | None = field(default=None, compare=False, repr=False)

    @classmethod
    def because(cls, photo: str, error: PhotoError) -> LeftOut:
        """Return the record of a photo that raised `error`, with its name removed from the message.

        Examples
        --------
        >>> LeftOut.because("a.jpg", PhotoError("unreadable-photo", "a.jpg: is empty"))
        LeftOut(photo='a.jpg', reason='unreadable-photo', detail='is empty')
        """
        return cls(photo, error.slug, error.message.removeprefix(f"{photo}: "), error.hint)


class NoneUsableError(PhotoError):
    """None of several photos could be used.

    Parameters
    ----------
    left_out : sequence of LeftOut
        All of the photos, at least one. The first gives the error its slug.

    Examples
    --------
    >>> str(NoneUsableError([LeftOut("a.jpg", "no-face", "no face was found")]))
    'a.jpg: no face was found'
    """

    def __init__(self, left_out: Sequence[LeftOut]) -> None:
        first = left_out[0]
        count = (
            f"none of {len(left_out):,} photos can be used; the first problem: " if len(left_out) > 1 else ""
        )
        super().__init__(first.reason, f"{count}{first.photo}: {first.detail}", hint=first.hint)
        self.left_out: tuple[LeftOut, ...] = tuple(left_out)


@dataclass(frozen=True, slots=True)
class NamedFace:
    """A face and who it is, among enrolled people or the people of a classifier.

    Attributes
    ----------
    name : str or None
        Who it is; None for a stranger, or if the face was not compared.
    closest : str or None
        The most similar person (for a classifier, the most probable); None if the face was not compared.
    similarity : float or None
        Similarity to `name`, or to `closest` if there is no name; in [-1, 1].
    face : Face or None
        In pixels of the upright photo; None for the subject of a photo, whose position is not looked up.
    probability : float or None
        Probability of `closest` among all people of a classifier, in [0, 1].
    threshold : float or None
        Lowest similarity at which a classifier gives the name.
    reason : str or None
        Slug of the reason why the face was not compared.
    """

    name: str | None = None
    closest: str | None = None
    similarity: float | None = None
    face: Face | None = None
    probability: float | None = None
    threshold: float | None = None
    reason: str | None = None

    @property
    def place(self) -> tuple[int, int, int, int] | None:
        """Left, top, width and height, in whole pixels of the upright photo; None without a face."""
        if self.face is None:
            return None
        left, top, right, bottom = self.face.box
        return round(left), round(top), round(right - left), round(bottom - top)
