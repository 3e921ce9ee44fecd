"""The list of everything that a sealed gallery holds: short at the top, the rows of people in parts.

The top is the manifest, which an HMAC covers. It lists the checksums of the rows of small tables, and of the
parts. A part lists the rows of the people whose names, as they look, have the same first byte of SHA-256. So
there are at most 256 parts, a person's row is proven by one of them, and a change rewrites one of them. That
nobody of a name is enrolled is proven by one of them, too: all spellings of a name are in the same part.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Iterator, Mapping, Set

from faceunlock.files.reading import parse_json
from faceunlock.gallery.file import PARTS, PEOPLE, PHOTOS
from faceunlock.matching.people import name_key

Entry = tuple[str, str]
"""A row: its table and its primary key."""

Load = Callable[[str], bytes]
"""Returns the content of a part, after proving that it is the one that the manifest lists."""

IN_PARTS = (PEOPLE, PHOTOS)
"""Tables whose rows the parts list."""

_Part = dict[str, dict[str, bytes]]

_LENGTH = struct.Struct("<I")
_DIGEST_BYTES = 32


def part_of(key: str) -> str:
    """Return the name of the part that lists a person's rows: two hexadecimal digits.

    Examples
    --------
    >>> part_of("ada"), part_of("a\u034fda")
    ('fd', 'fd')
    """
    return hashlib.sha256(name_key(key).encode("utf-8", "surrogatepass")).hexdigest()[:2]


class Listing:
    """The list of one sealed gallery.

    Parameters
    ----------
    manifest : mapping of entry to str
        The top, proven by its MAC: checksums as hexadecimal digits.
    load : callable
        Reads a part; raises ValueError if it is not the one that the manifest lists.
    """

    def __init__(self, manifest: Mapping[Entry, str], load: Load) -> None:
        self._top, self._load = dict(manifest), load
        self._parts: dict[str, _Part] = {}
        self._changed: set[str] = set()
        self._rows: dict[str, dict[str, bytes]] = {}

    def copy(self) -> Listing:
        """Return a copy that can be changed without affecting this one."""
        copied = Listing(self._top, self._load)
        copied._parts = dict(self._parts)
        return copied

    def get(self, table: str, key: str) -> str | bytes | None:
        """Return the checksum that a row must have; None if there must be no such row."""
        if table not in IN_PARTS:
            return self._top.get((table, key))
        return self._part(part_of(key)).get(table, {}).get(key)

    def put(self, table: str, key: str, checksum: str | bytes) -> None:
        """List a row."""
        if isinstance(checksum, bytes):
            self._mine(part_of(key)).setdefault(table, {})[key] = checksum
        else:
            self._top[table, key] = checksum

    def remove(self, table: str, key: str) -> bool:
        """List a row no longer, and return whether it was listed."""
        if table not in IN_PARTS:
            return self._top.pop((table, key), None) is not None
        if self.get(table, key) is None:
            return False
        del self._mine(part_of(key))[table][key]
        return True

    def keys(self, table: str) -> Set[str]:
        """Return the keys of all listed rows of a table."""
        if table not in IN_PARTS:
            return {key for listed, key in self._top if listed == table}
        return self.rows(table).keys()

    def rows(self, table: str) -> Mapping[str, bytes]:
        """Return the checksums of all rows of a table that the parts list; made once, until a change."""
        if table not in self._rows:
            names = {key for listed, key in self._top if listed == PARTS} | self._changed
            rows: dict[str, bytes] = {}
            for name in names:
                part = self._parts.get(name)
                # A part that nobody has asked for is not kept, so that the other table takes no memory.
                rows |= _tables(self._load(name), table)[table] if part is None else part.get(table, {})
            self._rows[table] = rows
        return self._rows[table]

    def alike(self, table: str, key: str) -> Set[str]:
        """Return the listed keys that are spellings of one name."""
        wanted = name_key(key)
        return {other for other in self._part(part_of(key)).get(table, ()) if name_key(other) == wanted}

    def earlier(self) -> dict[str, bytes]:
        """Take the rows of people out of a manifest without parts, and return their keys and checksums."""
        listed = {key: bytes.fromhex(digest) for (table, key), digest in self._top.items() if table == PEOPLE}
        for key in listed:
            del self._top[PEOPLE, key]
        return listed

    def changed(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield each part that was changed, and its content; None if nothing is left in it."""
        for name in sorted(self._changed):
            part = self._parts[name]
            yield name, _content(part) if any(part.values()) else None

    def close(self, name: str, checksum: bytes | None) -> None:
        """Say that a changed part is written, under this checksum; None: that it was deleted."""
        self._changed.discard(name)
        if checksum is None:
            self._top.pop((PARTS, name), None)
        else:
            self._top[PARTS, name] = checksum.hex()

    def manifest(self) -> dict[Entry, str]:
        """Return the top, in which the parts are those that are closed."""
        return dict(self._top)

    def _part(self, name: str) -> _Part:
        if name not in self._parts:
            self._parts[name] = _tables(self._load(name)) if (PARTS, name) in self._top else {}
        return self._parts[name]

    def _mine(self, name: str) -> _Part:
        """Return a part that may be changed."""
        self._rows.clear()
        part = self._part(name)
        if name not in self._changed:
            part = self._parts[name] = {table: dict(rows) for table, rows in part.items()}
            self._changed.add(name)
        return part


def _content(part: _Part) -> bytes:
    """Return a part as bytes: the length of its keys, the keys as JSON, and the checksums in their order."""
    keys = {table: sorted(part.get(table, ())) for table in IN_PARTS}
    text = json.dumps(keys, separators=(",", ":")).encode("ascii")
    digests = (part[table][key] for table in IN_PARTS for key in keys[table])
    return _LENGTH.pack(len(text)) + text + b"".join(digests)


def _tables(content: bytes, *wanted: str) -> _Part:
    """Return the part that `_content` wrote, or some of its tables; its checksum proves its form as well."""
    end = _LENGTH.size + _LENGTH.unpack_from(content)[0]
    keys = parse_json(content[_LENGTH.size : end])
    part: _Part = {}
    for table in IN_PARTS:
        stop = end + _DIGEST_BYTES * len(keys[table])
        if table in (wanted or IN_PARTS):
            digests = [content[at : at + _DIGEST_BYTES] for at in range(end, stop, _DIGEST_BYTES)]
            part[table] = dict(zip(keys[table], digests, strict=True))
        end = stop
    return part
