"""The keys of sealed galleries: small private files, and the desktop keyring behind some of them.

Each key has a file beside the config file, ``keys/ID.key``. The file holds the key itself or says that the
keyring does, and it says which gallery the key belongs to. So it also records, outside the gallery, that this
gallery is sealed: an unsealed gallery in its place is not trusted.

A change of keys is safe to interrupt because every file has a stage in its name, and a key in any stage opens
the gallery that names it:

- ``.new``: written before the gallery names it; the gallery may never do so;
- ``.key``: the gallery names it;
- ``.old``: the gallery is about to stop naming it.

`KeyStore.follow` brings the stages in line with the key that the gallery names in the end. It must be called
under the lock of the gallery, and so must `KeyStore.create`. Otherwise one command could delete another's new
key as a leftover.

The keyring also keeps the accepted generations: one, and during a change the next one as well. The keyring
learns the next generation before the gallery commits it, so after a crash either one is accepted, and
whichever the gallery holds is genuine. No number is used twice.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from faceunlock.errors import GalleryError
from faceunlock.files.private import (
    atomic_write,
    check_private_directory,
    check_private_file,
    ensure_private_directory,
    remove_leftovers,
)
from faceunlock.files.reading import SMALL, read_file
from faceunlock.gallery.desktop_keyring import DesktopKeyring
from faceunlock.gallery.seal import KEY_BYTES, Place, Secret, new_key

Stage = Literal["key", "new", "old"]
STAGES: tuple[Stage, ...] = ("key", "new", "old")


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The content of one file in the key directory.

    Attributes
    ----------
    path : Path
    key_id : str
    stage : {"key", "new", "old"}
    place : {"keyring", "file"}
        Where the key itself is.
    gallery : str
        The gallery's path relative to the key directory, so that a home directory can move.
    key : bytes or None
        The key; None if it is in the keyring.
    """

    path: Path
    key_id: str
    stage: Stage
    place: Place
    gallery: str
    key: bytes | None = field(repr=False)


class KeyStore:
    """The keys of one gallery.

    Methods raise `GalleryError`: ``insecure-permissions`` as for a gallery, ``keyring-unavailable``,
    ``file-unwritable``.

    Parameters
    ----------
    directory : Path
        The private directory of the key files, which need not exist.
    gallery : Path
        The gallery's file.
    keyring : DesktopKeyring
        Used only for keys that are stored in it.
    """

    def __init__(self, directory: Path, gallery: Path, keyring: DesktopKeyring) -> None:
        self._directory, self._keyring = directory, keyring
        try:
            self._gallery = os.path.relpath(gallery, directory)
        except ValueError:  # another drive, on Windows
            self._gallery = str(gallery)

    def fetch(self, key_id: str, place: Place) -> Secret:
        """Return a key, with its accepted generations if it is in the keyring.

        Raises
        ------
        GalleryError
            ``key-missing``.
        """
        return self._in_keyring(key_id) if place == "keyring" else self._in_file(key_id)

    def file_of(self, key_id: str) -> Path:
        """Return the file of a key, or the path where it should be if it is missing."""
        paths = [self._path(key_id, stage) for stage in STAGES]
        return next((path for path in paths if path.exists()), paths[0])

    def marker(self) -> KeyFile | None:
        """Return the file that records that the gallery is sealed, or None."""
        return next((found for found in self._files() if found.stage == "key"), None)

    def choose(self) -> Place:
        """Return where a new key should go: the desktop keyring if there is one, else a file.

        A keyring belongs to a user's desktop session, so root's keys go to files.
        """
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            return "file"
        try:
            return "file" if self._keyring.name() is None else "keyring"
        except GalleryError:
            return "file"

    def create(self, place: Place, generation: int) -> tuple[str, Secret]:
        """Create a key in stage ``new`` for the generation about to be written; return its id and the key."""
        key_id, key = os.urandom(8).hex(), new_key()
        if place == "keyring" and self._keyring.name() is None:
            raise GalleryError("keyring-unavailable", "There is no desktop keyring here")
        ensure_private_directory(self._directory)
        remove_leftovers(self._directory)
        # The file comes first, so that no item in the keyring can be left behind unnoticed.
        self._write(key_id, "new", place, key if place == "file" else None)
        if place == "file":
            return key_id, Secret(key, None)
        secret = Secret(key, (generation,))
        self._put(key_id, secret)
        return key_id, secret

    def accept(self, key_id: str, secret: Secret, generations: Sequence[int]) -> None:
        """Store the generations that the gallery may have, if the key is in the keyring."""
        if secret.accepted is not None and secret.accepted != tuple(generations):
            self._put(key_id, Secret(secret.key, tuple(generations)))

    def retire(self) -> None:
        """Mark all keys as ``old``, because the gallery is about to be unsealed."""
        for found in self._files():
            if found.stage != "old":
                self._rename(found, "old")

    def follow(self, key_id: str | None, place: Place = "file") -> None:
        """Bring the stages in line with the key that the gallery names, if any; delete its other keys."""
        for found in self._files():
            if found.key_id == key_id:
                if found.stage != "key":
                    self._rename(found, "key")
            elif key_id is not None or found.stage != "key":
                self._remove(found)
        if key_id is not None and place == "keyring" and not self.file_of(key_id).exists():
            ensure_private_directory(self._directory)
            self._write(key_id, "key", place, None)

    def _in_file(self, key_id: str) -> Secret:
        path = self.file_of(key_id)
        found = self._read(path, key_id, "key") if self._is_there(path) else None
        if found is None or found.key is None:
            raise GalleryError("key-missing", f"{path} does not hold the key of the gallery")
        return Secret(found.key, None)

    def _in_keyring(self, key_id: str) -> Secret:
        text = self._keyring.get(key_id)
        if text is None:
            raise GalleryError("key-missing", f"The desktop keyring does not hold the key {key_id}")
        try:
            fields = json.loads(text)
            key, accepted = bytes.fromhex(fields["key"]), tuple(map(int, fields["accepted"]))
            if len(key) != KEY_BYTES:
                raise ValueError("wrong length")
        except (ValueError, TypeError, KeyError) as error:
            raise GalleryError(
                "key-missing", f"The entry {key_id} in the desktop keyring is not a key"
            ) from error
        return Secret(key, accepted)

    def _put(self, key_id: str, secret: Secret) -> None:
        self._keyring.put(key_id, json.dumps({"key": secret.key.hex(), "accepted": secret.accepted}))

    def _path(self, key_id: str, stage: Stage) -> Path:
        return self._directory / f"{key_id}.{stage}"

    def _is_there(self, path: Path) -> bool:
        return check_private_directory(self._directory) and check_private_file(path)

    def _files(self) -> Iterator[KeyFile]:
        """Yield the key files that belong to this gallery."""
        if not check_private_directory(self._directory):
            return
        for stage in STAGES:
            for path in sorted(self._directory.glob(f"*.{stage}")):
                if check_private_file(path):
                    found = self._read(path, path.stem, stage)
                    if found is not None and found.gallery == self._gallery:
                        yield found

    def _read(self, path: Path, key_id: str, stage: Stage) -> KeyFile | None:
        try:
            fields = json.loads(read_file(path, SMALL))
            place, gallery, text = fields["place"], fields["gallery"], fields["key"]
            key = None if text is None else bytes.fromhex(text)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise GalleryError("key-missing", f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, TypeError, KeyError):
            return None
        if place not in ("keyring", "file") or (key is not None and len(key) != KEY_BYTES):
            return None
        return KeyFile(path, key_id, stage, place, gallery, key)

    def _write(self, key_id: str, stage: Stage, place: Place, key: bytes | None) -> None:
        fields = {"gallery": self._gallery, "place": place, "key": None if key is None else key.hex()}
        path = self._path(key_id, stage)
        try:
            atomic_write(path, json.dumps(fields).encode("ascii") + b"\n")
        except OSError as error:
            raise GalleryError("file-unwritable", f"{path} cannot be written: {error.strerror}") from error

    def _rename(self, found: KeyFile, stage: Stage) -> None:
        path = self._path(found.key_id, stage)
        try:
            found.path.replace(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise GalleryError("file-unwritable", f"{path} cannot be written: {error.strerror}") from error

    def _remove(self, found: KeyFile) -> None:
        """Delete a key, its file last. Anything that cannot be deleted now is left for the next time."""
        try:
            if found.place == "keyring":
                self._keyring.remove(found.key_id)
        except GalleryError:
            return
        with contextlib.suppress(OSError):
            found.path.unlink()
