"""faceunlock: a photo goes in, a yes or a no comes out, and every number on the way can be explained.

Examples
--------
>>> from faceunlock import FaceUnlock
>>> FaceUnlock.__name__
'FaceUnlock'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from faceunlock import errors
from faceunlock.errors import FaceUnlockError

if TYPE_CHECKING:
    __version__: str
    from faceunlock.matching import Decision
    from faceunlock.templates import Template
    from faceunlock.unlock import FaceUnlock

__all__ = ["Decision", "FaceUnlock", "FaceUnlockError", "Template", "__version__", "errors"]

_LATE = {
    "FaceUnlock": "faceunlock.unlock",
    "Decision": "faceunlock.matching",
    "Template": "faceunlock.templates",
}


def __getattr__(name: str) -> Any:
    # Late, so that `faceunlock --help` and scripts that only catch errors do not load NumPy.
    if name == "__version__":
        from importlib.metadata import version

        return version("faceunlock")
    if name in _LATE:
        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
