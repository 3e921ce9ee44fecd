"""The tables of a gallery on PostgreSQL: made and migrated, indexed, and how well the index finds people."""

from __future__ import annotations

from dataclasses import dataclass

from faceunlock.gallery.postgres import schema
from faceunlock.gallery.postgres.address import Address
from faceunlock.gallery.postgres.gallery import ServerGallery


@dataclass(frozen=True, slots=True)
class SetUp:
    """What a set-up did.

    Attributes
    ----------
    where : str
        The database.
    before, after : int
        The format of its tables; 0 is none.
    roles : tuple of str
        Roles that were given their rights; those that do not exist are left out.
    """

    where: str
    before: int
    after: int
    roles: tuple[str, ...]


def set_up(address: Address) -> SetUp:
    """Make the tables of a gallery, or migrate older ones; where nothing is missing, nothing changes.

    The rights of the two roles of `faceunlock.gallery.postgres.schema` are renewed, if both exist.

    Raises
    ------
    GalleryError
        ``server-lacks-vector``, ``server-rights``, ``gallery-newer`` and what every use of a server raises.
    """
    with ServerGallery(address).database.unprepared() as (connection, version):
        if version < len(schema.MIGRATIONS):
            for statement in schema.creation(version):
                connection.execute(statement.encode())
        wanted = (schema.VERIFY, schema.ENROLL)
        found = connection.execute("SELECT rolname::text FROM pg_roles WHERE rolname = ANY(%s)", [list(wanted)])
        roles = tuple(sorted(name for (name,) in found))
        if len(roles) == len(wanted):
            for statement in schema.grants():
                connection.execute(statement.encode())
        else:
            roles = ()
    return SetUp(address.shown, version, len(schema.MIGRATIONS), roles)
