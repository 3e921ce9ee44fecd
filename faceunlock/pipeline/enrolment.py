"""From samples of one person to a template, with a reason for each photo left out: pure functions."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from faceunlock.errors import SLUGS, EnrolmentError, PhotoError
from faceunlock.matching.similarity import Vector, leave_one_out, similarities, unit
from faceunlock.matching.templates import KEY_BYTES, ModelIdentity, Template, photo_hash
from faceunlock.photos.face import Quality
from faceunlock.photos.measures import Limits, measures
from faceunlock.pipeline.groups import SMALLEST_GROUP, several_people
from faceunlock.pipeline.samples import LeftOut, Sample

ONE_LOOK = 0.99
"""Similarity between two photos above which they are copies of one picture rather than two looks."""
MOST_UNLIKE = 1 / 3
"""Largest share of the usable photos that may be clearly unlike the others."""

UNLIKE_MARGIN = 0.25
"""How far below the pair threshold a photo is clearly unlike, as a share of 1 - the pair threshold.

Where no pair threshold was measured, the unlock threshold takes its place.

Source: ``benchmarks/one_person.py``. Without a margin, more single people would be refused than may be.
"""


@dataclass(frozen=True, slots=True)
class Gates:
    """What a photo must pass to become part of a template.

    Attributes
    ----------
    min_sharpness : float
        Lowest `Quality.sharpness`, in percent.
    min_brightness : float
        Lowest `Quality.brightness`, 0 to 255.
    min_similarity : float
        Lowest similarity to the centroid of the other photos, in [-1, 1]: the unlock threshold.
    min_photos : int
        Fewest photos that must remain, at least 2: a single photo has no others to compare with.
    pair_similarity : float or None
        Lowest similarity at which two single photos match, in [-1, 1]; None if it was not measured.
    """

    min_sharpness: float
    min_brightness: float
    min_similarity: float
    min_photos: int
    pair_similarity: float | None = None

    @property
    def clearly_unlike(self) -> float:
        """The similarity to the others below which a photo speaks for another person.

        It is below both thresholds, since photos of one person in unusual light are just below them.
        """
        match = self.min_similarity if self.pair_similarity is None else self.pair_similarity
        return min(self.min_similarity, match - UNLIKE_MARGIN * (1.0 - match))

    def fault(self, quality: Quality) -> PhotoError | None:
        """Return what is wrong with the quality of a face, ``too-dark`` or ``too-blurred``, or None."""
        if quality.brightness < self.min_brightness:
            detail = f"brightness {quality.brightness:.1f} of 255, at least {self.min_brightness:.0f} needed"
            return PhotoError("too-dark", detail)
        if quality.sharpness < self.min_sharpness:
            detail = f"sharpness {quality.sharpness:.2f}, at least {self.min_sharpness:.2f} needed"
            return PhotoError("too-blurred", detail)
        return None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The outcome of an enrolment.

    Attributes
    ----------
    template : Template
        What is kept of the person.
    used : tuple of str
        Names of the photos that this enrolment added to the template.
    left_out : tuple of LeftOut
        The other photos.
    mean_similarity, lowest_similarity : float
        Similarity of each used photo to the centroid of the others, in [-1, 1].
    one_look : bool
        Whether there are several used photos, and each two are as similar as copies of one picture.
    """

    template: Template
    used: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    mean_similarity: float
    lowest_similarity: float
    one_look: bool = False


def enroll(
    samples: Sequence[Sample],
    identity: ModelIdentity,
    gates: Gates,
    *,
    known: Template | None = None,
    failures: Sequence[LeftOut] = (),
    elsewhere: Mapping[str, Template] | None = None,
) -> Enrolment:
    """Enroll a person from samples, leaving out those that fail a gate.

    Parameters
    ----------
    samples : sequence of Sample
        In the order of the photos.
    identity : ModelIdentity
        What made the embeddings.
    gates : Gates
        What a sample must pass.
    known : Template, optional
        Template to add to. Its sum counts among "the others", and a photo must also be similar to its
        centroid. One new photo is then enough, instead of `Gates.min_photos`.
    failures : sequence of LeftOut
        Photos that gave no sample; they are reported first.
    elsewhere : mapping of str to Template, optional
        The person's other templates, by their description; their photos count as duplicates.

    Raises
    ------
    EnrolmentError
        ``model-mismatch`` if `known` has a different identity. `SeveralPeopleError`, `TooFewPhotosError` or
        `TooManyUnlikeError`, which list every photo left out in their attribute ``left_out``.
    """
    if known is not None and known.identity != identity:
        raise EnrolmentError("model-mismatch")
    here = {} if known is None else {"the template": known}
    fresh, repeated = _without_duplicates(samples, {**here, **(elsewhere or {})})
    good, poor = _without_poor(fresh, gates)
    unusable = (*failures, *repeated, *poor)
    _refuse_several_people(good, gates, unusable)
    alike, unlike = _without_unlike(good, gates.min_similarity, known)
    left_out = (*unusable, *unlike)
    needed = 1 if known is not None else max(2, gates.min_photos)
    usable = tuple(sample.photo for sample in alike)
    if len(alike) < needed:
        raise TooFewPhotosError(usable, needed, left_out)
    vectors = np.stack([sample.embedding for sample in alike]).astype(np.float64)
    base = None if known is None else known.vector_sum
    strangers = _clearly_unlike(good, alike, vectors, base, gates.clearly_unlike)
    if strangers > MOST_UNLIKE * len(good):
        raise TooManyUnlikeError(strangers, len(good), left_out, usable)
    scores = leave_one_out(vectors, base)
    mean, lowest = float(scores.mean()), float(scores.min())
    template = (
        _new_template(alike, vectors, identity, mean, lowest)
        if known is None
        else _grown_template(known, alike, vectors, mean, lowest)
    )
    one_look = len(vectors) > 1 and float(similarities(vectors, vectors).min()) > ONE_LOOK
    return Enrolment(template, usable, left_out, mean, lowest, one_look)


class RefusedPhotosError(EnrolmentError):
    """The photos, taken together, do not do for an enrolment.

    Parameters
    ----------
    slug, message : str
        As for `FaceUnlockError`.
    left_out : tuple of LeftOut
        Every photo that did not pass a gate.
    usable : tuple of str
        Names of the others, unless they are the photos of several people.
    """

    def __init__(
        self, slug: str, message: str, left_out: tuple[LeftOut, ...], usable: tuple[str, ...] = ()
    ) -> None:
        super().__init__(slug, message)
        self.left_out: tuple[LeftOut, ...] = left_out
        self.usable = usable


class SeveralPeopleError(RefusedPhotosError):
    """The photos show several people.

    Parameters
    ----------
    groups : tuple of tuple of str
        Names of the photos of each person, at least two people.
    left_out : tuple of LeftOut
        Photos that could not be compared.
    """

    def __init__(self, groups: tuple[tuple[str, ...], ...], left_out: tuple[LeftOut, ...]) -> None:
        each = "; ".join(_listed(number, group) for number, group in enumerate(groups, start=1))
        super().__init__("several-people", f"the photos show {len(groups)} people: {each}", left_out)
        self.groups = groups


class TooManyUnlikeError(RefusedPhotosError):
    """Too large a share of the photos is unlike the others.

    Parameters
    ----------
    unlike, compared : int
        How many photos are clearly unlike the others, and how many could be compared.
    left_out : tuple of LeftOut
        Every photo that did not pass.
    usable : tuple of str
        Names of the others.
    """

    def __init__(
        self, unlike: int, compared: int, left_out: tuple[LeftOut, ...], usable: tuple[str, ...]
    ) -> None:
        message = f"{unlike} of {compared} usable photos are unlike the others, more than a third"
        super().__init__("too-many-unlike", message, left_out, usable)


class TooFewPhotosError(RefusedPhotosError):
    """Too few photos passed the gates.

    Parameters
    ----------
    usable : tuple of str
        Names of the photos that passed.
    needed : int
        How many are needed.
    left_out : tuple of LeftOut
        Every photo that did not pass.
    """

    def __init__(self, usable: tuple[str, ...], needed: int, left_out: tuple[LeftOut, ...]) -> None:
        plural = "photo" if needed == 1 else "photos"
        message = f"{len(usable)} usable, but at least {needed} {plural} needed"
        super().__init__("too-few-photos", message, left_out, usable)
        if left_out and not usable:  # more photos like these would not help
            reason = Counter(photo.reason for photo in left_out).most_common(1)[0][0]
            hints = (photo.hint for photo in left_out if photo.reason == reason)
            self.hint = next(filter(None, hints), SLUGS[reason].hint)


_LISTED = 3
"""Most photos of a group that a message names; `SeveralPeopleError.groups` has them all."""


def _listed(number: int, group: Sequence[str]) -> str:
    more = f" and {len(group) - _LISTED} more" if len(group) > _LISTED else ""
    return f"person {number} on {', '.join(group[:_LISTED])}{more}"


def _refuse_several_people(samples: Sequence[Sample], gates: Gates, unusable: tuple[LeftOut, ...]) -> None:
    if not samples:
        return
    embeddings = np.stack([sample.embedding for sample in samples])
    groups = several_people(embeddings, gates.min_similarity, gates.pair_similarity)
    if not groups:
        return
    people, unlike = zip(
        *(_without_others([samples[index] for index in group], gates) for group in groups), strict=True
    )
    grouped = {index for group in groups for index in group}
    alone = [
        LeftOut(sample.photo, "unlike-the-others", "like nobody else on these photos")
        for index, sample in enumerate(samples)
        if index not in grouped
    ]
    names = tuple(tuple(sample.photo for sample in person) for person in people)
    raise SeveralPeopleError(names, (*unusable, *(photo for left in unlike for photo in left), *alone))


def _without_others(group: Sequence[Sample], gates: Gates) -> tuple[list[Sample], list[LeftOut]]:
    """Drop what does not belong to a group: a single photo of a third person joined the nearest one."""
    kept, left_out = _without_unlike(group, gates.clearly_unlike, None)
    return (kept, left_out) if len(kept) >= SMALLEST_GROUP else (list(group), [])


def _clearly_unlike(
    good: Sequence[Sample], alike: Sequence[Sample], vectors: Vector, base: ArrayLike | None, limit: float
) -> int:
    """Return how many of the good samples that were left out are below `limit`, measured at the template.

    A photo between this limit and the unlock threshold is left out, too, but says nothing of a second person.
    """
    kept = {id(sample) for sample in alike}
    others = [sample.embedding for sample in good if id(sample) not in kept]
    if not others:
        return 0
    total = vectors.sum(axis=0) if base is None else vectors.sum(axis=0) + np.asarray(base)
    return int(np.sum(similarities(np.stack(others), unit(total)[None, :])[:, 0] < limit))


KNOWN = "There is nothing to add: give photos that are not part of the template yet."


def _without_duplicates(
    samples: Sequence[Sample], stored: Mapping[str, Template]
) -> tuple[list[Sample], list[LeftOut]]:
    kept: list[Sample] = []
    left_out: list[LeftOut] = []
    first: dict[bytes, str] = {}
    for sample in samples:
        holding = [what for what, template in stored.items() if _holds(template, sample)]
        if holding:
            left_out.append(LeftOut(sample.photo, "duplicate", f"already part of {holding[0]}", KNOWN))
        elif sample.digest in first:
            left_out.append(LeftOut(sample.photo, "duplicate", f"same file as {first[sample.digest]}"))
        else:
            first[sample.digest] = sample.photo
            kept.append(sample)
    return kept, left_out


def _holds(template: Template, sample: Sample) -> bool:
    return photo_hash(template.photo_key, sample.digest) in template.photo_hashes


def _without_poor(samples: Sequence[Sample], gates: Gates) -> tuple[list[Sample], list[LeftOut]]:
    kept: list[Sample] = []
    left_out: list[LeftOut] = []
    for sample in samples:
        fault = gates.fault(sample.quality)
        if fault is not None:
            left_out.append(LeftOut.because(sample.photo, fault))
        else:
            kept.append(sample)
    return kept, left_out


def _without_unlike(
    samples: Sequence[Sample], min_similarity: float, known: Template | None
) -> tuple[list[Sample], list[LeftOut]]:
    """Drop the least similar sample until all are like the others.

    Samples are dropped one at a time, because a stranger among the photos also lowers the scores of the rest.
    """
    kept = list(samples)
    left_out: list[LeftOut] = []

    def drop(index: int, similarity: float, others: str) -> None:
        detail = f"similarity {similarity:.4f} to {others}, at least {min_similarity:.4f} needed"
        sample = kept.pop(index)
        left_out.append(LeftOut(sample.photo, *_why_unlike(sample.quality, detail)))

    if known is not None and kept:
        to_known = similarities(np.stack([s.embedding for s in kept]), known.centroid[None, :])[:, 0]
        for index in reversed(np.flatnonzero(to_known < min_similarity)):
            drop(int(index), float(to_known[index]), "the enrolled template")
    base = None if known is None else known.vector_sum
    while len(kept) > (1 if known is None else 0):
        scores = leave_one_out(np.stack([s.embedding for s in kept]), base)
        worst = int(np.argmin(scores))
        if scores[worst] >= min_similarity:
            break
        drop(worst, float(scores[worst]), "the other photos")
    return kept, left_out


def _why_unlike(quality: Quality, detail: str) -> tuple[str, str]:
    """Return why a photo is unlike the others: how the face stands, if that is it; and the detail.

    No photo is left out for this alone: a face turned to the side that is like the others is welcome.
    """
    for one in measures(quality, Limits(0, 0, 0)):
        if not one.good and one.value is not None:
            return one.fault, f"{one.name} {one.value:.0f} {one.unit}; {detail}"
    return "unlike-the-others", detail


def _new_template(
    samples: Sequence[Sample],
    vectors: Vector,
    identity: ModelIdentity,
    mean: float,
    lowest: float,
) -> Template:
    key = secrets.token_bytes(KEY_BYTES)
    hashes = frozenset(photo_hash(key, sample.digest) for sample in samples)
    total = vectors.sum(axis=0).astype(np.float32)  # as it is stored
    return Template(identity, total, len(samples), mean, lowest, key, hashes)


def _grown_template(
    known: Template,
    samples: Sequence[Sample],
    vectors: Vector,
    mean: float,
    lowest: float,
) -> Template:
    count = known.count + len(samples)
    return Template(
        identity=known.identity,
        vector_sum=(np.asarray(known.vector_sum) + vectors.sum(axis=0)).astype(np.float32),
        count=count,
        # Single embeddings are not kept, so the old photos count with their earlier scores.
        mean_similarity=float(np.average([known.mean_similarity, mean], weights=[known.count, len(samples)])),
        lowest_similarity=float(np.minimum(known.lowest_similarity, lowest)),
        photo_key=known.photo_key,
        photo_hashes=known.photo_hashes | {photo_hash(known.photo_key, sample.digest) for sample in samples},
    )
