"""A real PostgreSQL server for tests, from the package pgserver: one for all workers, a database for each."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from faceunlock.gallery.postgres import schema
from faceunlock.gallery.postgres.address import parse
from faceunlock.tasks.server import set_up

EMPTY = f"TRUNCATE {', '.join(table for table in schema.SHAPE if table != 'version')} RESTART IDENTITY"


class Server:
    """A server of our own, reached through a socket; its superuser is asked nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def url(self, database: str, user: str = "postgres") -> str:
        """Return the address of a database."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def run(self, statement: str, database: str = "postgres", values=()) -> list:
        """Do something behind faceunlock's back."""
        import psycopg

        path = "-c search_path=faceunlock,public"
        with psycopg.connect(self.url(database), autocommit=True, options=path) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []


def started(folder: Path):
    """Start a server in a folder, or find the one that another worker started there."""
    pytest.importorskip("psycopg")
    before = os.environ.get("XDG_RUNTIME_DIR")
    runtime = folder.parent / "runtime"  # pgserver writes there
    runtime.mkdir(mode=0o700, exist_ok=True)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        pgserver = pytest.importorskip("pgserver", reason="needs pgserver, a PostgreSQL with pgvector")
        return pgserver.get_server(folder, cleanup_mode="delete")
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before


def control(handle, *words) -> None:
    """Start or stop a server with PostgreSQL's own program; pgserver takes a killed one for running."""
    from pgserver._commands import pg_ctl

    pg_ctl(["-w", "-l", str(handle.log), *words], pgdata=handle.pgdata, user=handle.system_user)


@pytest.fixture(scope="session")
def server(tmp_path_factory, worker_id):
    """The server; the first worker that needs it starts it, and the last one stops it."""
    import fcntl

    shared = tmp_path_factory.getbasetemp()
    shared = shared if worker_id == "master" else shared.parent
    with (shared / "postgres.lock").open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        known = file.read()
        # Not below pytest's own folder, into which the server's user cannot look.
        root = Path(known) if known else Path(tempfile.mkdtemp(prefix="faceunlock-postgres-"))
        root.chmod(0o755)
        handle = started(root / "data")
        found = Server(root / "data")
        if not known:
            for setting in ("fsync = off", "full_page_writes = off", "max_connections = 200"):
                found.run(f"ALTER SYSTEM SET {setting}")
            rules = root / "data" / "pg_hba.conf"
            asked = "local all asked scram-sha-256\n"  # the one user who needs a password
            rules.write_text(asked + rules.read_text(encoding="utf-8"), encoding="utf-8")
            found.run("CREATE ROLE asked LOGIN SUPERUSER PASSWORD 'open sesame'")
            for role in (schema.VERIFY, schema.ENROLL):
                found.run(f"CREATE ROLE {role} LOGIN")
            found.run("CREATE ROLE nobody LOGIN")
            found.run("SELECT pg_reload_conf()")
            found.run("CREATE DATABASE prepared")
            set_up(parse(found.url("prepared")))
            file.write(str(root))
            file.flush()
    yield found
    handle.cleanup()
    if not (root / "data").exists():
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def _worker_database(server, worker_id):
    name = f"of_{worker_id}"
    server.run(f"CREATE DATABASE {name} TEMPLATE prepared")
    return name


@pytest.fixture
def database(server, _worker_database):
    """The name of a database with the tables of a gallery, and nothing in them."""
    server.run(f"{EMPTY}; DROP INDEX IF EXISTS templates_hnsw_1, templates_hnsw_2", _worker_database)
    return _worker_database


@pytest.fixture
def own_database(server, worker_id, request):
    """The name of a database for this test alone, whose tables may be changed."""
    name = f"own_{worker_id}"
    server.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    server.run(f"CREATE DATABASE {name} TEMPLATE prepared")
    return name
