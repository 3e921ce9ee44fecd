"""A server that fails, refuses or was changed: one clear error, nothing written, nobody let in."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest
from support.fake_keyring import FakeKeyring
from support.fakes import slug_of
from support.made_templates import make_template
from support.postgres import Server, control, started

from faceunlock.errors import GalleryError
from faceunlock.gallery.lockout import Limits
from faceunlock.gallery.postgres import database as module
from faceunlock.gallery.postgres import schema
from faceunlock.gallery.postgres.address import parse
from faceunlock.gallery.postgres.gallery import KEYRING, ServerGallery, server_attempts
from faceunlock.matching.similarity import unit
from faceunlock.tasks.server import set_up

IDENTITY = make_template().identity
PROBE = unit([1.0, 2.0, 3.0])


class No:
    """The answer of an attempt."""

    match, name, similarity, model = False, "Ada", 0.1, "dlib"
    decision = identity = property(lambda self: self)


@pytest.fixture
def opened(server, request):
    """Open galleries and attempts; all are closed at the end."""
    made = []

    def open_it(name, user="postgres", **options):
        made.append(ServerGallery(parse(server.url(name, user)), **{"busy_timeout": 0.3} | options))
        return made[-1]

    yield open_it
    for gallery in made:
        gallery.close()


def attempts_on(server, name, user="postgres", limits=None):
    limits = limits or Limits(5, 30.0, 50)
    address = parse(server.url(name, user))
    return server_attempts(address, limits, log_entries=10, busy_timeout=0.3, keyring_timeout=1)


def fail(attempts):
    with attempts.attempt("test") as attempt:
        attempt.admit(["Ada"], named=True)
        attempt.settle(["Ada"], lambda admitted: No())


def counted(attempts):
    return sum(record.count for record in attempts._counts.of("Ada"))


# a schema that somebody changed

RETURN_NULL = "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE people DROP COLUMN updated",
        "ALTER TABLE people ALTER COLUMN created TYPE varchar(100)",
        "ALTER TABLE failures ALTER COLUMN count TYPE integer",
        "ALTER TABLE people ADD COLUMN more text",
        "ALTER TABLE photos DROP CONSTRAINT photos_pkey",
        "DROP TABLE photos",
        "ALTER TABLE people RENAME TO persons; CREATE VIEW people AS SELECT * FROM persons",
        RETURN_NULL
        + "CREATE TRIGGER drops BEFORE INSERT ON failures FOR EACH ROW EXECUTE FUNCTION nothing()",
        "CREATE RULE drops AS ON INSERT TO failures DO INSTEAD NOTHING",
        "ALTER TABLE people ENABLE ROW LEVEL SECURITY",
        "CREATE TABLE more () INHERITS (failures)",
    ],
)
def test_a_changed_schema_is_refused_before_anything_is_read_or_written(own_database, server, opened, change):
    gallery = opened(own_database)
    gallery.add("Ada", make_template())
    attempts = attempts_on(server, own_database)
    fail(attempts)
    server.run(change, own_database)
    for late in (gallery.add, opened(own_database).add):  # with an open connection, and with a new one
        assert slug_of(late, "Bob", make_template()) == "gallery-damaged"
    assert slug_of(opened(own_database).people) == "gallery-damaged"
    # Whoever changed the tables meanwhile gets no answer: it would not be counted.
    assert slug_of(fail, attempts) == "attempts-damaged"
    attempts.close()


def test_older_newer_and_missing_tables_are_told_apart(own_database, server, opened):
    gallery = opened(own_database)
    for version, slug in ((99, "gallery-newer"), (0, "server-not-set-up")):
        server.run(f"UPDATE version SET number = {version}", own_database)
        assert slug_of(opened(own_database).people) == slug
    server.run("UPDATE version SET number = 99", own_database)
    assert slug_of(set_up, parse(server.url(own_database))) == "gallery-newer"
    server.run("DROP EXTENSION vector CASCADE", own_database)
    assert slug_of(gallery.people) == "server-lacks-vector"
    server.run("DROP SCHEMA faceunlock CASCADE", own_database)
    with pytest.raises(GalleryError) as caught:
        gallery.people()
    assert caught.value.slug == "server-not-set-up"
    assert caught.value.hint.endswith(f"faceunlock gallery setup --gallery '{gallery.path}'")


def test_a_migration_keeps_everything_and_runs_once(own_database, server, opened, monkeypatch):
    opened(own_database).add("Ada", make_template())
    newer = (*schema.MIGRATIONS, ("CREATE TABLE later (key text PRIMARY KEY)",))
    shape = schema.SHAPE | {"later": "key text"}
    monkeypatch.setattr(schema, "MIGRATIONS", newer)
    monkeypatch.setattr(schema, "SHAPE", shape)
    monkeypatch.setattr(module, "NEWEST", len(newer))
    gallery = opened(own_database)
    assert slug_of(gallery.people) == "server-not-set-up"
    address = parse(server.url(own_database))
    assert [(done.before, done.after) for done in (set_up(address), set_up(address))] == [(1, 2), (2, 2)]
    assert [person.name for person in gallery.people()] == ["Ada"]
    broken = (*newer, ("CREATE TABLE half (key text)", "no statement"))
    monkeypatch.setattr(schema, "MIGRATIONS", broken)
    monkeypatch.setattr(module, "NEWEST", len(broken))
    assert slug_of(set_up, address) == "gallery-damaged"
    assert server.run("SELECT number FROM version", own_database) == [(2,)]
    assert server.run("SELECT to_regclass('half')", own_database) == [(None,)]


def test_a_table_of_the_same_name_elsewhere_is_not_read(own_database, server, opened):
    server.run("CREATE TABLE public.people (LIKE faceunlock.people)", own_database)
    server.run("INSERT INTO public.people VALUES ('eve', 'eve', 'Eve', '', '', '', '')", own_database)
    assert opened(own_database).people() == ()


# vectors that somebody changed


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE templates SET unit = '[0.26726124,0.5345225,0.80178374]' WHERE key = 'eve'",
        "UPDATE templates SET unit = '[1,0]' WHERE key = 'eve'",
        "UPDATE templates SET unit = '[0,0,0]' WHERE key = 'ada'",
        "UPDATE templates SET unit = '[0.26,0.53,0.80]' WHERE key = 'ada'",
        "UPDATE templates SET place = 5 WHERE key = 'ada'",
        "UPDATE templates SET model = 7 WHERE key = 'ada'",
        "DELETE FROM templates WHERE key = 'ada'",
        "UPDATE templates SET key = 'bob', place = 1 WHERE key = 'ada'",
    ],
)
def test_a_changed_vector_lets_nobody_in_and_is_told(database, server, opened, change):
    gallery = opened(database)
    gallery.add("Ada", make_template())
    gallery.add("Bob", make_template([1.0, 2.0, 2.9]))
    gallery.add("Eve", make_template([-3.0, 0.0, 1.0]))
    before = gallery.crowd().made_by(IDENTITY).decide(PROBE, 0.9)
    assert before.match and before.name == "Ada"
    server.run(change, database)
    try:
        found = gallery.crowd().made_by(IDENTITY).decide(PROBE, 0.9)
    except GalleryError as error:
        assert error.slug == "gallery-damaged"
    else:  # who was moved out of sight is missed; who is found is compared exactly
        assert (found.name, found.similarity) == ("Bob", pytest.approx(float(PROBE @ unit([1.0, 2.0, 2.9]))))
    eve = unit([-3.0, 0.0, 1.0])
    assert float(eve @ PROBE) < 0.5
    assert gallery.problems() and gallery.get("Ada").name == "Ada"


# roles


@pytest.fixture
def with_roles(server, own_database):
    for statement in schema.grants():
        server.run(statement, own_database)
    return own_database


def test_a_role_that_may_verify_asks_and_is_counted_but_changes_nobody(with_roles, server, opened):
    opened(with_roles).add("Ada", make_template())
    door = opened(with_roles, schema.VERIFY)
    assert door.get("Ada").name == "Ada" and door.crowd().made_by(IDENTITY).decide(PROBE, 0.9).match
    attempts = attempts_on(server, with_roles, schema.VERIFY)
    fail(attempts)
    assert counted(attempts) == 1 and len(attempts.log.entries()) == 1
    with pytest.raises(Exception, match="only who may enroll"), attempts.attempt("test", count=False):
        pass
    attempts.close()
    for change, *what in (
        (door.add, "Eve", make_template()),
        (door.replace, "Ada", make_template([9.0, 0.0, 0.0])),
        (door.rename, "Ada", "Eve"),
        (door.forget, "Ada"),
        (door.forget_all,),
        (door.save_calibration, IDENTITY, {"threshold": -1.0}),
    ):
        assert slug_of(change, *what) == "server-rights"
    with psycopg.connect(server.url(with_roles, schema.VERIFY), autocommit=True) as raw:
        for statement in (
            "INSERT INTO faceunlock.templates VALUES ('ada', 1, 1, '[1,0,0]')",
            "UPDATE faceunlock.people SET name = 'Eve'",
            "DELETE FROM faceunlock.photos",
            "TRUNCATE faceunlock.failures",
            "CREATE TABLE faceunlock.more ()",
            "DROP TABLE faceunlock.log",
            "ALTER TABLE faceunlock.failures DISABLE TRIGGER ALL",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute(statement)
    assert [person.name for person in door.people()] == ["Ada"]


def test_a_role_that_may_enroll_needs_no_other_rights(with_roles, server, opened):
    gallery = opened(with_roles, schema.ENROLL)
    gallery.add("Ada", make_template())
    gallery.rename("Ada", "Bob")
    gallery.save_calibration(IDENTITY, {"threshold": 0.7})
    gallery.forget("Bob")
    attempts = attempts_on(server, with_roles, schema.ENROLL)
    fail(attempts)
    assert counted(attempts) == 1
    attempts.close()
    assert slug_of(set_up, parse(server.url(with_roles, schema.ENROLL))) == "server-rights"


def test_a_role_without_rights_is_told_so(own_database, opened):
    assert slug_of(opened(own_database, "nobody").people) == "server-rights"


# logging in


def test_a_password_comes_from_a_file_or_the_keyring_and_is_never_shown(
    database, server, tmp_path, monkeypatch
):
    address = parse(server.url(database, "asked"), {})

    def told(address):
        with pytest.raises(GalleryError) as caught, ServerGallery(address) as gallery:
            gallery.people()
        assert caught.value.slug == "server-refused" and "sesame" not in caught.value.explained
        return caught.value.message

    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "needs a password" in told(address)
    (tmp_path / ".pgpass").write_text("*:*:*:*:open sesame\n", encoding="utf-8")
    (tmp_path / ".pgpass").chmod(0o600)
    with ServerGallery(address) as gallery:
        assert gallery.people() == ()
    (tmp_path / ".pgpass").write_text("*:*:*:*:close sesame\n", encoding="utf-8")
    told(address)
    (tmp_path / ".pgpass").unlink()
    keyring = FakeKeyring(tmp_path / "keyring.json")
    keyring.set_password(KEYRING, address.account, "open sesame")
    monkeypatch.setattr("keyring.get_keyring", lambda: keyring)
    with ServerGallery(address) as gallery:
        assert gallery.people() == ()
    keyring.locked = True
    told(address)


@pytest.mark.parametrize(("user", "name"), [("stranger", "postgres"), ("postgres", "nowhere")])
def test_an_unknown_user_or_database_is_a_refusal(server, opened, user, name):
    assert slug_of(opened(name, user).people) == "server-refused"


def test_no_server_is_told_at_once(tmp_path):
    assert slug_of(ServerGallery(parse(f"postgresql:///x?host={tmp_path}")).people) == "server-unreachable"
    assert slug_of(ServerGallery(parse("postgresql://127.0.0.1:1/x")).people) == "server-unreachable"


def test_a_server_off_this_machine_without_tls_gets_no_password(monkeypatch):
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            client, _ = listener.accept()
            with client:
                heard.append(client.recv(100))
                client.sendall(b"N")  # no TLS here
                heard.append(client.recv(100))

        thread = threading.Thread(target=answer)
        thread.start()
        address = parse("postgresql://ada@db.example/faces", {"HOME": "/nonexistent"})
        here = {"hostaddr": "127.0.0.1", "port": str(listener.getsockname()[1]), "password": "sesame"}
        address = replace(address, parameters={**address.parameters, **here})
        assert slug_of(ServerGallery(address).people) == "server-insecure"
        thread.join()
    assert heard[0][4:8] == (80877103).to_bytes(4, "big") and heard[1] == b""  # only: shall we encrypt?


# failing in the middle


def test_a_connection_that_was_lost_is_made_anew_but_never_in_a_change(database, server, opened):
    gallery = opened(database)
    gallery.add("Ada", make_template())
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    server.run(end, values=(database,))
    assert slug_of(gallery.people) == "server-unreachable"
    assert [person.name for person in gallery.people()] == ["Ada"]

    def change():
        with gallery.transaction():
            gallery.forget("Ada")
            server.run(end, values=(database,))
            gallery.add("Bob", make_template())

    assert slug_of(change) == "server-unreachable"
    assert [person.name for person in gallery.people()] == ["Ada"]
    attempts = attempts_on(server, database)
    fail(attempts)
    server.run(end, values=(database,))
    assert slug_of(fail, attempts) == "server-unreachable"
    assert counted(attempts) == 1
    attempts.close()


def refusing(monkeypatch, error, when):
    real = module._Inside.execute

    def execute(self, statement, values=(), /):
        if when in statement:
            raise error("the reason")
        return real(self, statement, values)

    monkeypatch.setattr(module._Inside, "execute", execute)


@pytest.mark.parametrize(
    ("error", "slug"),
    [
        (psycopg.errors.DiskFull, "unwritable"),
        (psycopg.errors.ReadOnlySqlTransaction, "unwritable"),
        (psycopg.errors.SerializationFailure, "busy"),
        (psycopg.errors.DeadlockDetected, "busy"),
        (psycopg.errors.QueryCanceled, "busy"),
        (psycopg.errors.UndefinedColumn, "damaged"),
        (psycopg.errors.AdminShutdown, "server-unreachable"),
    ],
)
def test_what_cannot_be_written_changes_nothing_and_gets_no_answer(
    database, server, opened, monkeypatch, error, slug
):
    gallery, attempts = opened(database), attempts_on(server, database)
    gallery.add("Ada", make_template())
    with monkeypatch.context() as patch:
        refusing(patch, error, "INSERT INTO")
        answers = [slug_of(gallery.add, "Bob", make_template()), slug_of(fail, attempts)]
    expected = [slug] * 2 if "-" in slug else [f"gallery-{slug}", f"attempts-{slug}"]
    assert answers == expected
    assert [person.name for person in gallery.people()] == ["Ada"] and gallery.problems() == ()
    assert attempts.log.entries() == ()
    attempts.close()


def test_a_full_disk_still_counts_the_failure_without_its_log_entry(database, server, monkeypatch):
    attempts = attempts_on(server, database)
    refusing(monkeypatch, psycopg.errors.DiskFull, "INSERT INTO log")
    assert slug_of(fail, attempts) == "attempts-unwritable"
    assert counted(attempts) == 1
    attempts.close()


def test_who_changes_waits_for_others_and_gives_up(database, server, opened):
    gallery = opened(database)
    gallery.add("Ada", make_template())
    with psycopg.connect(server.url(database)) as other:
        other.execute("LOCK TABLE faceunlock.people IN SHARE ROW EXCLUSIVE MODE")
        assert slug_of(gallery.add, "Bob", make_template()) == "gallery-busy"
        assert [person.name for person in gallery.people()] == ["Ada"]  # reading waits for nobody
    gallery.add("Bob", make_template())


def test_a_collision_at_the_beginning_is_tried_again(database, opened, monkeypatch):
    gallery, left = opened(database), [1, 1]
    gallery.people()
    real = psycopg.Connection.execute

    def execute(self, query, *values, **options):
        if b"LOCK TABLE" in (query if isinstance(query, bytes) else query.encode()) and left:
            left.pop()
            raise psycopg.errors.DeadlockDetected("the reason")
        return real(self, query, *values, **options)

    monkeypatch.setattr(psycopg.Connection, "execute", execute)
    gallery.add("Ada", make_template())
    left.extend([1, 1, 1])
    assert slug_of(gallery.add, "Bob", make_template()) == "gallery-busy"
    gallery.add("Bob", make_template())


# many at once, and killed ones


def test_a_server_that_is_killed_loses_nothing_that_was_answered(tmp_path_factory):
    """With a server of its own, which is killed as a power cut would end it, and starts again."""
    root = Path(tempfile.mkdtemp(prefix="faceunlock-postgres-"))
    root.chmod(0o755)
    handle = started(root / "data")
    try:
        server = Server(root / "data")
        set_up(parse(server.url("postgres")))
        with ServerGallery(parse(server.url("postgres"))) as gallery:
            gallery.add("Ada", make_template())
            attempts = attempts_on(server, "postgres")
            fail(attempts)

            def change():
                with gallery.transaction():
                    gallery.forget("Ada")
                    gallery.add("Bob", make_template())
                    main = psutil.Process(handle.get_pid())
                    every = [main, *main.children()]  # these would end by themselves, a little later
                    for one in every:
                        one.kill()
                    psutil.wait_procs(every, timeout=5)

            assert slug_of(change) == slug_of(fail, attempts) == "server-unreachable"
            assert slug_of(gallery.people) == "server-unreachable"
            # Where nobody takes note of a dead process, PostgreSQL takes its number for a running server.
            (server.folder / "postmaster.pid").unlink(missing_ok=True)
            control(handle, "-o", f"-F -h '' -k {server.folder}", "start")
            assert [person.name for person in gallery.people()] == ["Ada"] and gallery.problems() == ()
            assert counted(attempts) == 1
            fail(attempts)
            assert counted(attempts) == 2
            attempts.close()
    finally:
        control(handle, "-m", "immediate", "stop")
        handle.cleanup_mode = None
        handle.cleanup()
        atexit.unregister(handle._cleanup)  # would make its folder again
        shutil.rmtree(root, ignore_errors=True)


RACE = """
import os, sys
from faceunlock.errors import LockoutError
from faceunlock.gallery.lockout import Limits
from faceunlock.gallery.postgres.address import parse
from faceunlock.gallery.postgres.gallery import ServerGallery, server_attempts
from support.made_templates import make_template
sys.path.append("tests")

class No:
    match, name, similarity, model = False, "Ada", 0.1, "dlib"
    decision = identity = property(lambda self: self)

address, number = parse(sys.argv[1]), sys.argv[2]
attempts = server_attempts(address, Limits(5, 3600.0, 50), log_entries=99, busy_timeout=60, keyring_timeout=1)
gallery = ServerGallery(address, busy_timeout=60)
sys.stdin.readline()
answers = 0
for turn in range(4):
    gallery.add(f"P{number}-{turn}", make_template([1.0, float(number) + 1, float(turn)]))
    gallery.update("Shared", lambda t: make_template(count=t.count + 1))
    try:
        with attempts.attempt("test") as attempt:
            attempt.admit(["Ada"], named=True)
            attempt.settle(["Ada"], lambda admitted: No())
        answers += 1
    except LockoutError:
        pass
print(answers, flush=True)
sys.stdin.readline()
with gallery.transaction():
    gallery.forget("Shared")
    print("inside", flush=True)
    sys.stdin.read()
"""


def test_eight_processes_at_once_lose_nothing_and_a_killed_one_leaves_nothing(database, server, opened):
    gallery = opened(database)
    gallery.add("Shared", make_template(count=1))
    path = os.pathsep.join(sys.path)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, server.url(database), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
        )
        for number in range(8)
    ]
    try:
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        answers = [int(racer.stdout.readline()) for racer in racers]
        assert sum(answers) == 5
        racers[0].stdin.write("go\n")
        racers[0].stdin.flush()
        assert racers[0].stdout.readline() == "inside\n"
        assert slug_of(gallery.add, "After", make_template()) == "gallery-busy"
        os.kill(racers[0].pid, signal.SIGKILL)
        racers[0].wait()
        with opened(database, busy_timeout=10) as late:
            late.add("After", make_template())
        assert gallery.get("Shared").template.count == 1 + 8 * 4
        assert len(gallery.people()) == 2 + 8 * 4 and gallery.problems() == ()
        assert len(gallery.crowd()) == 2 + 8 * 4
    finally:
        for racer in racers:
            racer.kill()
            racer.communicate()
