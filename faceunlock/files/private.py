"""Files that only their owner may read or change: permissions and atomic writes.

These rules are enforced on Linux, macOS and other POSIX systems. A private directory has mode 0700,
a private file 0600, and both belong to the current user or to root. A path that others could have
*changed* can no longer be trusted and is refused. A path that others could only *read* is made
private again, if that is certain to harm nobody (see `check_private_directory`). POSIX.1e access
lists show in the group bits of the mode, so the same rules cover them. A parent directory that
others can write to needs no rule of its own: somebody who swaps our directory for another cannot
make the other belong to us.

These cases are not covered. On macOS, access lists (``ls -le``) do not show in the mode and are not
checked. On Windows, a mode has no meaning (`os.chmod` only toggles "read-only") and there is no
owner to compare: privacy depends on the access list inherited from the user's profile directory,
and only the kind of file is checked. Nothing here protects against root, backups or an unlocked
disk.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from faceunlock.errors import GalleryError
from faceunlock.files.file_system import set_mode, sync
from faceunlock.settings import CACHE_FOLDER

POSIX = os.name == "posix"
DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
OTHERS_WRITE = 0o022
OTHERS_ANY = 0o077

TEMPORARY_PREFIX = ".faceunlock-"
TEMPORARY_SUFFIX = ".tmp"
LEFTOVER_SECONDS = 600.0
"""A temporary file that nobody has written to for this long is abandoned."""


@dataclass(frozen=True, slots=True)
class _Finding:
    """A problem with the permissions of a path, and whether our own chmod can fix it without harm."""

    sentence: str
    hint: str
    harmless: bool


def check_private_directory(path: Path, *, holds: Collection[str] = ()) -> bool:
    """Return whether a directory exists, after making sure that it is private.

    A directory that others can read but not write is set to 0700 if it belongs to the current user
    and is evidently ours: it is empty, holds one of the files named in `holds`, or holds nothing but
    a cache, which a package like matplotlib may have made first. Any other is refused rather than
    changed, because somebody may rely on reading its other content. The
    home directory and the directories above it are never changed.

    Parameters
    ----------
    path : Path
        A directory or a symbolic link to one; the rules apply to the link's owner and to the target.
    holds : collection of str
        File names that only our own directories hold.

    Raises
    ------
    GalleryError
        ``insecure-permissions`` if it belongs to another user, if others can write to it, or if
        others can read it and it is not evidently ours; ``gallery-unwritable`` if it is not a
        directory or cannot be accessed.
    """
    try:
        link = path.lstat()
        target = path.stat()
        finding = _finding(path, link, target)
        if not stat.S_ISDIR(target.st_mode):
            raise GalleryError("gallery-unwritable", f"{path} is not a directory")
        if finding is not None:
            if not (finding.harmless and _evidently_ours(path, holds)):
                raise GalleryError("insecure-permissions", finding.sentence, hint=finding.hint)
            _close_to_others(path, target)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise GalleryError("gallery-unwritable", f"{path} cannot be used: {error.strerror}") from error
    return True


def ensure_private_directory(path: Path, *, holds: Collection[str] = ()) -> None:
    """Create a directory and its missing parents with mode 0700, or check that it is private.

    Parameters
    ----------
    path : Path
        The directory.
    holds : collection of str
        See `check_private_directory`.

    Raises
    ------
    GalleryError
        As `check_private_directory`; also ``gallery-unwritable`` if it cannot be created.
    """
    if check_private_directory(path, holds=holds):
        return
    try:
        make_private_directories(path)
    except OSError as error:
        raise GalleryError("gallery-unwritable", f"{path} cannot be created: {error.strerror}") from error
    check_private_directory(path, holds=holds)


def make_private_directories(path: Path) -> None:
    """Create a directory and its missing parents, all with mode 0700.

    The XDG base directory specification requires this mode for every directory that is created;
    ``mkdir`` sets it for the last one only.

    Raises
    ------
    OSError
        If one cannot be created.
    """
    for directory in (*reversed(path.parents), path):
        if not directory.exists():
            directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)


def check_private_file(path: Path) -> bool:
    """Return whether a file exists, after making sure that it is private.

    A file that belongs to the current user and that others can read but not write is set to 0600.
    Call this only for files in a directory that passed `check_private_directory`: nobody else can
    replace a file there in the meantime. A second hard link is allowed: all links share one mode,
    so it gives nobody more access.

    Raises
    ------
    GalleryError
        ``insecure-permissions`` if it is not a regular file (a symbolic link would lead to a
        directory that nobody checked), belongs to another user, or could be changed by others;
        ``gallery-unwritable`` if it cannot be accessed.
    """
    try:
        info = path.lstat()
        if not stat.S_ISREG(info.st_mode):
            raise GalleryError(
                "insecure-permissions",
                f"{path} is not a regular file",
                hint="Put a regular file there; links, devices and directories are not accepted.",
            )
        finding = _finding(path, info, info)
        if finding is not None:
            if not finding.harmless:
                raise GalleryError("insecure-permissions", finding.sentence, hint=finding.hint)
            _close_to_others(path, info)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise GalleryError("gallery-unwritable", f"{path} cannot be used: {error.strerror}") from error
    return True


def problems(directory: Path) -> tuple[str, ...]:
    """Return what is not private about a directory and the files in it; change nothing.

    Parameters
    ----------
    directory : Path
        A private directory; one that does not exist has no problems. Sub-directories are not entered.

    Returns
    -------
    tuple of str
        One text for each problem: a sentence, and what to do about it, usually a command.
    """
    found: list[str] = []
    try:
        paths = [directory, *sorted(entry for entry in directory.iterdir() if not entry.is_dir())]
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (f"{directory} cannot be accessed: {error.strerror}",)
    for path in paths:
        with contextlib.suppress(FileNotFoundError):  # journals come and go
            finding = _finding(path, path.lstat(), path.stat())
            if finding is not None:
                found.append(f"{finding.sentence}. {finding.hint}")
    return tuple(found)


def atomic_write(path: Path, content: bytes, *, mode: int = FILE_MODE, overwrite: bool = True) -> None:
    """Write a file atomically: at every moment, `path` has no content, the old or the whole new content.

    The content goes to a temporary file beside `path`, which is flushed to the disk and then gets
    the name in one step. After a power failure, the name leads to the old or to the new content.

    Parameters
    ----------
    path : Path
        The file; its directory must exist.
    content : bytes
        All of the new content.
    mode : int
        Permission bits of the file, regardless of the umask (POSIX).
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is false.
    OSError
        If the file cannot be written, or `path` is a directory or a device. The caller turns this
        into its own error, because it knows what the file is for.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    import tempfile

    descriptor, name = tempfile.mkstemp(TEMPORARY_SUFFIX, TEMPORARY_PREFIX, path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            sync(stream.fileno())
        set_mode(temporary, mode)
        _publish(temporary, path, overwrite)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_directory(path.parent)


def remove_leftovers(directory: Path, *, older_than: float = LEFTOVER_SECONDS) -> int:
    """Delete the temporary files that killed runs of `atomic_write` left in a directory.

    Only files of the current user that were last written more than `older_than` seconds ago are
    deleted. A writer that sleeps longer than that in the middle of a write (a suspended laptop) finds
    its temporary file gone and reports an error; this never damages a file.

    Parameters
    ----------
    directory : Path
    older_than : float
        In seconds; negative if no other process can be writing there.

    Returns
    -------
    int
        Number of deleted files; a file that cannot be deleted is left for the next time.
    """
    removed = 0
    with contextlib.suppress(OSError):
        for path in directory.glob(f"{TEMPORARY_PREFIX}*{TEMPORARY_SUFFIX}"):
            with contextlib.suppress(OSError):
                info = path.lstat()
                ours = not POSIX or info.st_uid == os.geteuid()
                if ours and stat.S_ISREG(info.st_mode) and time.time() - info.st_mtime > older_than:
                    path.unlink()
                    removed += 1
    return removed


def _finding(path: Path, link: os.stat_result, target: os.stat_result) -> _Finding | None:
    """Return how owner or mode break the rules, or None; `link` is the path, `target` where it leads."""
    if not POSIX:
        return None
    for info in (link, target):
        if info.st_uid not in (os.geteuid(), 0):
            return _Finding(
                f"{path} belongs to another user (uid {info.st_uid})",
                "Run faceunlock as the owner, or choose a directory of your own.",
                harmless=False,
            )
    mode = stat.S_IMODE(target.st_mode)
    wanted = DIRECTORY_MODE if stat.S_ISDIR(target.st_mode) else FILE_MODE
    if mode & OTHERS_WRITE:
        verb = "change"
    elif mode & OTHERS_ANY:
        verb = "read"
    else:
        return None
    return _Finding(
        f"Other users can {verb} {path} (mode {mode:04o})",
        f"Run: chmod {wanted:o} '{path}'",
        harmless=verb == "read" and target.st_uid == os.geteuid(),
    )


def _close_to_others(path: Path, info: os.stat_result) -> None:
    """Take all permissions from others, and make sure that they are gone."""
    mode = stat.S_IMODE(info.st_mode) & ~OTHERS_ANY
    set_mode(path, mode)
    if stat.S_IMODE(path.stat().st_mode) & OTHERS_ANY:
        raise GalleryError(
            "insecure-permissions",
            f"Other users can read {path}, and its file system keeps no permissions",
            hint="Mount it with dir_mode=0700,file_mode=0600 (CIFS) or umask=077 (FUSE, FAT), "
            "or name a directory on another disk with --home.",
        )


def _evidently_ours(path: Path, holds: Collection[str]) -> bool:
    """Return whether a directory can be closed to others without harm."""
    directory = path.resolve()
    with contextlib.suppress(RuntimeError):  # this user has no home directory
        home = Path("~").expanduser().resolve()
        if directory == home or directory in home.parents:
            return False
    there = {entry.name for entry in directory.iterdir()}
    return there <= {CACHE_FOLDER} or not there.isdisjoint(holds)


def _publish(temporary: Path, path: Path, overwrite: bool) -> None:
    """Give the temporary file its name in one step."""
    if overwrite:
        temporary.replace(path)
        return
    try:
        # A rename would silently replace a file that appeared meanwhile; a hard link never does.
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links, such as FAT on a memory stick.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        temporary.replace(path)


def _sync_directory(directory: Path) -> None:
    """Flush a directory, so that a new name survives a power failure."""
    if not POSIX:
        return
    # Some network file systems cannot do this; the file is already in place then.
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
