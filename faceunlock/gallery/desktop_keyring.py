"""The desktop keyring: Secret Service, KWallet, Keychain or Credential Manager, through `keyring`.

Each call to a keyring runs in its own thread with a time limit: without a desktop session a call over D-Bus
may never return, and a locked keyring asks its owner for a password. Only a keyring that protects its
contents is used. The library marks such a keyring with a priority of at least 1; its plain-text, null and
failing backends do not reach that.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from faceunlock.errors import GalleryError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "faceunlock gallery"

RECOMMENDED_PRIORITY = 1.0

_FOREIGN = (("secretstorage.exceptions", "SecretStorageException"), ("jeepney", "DBusErrorResponse"))
"""Errors of other packages that the library does not wrap in its own."""

T = TypeVar("T")


class DesktopKeyring:
    """The user's keyring, as texts stored by name.

    Every method raises `GalleryError` ``keyring-unavailable`` if no keyring protects its contents, or if the
    keyring refuses or does not answer in time.

    Parameters
    ----------
    seconds : float
        How long to wait for each answer; the user may have to type a password.
    service : str
        The service that the texts are stored for.
    """

    def __init__(self, seconds: float, service: str = SERVICE) -> None:
        self._seconds, self._service = seconds, service

    def name(self) -> str | None:
        """Return the name of the keyring in use, or None without one."""
        found = self._asked(_best)
        return None if found is None else type(found).__module__.rpartition(".")[2]

    def get(self, name: str) -> str | None:
        """Return the text stored under a name, or None."""
        return self._asked(lambda: _needed().get_password(self._service, name))

    def put(self, name: str, text: str) -> None:
        """Store a text under a name, replacing an earlier one."""
        self._asked(lambda: _needed().set_password(self._service, name, text))

    def remove(self, name: str) -> None:
        """Delete the text stored under a name, if there is one."""

        def act() -> None:
            keyring = _needed()
            if keyring.get_password(self._service, name) is not None:
                keyring.delete_password(self._service, name)

        self._asked(act)

    def _asked(self, question: Callable[[], T]) -> T:
        answers: list[T] = []
        problems: list[BaseException] = []

        def ask() -> None:
            try:
                answers.append(question())
            except _failures() as error:
                problems.append(error)

        thread = threading.Thread(target=ask, daemon=True)  # a hanging keyring must not block exit
        thread.start()
        thread.join(self._seconds)
        if answers:
            return answers[0]
        if problems and isinstance(problems[0], GalleryError):
            raise problems[0]
        if problems:
            raise GalleryError(
                "keyring-unavailable", f"The desktop keyring refused: {problems[0]}"
            ) from problems[0]
        raise GalleryError(
            "keyring-unavailable", f"The desktop keyring did not answer within {self._seconds:g} s"
        )


def _best() -> KeyringBackend | None:
    """Return the keyring in use if it protects its contents, else None."""
    import keyring
    from keyring.backends.chainer import ChainerBackend

    chosen = keyring.get_keyring()
    # A chain is as weak as its weakest part, so use its best part directly.
    candidates = chosen.backends if isinstance(chosen, ChainerBackend) else [chosen]
    return next((found for found in candidates if found.priority >= RECOMMENDED_PRIORITY), None)


def _needed() -> KeyringBackend:
    found = _best()
    if found is None:
        raise GalleryError("keyring-unavailable", "There is no desktop keyring here")
    return found


def _failures() -> tuple[type[BaseException], ...]:
    """Return the exceptions that a failing keyring may raise."""
    kinds: list[type[BaseException]] = [
        GalleryError,
        ImportError,
        OSError,
        RuntimeError,
        ValueError,
        EOFError,
    ]
    if "keyring.errors" in sys.modules:
        kinds.append(sys.modules["keyring.errors"].KeyringError)
    kinds += [getattr(sys.modules[module], name) for module, name in _FOREIGN if module in sys.modules]
    return tuple(kinds)
