"""Enroll everyone of a folder with one sub-folder per person; a second run does only what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypedDict, Unpack

from faceunlock.errors import EnrolmentError, FaceUnlockError, GalleryError, SettingsError
from faceunlock.gallery.journal import discard
from faceunlock.matching.people import name_key, normalise_name
from faceunlock.photos.photo import Source, person_folders
from faceunlock.pipeline.enrolment import RefusedPhotosError, TooFewPhotosError
from faceunlock.pipeline.samples import LeftOut, Sample, Track, untracked
from faceunlock.tasks.enrolling import EnrolmentOutcome, finish, photo_reader
from faceunlock.tasks.planning import Planned, Wanted, photos_of
from faceunlock.tasks.workspace import PhotoPath, Workspace, as_path

if TYPE_CHECKING:
    from faceunlock.matching.people import Person
    from faceunlock.matching.templates import ModelIdentity

State = Literal["enrolled", "already-enrolled", "nothing-new", "refused"]
"""What became of a person: ``nothing-new`` if every usable photo to add is in the template already."""


class EachOptions(TypedDict, total=False):
    """Options of `enroll_each`."""

    add: bool
    replace: bool
    min_photos: int | None
    dry_run: bool
    even_so: bool
    track: Track
    ray: str | None


@dataclass(frozen=True, slots=True)
class PersonOutcome:
    """What became of one sub-folder.

    Attributes
    ----------
    name : str
        Name of the sub-folder.
    outcome : EnrolmentOutcome or None
        The enrolment; None unless something was enrolled.
    error : FaceUnlockError or None
        Why the person was refused.
    state : State
        What was done.
    left_out : tuple of LeftOut
        Photos that were not used, but for those that are in the template already.
    """

    name: str
    outcome: EnrolmentOutcome | None
    error: FaceUnlockError | None
    state: State
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class EachOutcome:
    """What became of a folder of people.

    Attributes
    ----------
    folder : Path
        The folder.
    people : tuple of PersonOutcome
        One for each sub-folder, in natural order of the names.
    loose : tuple of Path
        Photos that lie in the folder itself; nobody is enrolled from them.
    """

    folder: Path
    people: tuple[PersonOutcome, ...]
    loose: tuple[Path, ...]

    @property
    def complete(self) -> bool:
        """Whether everyone of the folder is enrolled."""
        return all(person.error is None for person in self.people)

    def count(self, state: State) -> int:
        """Return how many people ended in a state."""
        return sum(person.state == state for person in self.people)


def enroll_each(
    workspace: Workspace,
    folder: PhotoPath,
    *,
    tell: Callable[[PersonOutcome], None] = lambda _: None,
    **options: Unpack[EachOptions],
) -> EachOutcome:
    """Enroll one person from each first-level sub-folder, under its name; each person wholly or not at all.

    People who are enrolled already stay as they are, so the same call resumes one that was stopped.

    Parameters
    ----------
    workspace : Workspace
        Its gallery stores the templates.
    folder : path
        The folder above the people's folders.
    tell : callable
        Gets each person's outcome as soon as it is known.
    add : bool
        Add new photos to people who are enrolled already, and enroll the others.
    replace : bool
        Enroll everybody again.
    min_photos, dry_run, even_so, track
        As for `faceunlock.tasks.enroll.enroll`; `track` gets the photos of all people.
    ray : str, optional
        Look at the photos on a Ray cluster: ``local`` for one on this machine, or HOST:PORT. The people are
        the same, bit for bit.

    Raises
    ------
    PhotoError
        ``photo-not-found``, ``unreadable-photo``.
    EnrolmentError
        ``bad-folder`` if there are no sub-folders.
    ModelError
        The weights or the device cannot be used.
    ClusterError
        With `ray`: ``ray-missing``, ``ray-unreachable``, ``ray-worker-unfit``, ``ray-failed`` or
        ``ray-sealed``.
    """
    if options.get("add") and options.get("replace"):
        raise SettingsError("usage", "add and replace exclude each other")
    top = as_path(folder)
    found = person_folders(top)
    if not found.people:
        raise EnrolmentError(
            "bad-folder",
            f"{top} has no sub-folders",
            hint="Use one sub-folder per person; for the photos of one person: faceunlock enroll NAME FOLDER",
        )
    plan = _Plan(workspace, options)
    # The folders, not the photos, so that their own sub-folders are refused as for one person.
    plans = [
        (name, plan.of(name, list(dict.fromkeys(top / photo.relative_to(top).parts[0] for photo in photos))))
        for name, photos in found.people.items()
    ]
    people: list[PersonOutcome] = []
    with _reading(workspace, options) as reader:
        for person in _enrolled(workspace, plans, options, reader):
            people.append(person)
            tell(person)
    return EachOutcome(top, tuple(people), found.loose)


class _Plan:
    """What is to be done for each person, before any photo is read."""

    def __init__(self, workspace: Workspace, options: EachOptions) -> None:
        self._workspace = workspace
        self._add, self._replace = options.get("add", False), options.get("replace", False)
        self._even_so = options.get("even_so", False)
        # Read once: a gallery is read for each person otherwise.
        self._there = {name_key(name) for name in workspace.gallery.crowd().names()}
        self._seen: set[str] = set()

    def of(self, name: str, folders: list[Path]) -> Planned | PersonOutcome:
        """Return the plan for a person, or what has become of the person already."""
        # As it is on the disk: what is shown has its unprintable characters escaped, and looks like a path.
        given = folders[0].name if folders else name
        try:
            stored = normalise_name(given)
            self._refuse_repeated(given, name_key(stored))
            there = name_key(stored) in self._there
            if there and not self._add and not self._replace:
                return PersonOutcome(name, None, None, "already-enrolled")
            known = self._workspace.gallery.get(stored) if there and self._add else None
            wanted = Wanted(stored, None, add=known is not None, replace=self._replace, even_so=self._even_so)
            photos, skipped = photos_of(folders)
            if not photos:
                raise EnrolmentError("too-few-photos", "no photos found")
            return Planned(wanted, known, photos, skipped)
        except FaceUnlockError as error:
            return PersonOutcome(name, None, error, "refused")

    def _refuse_repeated(self, name: str, key: str) -> None:
        """Refuse a second folder of one name, which with ``replace`` would replace what the first gave."""
        if key in self._seen:
            raise GalleryError(
                "already-enrolled",
                f"{name}: another folder has the same name, apart from upper and lower case",
                hint="Put the photos of one person into one folder.",
            )
        self._seen.add(key)


Reader = Callable[["Workspace", "Person | None", int], tuple["Samples", "ModelIdentity"]]
"""Returns what turns photos into samples; parameters and errors are as for `photo_reader`."""


class Samples(Protocol):
    """What turns photos into samples: threads, a process without rights, or a cluster."""

    def samples(self, photos: Iterable[Source]) -> Iterator[Sample | LeftOut]:
        """Yield a sample, or the reason why there is none, for every photo in order."""
        ...


@contextmanager
def _reading(workspace: Workspace, options: EachOptions) -> Iterator[Reader]:
    """Yield what reads photos: this machine's threads unless a cluster is asked for."""
    address, dry_run = options.get("ray"), options.get("dry_run", False)
    if address is None:
        yield photo_reader
        if not dry_run:  # everybody is done, so nobody will go on with what a cluster began
            discard(workspace.locations.data)
        return
    from faceunlock.tasks.ray_reading import RayReading

    with RayReading(workspace, address, keep=not dry_run) as reading:
        yield reading.reader


def _enrolled(
    workspace: Workspace,
    plans: list[tuple[str, Planned | PersonOutcome]],
    options: EachOptions,
    reader: Reader,
) -> Iterator[PersonOutcome]:
    """Yield what becomes of each person, in order.

    The photos of all people are one stream, so no core waits between two people.
    """
    planned = [plan for _, plan in plans if isinstance(plan, Planned)]
    stream = iter(
        options.get("track", untracked)(
            _looked_at(workspace, planned, reader), sum(len(plan.photos) for plan in planned), "photos"
        )
    )
    for name, plan in plans:
        if isinstance(plan, PersonOutcome):
            yield plan
            continue
        found = list(islice(stream, len(plan.photos)))
        yield _finished(workspace, name, plan, found, options)
    next(stream, None)  # nothing is left: the progress ends here


Looked = tuple["ModelIdentity", Sample | LeftOut] | GalleryError
"""A photo that was looked at, and with which model; or why none of the person's photos can be."""


def _looked_at(workspace: Workspace, plans: list[Planned], reader: Reader) -> Iterator[Looked]:
    """Yield a sample, or why there is none, for each photo of everybody; raises for want of a model."""
    total = sum(len(plan.photos) for plan in plans)
    for _, same in groupby(plans, key=lambda plan: plan.known and plan.known.template.identity):
        group = list(same)
        photos = [photo for plan in group for photo in plan.photos]
        try:
            acquisition, identity = reader(workspace, group[0].known, total)
        except GalleryError as mismatch:
            yield from (mismatch for _ in photos)
            continue
        for outcome in acquisition.samples(photos):
            yield identity, outcome


def _finished(
    workspace: Workspace, name: str, plan: Planned, found: list[Looked], options: EachOptions
) -> PersonOutcome:
    """Return what becomes of a person whose photos were looked at."""
    looked = [one for one in found if not isinstance(one, GalleryError)]
    if not looked:
        (error,) = {one for one in found if isinstance(one, GalleryError)}
        return PersonOutcome(name, None, error, "refused")
    try:
        outcome = finish(
            workspace,
            plan,
            [outcome for _, outcome in looked],
            looked[0][0],
            min_photos=options.get("min_photos"),
            dry_run=options.get("dry_run", False),
        )
    except RefusedPhotosError as error:
        left_out = _new(error.left_out, plan)
        if isinstance(error, TooFewPhotosError) and len(left_out) < len(error.left_out):
            return PersonOutcome(name, None, None, "nothing-new", left_out)
        return PersonOutcome(name, None, error, "refused", left_out)
    except FaceUnlockError as error:
        return PersonOutcome(name, None, error, "refused")
    return PersonOutcome(name, outcome, None, "enrolled", _new(outcome.enrolment.left_out, plan))


def _new(left_out: tuple[LeftOut, ...], plan: Planned) -> tuple[LeftOut, ...]:
    """Return the photos without those of a person who is there already, which are no news."""
    return tuple(photo for photo in left_out if plan.known is None or photo.reason != "duplicate")
