"""Folders of photos: walking them, and the people that their sub-folders stand for."""

from __future__ import annotations

import errno
import logging
import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from faceunlock.errors import PhotoError
from faceunlock.files.marks import Mark, mark_of
from faceunlock.files.text import encodable, printable

_log = logging.getLogger(__name__)

# fmt: off
PHOTO_SUFFIXES: frozenset[str] = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff", ".bmp", ".dib",
    ".gif", ".heic", ".heif", ".hif", ".avif", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm",
})
# fmt: on
"""Suffixes, in lower case, by which a photo is recognised in a folder."""

_NOBODY = frozenset({
    "@eadir", "#recycle", "#snapshot", "$recycle.bin", "system volume information", "lost+found", "__macosx",
    ".thumbnails",
})  # fmt: skip
"""Folders that storage devices and systems make, in lower case: thumbnails, snapshots and deleted files."""

_MOST_KINDS = 5

_NOT_OPENED = {
    errno.EACCES: "Check its permissions.",
    errno.EPERM: "Check its permissions.",
    errno.ENAMETOOLONG: "Check the path: a name in it, or all of it, is longer than a path can be.",
    errno.ELOOP: "Its links lead in a circle; name the photo that they should lead to.",
    errno.EIO: "The disk cannot read it; copy it from another source.",
}
"""What helps with a path that the system does not open, by the number of its error."""

OURS = "written by faceunlock"
"""What pictures with a mark are counted as among the files that are not photos."""


@dataclass(frozen=True, slots=True)
class PhotoListing:
    """The photos found under some files and folders.

    Attributes
    ----------
    photos : tuple of Path
        In the order of the walk, each file once.
    skipped : int
        Number of files that are not photos: another suffix, a dangling link, a pipe or device, a picture
        that faceunlock wrote. Files and folders that cannot be accessed count, too.
    kinds : mapping of str to int
        How many of them have which suffix, in lower case; "" is none. Pictures that faceunlock wrote count
        as `OURS`.
    """

    photos: tuple[Path, ...]
    skipped: int
    kinds: Mapping[str, int] = field(default_factory=dict)

    @property
    def others(self) -> str:
        """What else was found, as the end of a sentence about no photos; empty if nothing was.

        Examples
        --------
        >>> PhotoListing((), 3, {".dng": 2, ".mov": 1}).others
        ' (3 files are not photos: 2 .dng, 1 .mov)'
        """
        return _others(self.skipped, self.kinds)


@dataclass(frozen=True, slots=True)
class PersonFolders:
    """A folder with one sub-folder per person.

    Attributes
    ----------
    people : dict of str to tuple of Path
        The photos in and below each first-level sub-folder, by its NFC-normalised name; empty if it
        has none. Sub-folders whose names differ only in normalisation are one person.
    loose : tuple of Path
        Photos that lie in the folder itself and belong to nobody.
    skipped : int
        Number of files that are not photos.
    kinds : mapping of str to int
        As in `PhotoListing`.
    """

    people: dict[str, tuple[Path, ...]]
    loose: tuple[Path, ...]
    skipped: int
    kinds: Mapping[str, int] = field(default_factory=dict)

    @property
    def others(self) -> str:
        """What else was found; see `PhotoListing`."""
        return _others(self.skipped, self.kinds)

    @property
    def count(self) -> int:
        """Number of photos, with those that belong to nobody."""
        return sum(map(len, self.people.values())) + len(self.loose)

    @property
    def labelled(self) -> list[tuple[Path, str]]:
        """Each person's photos with the name of the person, in the order of the folder."""
        return [(path, person) for person, paths in self.people.items() for path in paths]


def _others(skipped: int, kinds: Mapping[str, int]) -> str:
    if not skipped:
        return ""
    most = Counter(kinds).most_common(_MOST_KINDS)
    named = [f"{count:,} {kind or 'without a suffix'}" for kind, count in most]
    rest = skipped - sum(count for _, count in most)
    named += [f"{rest:,} others"] if rest and named else []
    are = "1 file is not a photo" if skipped == 1 else f"{skipped:,} files are not photos"
    return f" ({': '.join([are, ', '.join(named)] if named else [are])})"


def find_photos(sources: Sequence[Path]) -> PhotoListing:
    """Return the photos among some files and in folders, at any depth.

    A file named in `sources` is taken whatever its suffix; in folders, only `PHOTO_SUFFIXES` count. Each
    folder is walked depth first in natural order of the names ("2.jpg" before "10.jpg", regardless of case
    and Unicode normalisation), which is the same on every platform. Links are followed; a file or folder that
    is reached twice counts at its first place only.

    In folders, names that start with a dot are silently ignored. So are folders that no person made, such as
    ``@eaDir``, unless they are sources. Pictures that faceunlock wrote are passed over with a warning; crops
    of faces are only where there are other photos. What cannot be accessed is left out with a warning.

    Parameters
    ----------
    sources : sequence of Path
        Files and folders.

    Returns
    -------
    PhotoListing

    Raises
    ------
    PhotoError
        ``photo-not-found`` if a source does not exist; ``unreadable-photo`` if a folder among the sources
        cannot be listed.
    """
    return find_files(sources, PHOTO_SUFFIXES)


def find_files(sources: Sequence[Path], suffixes: Collection[str]) -> PhotoListing:
    """Return what `find_photos` does, for files with other suffixes in folders."""
    named = [path for path in sources if not stat.S_ISDIR(status_of(path).st_mode)]
    found = _walk(sources, frozenset(named), suffixes=suffixes, given=frozenset(sources))
    return _without_ours([found], frozenset(named))[0]


@dataclass(frozen=True, slots=True)
class Level:
    """What lies directly in a folder, in natural order, without hidden names.

    Attributes
    ----------
    folders : tuple of Path
        Without those that no person made.
    photos : tuple of Path
        Files with one of `PHOTO_SUFFIXES`.
    """

    folders: tuple[Path, ...]
    photos: tuple[Path, ...]


def one_level(folder: Path) -> Level:
    """Return what lies directly in a folder; opens no file, and enters no other folder.

    What cannot be accessed is left out.

    Raises
    ------
    PhotoError
        ``photo-not-found`` or ``unreadable-photo`` if the folder cannot be listed.
    """
    folders, photos = [], []
    try:
        with os.scandir(folder) as found:
            entries = [entry for entry in found if not entry.name.startswith(".")]
    except (OSError, ValueError) as error:
        raise cannot_open(folder, error) from error
    for entry in sorted(entries, key=lambda one: (_natural(one.name), one.name)):
        path = folder / entry.name
        try:
            if entry.is_dir():
                folders += [] if _passed_over(path) else [path]
            elif path.suffix.lower() in PHOTO_SUFFIXES and entry.is_file():
                photos.append(path)
        except OSError:  # a link in a circle, or to where nobody may look
            continue
    return Level(tuple(folders), tuple(photos))


def photos_in(*sources: Path) -> Iterator[Path]:
    """Yield the photos that `find_photos` finds; nothing is looked at before the first is asked for."""
    yield from find_photos(sources).photos


def person_folders(folder: Path) -> PersonFolders:
    """Return the photos of a folder that has one sub-folder per person.

    Each person's folder is walked separately, as in `find_photos`; a link back to `folder` is not followed.

    Parameters
    ----------
    folder : Path
        The folder above the people's folders.

    Returns
    -------
    PersonFolders
        People in the natural order of their names.

    Raises
    ------
    PhotoError
        ``photo-not-found`` if `folder` is missing or is a file; ``unreadable-photo`` if it cannot be listed.
    """
    status = status_of(folder)
    if not stat.S_ISDIR(status.st_mode):
        raise PhotoError(
            "photo-not-found",
            f"{folder}: is a file, not a folder",
            hint="Name a folder with one sub-folder of photos per person.",
        )
    by_name: dict[str, list[Path]] = {}
    files: list[Path] = []
    for entry in _entries(folder):
        entry_status = _status_in_folder(entry)
        if entry_status is None or not stat.S_ISDIR(entry_status.st_mode):
            files.append(entry)
        elif not _passed_over(entry):
            name = printable(unicodedata.normalize("NFC", entry.name))
            by_name.setdefault(name, []).append(entry)
    walked = {name: _walk(folders, top=status) for name, folders in by_name.items()}
    loose, *rest = _without_ours([_walk(files), *walked.values()])
    # A folder of nothing but pictures of ours is nobody's.
    listings = dict(zip(walked, rest, strict=True))
    mine = {name for name, found in listings.items() if OURS in found.kinds and not found.photos}
    kinds: Counter[str] = Counter()
    for listing in (loose, *listings.values()):
        kinds.update(listing.kinds)
    return PersonFolders(
        people={name: listing.photos for name, listing in listings.items() if name not in mine},
        loose=loose.photos,
        skipped=loose.skipped + sum(listing.skipped for listing in listings.values()),
        kinds=kinds,
    )


def _walk(
    paths: Iterable[Path],
    named: frozenset[Path] = frozenset(),
    top: os.stat_result | None = None,
    *,
    suffixes: Collection[str] = PHOTO_SUFFIXES,
    given: frozenset[Path] = frozenset(),
) -> PhotoListing:
    """Return photos, depth first.

    Files in `named` have any suffix; folders in `given` must be readable, and are not passed over; the folder
    `top` is not entered again.
    """
    photos: list[Path] = []
    kinds: Counter[str] = Counter()
    skipped = 0
    seen = {(top.st_dev, top.st_ino)} if top else set()
    pending = list(paths)[::-1]
    while pending:
        path = pending.pop()
        status = _status_in_folder(path)
        is_photo = path in named or (
            status is not None and stat.S_ISREG(status.st_mode) and path.suffix.lower() in suffixes
        )
        is_folder = status is not None and stat.S_ISDIR(status.st_mode)
        if status is None or not (is_photo or is_folder):
            skipped += 1
            kinds[path.suffix.lower()] += 1
        elif (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            if not is_folder:
                photos.append(path)
            elif path in given:
                pending.extend(_entries(path)[::-1])
            elif not _passed_over(path):
                entries = _entries_or_none(path)
                skipped += entries is None
                pending.extend((entries or [])[::-1])
    return PhotoListing(tuple(photos), skipped, kinds)


def _without_ours(found: Sequence[PhotoListing], named: frozenset[Path] = frozenset()) -> list[PhotoListing]:
    """Return what was found without pictures that faceunlock wrote; files in `named` always count.

    Crops of faces count if there is no other photo: then they are what was meant.
    """
    photos = [path for listing in found for path in listing.photos]
    marks = {path: mark for path in photos if path not in named and (mark := mark_of(path)) is not None}
    only_ours = len(marks) == len(photos)
    aside = {path for path, mark in marks.items() if not (only_ours and mark is Mark.CROP)}
    if aside:
        first = next(path for path in photos if path in aside)
        pictures = "1 picture" if len(aside) == 1 else f"{len(aside):,} pictures"
        more = "" if len(aside) == 1 else " ..."
        _log.warning("passed over %s that faceunlock wrote: %s%s", pictures, first, more)
    return [_leave_out(listing, aside) for listing in found]


def _leave_out(listing: PhotoListing, aside: Collection[Path]) -> PhotoListing:
    photos = tuple(path for path in listing.photos if path not in aside)
    left = len(listing.photos) - len(photos)
    kinds = {**listing.kinds, OURS: left} if left else listing.kinds
    return PhotoListing(photos, listing.skipped + left, kinds)


def _passed_over(folder: Path) -> bool:
    """Return whether a folder below a named one holds no photos of people, because a system made it."""
    return folder.name.casefold() in _NOBODY


def _entries(folder: Path) -> list[Path]:
    """Return the entries of a folder, without hidden names, in natural order."""
    try:
        visible = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise cannot_open(folder, error) from error
    return sorted(visible, key=lambda entry: (_natural(entry.name), entry.name))


def _entries_or_none(folder: Path) -> list[Path] | None:
    """Return the entries of a folder found in another; None, with a warning, if it cannot be read."""
    try:
        return _entries(folder)
    except PhotoError as error:
        _log.warning("%s; left out", error.message)
        return None


def _natural(name: str) -> list[str | int]:
    """Return a sort key of alternating texts and numbers, so that a text never meets a number."""
    parts = re.split("([0-9]+)", unicodedata.normalize("NFC", name).casefold())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]


def status_of(path: Path) -> os.stat_result:
    """Return the status of a path that a user named.

    Raises
    ------
    PhotoError
        ``photo-not-found`` or ``unreadable-photo``.
    """
    try:
        return path.stat()
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise cannot_open(path, error) from error


def _status_in_folder(path: Path) -> os.stat_result | None:
    """Return the status of a path found in a folder; None if it leads nowhere or cannot be accessed."""
    try:
        return path.stat()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            _log.warning("%s; left out", cannot_open(path, error).message)
        return None


def cannot_open(path: Path, error: OSError | ValueError) -> PhotoError:
    """Return the error for a path that the system does not open."""
    name = encodable(path)
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return PhotoError("photo-not-found", f"{name}: no such file or folder")
    reason = getattr(error, "strerror", None) or error
    hint = _NOT_OPENED.get(getattr(error, "errno", None) or 0, "Check the path.")
    return PhotoError("unreadable-photo", f"{name}: cannot be opened: {reason}", hint=hint)


def nothing_found(sources: Iterable[Path], others: str) -> PhotoError:
    """Return the error for photos and folders in which there is no photo; `others` is what else is there."""
    return PhotoError(
        "photo-not-found",
        f"{', '.join(map(str, sources))}: no photos found{others}",
        hint="Name photos, or a folder that holds some.",
    )
