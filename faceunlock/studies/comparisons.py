"""The comparisons of one calibration with all that was counted on the way: what a threshold is judged from.

Nothing here depends on a target, so the same comparisons can be judged for one target after another.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from faceunlock.matching.rate import Rate
from faceunlock.matching.scores import GenuineScores, ImpostorScores, PersonIds, Scores, separate
from faceunlock.matching.templates import ModelIdentity
from faceunlock.photos.face import SubjectRule
from faceunlock.pipeline.samples import LeftOut


@dataclass(frozen=True, slots=True)
class Plan:
    """How photos become comparisons.

    Attributes
    ----------
    split : int or None
        Photos per centroid; None to probe the enrolled people's own templates.
    seed : int
        Of the choice of photos and of every resampling.
    rule : {"dominant", "largest", "central"}
        Which face a photo is about.
    """

    split: int | None = None
    seed: int = 0
    rule: SubjectRule = "dominant"


@dataclass(frozen=True, slots=True)
class Material:
    """What was looked at, and what became of it.

    Attributes
    ----------
    identity : ModelIdentity
        What made the embeddings.
    plan : Plan
        How they were compared.
    data : str
        The folders, in words.
    people, photos : int
        People with photos, and photos looked at, in the folder.
    templates : int
        Centroids compared with.
    strangers, stranger_photos : int
        The same as `people` and `photos` for ``--impostors``.
    duplicates : int
        Photos dropped because the same file content came before.
    own_photos : int
        Photos dropped because they built the template of an enrolled person.
    skipped : int
        Files that are no photos.
    failures : tuple of LeftOut
        Photos that gave no sample.
    failures_to_acquire : Rate
    created : str
        When the photos were looked at, ISO 8601, UTC.
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
class Comparisons(Material):
    """Every probe compared with every template, beside the material they were made of.

    People are numbered; the numbers serve to tell people apart and to count them.

    Attributes
    ----------
    similarity : ndarray of float64, shape (n_probes, n_templates)
        Cosines, in [-1, 1].
    probe_person : ndarray of int32, shape (n_probes,)
        Whose photo each probe is; from 0 to below n_probes + n_templates.
    template_person : ndarray of int32, shape (n_templates,)
        Whose template each is, in the same numbering.
    own_probes : int
        So many probes, the first, are of the folder; the others are of strangers.
    files : tuple of str
        The file of each probe.
    names : tuple of str
        The name of each template's person.

    Raises
    ------
    ValueError
        If the shapes differ, a number is out of range, a stranger is one of the people, or no comparison
        is an impostor's.
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
        _require(bool(np.all(np.abs(self.similarity) <= 1.0)), "a cosine is a number from -1 to 1")
        everyone = np.concatenate([self.probe_person, self.template_person])
        _require(bool(np.all((everyone >= 0) & (everyone < len(everyone)))), "a person is out of range")
        own, strangers = np.split(self.probe_person, [self.own_probes])
        known = np.concatenate([own, self.template_person])
        _require(not np.any(np.isin(strangers, known)), "a stranger is one of the people")
        _require(
            impostor_comparisons(self.probe_person, self.template_person) > 0, "there is nothing to judge"
        )

    def scores(self) -> tuple[GenuineScores, ImpostorScores, ImpostorScores]:
        """Return the genuine scores, the impostor scores of own people, and those of strangers.

        Their `photo` is the number of the probe.
        """
        first = self.own_probes
        genuine, own = separate(self.similarity[:first], self.probe_person[:first], self.template_person)
        _, strangers = separate(self.similarity[first:], self.probe_person[first:], self.template_person)
        return genuine, own, replace(strangers, photo=strangers.photo + first)

    def name_of(self, person: int) -> str:
        """Return the name of a person who has a template."""
        return self.names[int(np.flatnonzero(self.template_person == person)[0])]


def impostor_comparisons(probe_person: PersonIds, template_person: PersonIds) -> int:
    """Count the pairs of different people among all pairs of probe and template.

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
