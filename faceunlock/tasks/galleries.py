"""Opens the gallery that the settings name, and what counts its attempts: in a file, or on a server."""

from __future__ import annotations

from faceunlock.errors import SettingsError
from faceunlock.gallery.attempts import Attempts
from faceunlock.gallery.gallery import Gallery
from faceunlock.gallery.lockout import Limits
from faceunlock.settings import LOCAL, Locations, Settings


def is_local(where: str) -> bool:
    """Return whether a gallery is the file of this home.

    Raises
    ------
    SettingsError
        ``bad-gallery`` if it is neither that nor the address of a database.

    Examples
    --------
    >>> is_local("local"), is_local("postgresql://db.example/faces")
    (True, False)
    """
    if where == LOCAL:
        return True
    if "://" not in where:
        raise SettingsError(
            "bad-gallery", f"a gallery is {LOCAL} or the address of a database, not {where!r}"
        )
    return False


def open_gallery(where: str, locations: Locations, settings: Settings) -> Gallery:
    """Return a gallery; nothing is read and no connection is made yet.

    Parameters
    ----------
    where : str
        ``local``, or the address of a database.
    locations : Locations
        The home of a local gallery.
    settings : Settings
        How long to wait.

    Raises
    ------
    SettingsError
        ``bad-gallery``, ``server-insecure``.
    """
    if is_local(where):
        return Gallery(
            locations.data,
            busy_timeout=settings.busy_seconds,
            keys=locations.keys,
            keyring_timeout=settings.keyring_seconds,
        )
    from faceunlock.gallery.postgres.address import parse
    from faceunlock.gallery.postgres.gallery import ServerGallery

    return ServerGallery(
        parse(where), busy_timeout=settings.busy_seconds, keyring_timeout=settings.keyring_seconds
    )


def open_attempts(locations: Locations, settings: Settings) -> Attempts:
    """Return what counts and logs the attempts on the gallery of the settings; raises as `open_gallery`."""
    limits = Limits(
        before_wait=settings.failures_before_wait,
        wait_seconds=settings.wait_seconds,
        before_lock=settings.failures_before_lock,
    )
    if is_local(settings.gallery):
        return Attempts(
            locations.data, limits, log_entries=settings.log_entries, busy_timeout=settings.busy_seconds
        )
    from faceunlock.gallery.postgres.address import parse
    from faceunlock.gallery.postgres.gallery import server_attempts

    return server_attempts(
        parse(settings.gallery),
        limits,
        log_entries=settings.log_entries,
        busy_timeout=settings.busy_seconds,
        keyring_timeout=settings.keyring_seconds,
    )
