"""Faces cut out of a folder of photos, as the network sees them, with a contact sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from faceunlock.errors import PhotoError
from faceunlock.files.outputs import plan_folder, write_picture
from faceunlock.photos.face import SubjectRule
from faceunlock.photos.photo import person_folders
from faceunlock.pipeline.samples import Crop, LeftOut, NoneUsableError
from faceunlock.reports.contact_sheet import (
    FACES_SHOWN,
    PEOPLE_SHOWN,
    SheetRow,
    contact_sheet,
    spread,
    thumbnail,
)

if TYPE_CHECKING:
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.tasks.models import Models

SHEET = "contact-sheet.png"


@dataclass(frozen=True, slots=True)
class WrittenCrop:
    """A face that was cut out.

    Attributes
    ----------
    photo : str
        Where it was cut from.
    person : str or None
        Whose folder the photo was in.
    file : Path
        Where it is now.
    """

    photo: str
    person: str | None
    file: Path


@dataclass(frozen=True, slots=True)
class CropOutcome:
    """What was cut out of a folder.

    Attributes
    ----------
    crops : tuple of WrittenCrop
        In the order of the folder.
    people : int
        Folders of people with a face cut out.
    left_out : tuple of LeftOut
        Photos without a crop.
    skipped : int
        Files that are no photos.
    sheet : Path
        The contact sheet.
    people_shown, faces_shown : int
        On the contact sheet.
    size : int
        Side of a crop, in pixels.
    identity : ModelIdentity
        Whose network sees faces so.
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


def crop_folder(
    models: Models,
    folder: Path,
    destination: Path,
    *,
    rule: SubjectRule,
    overwrite: bool,
    track: Callable[[Iterable[Any], int, str], Iterable[Any]],
) -> CropOutcome:
    """Write the subject of every photo as the network sees it: PNG, one folder per person.

    Parameters
    ----------
    models : Models
        Chooses the model.
    folder : Path
        One sub-folder per person, or photos of one person.
    destination : Path
        Where the crops go; what is already in it is not cropped again.
    rule : {"dominant", "largest", "central"}
        Which face a photo is about.
    overwrite : bool
        Whether crops may replace files.
    track : callable
        Shows progress over the photos.

    Raises
    ------
    PhotoError
        ``photo-not-found`` without a folder or photos; `NoneUsableError` if no photo gives a crop.
    ReportError
        ``file-exists`` before any work is done; ``file-unwritable``.
    ModelError
        The weights or the device cannot be used.
    """
    found = person_folders(folder)
    labelled = [(person, path) for person, paths in found.people.items() for path in paths]
    inside = destination.resolve()
    photos: list[tuple[str | None, Path]] = [
        (person, path)
        for person, path in [*((None, path) for path in found.loose), *labelled]
        if not path.resolve().is_relative_to(inside)
    ]
    if not photos:
        raise PhotoError("photo-not-found", f"{folder}: no photo is there")
    names = (Path(person or "") / f"{path.stem}.png" for person, path in photos)
    sheet, *files = plan_folder(
        destination, (Path(SHEET), *names), overwrite=overwrite, never=[path for _, path in photos]
    )
    acquisition, identity = models.acquisition(fetch=True, photos=len(photos))
    shown = _Shown(list(dict.fromkeys(person for person, _ in photos)))
    crops: list[WrittenCrop] = []
    left_out: list[LeftOut] = []
    size = 0
    outcomes = acquisition.crops([path for _, path in photos], rule)
    for (person, _), file, outcome in zip(photos, files, track(outcomes, len(photos), "photos"), strict=True):
        if isinstance(outcome, LeftOut):
            left_out.append(outcome)
            continue
        write_picture(file, Image.fromarray(outcome.pixels), overwrite=overwrite)
        crops.append(WrittenCrop(outcome.photo, person, file))
        size = len(outcome.pixels)
        shown.add(person, outcome)
    if not crops:
        raise NoneUsableError(left_out)
    people = len({crop.person for crop in crops} - {None})
    write_picture(sheet, shown.draw(len(crops), people, identity.model), overwrite=overwrite)
    return CropOutcome(
        crops=tuple(crops),
        people=people,
        left_out=tuple(left_out),
        skipped=found.skipped,
        sheet=sheet,
        people_shown=sum(person is not None for person in shown.faces),
        faces_shown=sum(map(len, shown.faces.values())),
        size=size,
        identity=identity,
    )


class _Shown:
    """The part of the crops that goes on the contact sheet; no more is kept in memory."""

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
        title = f"{crops:,} faces of {people:,} people{part}, as {model} sees them"
        if not people:
            title = f"{crops:,} faces, as {model} sees them"
        return contact_sheet(title, rows)
