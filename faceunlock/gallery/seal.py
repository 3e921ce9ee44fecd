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

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from faceunlock.errors import GalleryError
from faceunlock.gallery.cipher import Cipher, SealRecord, Secret, derived, document
from faceunlock.gallery.file import PARTS, PEOPLE, PHOTOS
from faceunlock.gallery.listing import Listing

Row = Sequence[Any]
"""The columns of a row: its key, other readable columns, the sealed column, and a checksum of them all."""

Fetch = Callable[[str], Sequence[Row]]
"""Returns the stored row of a part of the list, if there is one."""

PACKED = frozenset((PEOPLE, PHOTOS, PARTS))
"""Tables whose last column, and checksum, are bytes; in all others they are texts."""

_LIST = "the list of a sealed gallery's people was changed from outside:"

_NOT_LAST = "it is not what was last written there"


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


def proven_all(
    table: str, rows: Sequence[Row]
) -> tuple[list[Sequence[str]], Sequence[bytes], list[bytes], Sequence[bytes]]:
    """Return what `proven` finds in many rows: columns of texts, bytes and contexts, and that of checksums.

    It is some times faster than row by row, and does not say which row is wrong.

    Raises
    ------
    ValueError
        If a row does not have the checksum that it claims.
    """
    columns: list[Sequence[Any]] = [*zip(*rows, strict=True)]
    *texts, contents, claimed = columns
    if any({*map(type, column)} != {str} for column in texts) or {*map(type, contents)} != {bytes}:
        raise ValueError("a column has the wrong type")
    joined = ["\0".join((table, *row)) for row in zip(*texts, strict=True)]
    if "".join(joined).count("\0") != len(texts) * len(rows):  # each has as many as it has texts, or more
        raise ValueError("a text has a zero character")
    contexts = [text.encode("utf-8") for text in joined]
    found = [_packed_checksum(context, content) for context, content in zip(contexts, contents, strict=True)]
    if found != [*claimed]:
        raise ValueError("a checksum does not match")
    return texts, contents, contexts, claimed


def _packed_checksum(context: bytes, content: bytes) -> bytes:
    return hashlib.sha256(context + b"\0" + content).digest()


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

    def columns(self, table: str, rows: Sequence[Row]) -> list[Sequence[Any]]:
        """Return what `read` returns for each of many rows of a `PACKED` table, column by column.

        Raises
        ------
        ValueError
            If a row is not as it was written.
        """
        texts, contents, _, _ = proven_all(table, rows)
        return [*texts, contents]

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
            texts, content, context = proven(table, row)
            if self.listing.get(table, row[0]) != row[-1]:
                raise ValueError(_NOT_LAST)
            return [*texts, self.cipher.unseal_packed(content, context)]
        *visible, sealed = super().read(table, row)
        if self.listing.get(table, visible[0]) != row[-1]:
            raise ValueError(_NOT_LAST)
        return [*visible, self.cipher.unseal(sealed, [table, *visible])]

    def columns(self, table: str, rows: Sequence[Row]) -> list[Sequence[Any]]:
        """Return many rows, decrypted, column by column; see `Plain.columns`."""
        texts, contents, contexts, claimed = proven_all(table, rows)
        if [*map(self.listing.rows(table).get, texts[0])] != [*claimed]:
            raise ValueError(_NOT_LAST)
        return [*texts, self.cipher.unseal_all(contents, contexts)]

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
        return derived(self.secret.key, f"faceunlock {purpose} {self.record.key_id}")

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
