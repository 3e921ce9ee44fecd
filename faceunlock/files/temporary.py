"""Temporary folders, also on a machine that has no place for them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faceunlock.errors import SettingsError
from faceunlock.files.private import make_private_directories


@contextmanager
def temporary_folder(prefix: str, otherwise: Path) -> Iterator[Path]:
    """Make a temporary folder that is deleted at the end.

    Parameters
    ----------
    prefix : str
        What its name starts with.
    otherwise : Path
        A folder of ours, made if it is missing, that takes the temporary folder if the system has no usable
        place, as in a container with a read-only disk. Libraries in this process then use it too.

    Raises
    ------
    SettingsError
        ``no-temporary-directory`` if that folder cannot be written either.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        try:
            make_private_directories(otherwise)
            tempfile.TemporaryFile(dir=otherwise).close()
        except OSError as error:
            raise SettingsError("no-temporary-directory") from error
        tempfile.tempdir = str(otherwise)
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        yield Path(name)
