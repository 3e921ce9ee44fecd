"""A PostgreSQL database as a gallery asks for it: connections, transactions, checks and errors.

A change takes a lock on one table before it reads, as a change of a SQLite file does. So commands on many
machines change one after the other, and what is read inside stays true until the end. Nothing waits for
ever: not for the server, not for the lock, not for a statement, and the server ends a transaction whose
client sleeps.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any, cast

from faceunlock.errors import GalleryError, SettingsError
from faceunlock.files.database import BATCH, Slugs
from faceunlock.gallery.lockout import Moment
from faceunlock.gallery.postgres import schema
from faceunlock.gallery.postgres.address import Address
from faceunlock.gallery.postgres.faults import CONTENDED, MENDING, refused, told
from faceunlock.gallery.store import Connection

if TYPE_CHECKING:
    import psycopg

CONNECT_SECONDS = 10
"""How long to wait for the server to take a connection."""

STATEMENT_SECONDS = 60
"""How long a statement may take."""

NEWEST = len(schema.MIGRATIONS)

TRIES = 3
"""How often a change asks for its lock, if that lost against other transactions."""

GALLERY_SLUGS = Slugs("gallery-damaged", "gallery-newer", "gallery-busy", "gallery-unwritable")
ATTEMPT_SLUGS = Slugs("attempts-damaged", "attempts-newer", "attempts-busy", "attempts-unwritable")

_STATE = f"""
SELECT (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
        WHERE e.extname = 'vector'),
       (SELECT has_schema_privilege(n.oid, 'USAGE') FROM pg_namespace n WHERE n.nspname = '{schema.SCHEMA}'),
       EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = '{schema.SCHEMA}' AND c.relname = 'version'),
       EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector')
"""  # noqa: S608 - only names of ours

_LIMITS = (
    "SELECT set_config('search_path', %s, false), set_config('statement_timeout', %s, false), "
    "set_config('lock_timeout', %s, false), set_config('idle_in_transaction_session_timeout', %s, false), "
    "set_config('bytea_output', 'hex', false), set_config('client_min_messages', 'error', false)"
)


class PostgresDatabase:
    """The tables of a gallery, or of its attempts, with a connection of their own.

    Every method raises `GalleryError`: ``server-unreachable``, ``server-refused``, ``server-insecure``,
    ``server-not-set-up``, ``server-lacks-vector``, ``server-rights``, or one of `slugs`.

    Parameters
    ----------
    address : Address
    lock : str
        The table that a change locks.
    slugs : Slugs
        Slugs of its errors.
    busy_timeout : float
        How long to wait for another change, in seconds.
    password : callable, optional
        Returns the password that the keyring holds, or None; asked only if the server wants one.
    """

    mending = MENDING

    def __init__(
        self,
        address: Address,
        lock: str,
        slugs: Slugs,
        busy_timeout: float,
        password: functools.partial[str | None] | None = None,
    ) -> None:
        self.address, self.slugs = address, slugs
        self._lock, self._busy_timeout, self._password = lock, busy_timeout, password
        self._raw: psycopg.Connection[Any] | None = None
        self._changes = False
        self._expected: dict[tuple[str, tuple[str | int, ...]], list[tuple[Any, ...]]] = {}

    @property
    def path(self) -> str:
        """What messages call the database."""
        return self.address.shown

    def close(self) -> None:
        """Close the connection; the next use opens it again."""
        if self._raw is not None:
            self._raw.close()
            self._raw = None

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a statement that changes nothing."""
        with self.reading(), self._translating():
            return cast(
                "list[tuple[Any, ...]]", self._connected().execute(_numbered(statement), values).fetchall()
            )

    def batches(self, statement: str, *values: str | int) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a statement that changes nothing, some thousand at a time."""
        with self.reading():
            with self._translating():
                cursor = self._connected().cursor("batches")
                cursor.execute(_numbered(statement), values)
            try:
                rows: list[tuple[Any, ...]] | None = None
                while rows != []:
                    with self._translating():
                        rows = cursor.fetchmany(BATCH)
                    if rows:
                        yield rows
            finally:
                with self._translating():
                    cursor.close()

    def check_pages(self) -> None:
        """Do nothing: the pages are the server's."""

    def moment(self) -> Moment:
        """Return the present moment on the server's clock, which all machines share."""
        ((seconds,),) = self.query("SELECT extract(epoch FROM clock_timestamp())::double precision")
        return Moment("server", seconds)

    def has_gallery(self) -> bool:
        """Return whether there is a gallery that attempts can be about: always, where tables are."""
        return True

    def require_owner(self) -> None:
        """Refuse a role that may not enroll anybody; raises `SettingsError` ``usage``."""
        allowed = "SELECT has_table_privilege('people', 'INSERT')"
        if self.query(allowed) != [(True,)]:
            raise SettingsError("usage", "only who may enroll may try without counting")

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Make all queries in a ``with`` block see the database at one moment."""
        if self._inside():
            yield
            return
        with self._translating():
            self._open().execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            yield
        finally:
            self._end("ROLLBACK")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Make the changes in a ``with`` block atomic; the lock is taken at the beginning."""
        if self._inside():
            if not self._changes:
                raise RuntimeError("a change inside a block that only reads")
            yield _Inside(self._connected())
            return
        self._expected.clear()
        with self._translating():
            self._begin()
            self._changes = True
            try:
                self._check_shape(self._connected())
                yield _Inside(self._connected())
                self._refuse_unlike()
                self._connected().execute("COMMIT")
            finally:
                self._changes = False
                self._end("ROLLBACK")

    def expect(self, statement: str, values: Sequence[str | int], rows: Sequence[Sequence[Any]]) -> None:
        """Say what a query must find before the commit; a later call for the same query replaces it.

        Nothing that could change it afterwards is there: `schema.LOOK` finds no trigger.
        """
        self._expected[statement, tuple(values)] = [tuple(row) for row in rows]

    @contextlib.contextmanager
    def maintenance(self) -> Iterator[psycopg.Connection[Any]]:
        """Yield a connection that commits each statement, without a limit of time."""
        with self._translating():
            connection = self._open()
            connection.execute("SET statement_timeout = 0")
            connection.execute("SET lock_timeout = 0")
            try:
                yield connection
            finally:
                self.close()

    @contextlib.contextmanager
    def unprepared(self) -> Iterator[tuple[psycopg.Connection[Any], int]]:
        """Yield a transaction that makes or migrates the tables, and the version that is there; 0 is none.

        Raises
        ------
        GalleryError
            ``server-lacks-vector`` if the server does not have pgvector at all; ``gallery-newer``.
        """
        with self._translating():
            connection = self._connect()
            try:
                connection.execute("BEGIN")
                # Two that set up at once: the second finds what the first made.
                connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('faceunlock setup', 0))")
                (place, _, made, available) = connection.execute(_STATE).fetchone() or (None,) * 4
                if not available:
                    raise GalleryError("server-lacks-vector", f"{self.path}: the server has no pgvector")
                version = 0
                if made:
                    found = connection.execute(f"SELECT number FROM {schema.SCHEMA}.version").fetchone()  # noqa: S608
                    version = found[0] if found else 0
                self._refuse_newer(version)
                connection.execute(
                    "SELECT set_config('search_path', %s, true)", (_search_path(place or "public"),)
                )
                yield connection, version
                connection.execute("COMMIT")
            finally:
                connection.close()

    # inside

    def _inside(self) -> bool:
        from psycopg.pq import TransactionStatus

        return self._raw is not None and self._raw.info.transaction_status in (
            TransactionStatus.INTRANS,
            TransactionStatus.INERROR,
            TransactionStatus.ACTIVE,
        )

    def _connected(self) -> psycopg.Connection[Any]:
        if self._raw is None or self._raw.closed:
            raise GalleryError("server-unreachable", f"{self.path}: the connection was lost")
        return self._raw

    def _open(self) -> psycopg.Connection[Any]:
        """Return the connection, made anew if it was closed or lost; its tables are then checked."""
        if self._raw is None or self._raw.closed:
            self._raw = None
            connection = self._connect()
            try:
                self._check(connection)
            except BaseException:
                connection.close()
                raise
            self._raw = connection
        return self._raw

    def _connect(self) -> psycopg.Connection[Any]:
        driver = _psycopg()
        parameters: dict[str, Any] = {
            "connect_timeout": CONNECT_SECONDS,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 1000 * CONNECT_SECONDS,
            "application_name": "faceunlock",
            **self.address.parameters,
        }
        connect = functools.partial(driver.Connection.connect, autocommit=True)
        try:
            try:
                connection = connect(**parameters)
            except driver.OperationalError as error:
                asks = error.pgconn is not None and error.pgconn.needs_password
                password = self._password() if asks and self._password is not None else None
                if password is None:
                    raise
                connection = connect(**parameters, password=password)
        except driver.Error as error:
            raise refused(error, self.path, local=self.address.local) from error
        if not self.address.local and not connection.pgconn.ssl_in_use:
            connection.close()
            raise GalleryError("server-insecure", f"{self.path}: the connection is not encrypted")
        return cast("psycopg.Connection[Any]", connection)

    def _check(self, connection: psycopg.Connection[Any]) -> None:
        """Refuse a database without our tables, or with others than ours; set the limits of time."""
        place, usable, made, available = connection.execute(_STATE).fetchone() or (None,) * 4
        if usable is False:
            raise GalleryError("server-rights", f"{self.path}: this role may not use the gallery")
        if not made:
            raise self._not_set_up("there is no gallery in this database yet")
        if place is None:
            what = "this database has no pgvector" if available else "the server has no pgvector"
            raise GalleryError("server-lacks-vector", f"{self.path}: {what}")
        waiting = max(0.001, self._busy_timeout)  # 0 would be for ever
        limits = (STATEMENT_SECONDS + waiting, waiting, STATEMENT_SECONDS)
        milliseconds = [str(int(1000 * seconds)) for seconds in limits]
        connection.execute(_LIMITS, (_search_path(place), *milliseconds))
        self._check_shape(connection)

    def _check_shape(self, connection: psycopg.Connection[Any]) -> None:
        """Refuse tables, views, triggers, rules or policies that the migrations do not make."""
        found = {name: (columns, plain) for name, columns, plain in connection.execute(schema.LOOK)}
        rows = connection.execute("SELECT number FROM version").fetchall() if "version" in found else []
        version = rows[0][0] if len(rows) == 1 else 0
        self._refuse_newer(version)
        if version < NEWEST:
            raise self._not_set_up(f"its tables have format {version}; format {NEWEST} is needed")
        if found != {name: (columns, True) for name, columns in schema.SHAPE.items()}:
            odd = sorted(
                name
                for name in found.keys() | schema.SHAPE.keys()
                if found.get(name) != (schema.SHAPE.get(name), True)
            )
            raise GalleryError(
                self.slugs.damaged,
                f"{self.path}: its tables are not those that faceunlock makes: {', '.join(odd)}",
                hint=MENDING,
            )

    def _not_set_up(self, what: str) -> GalleryError:
        hint = f"As the owner of the database, run: faceunlock gallery setup --gallery {quote(self.path)}"
        return GalleryError("server-not-set-up", f"{self.path}: {what}", hint=hint)

    def _refuse_newer(self, version: int) -> None:
        if version > NEWEST:
            raise GalleryError(
                self.slugs.newer,
                f"{self.path} has format {version}; this faceunlock knows formats up to {NEWEST}",
            )

    def _begin(self) -> None:
        """Begin a change and take its lock; a collision with other transactions is tried again."""
        psycopg = _psycopg()
        for left in reversed(range(TRIES)):
            connection = self._open()
            try:
                connection.execute("BEGIN")
                # Who reads is not kept waiting; who changes is.
                connection.execute(f"LOCK TABLE {self._lock} IN SHARE ROW EXCLUSIVE MODE")
                return
            except psycopg.Error as error:
                self._end("ROLLBACK")
                again = error.sqlstate in CONTENDED - {"55P03", "57014"} or connection.closed
                if not again or not left:
                    raise

    def _end(self, how: str) -> None:
        """End a transaction that is still there, if the connection is."""
        if self._raw is None:
            return
        if self._raw.closed:
            self._raw = None
        elif self._inside():
            with contextlib.suppress(_psycopg().Error):
                self._raw.execute(how)

    def _refuse_unlike(self) -> None:
        for (statement, values), rows in self._expected.items():
            if self._connected().execute(_numbered(statement), values).fetchall() != rows:
                raise GalleryError(
                    self.slugs.unwritable,
                    f"{self.path} does not hold what was just written to it",
                    hint=MENDING,
                )

    @contextlib.contextmanager
    def _translating(self) -> Iterator[None]:
        """Turn psycopg's errors into ours."""
        psycopg = _psycopg()
        try:
            yield
        except psycopg.ProgrammingError as error:
            if error.sqlstate is None:
                raise  # our own bug
            raise told(error, self.slugs, self.path) from error
        except psycopg.Error as error:
            raise told(error, self.slugs, self.path) from error


class _Inside:
    """A connection inside a transaction, whose statements are written as for SQLite."""

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self._raw = raw

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Any:
        """Run a statement."""
        return self._raw.execute(_numbered(statement), values)


@functools.cache
def _numbered(statement: str) -> Any:
    """Return a statement with psycopg's marks for values; none of ours has a question mark otherwise."""
    return statement.replace("?", "%s").encode()


def _search_path(place: str) -> str:
    """Return where names are looked up: our schema, then pgvector's."""
    from psycopg.sql import Identifier

    names = (schema.SCHEMA, place, "pg_temp")  # after pg_catalog, which is always first
    return ", ".join(Identifier(name).as_string() for name in dict.fromkeys(names))


def _psycopg() -> Any:
    """Return psycopg, imported now; raise ``postgres-support-missing`` if that fails."""
    try:
        import psycopg
    except ImportError as error:
        raise GalleryError("postgres-support-missing", f"psycopg cannot be imported: {error}") from error
    return psycopg
