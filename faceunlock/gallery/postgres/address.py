"""The address of a gallery on PostgreSQL: read strictly, without a password, and with TLS off this machine.

libpq, the library below psycopg, takes what an address leaves out from a service file, from variables named
``PG...`` and from ``~/.pgpass``. The host decides whether TLS is needed, so it is found out here first, by
libpq's own rules, and then nothing that decides about TLS is left to defaults.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from faceunlock.errors import SettingsError

SCHEMES = ("postgresql", "postgres")
"""The names under which libpq knows its addresses."""

_QUERY = frozenset(("host", "hostaddr", "port", "user", "dbname", "service", "passfile",
                    "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl"))  # fmt: skip
"""Parameters that an address may have; others could weaken the connection."""

_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "dbname": "PGDATABASE",
    "service": "PGSERVICE",
    "sslrootcert": "PGSSLROOTCERT",
}
_LEAVE_OUT = (
    "Leave the password out: put it into ~/.pgpass, into a service file, or into the keyring; see "
    "docs/postgres.md."
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a gallery on PostgreSQL is.

    Attributes
    ----------
    shown : str
        What messages call it; without parameters.
    parameters : mapping of str to str
        What libpq is told; the password of a service file is among it.
    local : bool
        Whether the server is reached through a socket or the loopback of this machine.
    """

    shown: str
    parameters: Mapping[str, str] = field(repr=False)
    local: bool

    @property
    def account(self) -> str:
        """The name under which the keyring may hold the password."""
        known = self.parameters
        return f"{known.get('user', '')}@{known.get('host', '')}:{known.get('port', '5432')}"


def is_address(text: str) -> bool:
    """Return whether a text is meant as the address of a database.

    Examples
    --------
    >>> is_address("postgresql://db.example/faces"), is_address("/srv/faces")
    (True, False)
    """
    return "://" in text


def parse(text: str, environ: Mapping[str, str] = os.environ) -> Address:
    """Return the address that a user wrote.

    Parameters
    ----------
    text : str
        ``postgresql://[user@][host][:port]/database[?parameter=value&...]``.
    environ : mapping
        Environment variables.

    Raises
    ------
    SettingsError
        ``bad-gallery`` for anything else, or for an address with a password; ``server-insecure`` for one that
        asks for less than verified TLS off this machine.

    Examples
    --------
    >>> parse("postgresql://ada@localhost/faces", {}).local
    True
    >>> parse("postgresql://db.example/faces", {}).parameters["sslmode"]
    'verify-full'
    """
    own = _own(text)
    service = _service(own.get("service") or environ.get(_VARIABLES["service"]), environ)
    around = {key: environ[name] for key, name in _VARIABLES.items() if environ.get(name)}
    parameters = {**around, **service, **own}
    parameters.pop("service", None)
    local = all(map(_is_local, _each(parameters.get("host", ""), parameters.get("hostaddr", ""))))
    if not local:
        if own.get("sslmode", "verify-full") != "verify-full":
            raise SettingsError(
                "server-insecure",
                f"{_shown(parameters)}: sslmode={own['sslmode']} does not prove who the server is",
                hint="Leave sslmode out: verify-full is used for every server that is not on this machine.",
            )
        parameters |= {"sslmode": "verify-full", "gssencmode": "disable"}
        own_roots = Path(environ.get("HOME", "/"), ".postgresql", "root.crt")  # libpq's default
        if not own_roots.exists():
            parameters.setdefault("sslrootcert", "system")
    return Address(_shown(parameters), parameters, local)


def _own(text: str) -> dict[str, str]:
    """Return the parameters that an address itself has."""
    try:
        split = urlsplit(text)
        port, password = split.port, split.password
        host, user = split.hostname, split.username
        query = parse_qsl(split.query, keep_blank_values=True, strict_parsing=bool(split.query))
    except ValueError as error:
        raise _wrong(f"not an address of a database: {error}") from error
    if split.scheme not in SCHEMES or split.fragment:
        raise _wrong("the address of a gallery begins with postgresql://")
    names = [name for name, _ in query]
    if password is not None or "password" in names:
        raise SettingsError(
            "bad-gallery", "the address of a gallery must not have a password in it", hint=_LEAVE_OUT
        )
    unknown = sorted({name for name in names if name not in _QUERY or names.count(name) > 1})
    if unknown:
        raise _wrong(f"the address of a gallery has no parameter {unknown[0]!r}, or it is there twice")
    found = {"host": host, "user": user, "port": None if port is None else str(port)}
    found["dbname"] = split.path.removeprefix("/")
    own = {key: unquote(value) for key, value in found.items() if value}
    if own.keys() & {*names}:
        raise _wrong("the address of a gallery says something twice")
    return own | dict(query)


def _wrong(what: str) -> SettingsError:
    return SettingsError("bad-gallery", what)


def _service(name: str | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the service file of the user, or else of the system, says about a service."""
    if not name:
        return {}
    own = environ.get("PGSERVICEFILE") or str(Path(environ.get("HOME", "/"), ".pg_service.conf"))
    system = str(Path(environ.get("PGSYSCONFDIR", "/etc/postgresql-common"), "pg_service.conf"))
    for file in (own, system):
        parser = configparser.RawConfigParser(
            delimiters=("=",), comment_prefixes=("#",), strict=False, interpolation=None
        )
        try:
            parser.read_string(Path(file).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, configparser.Error) as error:
            raise _wrong(f"{file} cannot be read as a service file") from error
        if parser.has_section(name):
            return dict(parser.items(name))
    raise _wrong(f"no service file knows the service {name!r}; looked in {own} and {system}")


def _each(host: str, address: str) -> list[str]:
    """Return what decides where a connection goes, for each server of a list.

    libpq connects to ``hostaddr`` where it is given; TLS then only checks the name.
    """
    hosts, addresses = host.split(","), address.split(",")
    return addresses if address else hosts


def _is_local(host: str) -> bool:
    if host in ("", "localhost") or host.startswith(("/", "@")):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(parameters: Mapping[str, str]) -> str:
    """Return an address for people: no password, no other parameter."""
    user = f"{parameters['user']}@" if parameters.get("user") else ""
    port = f":{parameters['port']}" if parameters.get("port") else ""
    host = parameters.get("host", "") or parameters.get("hostaddr", "")
    database = parameters.get("dbname", "")
    if host.startswith(("/", "@")):  # a socket
        return f"postgresql://{user}{port}/{database}?host={host}"
    return f"postgresql://{user}{host}{port}/{database}"
