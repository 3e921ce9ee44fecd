"""The key of a sealed gallery, what it encrypts, and the record that it vouches for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from faceunlock.files.reading import parse_json
from faceunlock.gallery.listing import Entry

VERSION = 1
"""Version of this scheme; part of all authenticated data."""

KEY_BYTES = 32
NONCE_BYTES = 12
"""A random nonce of 96 bits allows 2**32 encryptions with one key (NIST SP 800-38D, section 8.3)."""

PREFIX = f"sealed-{VERSION}"

Place = Literal["keyring", "file"]
"""Where a key is stored: in the desktop keyring or in a private file."""

_BINARY = b"sealed-2"
_GENERATION_BYTES = 8
_START_BYTES = len(_BINARY) + _GENERATION_BYTES


def document(value: object) -> str:
    """Return the canonical JSON text of a value: equal values have equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


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

        self._rows = AESGCM(derived(key, f"faceunlock gallery rows {key_id}"))
        self._mac_key = derived(key, f"faceunlock gallery manifest {key_id}")

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
        return self.unseal_all([sealed], [context])[0]

    def unseal_all(self, sealed: Sequence[bytes], contexts: Sequence[bytes]) -> list[bytes]:
        """Decrypt bytes, each for its context; raises as `unseal` if one of them is wrong."""
        from cryptography.exceptions import InvalidTag

        begins, decrypt = _START_BYTES + NONCE_BYTES, self._rows.decrypt
        if {one[: len(_BINARY)] for one in sealed} != {_BINARY} or min(map(len, sealed)) < begins:
            raise ValueError("it is not encrypted")
        try:
            return [
                decrypt(one[_START_BYTES:begins], one[begins:], one[:_START_BYTES] + context)
                for one, context in zip(sealed, contexts, strict=True)
            ]
        except InvalidTag as error:
            raise ValueError("it was not encrypted with this key for this row") from error

    def mac(self, record: SealRecord) -> str:
        """Return the MAC of a record, 64 hexadecimal digits."""
        what = document([VERSION, record.key_id, record.place, record.generation, record.listing()])
        return hmac.new(self._mac_key, what.encode("ascii"), hashlib.sha256).hexdigest()

    def proves(self, record: SealRecord, mac: str) -> bool:
        """Return whether a MAC belongs to a record."""
        return hmac.compare_digest(self.mac(record).encode("ascii"), mac.encode("utf-8"))


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
    key = derived(old, f"faceunlock gallery next key {old_id}")
    return hmac.new(key, what.encode("ascii"), hashlib.sha256).hexdigest()


def derived(key: bytes, purpose: str) -> bytes:
    """Return 32 bytes that depend on a key and a purpose, and reveal nothing about the key."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode("ascii")).derive(key)


def _associated(context: Iterable[str], generation: int) -> bytes:
    return document(["faceunlock gallery", VERSION, generation, *context]).encode("ascii")


def _is_entry(entry: object) -> bool:
    return isinstance(entry, list) and len(entry) == 3 and all(isinstance(part, str) for part in entry)
