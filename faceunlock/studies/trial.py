"""The photos of a calibration, compared as `verify` would: folders in, comparisons out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from faceunlock.errors import CalibrationError
from faceunlock.matching.error_rates import rate_over_people
from faceunlock.matching.people import name_key, now
from faceunlock.matching.rate import Rate
from faceunlock.matching.scores import PersonIds, split_people
from faceunlock.matching.similarity import Vector, similarities, unit
from faceunlock.matching.templates import ModelIdentity, Template
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.pipeline.samples import Sample
from faceunlock.studies.collection import Collection, Collector, Track
from faceunlock.studies.comparisons import Comparisons, Plan, impostor_comparisons

DEFAULT_SPLIT = 3


def compare_photos(
    folder: Path,
    acquisition: Acquisition,
    identity: ModelIdentity,
    plan: Plan,
    *,
    enrolled: Mapping[str, Template] | None = None,
    impostors: Path | None = None,
    track: Track = lambda items, total, label: items,
) -> Comparisons:
    """Compare the photos of a folder as `verify` would.

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
        ``bad-folder`` with fewer than two people; ``insufficient-data`` without any impostor comparison.
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
        own_probes: Sequence[int] = range(len(own.samples))
    else:
        centroids, own_probes = _split(own, plan.split, plan.seed)
    probes = [*_pick(own, own_probes), *_pick(strangers, range(len(strangers.samples)))]
    template_person, probe_person = _number(centroids, [person for _, person in probes])
    if not impostor_comparisons(probe_person, template_person):
        raise CalibrationError(
            "insufficient-data",
            f"insufficient data: {folder} gives no impostor comparison "
            f"({len(centroids)} templates, {len(own.samples)} usable photos)",
            hint="A person needs more usable photos than --split takes, and somebody else needs a photo.",
        )
    return Comparisons(
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
        created=now(),
        similarity=similarities([sample.embedding for sample, _ in probes], list(centroids.values())),
        probe_person=probe_person,
        template_person=template_person,
        own_probes=len(own_probes),
        files=tuple(sample.photo for sample, _ in probes),
        names=tuple(centroids),
    )


def _split(own: Collection, k: int, seed: int) -> tuple[dict[str, Vector], Sequence[int]]:
    """Build centroids from k photos of each person who has more; also return the probes."""
    split = split_people(own.person, k, seed)
    members: dict[str, list[Vector]] = {name: [] for name in split.enrolled}
    for i in split.templates:
        members[own.person[i]].append(own.samples[i].embedding.astype(np.float64))
    return {name: unit(np.sum(vectors, axis=0)) for name, vectors in members.items()}, split.probes


def _pick(collection: Collection, probes: Sequence[int]) -> list[tuple[Sample, str]]:
    return [(collection.samples[i], collection.person[i]) for i in probes]


def _number(templates: Mapping[str, Vector], probes: Sequence[str]) -> tuple[PersonIds, PersonIds]:
    """Give people numbers, the same for all spellings of a name; those who have a template come first."""
    ids: dict[str, int] = {}
    template_person, probe_person = (
        np.array([ids.setdefault(name_key(name), len(ids)) for name in names], dtype=np.int32)
        for names in (templates, probes)
    )
    return template_person, probe_person


def _failures_to_acquire(collections: Sequence[Collection], seed: int) -> Rate:
    good = [person for part in collections for person in part.person]
    failed = [person for part in collections for person in part.failed_person]
    numbers = {person: number for number, person in enumerate(dict.fromkeys((*good, *failed)))}
    errors = [False] * len(good) + [True] * len(failed)
    return rate_over_people(errors, [numbers[person] for person in (*good, *failed)], seed=seed)
