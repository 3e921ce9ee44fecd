"""What a gallery asks of the layer that decides which rows can be trusted."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from faceunlock.gallery.change import Change
from faceunlock.gallery.cipher import Place
from faceunlock.gallery.guard import ProtectionState
from faceunlock.gallery.seal import Plain


class Keeper(Protocol):
    """Decides which rows of a gallery can be trusted; see `faceunlock.gallery.guard.Guard`."""

    def reading(self) -> AbstractContextManager[Plain]:
        """Return a context that reads rows at one moment."""
        ...

    def changing(self) -> AbstractContextManager[Change]:
        """Return a context that changes rows, all or none."""
        ...

    def moment(self) -> object | None:
        """Return what is equal as long as nobody changes the gallery; None if that cannot be told."""
        ...

    def forget_key(self) -> None:
        """Keep no key in memory."""
        ...

    def state(self) -> ProtectionState:
        """Return whether the gallery is sealed."""
        ...

    def protect(self, place: Place | None = None) -> bool:
        """Seal the gallery."""
        ...

    def rotate(self, place: Place | None = None) -> None:
        """Seal the gallery with a new key."""
        ...

    def unprotect(self) -> bool:
        """Decrypt the gallery."""
        ...

    def start_again(self) -> int:
        """Empty a gallery that cannot be verified."""
        ...

    def check_next_key(self) -> None:
        """Raise the error of the next change, if its key cannot be had."""
        ...
