"""Where other packages may write: only inside our cache, so that ``--home`` holds everything.

Left alone, matplotlib keeps a list of fonts in the user's cache and an empty folder in the user's config,
PyTorch and numba keep working files in the temporary folder or the user's cache, and CUDA keeps compiled
code in the user's home.
"""

from __future__ import annotations

import os
from pathlib import Path

from faceunlock.files.private import make_private_directories

MATPLOTLIB = "MPLCONFIGDIR"
"""The variable of the one package that always creates its folder."""

FOLDERS = {
    MATPLOTLIB: "matplotlib",
    "TORCHINDUCTOR_CACHE_DIR": "torch",
    "TRITON_CACHE_DIR": "triton",
    "NUMBA_CACHE_DIR": "numba",
    "CUDA_CACHE_PATH": "cuda",
}
"""For each variable that a package reads, the folder in our cache that it names."""

_ours: dict[str, str] = {}


def write_only_below(cache: Path) -> None:
    """Make packages imported from now on write below the cache; a place that the user chose stays.

    Parameters
    ----------
    cache : Path
        The cache directory. Nothing is created in it until a package needs it.
    """
    for variable, folder in FOLDERS.items():
        if os.environ.get(variable) == _ours.get(variable):
            os.environ[variable] = _ours[variable] = str(cache / folder)


def before_others_write() -> None:
    """Create our cache, the missing folders above it and the one of matplotlib privately.

    Call it before matplotlib or PyTorch may create their folders: they would let others read ours.
    """
    for variable, folder in _ours.items():
        if os.environ.get(variable) == folder:
            try:
                make_private_directories(Path(folder) if variable == MATPLOTLIB else Path(folder).parent)
            except OSError:
                return  # they say so themselves, or use a temporary folder that they delete
