"""A gallery on PostgreSQL: its tables made and migrated, an index over it, and copies to and from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from faceunlock.errors import GalleryError, SettingsError
from faceunlock.gallery.copying import Copied, copy_gallery
from faceunlock.gallery.postgres import schema
from faceunlock.gallery.postgres.address import Address, parse
from faceunlock.gallery.postgres.gallery import ServerGallery
from faceunlock.gallery.postgres.search import MARGIN, ServerTemplates, Stored, index_name
from faceunlock.gallery.postgres.vectors import from_text
from faceunlock.matching.error_rates import clopper_pearson_upper
from faceunlock.pipeline.samples import Track, untracked
from faceunlock.settings import LOCAL
from faceunlock.tasks.galleries import is_local, open_gallery

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.tasks.workspace import Workspace

PROBES = 200
"""Probes with which an index is measured."""

MEMORY = 512
"""Memory that the server may use to build an index, in MiB."""


@dataclass(frozen=True, slots=True)
class IndexState:
    """How the people of one model are searched.

    Attributes
    ----------
    identity : ModelIdentity
    people, templates : int
        How many there are.
    size : int or None
        Size of the index in bytes; None without an index: every vector is looked at.
    found, probes : int or None
        For how many probes the index found who is most similar, and how many were tried; None if that was
        not measured now.
    """

    identity: ModelIdentity
    people: int
    templates: int
    size: int | None
    found: int | None = None
    probes: int | None = None

    @property
    def recall(self) -> float | None:
        """The share of probes for which the index found who is most similar."""
        return None if self.found is None or not self.probes else self.found / self.probes

    @property
    def least_recall(self) -> float | None:
        """The one-sided lower bound of `recall` at 95 %, by Clopper and Pearson."""
        if self.found is None or not self.probes:
            return None
        return 1.0 - clopper_pearson_upper(self.probes - self.found, self.probes)


@dataclass(frozen=True, slots=True)
class GalleryState:
    """Where a gallery is, and how it is searched.

    Attributes
    ----------
    where : str
        The file, or the address of the database.
    server : str or None
        Versions of PostgreSQL and pgvector; None for a file.
    encrypted : bool or None
        Whether the connection is encrypted; None for a file.
    may_enroll : bool or None
        Whether this role may enroll people; None for a file.
    size : int or None
        What the tables and indexes take on disk, in bytes; None for a file.
    indexes : tuple of IndexState
        One for each model; none for a file.
    """

    where: str
    server: str | None = None
    encrypted: bool | None = None
    may_enroll: bool | None = None
    size: int | None = None
    indexes: tuple[IndexState, ...] = ()


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
        owner = "SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = %s"
        if connection.execute(owner, [schema.SCHEMA]).fetchone() == (False,):
            raise GalleryError(
                "server-rights", f"{address.shown}: only the owner of the tables may set them up"
            )
        if version < len(schema.MIGRATIONS):
            for statement in schema.creation(version):
                connection.execute(statement.encode())
        wanted = (schema.VERIFY, schema.ENROLL)
        found = connection.execute(
            "SELECT rolname::text FROM pg_roles WHERE rolname = ANY(%s)", [list(wanted)]
        )
        roles = tuple(sorted(name for (name,) in found))
        if len(roles) == len(wanted):
            for statement in schema.grants():
                connection.execute(statement.encode())
        else:
            roles = ()
    return SetUp(address.shown, version, len(schema.MIGRATIONS), roles)


def state(workspace: Workspace) -> GalleryState:
    """Return where the gallery is and how it is searched; raises as every use of it."""
    gallery = workspace.gallery
    if not isinstance(gallery, ServerGallery):
        return GalleryState(str(gallery.path))
    database = gallery.database
    with database.reading():
        ((server, vector, may, encrypted, size),) = database.query(
            "SELECT current_setting('server_version'), "
            "(SELECT extversion FROM pg_extension WHERE extname = 'vector'), "
            "has_table_privilege('people', 'INSERT'), "
            "coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false), "
            "(SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ? AND c.relkind = 'r')",
            schema.SCHEMA,
        )
        indexes = tuple(_index_state(gallery, model) for model in gallery.crowd().models)
    versions = f"PostgreSQL {server.split()[0]}, pgvector {vector}"
    return GalleryState(database.path, versions, encrypted, may, size, indexes)


def build_index(
    workspace: Workspace, *, memory: int = MEMORY, probes: int = PROBES, seed: int = 0
) -> tuple[IndexState, ...]:
    """Build an index over the people of each model, and measure how often it finds who is most similar.

    A probe is a person's vector with noise, as similar to that person as a yes needs: the hardest probe that
    must be found. Others can write meanwhile.

    Parameters
    ----------
    workspace : Workspace
        Its gallery is on a server, and its role owns the tables.
    memory : int
        Memory that the server may use for it, in MiB.
    probes : int
        How many probes are tried for each model.
    seed : int
        Of the choice of people and of the noise.

    Raises
    ------
    SettingsError
        ``bad-gallery`` for a gallery in a file.
    GalleryError
        ``server-rights`` without the rights of an owner; otherwise as every use of a server.
    """
    gallery = _server(workspace)
    for model in gallery.crowd().models:
        with gallery.database.maintenance() as connection:
            connection.execute(f"SET maintenance_work_mem = '{memory:d}MB'".encode())
            name = index_name(model.number)
            connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}".encode())  # also half of one
            vectors = f"(unit::vector({model.identity.dimension})) vector_ip_ops"
            made = f"INDEX CONCURRENTLY {name} ON templates USING hnsw ({vectors})"
            connection.execute(f"CREATE {made} WHERE model = {model.number}".encode())
    return measure_index(workspace, probes=probes, seed=seed)


def measure_index(workspace: Workspace, *, probes: int = PROBES, seed: int = 0) -> tuple[IndexState, ...]:
    """Measure the index of each model that has one; parameters and errors as for `build_index`."""
    gallery, rng = _server(workspace), np.random.default_rng(seed)
    models = [model for model in gallery.crowd().models if model.indexed]
    return tuple(_measured(workspace, gallery, model, probes, rng) for model in models)


def drop_index(workspace: Workspace) -> int:
    """Delete every index, so that every vector is looked at again; return how many there were."""
    gallery = _server(workspace)
    indexed = [model for model in gallery.crowd().models if model.indexed]
    for model in indexed:
        with gallery.database.maintenance() as connection:
            connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index_name(model.number)}".encode())
    return len(indexed)


def copy(workspace: Workspace, source: str, target: str, track: Track | None = None) -> Copied:
    """Copy a gallery into another; see `faceunlock.gallery.copying.copy_gallery`.

    Parameters
    ----------
    workspace : Workspace
        Its home has the local gallery, and its settings say how long to wait.
    source, target : str
        ``local``, or the address of a database.
    track : callable, optional
        Shows progress over people.

    Raises
    ------
    SettingsError
        ``usage`` if both are the same; ``bad-gallery``.
    """
    if source == target or (is_local(source) and is_local(target)):
        raise SettingsError("usage", "FROM and TO are the same gallery")
    places = workspace.locations, workspace.settings
    with open_gallery(source, *places) as one, open_gallery(target, *places) as other:
        return copy_gallery(one, other, track or untracked)


def set_up_gallery(workspace: Workspace) -> SetUp:
    """Make or migrate the tables of the workspace's gallery; see `set_up`."""
    _server(workspace)
    return set_up(parse(workspace.settings.gallery))


def _server(workspace: Workspace) -> ServerGallery:
    if not isinstance(workspace.gallery, ServerGallery):
        raise SettingsError(
            "bad-gallery",
            f"the gallery is {LOCAL}, a file; this is for one on a server",
            hint="Name it: --gallery postgresql://USER@HOST/DATABASE",
        )
    return workspace.gallery


def _index_state(gallery: ServerGallery, model: Stored) -> IndexState:
    size = None
    if model.indexed:
        ((size,),) = gallery.database.query("SELECT pg_relation_size(?::regclass)", index_name(model.number))
    return IndexState(model.identity, model.people, model.templates, size)


def _measured(
    workspace: Workspace, gallery: ServerGallery, model: Stored, probes: int, rng: np.random.Generator
) -> IndexState:
    known = _index_state(gallery, model)
    calibration = workspace.choice.calibration(model.identity, "normal")
    similarity = min(1.0, calibration.threshold_for(model.templates).threshold)
    templates = ServerTemplates(gallery.database, model)
    few = model.templates < probes
    chosen = sorted(rng.choice(model.templates, size=probes, replace=few).tolist())
    found = 0
    for vector in _vectors(gallery, model, chosen):
        probe = _near(vector, similarity, rng)
        exactly = templates.nearest(probe, by_index=False)
        found += templates.nearest(probe, by_index=True) >= exactly - MARGIN
    return IndexState(known.identity, known.people, known.templates, known.size, found, len(chosen))


def _vectors(gallery: ServerGallery, model: Stored, chosen: Iterable[int]) -> Iterator[NDArray[np.float32]]:
    """Yield the vectors at some places in the order of their people."""
    keys = gallery.database.query(
        "SELECT at, key, place FROM (SELECT key, place, row_number() OVER (ORDER BY key, place) - 1 AS at "
        "FROM templates WHERE model = ?) t WHERE at = ANY(?) ORDER BY at",
        model.number,
        list({*chosen}),
    )
    times = Counter(chosen)
    for at, key, place in keys:
        ask = "SELECT unit::text FROM templates WHERE key = ? AND place = ?"
        for (text,) in gallery.database.query(ask, key, place):
            yield from [from_text(text)] * times[at]


def _near(vector: NDArray[np.float32], similarity: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a unit vector of this similarity to another, in a random direction."""
    away = rng.normal(size=len(vector))
    away -= (away @ vector) * vector.astype(np.float64)
    away /= np.linalg.norm(away)
    near: NDArray[np.float64] = similarity * vector + np.sqrt(1.0 - similarity**2) * away
    return near
