"""faceunlock: a photo goes in, a yes or a no comes out, and every number on the way can be explained.

Examples
--------
>>> from faceunlock import FaceUnlock
>>> FaceUnlock.__name__
'FaceUnlock'
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in `typing`, whose import would take longer than everything else here
if TYPE_CHECKING:
    from typing import Any

    __version__: str
    from faceunlock import errors
    from faceunlock.errors import FaceUnlockError
    from faceunlock.matching.similarity import Decision
    from faceunlock.matching.templates import Template
    from faceunlock.unlock import FaceUnlock

__all__ = ["Decision", "FaceUnlock", "FaceUnlockError", "Template", "__version__", "errors"]

_LATE = {
    "FaceUnlock": "faceunlock.unlock",
    "FaceUnlockError": "faceunlock.errors",
    "Decision": "faceunlock.matching.similarity",
    "Template": "faceunlock.matching.templates",
}


def __getattr__(name: str) -> Any:
    # Import late, so that a request to the resident process loads almost nothing and `--help` no NumPy.
    if name == "__version__":
        from faceunlock.files.packages import own_version

        return own_version()
    from importlib import import_module

    if name == "errors":
        return import_module("faceunlock.errors")
    if name in _LATE:
        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
