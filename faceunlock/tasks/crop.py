"""Crop: cut the faces out of a folder of photos, as the network sees them, and draw a contact sheet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from PIL import Image

from faceunlock.errors import PhotoError
from faceunlock.files.marks import Mark
from faceunlock.files.outputs import plan_folder, write_picture
from faceunlock.matching.wording import counted
from faceunlock.photos.face import SubjectRule
from faceunlock.photos.photo import person_folders
from faceunlock.pipeline.samples import Crop, LeftOut, NoneUsableError, Track, untracked
from faceunlock.reports.contact_sheet import (
    FACES_SHOWN,
    PEOPLE_SHOWN,
    SheetRow,
    contact_sheet,
    spread,
    thumbnail,
)
from faceunlock.studies.collection import sort_out
from faceunlock.tasks.workspace import PhotoPath, Workspace, as_path

if TYPE_CHECKING:
    from faceunlock.matching.templates import ModelIdentity

SHEET = "contact-sheet.png"


class CropOptions(TypedDict, total=False):
    """Options of `crop`."""

    faces: SubjectRule
    overwrite: bool
    track: Track


@dataclass(frozen=True, slots=True)
class WrittenCrop:
    """A face that was cut out.

    Attributes
    ----------
    photo : str
        The photo it was cut from.
    person : str or None
        The person in whose folder the photo was.
    file : Path
        The file of the crop.
    """

    photo: str
    person: str | None
    file: Path


@dataclass(frozen=True, slots=True)
class CropOutcome:
    """The faces that were cut out of a folder.

    Attributes
    ----------
    crops : tuple of WrittenCrop
        In the order of the folder.
    people : int
        Number of people with at least one crop.
    left_out : tuple of LeftOut
        Photos without a crop.
    skipped : int
        Files that are not photos.
    sheet : Path
        The contact sheet.
    people_shown, faces_shown : int
        Number of people and of faces on the contact sheet.
    size : int
        Side of a crop, in pixels.
    identity : ModelIdentity
        The model whose network sees faces this way.
    """

    crops: tuple[WrittenCrop, ...]
    people: int
    left_out: tuple[LeftOut, ...]
    skipped: int
    sheet: Path
    people_shown: int
    faces_shown: int
    size: int
    identity: ModelIdentity


def crop(
    workspace: Workspace,
    folder: PhotoPath,
    destination: PhotoPath,
    *,
    faces: SubjectRule = "dominant",
    overwrite: bool = False,
    track: Track = untracked,
) -> CropOutcome:
    """Write the subject of every photo as the network sees it: PNG, one folder per person.

    Parameters
    ----------
    workspace : Workspace
        Its model determines the crop.
    folder : path
        One sub-folder per person, or photos of one person.
    destination : path
        Folder for the crops; photos already in it are not cropped.
    faces : {"dominant", "largest", "central"}
        Which face in a photo counts as its subject.
    overwrite : bool
        Whether crops may replace files.
    track : callable
        Shows progress over the photos.

    Raises
    ------
    PhotoError
        ``photo-not-found`` if there is no folder or no photo; `NoneUsableError` if no photo gives a crop.
    ReportError
        ``file-exists`` before any work is done; ``file-unwritable``.
    ModelError
        The weights or the device cannot be used.
    """
    source, target = as_path(folder), Path(destination)
    found = person_folders(source)
    photos: list[tuple[Path, str | None]] = [*((path, None) for path in found.loose), *found.labelled]
    if not photos:
        raise PhotoError("photo-not-found", f"{source}: no photos found{found.others}")
    names = (Path(person or "") / f"{path.stem}.png" for path, person in photos)
    sheet, *files = plan_folder(
        target, (Path(SHEET), *names), overwrite=overwrite, never=[path for path, _ in photos]
    )
    acquisition, identity = workspace.choice.acquisition(fetch=True, photos=len(photos), access=False)
    shown = _Shown(list(dict.fromkeys(person for _, person in photos)))
    size = 0

    def written(cut: Crop, owner: tuple[str | None, Path]) -> WrittenCrop:
        nonlocal size
        person, file = owner
        write_picture(file, Image.fromarray(cut.pixels), overwrite=overwrite, mark=Mark.CROP)
        size = len(cut.pixels)
        shown.add(person, cut)
        return WrittenCrop(cut.photo, person, file)

    outcomes = track(acquisition.crops([path for path, _ in photos], faces), len(photos), "photos")
    owners = ((person, file) for (_, person), file in zip(photos, files, strict=True))
    done = sort_out(outcomes, owners, written, distinct=False)
    crops = done.kept
    if not crops:
        raise NoneUsableError(done.failures)
    people = len({one.person for one in crops} - {None})
    write_picture(sheet, shown.draw(len(crops), people, identity.model), overwrite=overwrite)
    return CropOutcome(
        crops=crops,
        people=people,
        left_out=done.failures,
        skipped=found.skipped,
        sheet=sheet,
        people_shown=sum(person is not None for person in shown.faces),
        faces_shown=sum(map(len, shown.faces.values())),
        size=size,
        identity=identity,
    )


class _Shown:
    """The crops shown on the contact sheet; the others are not kept in memory."""

    def __init__(self, people: list[str | None]) -> None:
        self.faces: dict[str | None, list[Any]] = {people[i]: [] for i in spread(len(people), PEOPLE_SHOWN)}
        self._counts = dict.fromkeys(people, 0)

    def add(self, person: str | None, crop: Crop) -> None:
        self._counts[person] += 1
        faces = self.faces.get(person)
        if faces is not None and len(faces) < FACES_SHOWN:
            faces.append(thumbnail(crop.pixels))

    def draw(self, crops: int, people: int, model: str) -> Image.Image:
        rows = []
        for person, faces in self.faces.items():
            count = self._counts[person]
            part = f", {len(faces)} shown" if len(faces) < count else ""
            rows.append(SheetRow(f"{person or 'photos in no folder'} ({count:,}{part})", faces))
        part = f", {len(rows)} of them shown" if len(rows) < len(self._counts) else ""
        title = (
            f"{counted(crops, 'face')} of {counted(people, 'person', 'people')}{part}, as {model} sees them"
        )
        if not people:
            title = f"{counted(crops, 'face')}, as {model} sees them"
        return contact_sheet(title, rows)
