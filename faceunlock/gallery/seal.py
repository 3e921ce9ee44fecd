"""Encoding and decoding of gallery rows, plain or sealed: encryption and authentication under one key.

Each row is encrypted with AES-256-GCM under a fresh random nonce. Its associated data is the table, the
readable columns (a person's key, name and dates; a calibration's model), the version of this scheme, and the
generation, which is the number of the change that wrote the row.

Encryption alone would not notice a row that is gone, or an older one of the same person. So the manifest
lists the checksum of every row, and an HMAC-SHA-256 covers the manifest, the generation and the name of the
key. Each change carries the manifest over and updates only the entries of the rows that it writes. A manifest
rebuilt from the file would vouch for any row that somebody else has put there.

The rows of people are many, so they are listed in parts (`faceunlock.gallery.listing`), and the manifest
lists the parts. Whoever asks for one person proves the manifest and one part of the list.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from faceunlock.errors import GalleryError
from faceunlock.files.reading import parse_json
from faceunlock.gallery.file import PARTS, PEOPLE, PHOTOS
from faceunlock.gallery.listing import Entry, Listing

VERSION = 1
"""Version of this scheme; part of all authenticated data."""

KEY_BYTES = 32
NONCE_BYTES = 12
"""A random nonce of 96 bits allows 2**32 encryptions with one key (NIST SP 800-38D, section 8.3)."""

PREFIX = f"sealed-{VERSION}"

Place = Literal["keyring", "file"]
"""Where a key is stored: in the desktop keyring or in a private file."""

Row = Sequence[Any]
"""The columns of a row: its key, other readable columns, the sealed column, and a checksum of them all."""

Fetch = Callable[[str], Sequence[Row]]
"""Returns the stored row of a part of the list, if there is one."""

PACKED = frozenset((PEOPLE, PHOTOS, PARTS))
"""Tables whose last column, and checksum, are bytes; in all others they are texts."""

_LIST = "the list of a sealed gallery's people was changed from outside:"

_NOT_LAST = "it is not what was last written there"

_BINARY = b"sealed-2"
_GENERATION_BYTES = 8
_START_BYTES = len(_BINARY) + _GENERATION_BYTES


def document(value: object) -> str:
    """Return the canonical JSON text of a value: equal values have equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def checksum(values: Sequence[str]) -> str:
    """Return the SHA-256 of the columns of a row, 64 hexadecimal digits."""
    return hashlib.sha256(document(tuple(values)).encode("ascii")).hexdigest()


def context_of(table: str, values: Sequence[str]) -> bytes:
    """Return a table and texts as bytes, in a way that no other texts have.

    Raises
    ------
    ValueError
        If a value is no text, or has the character that separates them; no name, date or key has it.
    """
    try:
        joined = "\0".join((table, *values))
    except TypeError as error:
        raise ValueError("a column has the wrong type") from error
    if joined.count("\0") != len(values):
        raise ValueError("a text has a zero character")
    return joined.encode("utf-8")


def proven(table: str, row: Row) -> tuple[Sequence[str], bytes, bytes]:
    """Return the texts of a row of a `PACKED` table, its bytes, and the context that the bytes belong to.

    Raises
    ------
    ValueError
        If the row does not have the checksum that it claims.
    """
    if len(row) < 3:
        raise ValueError("it is missing")
    *texts, content, claimed = row
    context = context_of(table, texts)
    if not isinstance(content, bytes) or _packed_checksum(context, content) != claimed:
        raise ValueError("its checksum does not match")
    return texts, content, context


def _packed_checksum(context: bytes, content: bytes) -> bytes:
    return hashlib.sha256(context + b"\0" + content).digest()


def is_key_id(text: object) -> bool:
    """Return whether a text is 16 lowercase hexadecimal digits, as the name of every key is.

    Checked wherever a name comes in: it becomes a file name and the name of an item in the keyring.

    Examples
    --------
    >>> is_key_id("0123456789abcdef"), is_key_id("../../../../../k")
    (True, False)
    """
    return isinstance(text, str) and re.fullmatch("[0-9a-f]{16}", text) is not None


def new_key() -> bytes:
    """Return 32 random bytes."""
    return os.urandom(KEY_BYTES)


@dataclass(frozen=True, slots=True)
class SealRecord:
    """What a sealed gallery says about itself, readable without its key.

    Attributes
    ----------
    key_id : str
        The key's name, which is not secret.
    place : {"keyring", "file"}
        Where the key is.
    generation : int
        How many changes were made under seal; each has its own number.
    manifest : mapping of entry to str
        The checksum of every row.
    """

    key_id: str
    place: Place
    generation: int
    manifest: Mapping[Entry, str]

    def listing(self) -> str:
        """Return the manifest as it is stored.

        Examples
        --------
        >>> SealRecord("k", "file", 1, {("people", "bob"): "b2", ("people", "ada"): "a1"}).listing()
        '[["people","ada","a1"],["people","bob","b2"]]'
        """
        return document([[*entry, self.manifest[entry]] for entry in sorted(self.manifest)])

    @classmethod
    def from_row(cls, row: Sequence[object]) -> tuple[SealRecord, str]:
        """Return the record in a row of the table ``seal``, and the MAC that it claims.

        Raises
        ------
        ValueError
            If the row is not one that a gallery writes.
        """
        key_id, place, generation, listing, mac = row
        texts = isinstance(key_id, str) and isinstance(listing, str) and isinstance(mac, str)
        if not texts or not isinstance(generation, int) or generation < 1:
            raise ValueError("a column has the wrong type")
        if not is_key_id(key_id):
            raise ValueError("the name of the key is not 16 hexadecimal digits")
        if place not in ("keyring", "file"):
            raise ValueError("the place of the key is unknown")
        entries = parse_json(str(listing))
        if not isinstance(entries, list) or not all(_is_entry(entry) for entry in entries):
            raise ValueError("the manifest is invalid")
        manifest = {(table, key): digest for table, key, digest in entries}
        where: Place = "keyring" if place == "keyring" else "file"
        return cls(str(key_id), where, generation, manifest), str(mac)


@dataclass(frozen=True, slots=True)
class Secret:
    """A key, and the accepted generations stored with it.

    Attributes
    ----------
    key : bytes
        32 bytes.
    accepted : tuple of int, or None
        The generations that the gallery may have; None for a key file, which does not store them.
    """

    key: bytes = field(repr=False)
    accepted: tuple[int, ...] | None

    def accepts(self, generation: int) -> bool:
        """Return whether a gallery of this generation is the current one, as far as is known."""
        return self.accepted is None or generation in self.accepted


class Cipher:
    """AES-256-GCM and HMAC-SHA-256 under two keys that HKDF-SHA-256 (RFC 5869) derives from one key.

    Parameters
    ----------
    key : bytes
        32 random bytes.
    key_id : str
        The key's name; part of the derivation.

    Examples
    --------
    >>> cipher = Cipher(bytes(32), "an example")
    >>> sealed = cipher.seal("secret", ["people", "ada"], generation=7)
    >>> cipher.unseal(sealed, ["people", "ada"])
    'secret'
    """

    def __init__(self, key: bytes, key_id: str) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._rows = AESGCM(_derived(key, f"faceunlock gallery rows {key_id}"))
        self._mac_key = _derived(key, f"faceunlock gallery manifest {key_id}")

    def seal(self, text: str, context: Iterable[str], *, generation: int) -> str:
        """Encrypt a text and bind it to its context and to the generation, which stays readable."""
        nonce = os.urandom(NONCE_BYTES)
        content = self._rows.encrypt(nonce, text.encode("utf-8"), _associated(context, generation))
        return f"{PREFIX}:{generation}:{base64.b64encode(nonce + content).decode('ascii')}"

    def unseal(self, sealed: str, context: Iterable[str]) -> str:
        """Decrypt a text.

        Raises
        ------
        ValueError
            If it was not encrypted with this key for this context.
        """
        from cryptography.exceptions import InvalidTag

        prefix, generation, packed = (*sealed.split(":"), "", "", "")[:3]
        if prefix != PREFIX:
            raise ValueError("it is not encrypted")
        content = base64.b64decode(packed, validate=True)
        if base64.b64encode(content).decode("ascii") != packed:  # the last character may have spare bits
            raise ValueError("its encoding was changed")
        try:
            plain = self._rows.decrypt(
                content[:NONCE_BYTES], content[NONCE_BYTES:], _associated(context, int(generation))
            )
        except InvalidTag as error:
            raise ValueError("it was not encrypted with this key for this row") from error
        return plain.decode("utf-8")

    def seal_packed(self, content: bytes, context: bytes, *, generation: int) -> bytes:
        """Encrypt bytes and bind them to their context and to the generation, which stays readable."""
        start = _BINARY + generation.to_bytes(_GENERATION_BYTES, "big")
        nonce = os.urandom(NONCE_BYTES)
        return start + nonce + self._rows.encrypt(nonce, content, start + context)

    def unseal_packed(self, sealed: bytes, context: bytes) -> bytes:
        """Decrypt bytes; raises as `unseal`."""
        from cryptography.exceptions import InvalidTag

        start, begins = sealed[:_START_BYTES], _START_BYTES + NONCE_BYTES
        if not sealed.startswith(_BINARY) or len(sealed) < begins:
            raise ValueError("it is not encrypted")
        try:
            return self._rows.decrypt(sealed[_START_BYTES:begins], sealed[begins:], start + context)
        except InvalidTag as error:
            raise ValueError("it was not encrypted with this key for this row") from error

    def mac(self, record: SealRecord) -> str:
        """Return the MAC of a record, 64 hexadecimal digits."""
        what = document([VERSION, record.key_id, record.place, record.generation, record.listing()])
        return hmac.new(self._mac_key, what.encode("ascii"), hashlib.sha256).hexdigest()

    def proves(self, record: SealRecord, mac: str) -> bool:
        """Return whether a MAC belongs to a record."""
        return hmac.compare_digest(self.mac(record).encode("ascii"), mac.encode("utf-8"))


class Plain:
    """Unencrypted rows, each with a checksum against accidental damage."""

    slug, verdict = "gallery-damaged", "damaged"

    def read(self, table: str, row: Row) -> list[Any]:
        """Return the columns of a stored row without its checksum.

        Raises
        ------
        ValueError
            If the row is not as it was written.
        """
        if table in PACKED:
            texts, content, _ = proven(table, row)
            return [*texts, content]
        *values, claimed = row
        if not values:
            raise ValueError("it is missing")
        if not all(isinstance(value, str) for value in values) or checksum(values) != claimed:
            raise ValueError("its checksum does not match")
        return values

    def read_all(self, table: str, rows: Sequence[Row]) -> list[list[Any]]:
        """Return what `read` returns for each of many rows; raises as it does if one is not as written."""
        return [self.read(table, row) for row in rows]

    def write(self, table: str, values: Sequence[Any]) -> Row:
        """Return a row in its stored form."""
        if table in PACKED:
            *texts, content = values
            return (*values, _packed_checksum(context_of(table, texts), content))
        return (*values, checksum(values))

    def drop(self, table: str, keys: Iterable[str]) -> int:
        """Note that rows are gone, and return how many of them were listed."""
        return 0

    def derived_key(self, purpose: str) -> bytes | None:
        """Return a key for something outside the gallery, or None if there is no key to derive it from."""
        return None

    def keys(self, table: str) -> Collection[str]:
        """Return the keys of the rows that must be there."""
        return frozenset()

    def lists(self, table: str, key: str) -> bool:
        """Return whether a row must be there."""
        return False

    def alike(self, table: str, key: str) -> Collection[str]:
        """Return the keys of rows that must be there and are spellings of the same name."""
        return frozenset()

    def complete(self, table: str, rows: Sequence[Row]) -> list[Row]:
        """Return all rows of a table, with a row of only the key in place of each missing one."""
        return [*rows, *((key,) for key in self.missing(table, {row[0] for row in rows}))]

    def missing(self, table: str, there: Collection[str]) -> list[str]:
        """Return the keys of the rows that must be there and are not, sorted."""
        return sorted(key for key in self.keys(table) if key not in there)


class Sealed(Plain):
    """Encrypted rows that a manifest lists.

    Parameters
    ----------
    record : SealRecord
        What the gallery says about itself, verified.
    cipher : Cipher
        The cipher of its key.
    secret : Secret
        The key.
    fetch : callable
        Returns the row of a part of the list, none or one; see `Listing`.
    """

    slug, verdict = "gallery-tampered", "not what faceunlock wrote"

    def __init__(
        self, record: SealRecord, cipher: Cipher, secret: Secret, fetch: Fetch = lambda _: ()
    ) -> None:
        self.record, self.cipher, self.secret = record, cipher, secret
        self._fetch = fetch
        self.listing = Listing(record.manifest, self._part)
        # Never reuse a number, even one of a change that was not committed.
        self.next_generation = max([record.generation, *(secret.accepted or ())]) + 1

    def copy(self) -> Sealed:
        """Return a copy that can be changed without affecting this seal."""
        copied = Sealed(self.record, self.cipher, self.secret, self._fetch)
        copied.listing = self.listing.copy()
        return copied

    def read(self, table: str, row: Row) -> list[Any]:
        """Return the columns of a stored row, decrypted; see `Plain.read`."""
        if table in PACKED:
            return self._opened(table, row, {row[0]: self.listing.get(table, row[0])})
        *visible, sealed = super().read(table, row)
        if self.listing.get(table, visible[0]) != row[-1]:
            raise ValueError(_NOT_LAST)
        return [*visible, self.cipher.unseal(sealed, [table, *visible])]

    def read_all(self, table: str, rows: Sequence[Row]) -> list[list[Any]]:
        """Return what `read` returns for each of many rows; looks every one up in the list at once."""
        if table not in PACKED:
            return super().read_all(table, rows)
        listed = self.listing.rows(table)
        return [self._opened(table, row, listed) for row in rows]

    def write(self, table: str, values: Sequence[Any]) -> Row:
        """Return a row in its stored form, encrypted, and add it to the manifest."""
        *visible, secret = values
        sealed: str | bytes
        if table in PACKED:
            context = context_of(table, visible)
            sealed = self.cipher.seal_packed(secret, context, generation=self.next_generation)
        else:
            sealed = self.cipher.seal(secret, [table, *visible], generation=self.next_generation)
        row = super().write(table, [*visible, sealed])
        self.listing.put(table, values[0], row[-1])
        return row

    def drop(self, table: str, keys: Iterable[str]) -> int:
        """Remove rows from the manifest, and return how many of them it listed."""
        return sum([self.listing.remove(table, key) for key in keys])

    def derived_key(self, purpose: str) -> bytes | None:
        """Return 32 bytes that depend on the gallery's key and the purpose, and reveal nothing about it."""
        return _derived(self.secret.key, f"faceunlock {purpose} {self.record.key_id}")

    def keys(self, table: str) -> Collection[str]:
        """Return the keys that the manifest lists."""
        return self.listing.keys(table)

    def lists(self, table: str, key: str) -> bool:
        """Return whether the manifest lists a row."""
        return self.listing.get(table, key) is not None

    def alike(self, table: str, key: str) -> Collection[str]:
        """Return the keys that the manifest lists and that are spellings of the same name."""
        return self.listing.alike(table, key)

    def parts(self) -> Iterator[tuple[str, Row | None]]:
        """Yield the stored form of each part of the list that was changed, None for one that is empty."""
        for name, content in self.listing.changed():
            row = None if content is None else super().write(PARTS, [name, content])
            self.listing.close(name, None if row is None else row[-1])
            yield name, row

    def closed(self) -> tuple[SealRecord, str]:
        """Return the record of the next generation, and its MAC; call it after `parts`."""
        record = replace(self.record, generation=self.next_generation, manifest=self.listing.manifest())
        return record, self.cipher.mac(record)

    def _part(self, name: str) -> bytes:
        """Return the content of a part of the list; refuse one that is not what the manifest lists."""
        row = (*self._fetch(name), (name,))[0]
        try:
            _, content = super().read(PARTS, row)
        except ValueError as error:
            raise GalleryError(self.slug, f"{_LIST} part {name}: {error}") from error
        if self.record.manifest.get((PARTS, name)) != row[-1].hex():
            raise GalleryError(self.slug, f"{_LIST} part {name} is not what was last written there")
        return bytes(content)

    def _opened(self, table: str, row: Row, listed: Mapping[str, str | bytes | None]) -> list[Any]:
        texts, content, context = proven(table, row)
        if listed.get(row[0]) != row[-1]:
            raise ValueError(_NOT_LAST)
        return [*texts, self.cipher.unseal_packed(content, context)]


def proof_of_successor(old_id: str, old: bytes, new: bytes, note: Sequence[str]) -> str:
    """Return the MAC by which one key vouches for the key that replaces it, 64 hexadecimal digits.

    Parameters
    ----------
    old_id, old : str, bytes
        The key that vouches.
    new : bytes
        The key that replaces it.
    note : sequence of str
        What is said about the new key: its name, its place and its gallery.
    """
    what = document([VERSION, *note, hashlib.sha256(new).hexdigest()])
    key = _derived(old, f"faceunlock gallery next key {old_id}")
    return hmac.new(key, what.encode("ascii"), hashlib.sha256).hexdigest()


def _derived(key: bytes, purpose: str) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode("ascii")).derive(key)


def _associated(context: Iterable[str], generation: int) -> bytes:
    return document(["faceunlock gallery", VERSION, generation, *context]).encode("ascii")


def _is_entry(entry: object) -> bool:
    return isinstance(entry, list) and len(entry) == 3 and all(isinstance(part, str) for part in entry)
