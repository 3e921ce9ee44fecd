"""Of a person's own photos, where they still lie on this machine, the one that a face resembles most.

No photo is kept of anybody. A template holds keyed hashes of its photos, so it recognises them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from faceunlock.errors import PhotoError
from faceunlock.matching.similarity import cosine
from faceunlock.matching.templates import photo_hash
from faceunlock.photos.photo import load_photo
from faceunlock.pipeline.samples import Sample, Track, untracked
from faceunlock.tasks.workspace import Workspace

if TYPE_CHECKING:
    from faceunlock.tasks.explain import Explanation


@dataclass(frozen=True, slots=True, eq=False)
class ClosestPhoto:
    """The photo of a person's template that a face resembles most.

    Attributes
    ----------
    photo : Path
    similarity : float
        Cosine, in [-1, 1].
    crop : ndarray of uint8, shape (side, side, 3)
        Its face as the network sees it, sRGB.
    """

    photo: Path
    similarity: float
    crop: NDArray[np.uint8] = field(repr=False)


def photos_of(
    workspace: Workspace,
    name: str,
    photos: Sequence[Path],
    digests: dict[Path, bytes],
    *,
    but: bytes = b"",
    track: Track = untracked,
) -> list[Path]:
    """Return those of some photos that a person was enrolled from, by their content.

    Parameters
    ----------
    workspace : Workspace
    name : str
        An enrolled person.
    photos : sequence of Path
        What cannot be read is passed over.
    digests : dict of Path to bytes
        SHA-256 of the photos that were read already; the others are read and noted here.
    but : bytes
        SHA-256 of a photo that does not count.
    track : callable
        Shows progress.

    Raises
    ------
    GalleryError
        ``not-enrolled``; also if the gallery cannot be trusted.
    """
    person = workspace.gallery.get(name)
    found = []
    for photo in track(photos, len(photos), "photos"):
        if photo not in digests:
            try:
                digests[photo] = load_photo(photo, max_pixels=workspace.settings.max_pixels).digest
            except PhotoError:
                continue
        digest = digests[photo]
        if digest != but and any(
            photo_hash(template.photo_key, digest) in template.photo_hashes
            for _, template in person.templates
        ):
            found.append(photo)
    return found


def closest(
    workspace: Workspace, found: Explanation, photos: Sequence[Path], track: Track = untracked
) -> ClosestPhoto | None:
    """Return the photo whose face resembles an explained face most; None if no photo can be used.

    Parameters
    ----------
    workspace : Workspace
    found : Explanation
        Of the face, made by the model that the photos are now compared with.
    photos : sequence of Path
        Each of one person.
    track : callable
        Shows progress.
    """
    acquisition, identity = workspace.choice.acquisition(access=False)
    if identity != found.identity or not photos:
        return None
    best = None
    samples = acquisition.samples(photos, keep_crops=True)
    for photo, sample in zip(photos, track(samples, len(photos), "photos"), strict=True):
        if isinstance(sample, Sample) and sample.crop is not None:
            similarity = cosine(found.embedding, sample.embedding)
            if best is None or similarity > best.similarity:
                best = ClosestPhoto(photo, similarity, sample.crop)
    return best
