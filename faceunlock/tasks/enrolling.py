"""One enrolment in steps, so that a folder of people can share one stream of photos."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from faceunlock.errors import EnrolmentError
from faceunlock.files.text import quoted
from faceunlock.matching.people import Person
from faceunlock.matching.second_names import SameFace
from faceunlock.matching.strangers import NearStranger
from faceunlock.matching.templates import Template
from faceunlock.pipeline.enrolment import Enrolment
from faceunlock.pipeline.enrolment import enroll as learn
from faceunlock.pipeline.samples import LeftOut, Sample, Track
from faceunlock.tasks.people import no_such_look
from faceunlock.tasks.pictures import small_faces
from faceunlock.tasks.planning import Planned, Wanted
from faceunlock.tasks.second_names import check_second_name
from faceunlock.tasks.strangers import nearest_stranger
from faceunlock.tasks.workspace import Workspace, is_apart, quality_gates

if TYPE_CHECKING:
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.pipeline.acquisition import Acquisition
    from faceunlock.tasks.apart import ApartAcquisition


@dataclass(frozen=True, slots=True)
class Resemblance:
    """How much photos resemble the person.

    Attributes
    ----------
    similarity : float
        Cosine with the person's centroid, in [-1, 1]: of the look's centroid, or of the least similar photo.
    threshold : float
        Lowest similarity that is enough by itself: for a look the model's threshold for two photos, for
        photos to add its unlock threshold.
    photos : tuple of str
        The photos to add that are asked about; empty for a look.
    """

    similarity: float
    threshold: float
    photos: tuple[str, ...] = ()

    @property
    def enough(self) -> bool:
        """Whether nobody has to be asked."""
        return self.similarity >= self.threshold


Accept = Callable[[Resemblance], bool]
"""Asks whether photos that resemble a person too little by themselves show this person."""


MOST_FACES = 12
"""Most faces that an enrolment shows in a notebook."""


@dataclass(frozen=True, slots=True, repr=False)
class EnrolmentOutcome:
    """The result of an enrolment.

    Attributes
    ----------
    name : str
        The name as it is stored.
    enrolment : Enrolment
        Template, photos used and photos left out.
    looked_at : int
        Number of photos looked at.
    skipped : int
        Number of files that are not photos.
    saved : bool
        False for a dry run.
    same_faces : tuple of SameFace
        People enrolled under another name whom the template matches, too; none unless ``even_so``.
    nearest : NearStranger or None
        The most similar stranger of the bank; None without a bank.
    look : str or None
        The look that was enrolled, as it is stored; None for the person's own template.
    resemblance : Resemblance or None
        How much the look resembles the person; None without a look.
    accepted : tuple of str
        Photos below the unlock threshold that were added because somebody said whom they show.
    faces : tuple of bytes
        Small pictures of the faces that were used, as JPEG, at most `MOST_FACES`; empty unless the workspace
        keeps faces.
    """

    name: str
    enrolment: Enrolment
    looked_at: int
    skipped: int
    saved: bool
    same_faces: tuple[SameFace, ...] = ()
    nearest: NearStranger | None = None
    look: str | None = None
    resemblance: Resemblance | None = None
    accepted: tuple[str, ...] = ()
    faces: tuple[bytes, ...] = field(default=(), repr=False)

    def __repr__(self) -> str:
        return f"<EnrolmentOutcome: {self._answer}>"

    def _repr_html_(self) -> str:
        """Return the outcome for a notebook, with the faces if the workspace keeps faces."""
        from faceunlock.reports.notebook import Line, as_html

        left_out = self.enrolment.left_out
        refused = [Line(False, f"{one.photo}: {one.reason}, {one.detail}") for one in left_out]
        return as_html([Line(True, self._answer, self.faces), *refused])

    @property
    def _answer(self) -> str:
        who = self.name if self.look is None else f"{self.name}, look {self.look}"
        used, left_out = len(self.enrolment.used), len(self.enrolment.left_out)
        end = "saved" if self.saved else "a dry run, not saved"
        return f"{who}: {used} of {used + left_out} photos used, {end}"


def photo_reader(
    workspace: Workspace, known: Person | None, photos: int
) -> tuple[Acquisition | ApartAcquisition, ModelIdentity]:
    """Return what turns photos into samples: for root, a process without root's rights.

    Parameters and errors are as for `faceunlock.tasks.models.ModelChoice.acquisition`.
    """
    if is_apart(workspace, root=True):
        from faceunlock.tasks.apart import apart_acquisition

        return apart_acquisition(workspace, known, fetch=True, photos=photos)
    return workspace.choice.acquisition(known, fetch=True, photos=photos)


def look_at(
    workspace: Workspace, planned: Planned, track: Track
) -> tuple[list[Sample | LeftOut], ModelIdentity]:
    """Return a sample, or why there is none, for each photo of a plan, and what made the embeddings.

    Raises as `photo_reader`; `track` shows progress over the photos.
    """
    acquisition, identity = photo_reader(workspace, planned.known, len(planned.photos))
    samples = acquisition.samples(planned.photos, keep_crops=workspace.keep_faces)
    return list(track(samples, len(planned.photos), "photos")), identity


def learnable(
    workspace: Workspace, planned: Planned, outcomes: Sequence[Sample | LeftOut], identity: ModelIdentity
) -> Enrolment:
    """Return what would be learned, and store nothing; parameters and errors are as for `finish`."""
    return _Enrolling(workspace, planned.wanted, outcomes, identity).tried(planned.known, None).enrolment


def finish(
    workspace: Workspace,
    planned: Planned,
    outcomes: Sequence[Sample | LeftOut],
    identity: ModelIdentity,
    *,
    min_photos: int | None = None,
    dry_run: bool = False,
    accept: Accept | None = None,
) -> EnrolmentOutcome:
    """Return what comes of a planned enrolment, and store it unless it is a dry run.

    Parameters
    ----------
    workspace : Workspace
    planned : Planned
    outcomes : sequence of Sample or LeftOut
        One for each photo of the plan, in its order.
    identity : ModelIdentity
        What made the embeddings.
    min_photos, dry_run, accept
        As for `faceunlock.tasks.enroll.enroll`, which also says what is raised.
    """
    enrolling = _Enrolling(workspace, planned.wanted, outcomes, identity, min_photos)
    draft = (enrolling.tried if dry_run else enrolling.saved)(planned.known, accept)
    used = {*draft.enrolment.used}
    shown = [one.crop for one in outcomes if isinstance(one, Sample) and one.photo in used]
    return EnrolmentOutcome(
        name=draft.name,
        enrolment=draft.enrolment,
        looked_at=len(planned.photos),
        skipped=planned.skipped,
        saved=not dry_run,
        same_faces=draft.same,
        nearest=nearest_stranger(workspace, draft.name, draft.enrolment.template),
        look=draft.look,
        resemblance=draft.resemblance,
        accepted=tuple(photo for photo in enrolling.vouched if photo in draft.enrolment.used),
        faces=small_faces(shown[:MOST_FACES]),
    )


@dataclass(frozen=True, slots=True)
class _Draft:
    """An enrolment that was judged against everybody who is stored."""

    name: str
    look: str | None
    enrolment: Enrolment
    resemblance: Resemblance | None
    same: tuple[SameFace, ...]

    def joined(self, stored: Person) -> Person:
        """Return the stored person with the new template, or the new look."""
        template = self.enrolment.template
        if self.look is None:
            return dataclasses.replace(stored, template=template)
        return stored.with_look(self.look, template)


class _Enrolling:
    """The photos of one enrolment, judged against what is stored.

    Parameters
    ----------
    workspace : Workspace
    wanted : Wanted
    outcomes : sequence of Sample or LeftOut
        One for each photo.
    identity : ModelIdentity
        What made the embeddings.
    min_photos : int, optional
        As for `quality_gates`.

    Attributes
    ----------
    vouched : tuple of str
        Photos below the unlock threshold that somebody said show the person.
    """

    def __init__(
        self,
        workspace: Workspace,
        wanted: Wanted,
        outcomes: Sequence[Sample | LeftOut],
        identity: ModelIdentity,
        min_photos: int | None = None,
    ) -> None:
        self._workspace, self._wanted, self._identity = workspace, wanted, identity
        self._gates = quality_gates(workspace, identity, min_photos)
        self._samples = [outcome for outcome in outcomes if isinstance(outcome, Sample)]
        self._failures = [outcome for outcome in outcomes if isinstance(outcome, LeftOut)]
        self.vouched: tuple[str, ...] = ()

    def tried(self, known: Person | None, accept: Accept | None) -> _Draft:
        """Return what would be stored, and store nothing."""
        self._ask(known, accept)
        enrolment = self._learned(known)
        return self._judged(enrolment, known, accepted=self._accepted(enrolment, known, accept))

    def saved(self, known: Person | None, accept: Accept | None) -> _Draft:
        """Store the person, or the look; what is unlike is asked about before anything is locked."""
        self._ask(known, accept)
        enrolment, gallery, wanted = self._learned(known), self._workspace.gallery, self._wanted
        accepted = self._accepted(enrolment, known, accept)
        with gallery.transaction():  # nobody else is enrolled between check and change
            if known is None:
                draft = self._judged(enrolment, None)
                store = gallery.replace if wanted.replace else gallery.add
                store(draft.name, draft.enrolment.template)
                return draft
            # The template may have grown since it was read, so judge against the stored one.
            stored = gallery.get(wanted.name)
            self._workspace.choice.check(stored, self._identity)
            wanted.known(self._workspace)
            if wanted.add:
                enrolment = self._learned(stored)
            draft = self._judged(enrolment, stored, accepted=accepted)
            person = gallery.change(stored.name, draft.joined)
        kept = None if wanted.look is None else person.look(wanted.look)
        return dataclasses.replace(draft, look=None if kept is None else kept.name)

    def _learned(self, person: Person | None) -> Enrolment:
        return learn(
            self._samples,
            self._identity,
            self._gates,
            known=_growing(person, self._wanted.look) if person is not None and self._wanted.add else None,
            failures=self._failures,
            elsewhere=_elsewhere(person, self._wanted),
        )

    def _ask(self, person: Person | None, accept: Accept | None) -> None:
        """Ask about photos that are a little too unlike the template they are added to.

        A yes goes only as far as two photos of one person may differ, so that a stranger's photo stays out.
        """
        lowest, needed = self._gates.pair_similarity, self._gates.min_similarity
        if person is None or accept is None or lowest is None or not self._wanted.add:
            return
        centroid = _growing(person, self._wanted.look).centroid
        scores = {
            sample.photo: float(sample.embedding @ centroid)
            for sample in self._samples
            if self._gates.fault(sample.quality) is None
        }
        near = {photo: score for photo, score in scores.items() if lowest <= score < needed}
        if near and accept(Resemblance(min(near.values()), needed, tuple(near))):
            self._gates = dataclasses.replace(self._gates, min_similarity=lowest)
            self.vouched = tuple(near)

    def _accepted(self, enrolment: Enrolment, person: Person | None, accept: Accept | None) -> bool:
        """Return whether photos that resemble the person too little were accepted; ask if need be."""
        if person is None or self._wanted.look is None or accept is None:
            return False
        found = _resemblance(self._workspace, person, enrolment.template)
        return not found.enough and accept(found)

    def _judged(self, enrolment: Enrolment, person: Person | None, *, accepted: bool = False) -> _Draft:
        """Return what can be stored; refuse what is too unlike the person, or is somebody else."""
        wanted, template = self._wanted, enrolment.template
        resemblance = None
        try:
            if person is not None and wanted.look is not None:
                resemblance = _resemblance(self._workspace, person, template)
                if not (resemblance.enough or accepted):
                    raise _unlike(person, resemblance)
            same = check_second_name(self._workspace, wanted.name, template, even_so=wanted.even_so)
        except EnrolmentError as error:
            error.usable, error.left_out = enrolment.used, enrolment.left_out
            raise
        name = wanted.name if person is None else person.name
        return _Draft(name, wanted.look, enrolment, resemblance, same)


def _growing(person: Person, look: str | None) -> Template:
    """Return the template that photos are added to."""
    if look is None:
        return person.template
    there = person.look(look)
    if there is None:
        raise no_such_look(person, look)
    return there.template


def _elsewhere(person: Person | None, wanted: Wanted) -> dict[str, Template]:
    """Return the person's templates that stay as they are, by their description."""
    if person is None or (wanted.look is None and not wanted.add):
        return {}
    kept = None if wanted.look is None else person.look(wanted.look)
    changed = None if wanted.look is None else "" if kept is None else kept.name
    return {
        "the person's own template" if label is None else f"the look {quoted(label)}": template
        for label, template in person.templates
        if label != changed
    }


def _resemblance(workspace: Workspace, person: Person, template: Template) -> Resemblance:
    """Compare a look with the person's own template only, so that looks cannot drift away step by step."""
    threshold = workspace.choice.pair_calibration(template.identity).threshold
    return Resemblance(min(1.0, float(template.centroid @ person.template.centroid)), threshold)


def _unlike(person: Person, found: Resemblance) -> EnrolmentError:
    return EnrolmentError(
        "unlike-the-person",
        f"the photos do not resemble {person.name}: similarity {found.similarity:.4f}, at least "
        f"{found.threshold:.4f} needed",
    )
