"""The layer between the gallery and its file, which trusts nothing that is not verified.

Readers get a `Plain` or a `Sealed` from `Guard`. Both decode stored rows and refuse a row that is not exactly
as it was written. Writers get a `Change`.

In a sealed gallery a row is valid only if the manifest, verified by its MAC, lists it as it is. So a row that
was changed, swapped, restored from an older copy, added or removed is noticed. It blocks only the calls that
need it: those for that person or that model, and those that read everybody. A manifest with a wrong MAC, or
of a generation that the keyring does not accept, blocks everything except starting again.

A key is fetched before the file is locked, since a locked keyring may wait for its owner. It is fetched again
under the lock if another command was faster. An opened seal stays open as long as the file does not change,
so that a long-lived process does not ask again.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from faceunlock.errors import GalleryError
from faceunlock.files.database import Signature
from faceunlock.gallery.change import EVERY, Change, row_of
from faceunlock.gallery.cipher import Cipher, Place, SealRecord, Secret
from faceunlock.gallery.desktop_keyring import SERVICE
from faceunlock.gallery.earlier import convert
from faceunlock.gallery.file import EARLIER, PARTS, PEOPLE, GalleryFile
from faceunlock.gallery.keys import KeyStore
from faceunlock.gallery.seal import Plain, Row, Sealed

_log = logging.getLogger(__name__)

Claim = tuple[SealRecord, str]
"""What a gallery says about itself, and the MAC that is claimed for it."""

_SEAL = "SELECT key_id, place, generation, manifest, mac FROM seal"


@dataclass(frozen=True, slots=True)
class ProtectionState:
    """Whether a gallery is sealed, and where its key is.

    Attributes
    ----------
    sealed : bool
    place : {"keyring", "file"} or None
        None if the gallery is not sealed.
    key_file : Path or None
        The file that holds the key, if the key is in a file.
    generation : int or None
        How many changes were made under seal; None if the gallery is not sealed.
    waiting : Path or None
        What is left of the key of a sealed gallery that is missing or empty now; the next change seals again.
    server : bool
        Whether it is on a server, and so can never be sealed.
    """

    sealed: bool
    place: Place | None = None
    key_file: Path | None = None
    generation: int | None = None
    waiting: Path | None = None
    server: bool = False


class Guard:
    """Reads and changes a gallery's file, and trusts nothing that is not verified.

    Parameters
    ----------
    file : GalleryFile
    keys : KeyStore
        Used only if the gallery is sealed or should be.
    """

    def __init__(self, file: GalleryFile, keys: KeyStore) -> None:
        self._file, self._keys = file, keys
        self._known: tuple[Signature, Claim, Sealed] | None = None
        self._change: Change | None = None
        self._commits = 0

    @contextlib.contextmanager
    def reading(self) -> Iterator[Plain]:
        """Yield the `Plain` or `Sealed` that reads rows; all queries inside see the same state."""
        if self._change is not None:
            yield self._change.seal
            return
        if self._waits():
            with self.changing():  # which converts it
                pass
        fetched = self._fetched()
        with self._file.reading():
            yield self._opened(fetched)

    def moment(self) -> object | None:
        """Return what is equal as long as nobody changes the gallery; None inside a change that has begun.

        Call it in the block of `reading`, which keeps others from changing anything.
        """
        if self._change is not None and self._change.dirty:
            return None
        return self._file.signature(), self._file.version(), self._commits

    @contextlib.contextmanager
    def changing(self) -> Iterator[Change]:
        """Yield a change, committed at the end of the block or not at all; nested calls yield it too."""
        if self._change is not None:
            yield self._change
            return
        fetched = self._fetched()
        with self._file.transaction() as connection:
            seal = self._opened(fetched)
            change = self._begin(connection, seal)
            self._change = change
            try:
                if self._waits():
                    convert(change)
                yield change
                record = self._finish(change)
            finally:
                self._change = None
                self._commits += 1
        if change.before is not change.seal or (record is not None and record.place == "keyring"):
            self._let_keys_follow(record)

    def forget_key(self) -> None:
        """Keep no key in memory, until the next use fetches it again."""
        self._known = None

    def state(self) -> ProtectionState:
        """Return whether the gallery claims to be sealed; uses no key and verifies nothing."""
        record = self._record()
        if record is None:
            marker = self._keys.marker()
            return ProtectionState(sealed=False, waiting=None if marker is None else marker.path)
        path = self._keys.file_of(record[0].key_id) if record[0].place == "file" else None
        return ProtectionState(True, record[0].place, path, record[0].generation)

    def protect(self, place: Place | None = None) -> bool:
        """Seal a gallery, and return False if it already is; without a place, choose where the key goes."""
        place = place or self._keys.choose()
        with self.changing() as change:
            if isinstance(change.seal, Sealed):
                return False
            self._reseal(change, self._new_seal(place, None))
        return True

    def rotate(self, place: Place | None = None) -> None:
        """Seal a gallery with a new key, by default in the same place, and delete the old key.

        Raises
        ------
        GalleryError
            ``not-sealed``.
        """
        self._need_seal()
        with self.changing() as change:
            if not isinstance(change.seal, Sealed):
                raise GalleryError("not-sealed")
            self._reseal(change, self._new_seal(place or change.seal.record.place, change.seal))

    def unprotect(self) -> bool:
        """Decrypt a gallery and delete its key, and return False if it is not sealed."""
        if not self.state().sealed:
            with self.reading():  # which refuses a gallery that should be sealed
                return False
        with self.changing() as change:
            if not isinstance(change.seal, Sealed):
                return False
            self._reseal(change, Plain())
            change.connection.execute("DELETE FROM seal")
            self._file.expect(_SEAL, (), ())
            self._keys.retire()
        return True

    def start_again(self) -> int:
        """Empty an unverifiable gallery, leave it unsealed, and return how many people were in it."""
        with self._file.transaction() as connection:
            count = 0
            for table in (*EVERY, "seal"):
                gone = connection.execute(f"DELETE FROM {table} WHERE TRUE").rowcount  # noqa: S608
                count += gone if table in (PEOPLE, EARLIER) else 0
                self._file.expect(f"SELECT 1 FROM {table} LIMIT 1", (), ())  # noqa: S608
            self._commits += 1
            self._keys.retire()
        self._let_keys_follow(None)
        _log.warning(
            "The sealed gallery could not be verified, so its calibrations and its strangers were deleted as "
            "well, and new enrolments are not sealed. To seal the gallery, run: faceunlock protect on"
        )
        left = self._keys.left_in_keyring()
        if left:
            _log.warning(
                "The desktop keyring could not be asked to delete the key of the old gallery (service %r, "
                "name %s). It opens nothing any more, and the first change of the gallery while the keyring "
                "answers deletes it",
                SERVICE,
                ", ".join(left),
            )
        return count

    def check_next_key(self) -> None:
        """Raise the error of the next change, if its key cannot be had.

        That can only be so for a new gallery in place of a sealed one; otherwise `reading` has the key.
        """
        marker = self._keys.marker()
        if marker is not None:
            self._keys.fetch(marker.key_id, marker.place)

    # under a lock of the file

    def _begin(self, connection: sqlite3.Connection, seal: Plain) -> Change:
        if isinstance(seal, Sealed):
            self._keys.follow(seal.record.key_id, seal.record.place)
            return Change(connection, seal.copy(), self._file.expect)
        marker = self._keys.marker()
        if marker is None:
            self._keys.follow_nothing()
            return Change(connection, seal, self._file.expect)
        # The gallery is new and empty, and the one it replaces was sealed.
        secret = self._keys.fetch(marker.key_id, marker.place)
        change = Change(connection, seal, self._file.expect)
        record = SealRecord(marker.key_id, marker.place, 0, {})
        change.reseal(Sealed(record, Cipher(secret.key, marker.key_id), secret, self._part))
        return change

    def _finish(self, change: Change) -> SealRecord | None:
        """Write the MAC of a change and return its record, or None if it needs none."""
        seal = change.seal
        if not isinstance(seal, Sealed) or not change.dirty:
            return None
        change.write_parts(seal)
        record, mac = seal.closed()
        accepted = seal.secret.accepted or ()
        if record.generation not in accepted:
            # Before the commit: the file must never be ahead of the accepted generations.
            still = (seal.record.generation,) if seal.record.generation in accepted else accepted
            self._keys.accept(record.key_id, seal.secret, [*still, record.generation])
        row = (record.key_id, record.place, record.generation, record.listing(), mac)
        change.connection.execute("INSERT OR REPLACE INTO seal VALUES (1, ?, ?, ?, ?, ?)", row)
        self._file.expect(_SEAL, (), (row,))
        return record

    def _let_keys_follow(self, committed: SealRecord | None) -> None:
        """Bring the keys in line with a committed change; if that fails, the next change does it."""
        try:
            with self._file.transaction():
                found = self._record()
                if committed is None and found is None:
                    self._keys.follow_nothing()
                if committed is None or found is None or found[0] != committed:
                    return
                self._keys.follow(committed.key_id, committed.place)
                if committed.place == "keyring":
                    secret = self._keys.fetch(committed.key_id, committed.place)
                    self._keys.accept(committed.key_id, secret, [committed.generation])
        except GalleryError as error:
            _log.info("The keys could not be updated yet: %s", error.message)

    def _reseal(self, change: Change, seal: Plain) -> None:
        slug = change.seal.slug
        try:
            change.reseal(seal)
        except ValueError as error:
            raise GalleryError(
                slug, f"{self._file.path}: {error}", hint="Run: faceunlock status — to see the problems."
            ) from error

    def _new_seal(self, place: Place, old: Sealed | None) -> Sealed:
        generation = 0 if old is None else old.record.generation
        replaced = None if old is None else (old.record.key_id, old.secret)
        key_id, secret = self._keys.create(place, generation + 1, replaced)
        record = SealRecord(key_id, place, generation, {})
        seal = Sealed(record, Cipher(secret.key, key_id), secret, self._part)
        seal.next_generation = generation + 1
        return seal

    # opening

    def _need_seal(self) -> None:
        if not self.state().sealed:
            with self.reading():  # which refuses a gallery that should be sealed
                raise GalleryError("not-sealed")

    def _record(self) -> Claim | None:
        """Return what the gallery says about itself, not yet verified, and the MAC that it claims."""
        rows = self._file.query(_SEAL)
        try:
            return SealRecord.from_row(rows[0]) if rows else None
        except ValueError as error:
            raise self._tampered(f"its seal is damaged: {error}") from error

    def _fetched(self) -> Secret | None:
        """Fetch the key before any lock is taken: a locked keyring may wait for its owner."""
        found = self._record()
        if found is None or self._is_known(found, self._file.signature()):
            return None
        try:
            return self._keys.fetch(found[0].key_id, found[0].place)
        except GalleryError as error:
            if error.slug not in ("key-missing", "gallery-tampered"):
                raise
            return None  # another command may just have given the gallery a new key

    def _opened(self, secret: Secret | None) -> Plain:
        """Return the `Plain` or `Sealed` that reads the rows as they are now, after verifying the seal."""
        before = self._file.signature()
        found = self._record()
        if found is None:
            self._refuse_unsealed()
            return Plain()
        # No command can write after the first query. A write that ignores the lock changes the signature.
        signature = before if before == self._file.signature() else None
        if self._known is not None and self._is_known(found, signature):
            return self._known[2]
        record, mac = found
        cipher = None if secret is None else Cipher(secret.key, record.key_id)
        fits = secret is not None and secret.accepts(record.generation)
        if secret is None or cipher is None or not fits or not cipher.proves(record, mac):
            # Another command may have changed the key after it was fetched. Under the lock none can.
            secret = self._keys.fetch(record.key_id, record.place)
            cipher = Cipher(secret.key, record.key_id)
        if not cipher.proves(record, mac):
            raise self._tampered("it does not match its key")
        if not secret.accepts(record.generation):
            raise self._tampered(f"it is an older copy: change {record.generation} was not the last one")
        sealed = Sealed(record, cipher, secret, self._part)
        self._known = None if signature is None else (signature, found, sealed)
        return sealed

    def _is_known(self, found: Claim, signature: Signature | None) -> bool:
        """Return whether this claim was verified before and the file has not changed since."""
        return self._known is not None and self._known[:2] == (signature, found)

    def _refuse_unsealed(self) -> None:
        """Refuse an unsealed gallery that should be sealed, unless it is empty and so can deceive nobody."""
        if self._keys.marker() is None:
            return
        if any(self._file.query(f"SELECT 1 FROM {table} LIMIT 1") for table in EVERY):  # noqa: S608
            raise self._tampered("it was sealed and no longer is")

    def _part(self, name: str) -> Sequence[Row]:
        return self._file.query(row_of(PARTS), name)

    def _waits(self) -> bool:
        """Return whether there are people as an earlier version stored them."""
        return bool(self._file.query(f"SELECT 1 FROM {EARLIER} LIMIT 1"))  # noqa: S608

    def _tampered(self, what: str) -> GalleryError:
        return GalleryError("gallery-tampered", f"{self._file.path} was changed from outside: {what}")
