"""Which addresses of a gallery are taken; off this machine, none with less than proven TLS."""

import pytest

from faceunlock.errors import SettingsError
from faceunlock.gallery.postgres.address import parse

SERVICES = """
# who may ask
[door]
host=db.example
port=6432
dbname=faces
user=door
password=open sesame

[here]
host=/run/postgresql
dbname=faces
sslmode=disable

[weak]
host=db.example
sslmode=disable
"""


@pytest.fixture
def environ(tmp_path):
    (tmp_path / "services").write_text(SERVICES, encoding="utf-8")
    return {"HOME": str(tmp_path), "PGSERVICEFILE": str(tmp_path / "services"), "PGSYSCONFDIR": str(tmp_path)}


def refused(text, environ=()):
    with pytest.raises(SettingsError) as caught:
        parse(text, dict(environ))
    assert "sesame" not in caught.value.explained
    return caught.value.slug


@pytest.mark.parametrize(
    "text",
    [
        "postgresql:///faces",
        "postgresql://ada@localhost/faces",
        "postgres://127.0.0.1:5433/faces",
        "postgresql://[::1]/faces",
        "postgresql:///faces?host=/run/postgresql",
        "postgresql:///faces?service=here",
        "postgresql:///faces?host=@abstract",
    ],
)
def test_a_socket_or_loopback_needs_no_tls(text, environ):
    assert parse(text, environ).local


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://db.example/faces",
        "postgresql://ada@192.0.2.1/faces",
        "postgresql://localhost,db.example/faces",
        "postgresql:///faces?host=localhost&hostaddr=192.0.2.1",
        "postgresql:///faces?service=door",
        "postgresql:///faces?service=weak",
        "postgresql://db.example/faces?sslmode=verify-full",
    ],
)
def test_every_other_server_must_prove_who_it_is(text, environ):
    address = parse(text, environ)
    assert not address.local
    assert address.parameters["sslmode"] == "verify-full"
    assert address.parameters["sslrootcert"] == "system"
    assert address.parameters["gssencmode"] == "disable"
    assert "service" not in address.parameters


def test_a_variable_that_leads_elsewhere_counts(environ):
    assert not parse("postgresql:///faces", environ | {"PGHOST": "db.example"}).local
    assert not parse("postgresql://localhost/faces", environ | {"PGHOSTADDR": "192.0.2.1"}).local
    assert not parse("postgresql:///faces", environ | {"PGSERVICE": "door"}).local


def test_roots_of_ones_own_are_used(environ, tmp_path):
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql" / "root.crt").touch()
    assert "sslrootcert" not in parse("postgresql://db.example/faces", environ).parameters
    chosen = parse("postgresql://db.example/faces?sslrootcert=/ca.pem", environ)
    assert chosen.parameters["sslrootcert"] == "/ca.pem"


def test_a_service_says_what_the_address_leaves_out(environ):
    address = parse("postgresql://other@/more?service=door", environ)
    assert address.parameters["user"] == "other" and address.parameters["dbname"] == "more"
    assert address.parameters["password"] == "open sesame"
    assert address.shown == "postgresql://other@db.example:6432/more"
    assert "sesame" not in repr(address) and address.account == "other@db.example:6432"


@pytest.mark.parametrize("mode", ["disable", "prefer", "require", "verify-ca"])
def test_less_than_proven_tls_is_refused(mode):
    assert refused(f"postgresql://db.example/faces?sslmode={mode}") == "server-insecure"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ada:open%20sesame@localhost/faces",
        "postgresql://ada:@localhost/faces",
        "postgresql://localhost/faces?password=sesame",
        "mysql://localhost/faces",
        "postgresql://localhost:port/faces",
        "postgresql://localhost/faces?options=-csearch_path%3Devil",
        "postgresql://localhost/faces?sslmode=verify-full&sslmode=disable",
        "postgresql://localhost/faces?host=db.example",
        "postgresql://localhost/faces?sslmode",
        "postgresql://localhost/faces#there",
        "postgresql://[::1/faces",
        "postgresql:///faces?service=nowhere",
    ],
)
def test_what_is_not_understood_or_says_a_password_is_refused(text, environ):
    assert refused(text, environ) == "bad-gallery"


def test_a_service_file_that_cannot_be_read_is_told(environ, tmp_path):
    (tmp_path / "services").write_text("no section = 1", encoding="utf-8")
    assert refused("postgresql:///faces?service=door", environ) == "bad-gallery"
