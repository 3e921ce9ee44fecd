"""Published archives of photos of many people: downloaded, checked, and read without unpacking them."""

from __future__ import annotations

import hashlib
import logging
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from faceunlock.errors import CalibrationError, ModelError
from faceunlock.files.file_system import lock
from faceunlock.files.private import FILE_MODE, make_private_directories
from faceunlock.files.reading import open_file
from faceunlock.photos.face import SubjectRule
from faceunlock.photos.folders import PHOTO_SUFFIXES
from faceunlock.photos.photo import PhotoFile
from faceunlock.pipeline.weights import download
from faceunlock.pipeline.weights.download import Progress

_log = logging.getLogger(__name__)

MAX_PHOTO_BYTES = 1 << 24
"""Larger members are no photos of such an archive, 16 MiB."""

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Archive:
    """A published archive with one folder per person.

    Attributes
    ----------
    name : str
        What users call it.
    base, remote : str
        URL of the folder that it is published in, and its name there.
    file : str
        Its name in a mirror, and here.
    sha256 : str
        Checksum of the archive, 64 hexadecimal digits.
    megabytes : int
        About how large it is; one of twice the size is refused.
    people, photos : int
        How many it has.
    rule : {"dominant", "largest", "central"}
        Which face on a photo counts.
    """

    name: str
    base: str
    remote: str
    file: str
    sha256: str
    megabytes: int
    people: int
    photos: int
    rule: SubjectRule


ARCHIVES = {
    # URL, file name and checksum are those of scikit-learn's fetch_lfw_people (funneled=True); a test
    # compares them. Its own fetcher neither goes on where it stopped nor shows progress. Labeled Faces in
    # the Wild: G. Huang et al., University of Massachusetts, Amherst, Technical Report 07-49, 2007.
    "lfw": Archive(
        "lfw",
        "https://ndownloader.figshare.com/files",
        "5976015",
        "lfw-funneled.tgz",
        "b47c8422c8cded889dc5a13418c4bc2abbda121092b3533a83306f90d900100a",
        megabytes=243,
        people=5749,
        photos=13233,
        rule="central",
    )
}
"""The archives that can be fetched, by name."""


@contextmanager
def fetched(
    archive: Archive,
    folder: Path,
    *,
    mirror: str | None = None,
    file: Path | None = None,
    progress: Progress | None = None,
) -> Iterator[Path]:
    """Yield the path of an archive whose checksum is right.

    A download stays in `folder` if the block, or the download itself, does not end: the next call goes on
    with it. It is removed at the end of the block. Only one process fetches it at a time; another waits.

    Parameters
    ----------
    archive : Archive
    folder : Path
        A private folder of the cache.
    mirror : str, optional
        URL of a folder that offers the same file; HTTPS, or HTTP on a loopback address.
    file : Path, optional
        The archive, downloaded some other way. It is only read.
    progress : callable, optional
        Called with the bytes of a download so far and in total.

    Raises
    ------
    ModelError
        ``download-failed``, ``weights-unwritable`` if the cache cannot be written, ``locks-unsupported``.
    CalibrationError
        ``file-unreadable`` if `file` is not the archive.
    SettingsError
        ``bad-setting`` if the mirror's URL is not allowed.
    """
    if file is not None:
        _require_right(archive, file)
        yield file
        return
    with _locked(folder):
        try:
            whole = _completed(archive, folder, mirror, progress)
        except OSError as error:
            raise _unwritable(folder, error) from error
        yield whole
        with suppress(OSError):
            whole.unlink()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Create the folder if needed and hold its lock, which the system takes from a killed process."""
    try:
        make_private_directories(folder)
        stream = (folder / ".lock").open("wb")
    except OSError as error:
        raise _unwritable(folder, error) from error
    with stream:
        lock(stream.fileno(), folder, ModelError, wait=True)
        yield


def _completed(archive: Archive, folder: Path, mirror: str | None, progress: Progress | None) -> Path:
    whole, part = folder / archive.file, folder / f"{archive.file}.part"
    if not (whole.exists() and _sha256(whole) == archive.sha256):
        _download(archive, part, mirror, progress)
        part.replace(whole)
    return whole


def _download(archive: Archive, part: Path, mirror: str | None, progress: Progress | None) -> None:
    """Complete the file `part`, and check it; one with the wrong checksum is removed."""
    url = f"{mirror.rstrip('/')}/{archive.file}" if mirror else f"{archive.base}/{archive.remote}"
    try:
        if not (part.exists() and _sha256(part) == archive.sha256):
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE)
            with os.fdopen(descriptor, "ab") as output:
                _log.warning("Downloading %s (about %d MB), only this once", archive.file, archive.megabytes)
                download.fetch(url, output, limit=2_000_000 * archive.megabytes, progress=progress)
        found = _sha256(part)
        if found != archive.sha256:
            part.unlink()
            raise download.failed(url, f"its checksum is {found}, not {archive.sha256}")
    except ModelError as error:
        if error.slug == "download-failed":
            error.hint = (
                f"Run it again to go on — or download {archive.file} some other way and use --from FILE."
            )
        raise


def _require_right(archive: Archive, file: Path) -> None:
    try:
        found = _sha256(file)
    except OSError as error:
        raise CalibrationError(
            "file-unreadable", f"{file} cannot be read: {error.strerror or error}"
        ) from error
    if found != archive.sha256:
        raise CalibrationError(
            "file-unreadable",
            f"{file} is not the archive {archive.file}: its checksum is {found}, not {archive.sha256}",
            hint=f"Give the unchanged file {archive.file}; for a folder use: faceunlock strangers add FOLDER",
        )


def photos_in(path: Path, max_pixels: int) -> Iterator[tuple[PhotoFile, str]]:
    """Yield each photo of an archive with the name of its folder, in the order of the archive.

    Nothing is unpacked to the disk. Members that are not photos in a person's folder are passed over.

    Raises
    ------
    CalibrationError
        ``file-unreadable`` if it is not an archive.
    """
    try:
        with open_file(path) as stream, tarfile.open(fileobj=stream, mode="r|gz") as archive:
            for member in archive:
                name = PurePosixPath(member.name)
                is_photo = member.isfile() and name.suffix.lower() in PHOTO_SUFFIXES
                content = archive.extractfile(member) if is_photo and len(name.parts) > 1 else None
                if content is not None and member.size <= MAX_PHOTO_BYTES:
                    yield PhotoFile(member.name, content.read(), max_pixels), name.parent.name
    except (tarfile.TarError, OSError, EOFError) as error:
        raise _unreadable(path, error) from error


def _unwritable(folder: Path, error: OSError) -> ModelError:
    return ModelError(
        "weights-unwritable",
        f"{folder} cannot be written: {error.strerror or error}",
        hint="Free some disk space or check permissions.",
    )


def _unreadable(path: Path, error: Exception) -> CalibrationError:
    return CalibrationError("file-unreadable", f"{path} is not an archive that can be read: {error}")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open_file(path) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
