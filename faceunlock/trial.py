"""A calibration from beginning to end: folders of photos in, a threshold with its evidence out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from faceunlock.acquisition import Acquisition
from faceunlock.calibration import Calibration
from faceunlock.collection import Collection, Collector, Track
from faceunlock.error_rates import Rate, equal_error_rate, fnmr_at, rate_over_people
from faceunlock.errors import CalibrationError
from faceunlock.faces import SubjectRule
from faceunlock.matching import ModelIdentity, Template, Vector, unit
from faceunlock.person import name_key, now
from faceunlock.samples import LeftOut
from faceunlock.scores import (
    GenuineScores,
    ImpostorScores,
    pool,
    score_comparisons,
    split_people,
    worst_pairs,
)
from faceunlock.thresholds import ThresholdChoice, choose_threshold, people_needed

DEFAULT_SPLIT = 3
WORST = 5
"""Pairs named at each end, so that a mislabelled photo is seen."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One comparison by name.

    Attributes
    ----------
    photo : str
        The probe.
    person : str
        Whose template it was compared with.
    similarity : float
        Cosine, in [-1, 1].
    """

    photo: str
    person: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What a calibration does.

    Attributes
    ----------
    target_fmr : float
        False match rate to stay below, in (0, 1).
    split : int or None
        Photos per centroid; None to probe the enrolled people's own templates.
    seed : int
        Of the choice of photos and of the resampling.
    rule : {"dominant", "largest", "central"}
        Which face a photo is about.
    """

    target_fmr: float
    split: int | None = None
    seed: int = 0
    rule: SubjectRule = "dominant"


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """What a calibration found.

    Attributes
    ----------
    identity : ModelIdentity
        What made the embeddings.
    plan : Plan
        What was asked for.
    data : str
        The folders, in words.
    people, photos : int
        People with photos, and photos looked at, in the folder.
    templates : int
        Centroids compared with.
    strangers, stranger_photos : int
        The same for ``--impostors``.
    duplicates : int
        Photos dropped because the same file content came before.
    own_photos : int
        Photos dropped because they built the template of an enrolled person.
    skipped : int
        Files that are no photos.
    failures : tuple of LeftOut
        Photos that gave no sample.
    failures_to_acquire : Rate
    fnmr : Rate
        At the threshold; without trials if nobody has both a template and a probe.
    genuine, impostor : int
        Numbers of comparisons.
    eer : float or None
        Equal error rate; None without genuine comparisons.
    choice : ThresholdChoice
        The threshold, the FMR there and whether the data support it.
    lowest_genuine, highest_impostor : tuple of Pair
        The worst pairs, worst first.
    created : str
        ISO 8601, UTC.
    """

    identity: ModelIdentity
    plan: Plan
    data: str
    people: int
    photos: int
    templates: int
    strangers: int
    stranger_photos: int
    duplicates: int
    own_photos: int
    skipped: int
    failures: tuple[LeftOut, ...] = field(repr=False)
    failures_to_acquire: Rate
    fnmr: Rate
    genuine: int
    impostor: int
    eer: float | None
    choice: ThresholdChoice
    lowest_genuine: tuple[Pair, ...]
    highest_impostor: tuple[Pair, ...]
    created: str

    @property
    def supported(self) -> bool:
        """Whether the upper bound of the FMR is at most the target."""
        return self.choice.supported

    @property
    def calibration(self) -> Calibration:
        """What is saved of it.

        Raises
        ------
        CalibrationError
            ``insufficient-data`` if the data do not support the target.
        """
        if not self.supported:
            raise self.insufficient()
        return Calibration(
            model=self.identity.model,
            weights_sha256=self.identity.weights_sha256,
            preprocessing=self.identity.preprocessing,
            threshold=self.choice.threshold,
            target_fmr=self.plan.target_fmr,
            status="calibrated",
            data=self.data,
            created=self.created,
            people=self.people + self.strangers,
            photos=self.photos + self.stranger_photos,
            failures_to_acquire=self.failures_to_acquire,
            fmr=self.choice.fmr,
            fnmr=self.fnmr,
            own_fmr=self.choice.own_fmr,
            strangers_fmr=self.choice.strangers_fmr,
            eer=self.eer,
            tail=self.choice.tail,
            seed=self.plan.seed,
            split=self.plan.split,
        )

    def insufficient(self) -> CalibrationError:
        """Return the error that says what is missing."""
        choice, fmr = self.choice, self.choice.fmr
        lowest = (
            f"the lowest FMR this folder can support is {choice.lowest_supported_fmr:.2g}"
            if choice.lowest_supported_fmr < 1
            else "this folder cannot support any FMR"
        )
        return CalibrationError(
            "insufficient-data",
            f"insufficient data: {self.impostor} impostor comparisons of {fmr.people} people bound the FMR "
            f"by {fmr.upper:.2g} (95 %), above the target {self.plan.target_fmr:g}; {lowest}",
            hint=f"It takes about {people_needed(self.plan.target_fmr)} people without any false match: add "
            "people, or strangers with --impostors FOLDER; or choose a higher --target-fmr. "
            "Nothing was saved.",
        )


def run_trial(
    folder: Path,
    acquisition: Acquisition,
    identity: ModelIdentity,
    plan: Plan,
    *,
    enrolled: Mapping[str, Template] | None = None,
    impostors: Path | None = None,
    track: Track = lambda items, total, label: items,
) -> CalibrationReport:
    """Compare the photos of a folder as `verify` would, and choose the threshold.

    Parameters
    ----------
    folder : Path
        One sub-folder per person, at least two people.
    acquisition : Acquisition
        Turns photos into samples.
    identity : ModelIdentity
        Of the acquisition's embedder.
    plan : Plan
        With a `split`, centroids are built from that many photos of each person who has more;
        without one, the photos are compared with the templates in `enrolled`.
    enrolled : mapping of str to Template
        Names and templates of enrolled people; used without a `split`.
    impostors : Path, optional
        Photos of strangers: each sub-folder is one person, each photo outside one is somebody else.
    track : callable
        Shows progress.

    Raises
    ------
    CalibrationError
        ``bad-folder`` with fewer than two people; ``insufficient-data`` without any comparison.
    PhotoError
        ``photo-not-found`` if a folder is not there.
    """
    templates = dict(enrolled or {}) if plan.split is None else {}
    collector = Collector(acquisition, plan.rule, list(templates.values()), track)
    own = collector.people(folder)
    strangers = (
        Collection() if impostors is None else collector.strangers(impostors, {*own.people, *templates})
    )
    if plan.split is None:
        centroids = {name: template.centroid for name, template in templates.items()}
        probes: Sequence[int] = range(len(own.samples))
    else:
        centroids, probes = _split(own, plan.split, plan.seed)
    comparisons = _Comparisons(centroids)
    genuine, impostor = comparisons.score(own, probes)
    _, outside = comparisons.score(strangers, range(len(strangers.samples)))
    both = pool(impostor, outside)
    if not len(both):
        raise CalibrationError(
            "insufficient-data",
            f"insufficient data: {folder} gives no impostor comparison "
            f"({len(centroids)} templates, {len(own.samples)} usable photos)",
            hint="A person needs more usable photos than --split takes, and somebody else needs a photo.",
        )
    choice = choose_threshold(impostor, outside if len(outside) else None, plan.target_fmr, plan.seed)
    lowest, highest = worst_pairs(genuine, both, WORST)
    return CalibrationReport(
        identity=identity,
        plan=plan,
        data=str(folder) if impostors is None else f"{folder}, strangers from {impostors}",
        people=len(own.people),
        photos=own.photos,
        templates=len(centroids),
        strangers=len(strangers.people),
        stranger_photos=strangers.photos,
        duplicates=own.duplicates + strangers.duplicates,
        own_photos=own.own_photos + strangers.own_photos,
        skipped=own.skipped + strangers.skipped,
        failures=(*own.failures, *strangers.failures),
        failures_to_acquire=_failures_to_acquire((own, strangers), plan.seed),
        fnmr=fnmr_at(genuine, choice.threshold, seed=plan.seed),
        genuine=len(genuine),
        impostor=len(both),
        eer=equal_error_rate(genuine.scores, both.scores) if len(genuine) else None,
        choice=choice,
        lowest_genuine=tuple(
            comparisons.pair(genuine.photo[i], genuine.person[i], genuine.scores[i]) for i in lowest
        ),
        highest_impostor=tuple(
            comparisons.pair(both.photo[i], both.template_person[i], both.scores[i]) for i in highest
        ),
        created=now(),
    )


def _split(own: Collection, k: int, seed: int) -> tuple[dict[str, Vector], Sequence[int]]:
    """Build centroids from k photos of each person who has more; also return the probes."""
    split = split_people(own.person, k, seed)
    members: dict[str, list[Vector]] = {name: [] for name in split.enrolled}
    for i in split.templates:
        members[own.person[i]].append(own.samples[i].embedding.astype(np.float64))
    return {name: unit(np.sum(vectors, axis=0)) for name, vectors in members.items()}, split.probes


class _Comparisons:
    """Compares collections with one set of centroids and remembers what the numbers stand for."""

    def __init__(self, centroids: Mapping[str, Vector]) -> None:
        self._names = list(centroids)
        self._centroids = list(centroids.values())
        self._ids: dict[str, int] = {}
        self._template_ids = [self._id(name) for name in centroids]
        self._files: list[str] = []

    def score(self, collection: Collection, probes: Sequence[int]) -> tuple[GenuineScores, ImpostorScores]:
        """Compare some samples of a collection; `photo` counts all probes of all calls."""
        people = [self._id(collection.person[i]) for i in probes]
        vectors = [collection.samples[i].embedding for i in probes]
        genuine, impostor = score_comparisons(vectors, people, self._centroids, self._template_ids)
        first = len(self._files)
        self._files += [collection.samples[i].photo for i in probes]
        return (
            replace(genuine, photo=genuine.photo + first),
            replace(impostor, photo=impostor.photo + first),
        )

    def pair(self, photo: int, person: int, similarity: float) -> Pair:
        return Pair(self._files[photo], self._names[self._template_ids.index(person)], float(similarity))

    def _id(self, person: str) -> int:
        return self._ids.setdefault(name_key(person), len(self._ids))


def _failures_to_acquire(collections: Sequence[Collection], seed: int) -> Rate:
    good = [person for part in collections for person in part.person]
    failed = [person for part in collections for person in part.failed_person]
    numbers = {person: number for number, person in enumerate(dict.fromkeys((*good, *failed)))}
    errors = [False] * len(good) + [True] * len(failed)
    return rate_over_people(errors, [numbers[person] for person in (*good, *failed)], seed=seed)
