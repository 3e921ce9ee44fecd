"""Output files for the user: where they go; none is overwritten unasked."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.errors import FaceUnlockError, ReportError
from faceunlock.files.marks import Mark, marked
from faceunlock.files.private import atomic_write, make_private_directories, remove_leftovers

if TYPE_CHECKING:
    from PIL import Image

FORMATS: dict[str, tuple[str, dict[str, int | bool]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 92, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 92, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 90}),
}
"""Pillow's format and options for a picture, by the suffix of its file."""

LOSSY = {".jpe": ".jpg", ".jfif": ".jpg", ".mpo": ".jpg", ".heic": ".jpg", ".heif": ".jpg", ".hif": ".jpg",
         ".avif": ".jpg"}  # fmt: skip
"""Suffix for copies of photos in other lossy formats; any other format is copied as PNG."""


def copy_name(photo: Path) -> Path:
    """Return the name for a copy of a photo: in the same format if everybody can read it.

    Examples
    --------
    >>> [str(copy_name(Path(name))) for name in ("a.JPG", "b.png", "c.heic", "d.gif", "e")]
    ['a.JPG', 'b.png', 'c.jpg', 'd.png', 'e.png']
    """
    suffix = photo.suffix.lower()
    return photo if suffix in FORMATS else photo.with_suffix(LOSSY.get(suffix, ".png"))


RUN_AGAIN = "Run it again with --overwrite, or remove what is there first."


@dataclass(slots=True)
class Written:
    """What this process has written for the user so far; an interrupted command reports it.

    Attributes
    ----------
    files : list of Path
        The files, of which the last may be being written.
    go_on : str
        How to go on from there.
    """

    files: list[Path] = field(default_factory=list)
    go_on: str = ""

    def there(self) -> tuple[Path, ...]:
        """Return the files that are there, each once."""
        files = self.files if not self.files or self.files[-1].exists() else self.files[:-1]
        return tuple(dict.fromkeys(files))


written = Written()


@contextlib.contextmanager
def noted(file: Path, go_on: str = RUN_AGAIN) -> Iterator[None]:
    """Note a file that the block writes: a second run needs to be told what to do with it.

    It is noted beforehand, because Ctrl-C may come between the moment when it is there and the end of the
    block; `Written.there` knows whether it is. If the block ends without it, it is noted no longer.
    """
    written.files.append(file)
    written.go_on = go_on
    try:
        yield
    except BaseException:
        if not file.exists():
            written.files.pop()
        raise


_own: set[Path] = set()


def never_replace(*places: Path) -> None:
    """Refuse outputs in these places from now on, even with ``--overwrite``.

    Parameters
    ----------
    *places : Path
        Files that are read, such as this program's own, and folders of such files. They need not exist.
    """
    _own.update(Path(os.path.realpath(place)) for place in places)


def _refuse_own(file: Path, kind: type[FaceUnlockError]) -> None:
    there = Path(os.path.realpath(file))
    if not _own.isdisjoint((there, *there.parents)):
        raise kind(
            "file-exists",
            f"{file} must not be replaced: faceunlock reads it itself",
            hint="Choose another name or folder.",
        )


def check_destination(
    file: Path,
    *,
    overwrite: bool = False,
    kind: type[FaceUnlockError] = ReportError,
    in_new_folder: bool = False,
    never: Iterable[Path] = (),
) -> None:
    """Raise an error for a file that cannot be written, before any work is done for it.

    Parameters
    ----------
    file : Path
        Where the file will be written.
    overwrite : bool
        Whether an existing file may be replaced.
    kind : type of FaceUnlockError
        The error class to raise.
    in_new_folder : bool
        Whether the file's folder will be created if it is missing.
    never : iterable of Path
        Files that must never be replaced, such as the source photos; only looked at if the file exists.

    Raises
    ------
    FaceUnlockError
        ``file-exists`` if the path exists, unless `overwrite`, and always if it is one of `never` or a file
        of this program's own; ``file-unwritable`` if something other than a regular file is there, or if the
        file has no directory.
    """
    _refuse_own(file, kind)
    folder = file.parent
    if not folder.is_dir() and (os.path.lexists(folder) or not in_new_folder):
        there = "is not a directory" if os.path.lexists(folder) else "does not exist"
        hint = "Choose another name, or make the folder first."
        raise kind("file-unwritable", f"{file} cannot be written: {folder} {there}", hint=hint)
    if file.exists() and not file.is_file():
        raise kind("file-unwritable", f"{file} is not a regular file", hint="Choose another name.")
    if os.path.lexists(file):
        if not overwrite:
            raise _exists(file, kind)
        _refuse_sources((file,), never, kind)


def write_output(
    file: Path,
    content: bytes,
    *,
    overwrite: bool,
    kind: type[FaceUnlockError] = ReportError,
    mark: Mark = Mark.PICTURE,
) -> None:
    """Write a file with mode 0600, all or nothing: data about people is private.

    A picture gets a mark, so that a later search for photos passes it over.

    Raises
    ------
    FaceUnlockError
        `kind` with ``file-exists`` if the file exists, unless `overwrite`, or is one of this program's own;
        with ``file-unwritable`` if it cannot be written.
    """
    _refuse_own(file, kind)
    try:
        remove_leftovers(file.parent)
        with noted(file):
            atomic_write(file, marked(content, mark), overwrite=overwrite)
    except FileExistsError as error:
        raise _exists(file, kind) from error
    except OSError as error:
        raise kind("file-unwritable", f"{file} cannot be written: {error.strerror or error}") from error


def _exists(file: Path, kind: type[FaceUnlockError]) -> FaceUnlockError:
    return kind("file-exists", f"{file} already exists")


def check_picture(file: Path, *, overwrite: bool, never: Iterable[Path] = ()) -> None:
    """Raise an error for a picture that cannot be written: as `check_destination`, or for its suffix.

    Raises
    ------
    ReportError
        ``file-exists`` or ``file-unwritable``.
    """
    if file.suffix.lower() not in FORMATS:
        known = ", ".join(FORMATS)
        raise ReportError(
            "file-unwritable",
            f"{file}: a picture's name must end in one of {known}",
            hint="Choose another name.",
        )
    check_destination(file, overwrite=overwrite, never=never)


def plan_folder(
    folder: Path, names: Iterable[Path], *, overwrite: bool, never: Iterable[Path] = ()
) -> tuple[Path, ...]:
    """Return a different path in a folder for each name, before anything is written.

    Parameters
    ----------
    folder : Path
        Where the files go; need not exist.
    names : iterable of Path
        Wanted names inside the folder; names that are equal, ignoring case, get a number: ``a-2.jpg``. A
        name that is too long for the file system loses the end of its stem.
    overwrite : bool
        Whether existing files may be replaced.
    never : iterable of Path
        Files that must never be replaced, such as the source photos.

    Raises
    ------
    ReportError
        ``file-exists`` if a file must not be replaced; ``file-unwritable`` if `folder` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise ReportError("file-unwritable", f"{folder} is not a folder", hint="Name a folder.")
    used: set[str] = set()
    planned = []
    longest = _longest_name(folder)
    for wanted in names:
        name = Path(*(_shortened(part, longest) for part in wanted.parts))
        candidate, number = name, 1
        while str(candidate).casefold() in used:
            number += 1
            end = f"-{number}{name.suffix}"
            candidate = name.with_name(_shortened(name.stem, longest - len(os.fsencode(end))) + end)
        used.add(str(candidate).casefold())
        planned.append(folder / candidate)
    existing = [file for file in planned if os.path.lexists(file)]
    if existing:
        _refuse_sources(existing, never, ReportError)
        if not overwrite:
            raise _exists(existing[0], ReportError)
    for directory in {file.parent for file in planned}:
        remove_leftovers(directory)
    return tuple(planned)


def _refuse_sources(files: Iterable[Path], sources: Iterable[Path], kind: type[FaceUnlockError]) -> None:
    """Raise an error if a file is one of the sources, by whatever name or link."""
    there = {identity: file for file in files if (identity := _identity(file)) is not None}
    for source in sources:
        identity = _identity(source)
        if identity is not None and identity in there:
            raise kind(
                "file-exists",
                f"{there[identity]} is one of the source photos",
                hint="Choose another name or folder.",
            )


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        info = file.stat()
    except OSError:  # a link that leads nowhere
        return None
    return info.st_dev, info.st_ino


def _longest_name(folder: Path) -> int:
    """Return the number of bytes that a file's name may have in a folder that need not exist yet."""
    for place in (folder.absolute(), *folder.absolute().parents):
        if place.is_dir():
            try:
                return os.pathconf(place, "PC_NAME_MAX")
            except (OSError, ValueError, AttributeError):  # no such limit, or not POSIX
                break
    return 255


def _shortened(name: str, longest: int) -> str:
    """Return a file's name with the end of its stem cut off, so that it has at most `longest` bytes.

    Examples
    --------
    >>> _shortened("a-long-name.png", 10)
    'a-long.png'
    """
    if len(os.fsencode(name)) <= longest:
        return name
    path = Path(name)
    suffix = path.suffix if len(os.fsencode(path.suffix)) < longest // 2 else ""
    kept = os.fsencode(name.removesuffix(suffix))[: longest - len(os.fsencode(suffix))]
    return kept.decode(errors="ignore") + suffix


def write_picture(file: Path, picture: Image.Image, *, overwrite: bool, mark: Mark = Mark.PICTURE) -> None:
    """Write a picture with mode 0600, all or nothing; missing folders are created with mode 0700.

    Only pixels and the mark are written: no EXIF data, no thumbnail, no location.

    Raises
    ------
    ReportError
        ``file-exists`` or ``file-unwritable``.
    """
    name, options = FORMATS[file.suffix.lower()]
    content = BytesIO()
    try:
        picture.save(content, name, **options)
        make_private_directories(file.parent)
    except OSError as error:
        raise ReportError(
            "file-unwritable", f"{file} cannot be written: {error.strerror or error}"
        ) from error
    write_output(file, content.getvalue(), overwrite=overwrite, mark=mark)
