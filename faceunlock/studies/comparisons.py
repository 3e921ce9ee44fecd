"""The comparisons of one calibration, as `verify` would make them, with all counts.

Nothing here depends on a target, so the same comparisons can be judged for several targets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceunlock.errors import CalibrationError
from faceunlock.matching.error_rates import failures_to_acquire
from faceunlock.matching.people import name_key, now
from faceunlock.matching.rate import Rate
from faceunlock.matching.scores import (
    GenuineScores,
    ImpostorScores,
    PersonIds,
    Scores,
    separate,
    split_people,
)
from faceunlock.matching.similarity import Vector, best_looks, unit
from faceunlock.matching.strangers import Strangers
from faceunlock.matching.templates import ModelIdentity, Template
from faceunlock.matching.wording import counted
from faceunlock.photos.face import SubjectRule
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.pipeline.samples import LeftOut, Track, untracked
from faceunlock.studies.collection import STRANGER, LabelledSamples, collect, own_photos_of, strangers_of

DEFAULT_SPLIT = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """How photos become comparisons.

    Attributes
    ----------
    split : int or None
        Photos per centroid; None to compare with the templates of enrolled people.
    seed : int
        Seed for the choice of photos and for every resampling.
    rule : {"dominant", "largest", "central"}
        Rule that picks the subject's face in a photo.
    """

    split: int | None = None
    seed: int = 0
    rule: SubjectRule = "dominant"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which photos were examined, and how they were used.

    Attributes
    ----------
    identity : ModelIdentity
        The model that made the embeddings.
    plan : Plan
        How the photos were compared.
    data : str
        The folders, in words.
    people, photos : int
        Number of people with photos, and of photos examined, in the folder.
    templates : int
        Number of centroids compared with.
    strangers, stranger_photos : int
        The same as `people` and `photos` for ``--impostors``.
    duplicates : int
        Photos dropped because an earlier file had the same content.
    own_photos : int
        Photos dropped because the template of an enrolled person was built from them.
    skipped : int
        Files that are not photos.
    failures : tuple of LeftOut
        Photos that gave no sample.
    failures_to_acquire : Rate
    created : str
        When the photos were examined; ISO 8601, UTC.
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
    created: str


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons(Provenance):
    """Every probe compared with every template, with the provenance of both.

    People are numbered, only to tell them apart and to count them.

    Attributes
    ----------
    similarity : ndarray of float64, shape (n_probes, n_templates)
        Cosines, in [-1, 1].
    probe_person : ndarray of int32, shape (n_probes,)
        Person on each probe; at least 0 and below n_probes + n_templates.
    template_person : ndarray of int32, shape (n_templates,)
        Person of each template, in the same numbering.
    own_probes : int
        The first `own_probes` probes come from the folder; the rest are strangers.
    files : tuple of str
        The file of each probe.
    names : tuple of str
        The name of each template's person.

    Raises
    ------
    ValueError
        If the shapes do not fit together, a number is out of range, a stranger is also one of the people,
        or there is no impostor comparison.
    """

    similarity: Scores = field(repr=False)
    probe_person: PersonIds = field(repr=False)
    template_person: PersonIds = field(repr=False)
    own_probes: int
    files: tuple[str, ...] = field(repr=False)
    names: tuple[str, ...] = field(repr=False)

    def __post_init__(self) -> None:
        probes, templates = len(self.files), len(self.names)
        shapes = (self.similarity.shape, self.probe_person.shape, self.template_person.shape)
        _require(shapes == ((probes, templates), (probes,), (templates,)), "the arrays do not fit together")
        _require(0 <= self.own_probes <= probes and templates == self.templates, "the numbers do not add up")
        _require(self.failures_to_acquire.errors == len(self.failures), "the failures do not add up")
        _require(bool(np.all(np.abs(self.similarity) <= 1.0)), "a cosine must be a number from -1 to 1")
        everyone = np.concatenate([self.probe_person, self.template_person])
        _require(bool(np.all((everyone >= 0) & (everyone < len(everyone)))), "a person is out of range")
        own, strangers = np.split(self.probe_person, [self.own_probes])
        known = np.concatenate([own, self.template_person])
        _require(not np.any(np.isin(strangers, known)), "a stranger is also one of the people")
        _require(
            impostor_comparisons(self.probe_person, self.template_person) > 0, "there is nothing to judge"
        )

    def scores(self) -> tuple[GenuineScores, ImpostorScores, ImpostorScores]:
        """Return the genuine scores, the impostor scores of the folder's own people, and those of strangers.

        Their `photo` is the index of the probe.
        """
        first = self.own_probes
        genuine, own = separate(self.similarity[:first], self.probe_person[:first], self.template_person)
        _, strangers = separate(self.similarity[first:], self.probe_person[first:], self.template_person)
        return genuine, own, replace(strangers, photo=strangers.photo + first)

    def name_of(self, person: int) -> str:
        """Return the name of a person who has a template."""
        return self.names[int(np.flatnonzero(self.template_person == person)[0])]


def compare_photos(
    folder: Path,
    acquisition: Acquisition,
    identity: ModelIdentity,
    plan: Plan,
    *,
    enrolled: Mapping[str, Template] | None = None,
    looks: Mapping[str, Sequence[Template]] | None = None,
    impostors: Path | None = None,
    bank: Strangers | None = None,
    track: Track = untracked,
) -> Comparisons:
    """Compare the photos of a folder as `verify` would.

    Parameters
    ----------
    folder : Path
        One sub-folder per person, at least two people.
    acquisition : Acquisition
        Turns photos into samples.
    identity : ModelIdentity
        Identity of the acquisition's embedder.
    plan : Plan
        With a `split`, centroids are built from that many photos of each person who has more. Without
        one, the photos are compared with the templates in `enrolled`.
    enrolled : mapping of str to Template
        Names and templates of enrolled people; used only without a `split`.
    looks : mapping of str to sequence of Template
        Further templates of people in `enrolled`. A probe is compared with the most similar one.
    impostors : Path, optional
        Photos of strangers: each sub-folder is one person, each loose photo is a different person.
    bank : Strangers, optional
        Strangers whose embeddings are kept. Namesakes of the people, and strangers on one of their photos,
        are left out.
    track : callable
        Shows progress.

    Raises
    ------
    CalibrationError
        ``bad-folder`` with fewer than two people; ``insufficient-data`` without any impostor comparison.
    PhotoError
        ``photo-not-found`` if a folder does not exist.
    """
    templates = {
        name: (template, *(looks or {}).get(name, ()))
        for name, template in (enrolled or {} if plan.split is None else {}).items()
    }
    seen: set[bytes] = set()

    def collected(photos: Sequence[tuple[Path, str]], skipped: int, label: str) -> LabelledSamples:
        return collect(
            photos,
            acquisition,
            plan.rule,
            templates=[template for each in templates.values() for template in each],
            seen=seen,
            skipped=skipped,
            track=track,
            label=label,
        )

    own = collected(*own_photos_of(folder), folder.name)
    strangers, others = LabelledSamples.none(), bank
    if others is not None:
        others = others.apart_from({*own.everybody, *templates}, seen)
    if impostors is not None:
        strangers = collected(*strangers_of(impostors, {*own.everybody, *templates}), impostors.name)
        others = None if others is None else others.without_photos(seen)
    if plan.split is None:
        centroids = _centroids(templates)
        own_probes: Sequence[int] = range(len(own))
    else:
        centroids, own_probes = _split(own, plan.split, plan.seed)
    data = str(folder) if impostors is None else f"{folder}, strangers from {impostors}"
    return _compared(identity, plan, data, own, own_probes, centroids, strangers, others)


def compare_enrolled(
    templates: Mapping[str, Sequence[Template]], bank: Strangers, identity: ModelIdentity, plan: Plan
) -> Comparisons:
    """Compare the templates of enrolled people with a bank of strangers.

    There is no genuine comparison, so nothing is said about how often the people are refused.

    Parameters
    ----------
    templates : mapping of str to sequence of Template
        Enrolled people, at least one, each with the templates of their looks.
    bank : Strangers
        Namesakes of enrolled people are left out.
    identity : ModelIdentity
        Of the templates and of the bank.
    plan : Plan
        Only its seed matters.

    Raises
    ------
    CalibrationError
        ``insufficient-data`` without a stranger.
    """
    centroids = _centroids(templates)
    none = LabelledSamples.none()
    data = f"{len(centroids):,} enrolled"
    return _compared(identity, plan, data, none, (), centroids, none, bank.apart_from(templates))


def compare_bank(bank: Strangers, identity: ModelIdentity, plan: Plan) -> Comparisons:
    """Compare the people of a bank with each other, to measure a model without photos of your own.

    Parameters
    ----------
    bank : Strangers
        People with more photos than the split play the owners, and everyone is a stranger to everybody else.
    identity : ModelIdentity
        Of the bank.
    plan : Plan
        With a `split`.

    Raises
    ------
    CalibrationError
        ``insufficient-data`` if nobody has more photos than the split.
    """
    own = LabelledSamples(bank.embeddings, _labels(bank), bank.person, photos=len(bank))
    centroids, own_probes = _split(own, plan.split or DEFAULT_SPLIT, plan.seed)
    data = f"the bank of strangers ({_sources(bank)})"
    return _compared(identity, plan, data, own, own_probes, centroids, LabelledSamples.none(), None)


def _compared(
    identity: ModelIdentity,
    plan: Plan,
    data: str,
    own: LabelledSamples,
    own_probes: Sequence[int],
    centroids: Mapping[str, Vector],
    strangers: LabelledSamples,
    bank: Strangers | None,
) -> Comparisons:
    """Return the comparisons of all probes with all centroids: own people, strangers, then the bank's."""
    banked = [] if bank is None else [STRANGER + person for person in bank.person]
    probes = [*_pick(own, own_probes), *_pick(strangers, range(len(strangers)))]
    if bank is not None:
        probes += zip(bank.embeddings, _labels(bank), banked, strict=True)
    template_person, probe_person = _number(centroids, [person for _, _, person in probes])
    if not impostor_comparisons(probe_person, template_person):
        raise CalibrationError(
            "insufficient-data",
            f"insufficient data: {data} gives no impostor comparison "
            f"({counted(len(centroids), 'template')}, {counted(len(own), 'usable photo')})",
            hint="One person needs more usable photos than --split takes, and another needs a photo.",
        )
    if bank is not None:
        data += f", {bank.people:,} strangers of the bank ({_sources(bank)})"
    return Comparisons(
        identity=identity,
        plan=plan,
        data=data,
        people=len(own.everybody) or len(centroids),
        photos=own.photos,
        templates=len(centroids),
        strangers=len({name_key(person) for person in {*strangers.everybody, *banked}}),
        stranger_photos=strangers.photos + len(banked),
        duplicates=own.duplicates + strangers.duplicates,
        own_photos=own.own_photos + strangers.own_photos,
        skipped=own.skipped + strangers.skipped,
        failures=(*own.failures, *strangers.failures),
        failures_to_acquire=failures_to_acquire(
            (*own.person, *strangers.person), (*own.failed_person, *strangers.failed_person), seed=plan.seed
        ),
        created=now(),
        similarity=best_looks([embedding for embedding, _, _ in probes], list(centroids.values())),
        probe_person=probe_person,
        template_person=template_person,
        own_probes=len(own_probes),
        files=tuple(photo for _, photo, _ in probes),
        names=tuple(centroids),
    )


def _labels(bank: Strangers) -> tuple[str, ...]:
    """Return how reports name the photos of a bank, whose files are not kept."""
    return tuple(f"{source}/{person}" for source, person in zip(bank.source, bank.person, strict=True))


def _sources(bank: Strangers) -> str:
    return ", ".join(sorted(set(bank.source))) or "empty"


def _centroids(templates: Mapping[str, Sequence[Template]]) -> dict[str, Vector]:
    """Return the centroids of each person's looks, shape (n_looks, dimension)."""
    return {name: np.stack([template.centroid for template in each]) for name, each in templates.items()}


def _split(own: LabelledSamples, k: int, seed: int) -> tuple[dict[str, Vector], Sequence[int]]:
    """Return centroids of k photos of each person who has more, and the indices of the probes."""
    split = split_people(own.person, k, seed)
    members: dict[str, list[Vector]] = {name: [] for name in split.enrolled}
    for i in split.templates:
        members[own.person[i]].append(own.embeddings[i].astype(np.float64))
    return {name: unit(np.sum(vectors, axis=0)) for name, vectors in members.items()}, split.probes


def _pick(samples: LabelledSamples, probes: Sequence[int]) -> list[tuple[NDArray[np.float32], str, str]]:
    return [(samples.embeddings[i], samples.photo[i], samples.person[i]) for i in probes]


def _number(templates: Mapping[str, Vector], probes: Sequence[str]) -> tuple[PersonIds, PersonIds]:
    """Return each person's number, equal for all spellings of a name; people with a template come first."""
    ids: dict[str, int] = {}
    template_person, probe_person = (
        np.array([ids.setdefault(name_key(name), len(ids)) for name in names], dtype=np.int32)
        for names in (templates, probes)
    )
    return template_person, probe_person


def impostor_comparisons(probe_person: PersonIds, template_person: PersonIds) -> int:
    """Return the number of pairs of different people among all pairs of probe and template.

    Examples
    --------
    >>> impostor_comparisons(np.array([0, 1, 2]), np.array([0, 1]))
    4
    """
    highest = max(int(ids.max(initial=-1)) for ids in (probe_person, template_person))
    probes, templates = (np.bincount(ids, minlength=highest + 1) for ids in (probe_person, template_person))
    mated: NDArray[np.intp] = probes @ templates
    return len(probe_person) * len(template_person) - int(mated)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
