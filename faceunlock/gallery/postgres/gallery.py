"""A gallery and its attempts on a PostgreSQL server, for those who know galleries in a file."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from faceunlock.errors import GalleryError
from faceunlock.files.text import quoted
from faceunlock.gallery.attempts import Attempts
from faceunlock.gallery.desktop_keyring import DesktopKeyring
from faceunlock.gallery.entries import noting
from faceunlock.gallery.gallery import Gallery
from faceunlock.gallery.lockout import Limits
from faceunlock.gallery.postgres.address import Address
from faceunlock.gallery.postgres.banks import BankRows
from faceunlock.gallery.postgres.database import ATTEMPT_SLUGS, GALLERY_SLUGS, PostgresDatabase
from faceunlock.gallery.postgres.faults import MENDING
from faceunlock.gallery.postgres.guard import ServerGuard

if TYPE_CHECKING:
    from faceunlock.gallery.postgres.search import ServerCrowd


class ServerGallery(Gallery):
    """The people enrolled in one database; as `Gallery`, without sealing.

    Parameters
    ----------
    address : Address
    busy_timeout : float
        How long to wait for another change, in seconds.
    keyring_timeout : float
        How long to wait for the desktop keyring, in seconds.

    Attributes
    ----------
    database : PostgresDatabase
        The tables.
    """

    def __init__(
        self, address: Address, *, busy_timeout: float = 10.0, keyring_timeout: float = 15.0
    ) -> None:
        password = functools.partial(kept_password, address, keyring_timeout)
        self.database = PostgresDatabase(address, "people", GALLERY_SLUGS, busy_timeout, password)
        self._hold(self.database, ServerGuard(self.database), BankRows(self.database))

    def crowd(self, *, intact: bool = False) -> ServerCrowd:
        """Return everyone's templates, which the server searches; rows are checked where they are needed."""
        from faceunlock.gallery.postgres.search import ServerCrowd

        return ServerCrowd(self.database)

    def problems(self) -> tuple[str, ...]:
        """Return one sentence for each thing that cannot be trusted, also of what the server searches."""
        from faceunlock.gallery.postgres.search import wrong_vectors

        found = [*super().problems()]
        with noting(found):
            wrong = list(wrong_vectors(self.database))
            found += [f"{self.path}: the vectors of {quoted(name)} are not those of the templates. {MENDING}"
                      for name in wrong]  # fmt: skip
            if not wrong:
                self.crowd()
        return tuple(found)


def server_attempts(
    address: Address, limits: Limits, *, log_entries: int, busy_timeout: float, keyring_timeout: float
) -> Attempts:
    """Return what counts and logs the attempts on a gallery in a database, by the server's clock."""
    password = functools.partial(kept_password, address, keyring_timeout)
    database = PostgresDatabase(address, "failures", ATTEMPT_SLUGS, busy_timeout, password)
    return Attempts(database, limits, log_entries=log_entries, clock=database.moment)


def kept_password(address: Address, seconds: float) -> str | None:
    """Return the password that the desktop keyring holds for an address, or None."""
    try:
        return DesktopKeyring(seconds, service=KEYRING).get(address.account)
    except GalleryError:
        return None


KEYRING = "faceunlock postgresql"
"""The service under which the keyring holds passwords; the name is `Address.account`."""
