"""Banks of strangers on disk: one encrypted file per model, and its key in a row of the gallery.

Thousands of embeddings are too many for a row, so they are in a file of their own beside the gallery,
``strangers-ID.bank``. It is encrypted with AES-256-GCM under a key that is used for this one content. The
key and the name of the file are in the gallery, in a row as sealed as the others are. So sealing the gallery
seals the banks, a new key of the gallery needs no new files, and a file that was changed, or is an older
one, does not open.

A change writes a new file first, and then the row that names it: after a crash the gallery names the old file
or the new one, and the next change removes the other.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceunlock.errors import GalleryError
from faceunlock.files.private import atomic_write, check_private_file
from faceunlock.files.reading import parse_json, read_file
from faceunlock.gallery.cipher import NONCE_BYTES, document, is_key_id, new_key
from faceunlock.gallery.keeper import Keeper
from faceunlock.gallery.seal import Plain, Row
from faceunlock.gallery.store import BankStore, Database
from faceunlock.matching.people import now
from faceunlock.matching.records import identity_to_record, record_to_identity
from faceunlock.matching.templates import ModelIdentity

if TYPE_CHECKING:
    from faceunlock.matching.strangers import Strangers

TABLE = "strangers"
FORMAT = 1
MAX_FILE_BYTES = (1 << 30) + (1 << 28)
"""The embeddings of `faceunlock.matching.strangers.MAX_PHOTOS` photos, and their names."""

_ROW = "SELECT identity, data, checksum FROM strangers"
_LENGTH_BYTES = 8
_HINT = "Run: faceunlock strangers forget --all — and add the strangers again."


@dataclass(frozen=True, slots=True)
class SourceCount:
    """How much of a bank came from one source.

    Attributes
    ----------
    source : str
    people, photos : int
    """

    source: str
    people: int
    photos: int


@dataclass(frozen=True, slots=True)
class BankState:
    """What the gallery says about the bank of one model, readable without the bank.

    Attributes
    ----------
    identity : ModelIdentity
    people, photos : int
        Number of different people and of their photos.
    sources : tuple of SourceCount
        People of the same name in two sources count once in `people`.
    updated : str
        When it last changed; ISO 8601, UTC.
    """

    identity: ModelIdentity
    people: int
    photos: int
    sources: tuple[SourceCount, ...]
    updated: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """A row: the state of a bank, its file and the key of that file."""

    state: BankState
    file: str
    key: bytes

    def data(self) -> str:
        """Return the row's column."""
        state = self.state
        return document(
            {
                "people": state.people,
                "photos": state.photos,
                "sources": [asdict(source) for source in state.sources],
                "updated": state.updated,
                "file": self.file,
                "key": self.key.hex(),
            }
        )

    @classmethod
    def read(cls, identity: str, data: str) -> _Entry:
        """Return the entry of a row; raise ValueError for anything that `data` does not write."""
        try:
            fields: dict[str, Any] = parse_json(data)
            sources = tuple(SourceCount(**source) for source in fields["sources"])
            state = BankState(
                record_to_identity(parse_json(identity)),
                int(fields["people"]),
                int(fields["photos"]),
                sources,
                str(fields["updated"]),
            )
            entry = cls(state, str(fields["file"]), bytes.fromhex(fields["key"]))
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError("it is not the record of a bank") from error
        if not is_key_id(entry.file) or entry.data() != data:
            raise ValueError("it is not the record of a bank")
        return entry


class BankFiles:
    """The encrypted contents of banks as files in the private directory of a gallery.

    Parameters
    ----------
    directory : Path
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def place(self, name: str) -> Path:
        """Return the path of a file."""
        return self._directory / f"strangers-{name}.bank"

    def names(self) -> list[str]:
        """Return the names of the files that are there."""
        found = self._directory.glob("strangers-*.bank")
        return [path.name.removeprefix("strangers-").removesuffix(".bank") for path in found]

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None if it is missing; raises OSError if it cannot be read."""
        path = self.place(name)
        return read_file(path, MAX_FILE_BYTES) if check_private_file(path) else None

    def write(self, name: str, content: bytes) -> None:
        """Write a file in one step; raises OSError if it cannot be written."""
        atomic_write(self.place(name), content)

    def remove(self, name: str) -> None:
        """Remove a file, if that is possible."""
        with contextlib.suppress(OSError):
            self.place(name).unlink()


class StrangerBanks:
    """The banks of one gallery.

    Methods raise `GalleryError` as those of `faceunlock.gallery.gallery.Gallery` do.

    Parameters
    ----------
    file : Database
    guard : Keeper
        Both of the gallery.
    contents : BankStore
        Holds the encrypted contents.
    """

    def __init__(self, file: Database, guard: Keeper, contents: BankStore) -> None:
        self._file, self._guard, self._contents = file, guard, contents

    def states(self) -> tuple[BankState, ...]:
        """Return the state of every bank, sorted by model; reads no bank."""
        with self._guard.reading() as seal:
            rows = seal.complete(TABLE, self._file.query(f"{_ROW} ORDER BY identity"))
            return tuple(self._entry(seal, row).state for row in rows)

    def read(self, identity: ModelIdentity) -> Strangers | None:
        """Return the bank of exactly this model, or None."""
        with self._guard.reading() as seal:
            entry = self._find(seal, document(identity_to_record(identity)))
            return None if entry is None else self._open(seal, entry)

    def update(
        self, identity: ModelIdentity, merge: Callable[[Strangers], Strangers]
    ) -> tuple[BankState, Strangers]:
        """Read and write a bank in one transaction, so that no concurrent change is lost.

        Parameters
        ----------
        identity : ModelIdentity
        merge : callable
            Takes the bank, empty if there is none, and returns the new one. Without any photo left, the bank
            is removed.

        Returns
        -------
        BankState, Strangers
            What is there now.
        """
        from faceunlock.matching.strangers import Strangers

        key = document(identity_to_record(identity))
        with self._removing_others(), self._guard.changing() as change:
            entry = self._find(change.seal, key)
            before = None if entry is None else self._open(change.seal, entry)
            bank = merge(before or Strangers.none(identity, new_key()))
            if entry is not None and bank is before:
                return entry.state, bank
            state = _state(bank)
            if not len(bank):
                change.delete(TABLE, key)
                return state, bank
            self._remove_unnamed(change.seal)
            written = _Entry(state, os.urandom(8).hex(), new_key())
            self._write(written, bank)
            change.write(TABLE, (key, written.data()))
        return state, bank

    def forget_all(self) -> int:
        """Delete every bank, damaged or not, and return how many photos the readable records count."""
        photos = 0
        with self._guard.reading() as seal:
            rows = seal.complete(TABLE, self._file.query(_ROW))
            for row in rows:
                with contextlib.suppress(GalleryError):
                    photos += self._entry(seal, row).state.photos
        if rows:
            with self._removing_others(), self._guard.changing() as change:
                keys = {key for (key,) in self._file.query(f"SELECT identity FROM {TABLE}")}  # noqa: S608
                change.delete(TABLE, *(keys | {*change.seal.keys(TABLE)}))
        return photos

    def problems(self) -> tuple[str, ...]:
        """Return one sentence for each bank whose record or file cannot be trusted."""
        found: list[str] = []
        with self._guard.reading() as seal:
            for row in seal.complete(TABLE, self._file.query(_ROW)):
                try:
                    self._open(seal, self._entry(seal, row))
                except GalleryError as error:
                    found.append(f"{error.message}. {error.hint}")
        return tuple(found)

    def _find(self, seal: Plain, key: str) -> _Entry | None:
        rows = self._file.query(f"{_ROW} WHERE identity = ?", key)
        if not rows and not seal.lists(TABLE, key):
            return None
        return self._entry(seal, rows[0] if rows else (key,))

    def _entry(self, seal: Plain, row: Row) -> _Entry:
        try:
            identity, data = seal.read(TABLE, row)
            return _Entry.read(identity, data)
        except ValueError as error:
            raise self._damaged(seal, f"{self._file.path}: the record of a bank: {error}") from error

    def _open(self, seal: Plain, entry: _Entry) -> Strangers:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        place = self._contents.place(entry.file)
        try:
            sealed = self._contents.read(entry.file)
            if sealed is None:
                raise self._damaged(seal, f"{place} is missing")
            context = document(identity_to_record(entry.state.identity)).encode("ascii")
            content = AESGCM(entry.key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
            return _unpack(content, entry.state.identity)
        except (OSError, InvalidTag, ValueError) as error:
            raise self._damaged(seal, f"{place} is not the bank that faceunlock last wrote") from error

    def _write(self, entry: _Entry, bank: Strangers) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(NONCE_BYTES)
        context = document(identity_to_record(bank.identity)).encode("ascii")
        try:
            self._contents.write(entry.file, nonce + AESGCM(entry.key).encrypt(nonce, _pack(bank), context))
        except OSError as error:
            place = self._contents.place(entry.file)
            raise GalleryError(
                "gallery-unwritable", f"{place} cannot be written: {error.strerror or error}"
            ) from error

    def _damaged(self, seal: Plain, what: str) -> GalleryError:
        return GalleryError(seal.slug, what, hint=_HINT)

    @contextlib.contextmanager
    def _removing_others(self) -> Iterator[None]:
        """Remove the files that are no longer named, after the change is committed."""
        yield
        self.remove_unnamed()

    def remove_unnamed(self) -> None:
        """Remove the files that no record names."""
        with self._guard.changing() as change:
            self._remove_unnamed(change.seal)

    def _remove_unnamed(self, seal: Plain) -> None:
        """Remove the files that no record names; call it under the lock of the gallery."""
        rows = seal.complete(TABLE, self._file.query(_ROW))
        try:
            named = {self._entry(seal, row).file for row in rows}
        except GalleryError:  # a record that cannot be read may name any of them
            return
        for name in self._contents.names():
            if name not in named:
                self._contents.remove(name)


def _state(bank: Strangers) -> BankState:
    sources = tuple(SourceCount(source, *counts) for source, counts in bank.by_source().items())
    return BankState(bank.identity, bank.people, len(bank), sources, now())


def _pack(bank: Strangers) -> bytes:
    """Return a bank as bytes: the length of its names, the names as JSON, the embeddings as float32."""
    names = {
        "format": FORMAT,
        "photo_key": bank.photo_key.hex(),
        "person": bank.person,
        "source": bank.source,
        "hashes": bank.hashes,
    }
    header = document(names).encode("ascii")
    return len(header).to_bytes(_LENGTH_BYTES, "little") + header + bank.embeddings.astype("<f4").tobytes()


def _unpack(content: bytes, identity: ModelIdentity) -> Strangers:
    """Return the bank that `_pack` wrote; raise ValueError for anything else."""
    import numpy as np

    from faceunlock.matching.strangers import Strangers

    end = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    try:
        names = parse_json(content[_LENGTH_BYTES:end])
        if names["format"] != FORMAT:
            raise ValueError("its format is unknown")
        texts = [tuple(map(str, names[field])) for field in ("person", "source", "hashes")]
        numbers = np.frombuffer(content, dtype="<f4", offset=end)
        vectors = numbers.reshape(-1, identity.dimension).astype(np.float32)
        return Strangers(identity, bytes.fromhex(names["photo_key"]), vectors, *texts)
    except (TypeError, KeyError) as error:
        raise ValueError("it is not a bank") from error
