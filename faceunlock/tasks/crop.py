"""Crop: cut the faces out of a folder of photos, as the network sees them, and draw a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from PIL import Image

from faceunlock.errors import ReportError
from faceunlock.files.marks import Mark
from faceunlock.files.outputs import plan_folder, write_picture
from faceunlock.matching.wording import counted
from faceunlock.photos.face import SubjectRule
from faceunlock.photos.photo import nothing_found, person_folders
from faceunlock.pipeline.samples import LeftOut, NoneUsableError, PhotoCrops, Track, untracked
from faceunlock.reports.before_sheet import PHOTOS_SHOWN, Before, before_sheet
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
    import numpy as np
    from numpy.typing import NDArray

    from faceunlock.matching.templates import ModelIdentity

SHEET, BEFORE = "contact-sheet.png", "before-after.png"

CropRule = SubjectRule | Literal["all"]


class CropOptions(TypedDict, total=False):
    """Options of `crop`."""

    faces: CropRule
    before: bool
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
    face : int
        Number of the face among those cut out of its photo, from left to right, from 1.
    """

    photo: str
    person: str | None
    file: Path
    face: int = 1


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
    photos : int
        Number of photos looked at.
    sheet : Path
        The contact sheet.
    before : Path or None
        The sheet of photos beside their faces, if it was asked for.
    before_shown : int
        Number of photos on it.
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
    photos: int
    sheet: Path
    before: Path | None
    before_shown: int
    people_shown: int
    faces_shown: int
    size: int
    identity: ModelIdentity


def crop(
    workspace: Workspace,
    folder: PhotoPath,
    destination: PhotoPath,
    *,
    faces: CropRule = "dominant",
    before: bool = False,
    overwrite: bool = False,
    track: Track = untracked,
) -> CropOutcome:
    """Write the subject, or every face, of each photo as the network sees it: PNG, one folder per person.

    Parameters
    ----------
    workspace : Workspace
        Its model determines the crop.
    folder : path
        One sub-folder per person, or photos of one person.
    destination : path
        Folder for the crops; photos already in it are not cropped.
    faces : {"dominant", "largest", "central", "all"}
        Which face in a photo counts as its subject; ``all`` cuts out every face.
    before : bool
        Whether to draw a second sheet, of the photos beside their faces.
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
        raise nothing_found([source], found.others)
    names = [Path(person or "") / f"{path.stem}.png" for path, person in photos]
    sheet, beside, *files = plan_folder(
        target,
        (Path(SHEET), Path(BEFORE), *names),
        overwrite=overwrite,
        never=[path for path, _ in photos],
    )
    if faces == "all" and not overwrite:
        _check_more_faces(files)
    acquisition, identity = workspace.choice.acquisition(
        fetch=True, photos=len(photos), small_faces=faces == "all", access=False
    )
    shown = _Shown(list(dict.fromkeys(person for _, person in photos)))
    pictured = _Pictured(len(photos) if before else 0)
    taken = set(files)
    size = 0

    def written(cut: PhotoCrops, owner: tuple[str | None, Path]) -> tuple[WrittenCrop, ...]:
        nonlocal size
        person, file = owner
        done = []
        for number, pixels in enumerate(cut.crops, start=1):
            place = file if number == 1 else _another(file, number, taken)
            write_picture(place, Image.fromarray(pixels), overwrite=overwrite, mark=Mark.CROP)
            size = len(pixels)
            shown.add(person, pixels)
            done.append(WrittenCrop(cut.photo, person, place, number))
        pictured.add(cut, f"{person or ''}/{PurePath(cut.photo).name}".lstrip("/"))
        return tuple(done)

    outcomes = track(
        acquisition.photo_crops([path for path, _ in photos], faces, keep_pictures=before),
        len(photos),
        "photos",
    )
    owners = ((person, file) for (_, person), file in zip(photos, files, strict=True))
    done = sort_out(outcomes, owners, written, distinct=False)
    crops = tuple(crop for photo in done.kept for crop in photo)
    if not crops:
        raise NoneUsableError(done.failures)
    people = len({one.person for one in crops} - {None})
    write_picture(sheet, shown.draw(len(crops), people, identity.model), overwrite=overwrite)
    if before:
        drawn = pictured.draw(len(done.kept), identity.model)
        write_picture(beside, drawn, overwrite=overwrite)
    return CropOutcome(
        crops=crops,
        people=people,
        left_out=done.failures,
        skipped=found.skipped,
        photos=len(photos),
        sheet=sheet,
        before=beside if before else None,
        before_shown=len(pictured.photos),
        people_shown=sum(person is not None for person in shown.faces),
        faces_shown=sum(map(len, shown.faces.values())),
        size=size,
        identity=identity,
    )


def _another(file: Path, number: int, taken: set[Path]) -> Path:
    """Return the file of a further face of a photo, beside that of the first."""
    place = file.with_name(f"{file.stem}.face{number}.png")
    while place in taken:  # a photo may have such a name itself
        place = place.with_name(f"{place.stem}-2.png")
    taken.add(place)
    return place


def _check_more_faces(files: Sequence[Path]) -> None:
    """Refuse to begin where a further face of a photo has been written before.

    Raises
    ------
    ReportError
        ``file-exists``.
    """
    planned = {(file.parent, file.stem) for file in files}
    for folder in {file.parent for file in files}:
        for place in sorted(folder.glob("*.face*.png")):
            if (folder, place.name.partition(".face")[0]) in planned:
                raise ReportError("file-exists", f"{place} exists already")


class _Pictured:
    """Photos, spread over the folder, for the sheet that shows them beside their faces."""

    def __init__(self, count: int) -> None:
        self.photos: list[Before] = []
        self._shown = frozenset(spread(count, PHOTOS_SHOWN))
        self._seen = 0

    def add(self, cut: PhotoCrops, title: str) -> None:
        if self._seen in self._shown:
            self.photos.append(Before(title, cut))
        self._seen += 1

    def draw(self, usable: int, model: str) -> Image.Image:
        part = "" if len(self.photos) == usable else f", {len(self.photos)} of them shown"
        return before_sheet(f"{counted(usable, 'photo')} and what {model} sees of them{part}", self.photos)


class _Shown:
    """The crops shown on the contact sheet; the others are not kept in memory."""

    def __init__(self, people: list[str | None]) -> None:
        self.faces: dict[str | None, list[Any]] = {people[i]: [] for i in spread(len(people), PEOPLE_SHOWN)}
        self._counts = dict.fromkeys(people, 0)

    def add(self, person: str | None, pixels: NDArray[np.uint8]) -> None:
        self._counts[person] += 1
        faces = self.faces.get(person)
        if faces is not None and len(faces) < FACES_SHOWN:
            faces.append(thumbnail(pixels))

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
