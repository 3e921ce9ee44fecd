"""An enrolment before any photo is read: who, how, and from which photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.errors import EnrolmentError, GalleryError
from faceunlock.files.text import quoted
from faceunlock.photos.photo import Source, find_photos, in_order
from faceunlock.tasks.people import no_such_look
from faceunlock.tasks.pictures import as_photos

if TYPE_CHECKING:
    from faceunlock.matching.people import Person
    from faceunlock.tasks.pictures import Photos
    from faceunlock.tasks.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who is to be enrolled, and how: options of `faceunlock.tasks.enroll.enroll`, names as stored."""

    name: str
    look: str | None
    add: bool
    replace: bool
    even_so: bool = False

    def known(self, workspace: Workspace) -> Person | None:
        """Return the person to add to, or None; raises early rather than after minutes of work."""
        gallery = workspace.gallery
        if self.look is not None:
            person = gallery.get(self.name)
            there = person.look(self.look)
            if self.add and there is None:
                raise no_such_look(person, self.look)
            if there is not None and not (self.add or self.replace):
                raise GalleryError(
                    "already-enrolled", f"{person.name} already has the look {quoted(self.look)}"
                )
            return person
        if self.add:
            return gallery.get(self.name)
        if not self.replace and gallery.enrolled(self.name):
            raise GalleryError("already-enrolled", f"{self.name} is already enrolled")
        return None


@dataclass(frozen=True, slots=True)
class Planned:
    """Everything about an enrolment that can be known before a photo is read.

    Attributes
    ----------
    wanted : Wanted
    known : Person or None
        The person that photos or a look are added to.
    photos : list of Path, PhotoFile or InMemory
        The photos to look at.
    skipped : int
        Number of files that are not photos.
    """

    wanted: Wanted
    known: Person | None
    photos: list[Source]
    skipped: int


def photos_of(photos: Photos) -> tuple[list[Source], int]:
    """Return the photos to look at, and how many files are not photos.

    Raises
    ------
    EnrolmentError
        ``sub-folders``; ``too-few-photos`` if there are none.
    """
    given = as_photos(photos)
    paths = [photo for photo in given if isinstance(photo, Path)]
    listing = find_photos(paths)
    _refuse_sub_folders(paths, listing.photos)
    sources = in_order(given, listing.photos)
    if given and not sources:
        where = ", ".join(map(str, paths))
        raise EnrolmentError("too-few-photos", f"{where}: no photos found{listing.others}")
    return sources, listing.skipped


def _refuse_sub_folders(given: Sequence[Path], photos: Sequence[Path]) -> None:
    """Refuse photos below a given folder: the folder above several people's looks like one person's."""
    named = {*given}
    inside = sorted({photo.parent for photo in photos if photo not in named and photo.parent not in named})
    if inside:
        first = ", ".join(str(folder) for folder in inside[:3])
        more = f" and {len(inside) - 3} more" if len(inside) > 3 else ""
        raise EnrolmentError("sub-folders", f"these sub-folders hold photos, too: {first}{more}")
