"""What acquisition hands on: a sample of a usable photo, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceunlock.errors import PhotoError
from faceunlock.faces import Quality


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
