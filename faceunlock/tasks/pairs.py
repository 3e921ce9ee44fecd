"""Pairs: compare random pairs of photos in a folder, of one person and of two people in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from numpy.typing import NDArray

from faceunlock.errors import PhotoError, SettingsError
from faceunlock.photos.face import SubjectRule
from faceunlock.photos.photo import person_folders
from faceunlock.pipeline.samples import LeftOut, NoneUsableError, Sample, Track, untracked
from faceunlock.tasks.compare import alike, distance
from faceunlock.tasks.workspace import PhotoPath, Workspace, as_path, check_threshold, operating_point

if TYPE_CHECKING:
    from faceunlock.matching.calibration import Calibration, OperatingPoint
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.pipeline.acquisition import Acquisition

MOST_PAIRS = 100

MISSES = 1_000
"""How many pairs in a row may have come before, until there are taken to be no more."""

_Places = tuple[int, int]


class PairsOptions(TypedDict, total=False):
    """Options of `compare_pairs`."""

    threshold: float | None
    faces: SubjectRule
    seed: int
    track: Track


@dataclass(frozen=True, slots=True, eq=False)
class PhotoPairResult:
    """Two photos and how alike they are.

    Attributes
    ----------
    photos : tuple of two str
    people : tuple of two str, or of two None
        In whose folders the photos are; None without such folders.
    similarity : float
        Cosine of the two embeddings, in [-1, 1].
    distance : float
        Dissimilarity: the Euclidean distance of the two unit vectors, in [0, 2].
    match : bool
        Whether the similarity is at or above the threshold.
    crops : tuple of two ndarray of uint8, shape (side, side, 3)
        The faces as the network sees them.
    """

    photos: tuple[str, str]
    people: tuple[str | None, str | None]
    similarity: float
    distance: float
    match: bool
    crops: tuple[NDArray[np.uint8], NDArray[np.uint8]] = field(repr=False)

    @property
    def same_person(self) -> bool | None:
        """Whether the folders say that it is one person; None if they say nothing."""
        return None if self.people[0] is None else self.people[0] == self.people[1]

    @property
    def right(self) -> bool | None:
        """Whether the match agrees with the folders; None if they say nothing."""
        return None if self.same_person is None else self.same_person == self.match


@dataclass(frozen=True, slots=True, eq=False)
class PairsOutcome:
    """Random pairs of photos in a folder.

    Attributes
    ----------
    folder : str
        As the user gave it.
    pairs : tuple of PhotoPairResult
        Pairs of one person and of two people in turn, as long as there are both.
    left_out : tuple of LeftOut
        Photos that were drawn but could not be used.
    skipped : int
        Files of the folder that are not photos.
    threshold : float
        Lowest similarity at which two photos match.
    calibration : Calibration
        Where the threshold comes from.
    point : OperatingPoint or None
        What the threshold is known to mean; None if the caller chose it.
    identity : ModelIdentity
        The model that made the embeddings.
    seed : int
    """

    folder: str
    pairs: tuple[PhotoPairResult, ...]
    left_out: tuple[LeftOut, ...]
    skipped: int
    threshold: float
    calibration: Calibration
    point: OperatingPoint | None
    identity: ModelIdentity
    seed: int


def compare_pairs(
    workspace: Workspace,
    folder: PhotoPath,
    count: int,
    *,
    threshold: float | None = None,
    faces: SubjectRule = "dominant",
    seed: int = 0,
    track: Track = untracked,
) -> PairsOutcome:
    """Compare random pairs of photos in a folder: two of one person and one each of two people, in turn.

    A pair with a photo that cannot be used is replaced by another pair.

    Parameters
    ----------
    workspace : Workspace
        Its model is used, with the threshold for two photos.
    folder : path
        One sub-folder per person; without sub-folders, nothing is known about who is on the photos.
    count : int
        How many pairs, 1 to `MOST_PAIRS`; there may be fewer.
    threshold : float, optional
        Used instead of the model's, in [-1, 1].
    faces : {"dominant", "largest", "central"}
        Which face in a photo counts as its subject.
    seed : int
        Chooses the pairs, at least 0.
    track : callable
        Shows progress over the photos.

    Raises
    ------
    PhotoError
        ``photo-not-found`` if there is no folder, or fewer than two photos; `NoneUsableError` if no pair
        can be compared.
    SettingsError
        ``usage`` for a number out of range.
    ModelError
        The weights or the device cannot be used.
    """
    check_threshold(threshold)
    if not 1 <= count <= MOST_PAIRS:
        raise SettingsError("usage", f"{count} pairs: choose 1 to {MOST_PAIRS}")
    source = as_path(folder)
    found = person_folders(source)
    labelled: list[tuple[Path, str | None]] = [*found.labelled]
    photos = labelled if labelled else [(path, None) for path in found.loose]
    if len(photos) < 2:
        raise PhotoError(
            "photo-not-found",
            f"{source}: pairs need at least two photos, there {'is one' if photos else 'are none'}"
            f"{found.others}",
        )
    acquisition, identity = workspace.choice.acquisition(fetch=True, photos=2 * count, access=False)
    calibration = workspace.choice.pair_calibration(identity)
    point, limit = operating_point(calibration, 1, threshold)
    samples = _Samples([path for path, _ in photos], acquisition, faces, track)
    drawn = draw_pairs([person for _, person in photos], seed)
    pairs: list[PhotoPairResult] = []
    while len(pairs) < count and (chosen := list(islice(drawn, count - len(pairs)))):
        samples.read(chosen)
        for one, other in chosen:
            first, second = samples.usable(one), samples.usable(other)
            if first is not None and second is not None and first.digest != second.digest:
                people = (photos[one][1], photos[other][1])
                pairs.append(_compared(first, second, people, limit))
    if not pairs:
        if samples.left_out:
            raise NoneUsableError(samples.left_out)
        raise PhotoError("photo-not-found", f"{source}: all photos have the same content")
    return PairsOutcome(
        folder=str(source),
        pairs=tuple(pairs),
        left_out=tuple(samples.left_out),
        skipped=found.skipped + (len(found.loose) if labelled else 0),
        threshold=limit,
        calibration=calibration,
        point=point,
        identity=identity,
        seed=seed,
    )


def _compared(
    first: Sample, second: Sample, people: tuple[str | None, str | None], limit: float
) -> PhotoPairResult:
    similarity = alike(first, second)
    crops = (first.crop, second.crop)
    if crops[0] is None or crops[1] is None:
        raise ValueError("the samples have no crops")
    return PhotoPairResult(
        (first.photo, second.photo),
        people,
        similarity,
        distance(similarity),
        similarity >= limit,
        (crops[0], crops[1]),
    )


class _Samples:
    """The samples of the photos that were drawn; each photo is read once."""

    def __init__(
        self, photos: Sequence[Path], acquisition: Acquisition, rule: SubjectRule, track: Track
    ) -> None:
        self._photos, self._acquisition, self._rule, self._track = photos, acquisition, rule, track
        self._read: dict[int, Sample | LeftOut] = {}

    def read(self, pairs: Sequence[_Places]) -> None:
        new = [one for one in dict.fromkeys(sum(pairs, ())) if one not in self._read]
        outcomes = self._acquisition.samples((self._photos[one] for one in new), self._rule, keep_crops=True)
        self._read.update(zip(new, self._track(outcomes, len(new), "photos"), strict=True))

    def usable(self, photo: int) -> Sample | None:
        found = self._read[photo]
        return found if isinstance(found, Sample) else None

    @property
    def left_out(self) -> list[LeftOut]:
        return [outcome for outcome in self._read.values() if isinstance(outcome, LeftOut)]


def draw_pairs(people: Sequence[str | None], seed: int) -> Iterator[tuple[int, int]]:
    """Yield different random pairs of photos: of one person and of two people in turn, while there are any.

    People are drawn before their photos, so that nobody with many photos is in most pairs.

    Parameters
    ----------
    people : sequence of str or None
        The person on each photo; all None if nothing is known, and then any two photos are a pair.
    seed : int

    Examples
    --------
    >>> sorted(draw_pairs(["a", "a", "b"], 0))
    [(0, 1), (0, 2), (1, 2)]
    """
    generator = np.random.default_rng(seed)
    photos: dict[str | None, list[int]] = {}
    for position, person in enumerate(people):
        photos.setdefault(person, []).append(position)
    everybody = list(photos.values())
    several = [own for own in everybody if len(own) > 1]

    def genuine() -> _Places:
        own = several[int(generator.integers(len(several)))]
        one, other = generator.choice(len(own), 2, replace=False).tolist()
        return own[one], own[other]

    def impostor() -> _Places:
        one, other = (everybody[who] for who in generator.choice(len(everybody), 2, replace=False).tolist())
        return one[int(generator.integers(len(one)))], other[int(generator.integers(len(other)))]

    streams = [_new(genuine)] if several else []
    streams += [_new(impostor)] if len(everybody) > 1 else []
    while streams:
        for stream in tuple(streams):
            pair = next(stream, None)
            if pair is None:
                streams.remove(stream)
            else:
                yield pair


def _new(draw: Callable[[], _Places]) -> Iterator[_Places]:
    """Yield the pairs that `draw` has not given before, the lower position first, until none seem left."""
    seen: set[_Places] = set()
    misses = 0
    while misses < MISSES:
        one, other = sorted(draw())
        misses = misses + 1 if (one, other) in seen else 0
        if not misses:
            seen.add((one, other))
            yield one, other
