"""Files that other packages carry, found without importing those packages."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


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
