"""Where the keys of a sealed gallery are: small private files, and the desktop keyring behind some of them.

For each key there is a file beside the config file, ``keys/ID.key``: it holds the key itself or says that the
keyring does, and it says which gallery the key belongs to. So it is also the note, outside the gallery, that
this gallery is sealed: an unsealed one in its place is not believed.

A change of keys is safe to interrupt because every file has a stage in its name, and a key in any stage opens
the gallery that names it:

- ``.new``: written before the gallery names it; it may never come to that;
- ``.key``: the gallery names it;
- ``.old``: the gallery is about to stop naming it.

`KeyStore.follow` brings the stages in line with what the gallery says after all. It must be called under the
lock of the gallery, as must `KeyStore.create`: otherwise one command could take the other's new key for a
leftover.

The keyring also keeps the generations that are accepted: one, and during a change the next as well. It is
told of the next one before the gallery is; whichever of the two the gallery then holds was really written. No
number is used twice.
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
from faceunlock.gallery.desktop_keyring import DesktopKeyring
from faceunlock.gallery.seal import KEY_BYTES, Place, Secret, new_key

Stage = Literal["key", "new", "old"]
STAGES: tuple[Stage, ...] = ("key", "new", "old")


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What a file in the directory of keys says.

    Attributes
    ----------
    path : Path
    key_id : str
    stage : {"key", "new", "old"}
    place : {"keyring", "file"}
        Where the key itself is.
    gallery : str
        The gallery's path relative to the directory, so that a home directory can move.
    key : bytes or None
        None if it is in the keyring.
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
        Asked only about keys that are in it.
    """

    def __init__(self, directory: Path, gallery: Path, keyring: DesktopKeyring) -> None:
        self._directory, self._keyring = directory, keyring
        try:
            self._gallery = os.path.relpath(gallery, directory)
        except ValueError:  # another drive, on Windows
            self._gallery = str(gallery)

    def fetch(self, key_id: str, place: Place) -> Secret:
        """Return a key.

        Raises
        ------
        GalleryError
            ``key-missing``.
        """
        return self._in_keyring(key_id) if place == "keyring" else self._in_file(key_id)

    def file_of(self, key_id: str) -> Path:
        """Return the file that holds a key; where it should be if there is none."""
        paths = [self._path(key_id, stage) for stage in STAGES]
        return next((path for path in paths if path.exists()), paths[0])

    def marker(self) -> KeyFile | None:
        """Return the file that says that the gallery is sealed, if there is one."""
        return next((found for found in self._files() if found.stage == "key"), None)

    def choose(self) -> Place:
        """Return where a new key should be: in the desktop keyring if there is one.

        A keyring belongs to somebody's desktop session, so the administrator's keys are in files.
        """
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            return "file"
        try:
            return "file" if self._keyring.name() is None else "keyring"
        except GalleryError:
            return "file"

    def create(self, place: Place, generation: int) -> tuple[str, Secret]:
        """Make a key in the stage ``new`` for the generation about to be written; return it with its name."""
        key_id, key = os.urandom(8).hex(), new_key()
        if place == "keyring" and self._keyring.name() is None:
            raise GalleryError("keyring-unavailable", "There is no desktop keyring here")
        ensure_private_directory(self._directory)
        remove_leftovers(self._directory)
        # The file first, so that no item in the keyring can be left over unnoticed.
        self._write(key_id, "new", place, key if place == "file" else None)
        if place == "file":
            return key_id, Secret(key, None)
        secret = Secret(key, (generation,))
        self._put(key_id, secret)
        return key_id, secret

    def accept(self, key_id: str, secret: Secret, generations: Sequence[int]) -> None:
        """Remember which generations the gallery may have, where the key's place remembers them."""
        if secret.accepted is not None and secret.accepted != tuple(generations):
            self._put(key_id, Secret(secret.key, tuple(generations)))

    def retire(self) -> None:
        """Note that the gallery is about to be unsealed."""
        for found in self._files():
            if found.stage != "old":
                self._rename(found, "old")

    def follow(self, key_id: str | None, place: Place = "file") -> None:
        """Bring the stages in line with a gallery that names this key, or none; delete its other keys."""
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
                "key-missing", f"What the desktop keyring holds as {key_id} is no key"
            ) from error
        return Secret(key, accepted)

    def _put(self, key_id: str, secret: Secret) -> None:
        self._keyring.put(key_id, json.dumps({"key": secret.key.hex(), "accepted": secret.accepted}))

    def _path(self, key_id: str, stage: Stage) -> Path:
        return self._directory / f"{key_id}.{stage}"

    def _is_there(self, path: Path) -> bool:
        return check_private_directory(self._directory) and check_private_file(path)

    def _files(self) -> Iterator[KeyFile]:
        """Yield the files that are about this gallery."""
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
            fields = json.loads(path.read_text(encoding="utf-8"))
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
        """Delete a key, the file last; what cannot be deleted now is left for the next time."""
        try:
            if found.place == "keyring":
                self._keyring.remove(found.key_id)
        except GalleryError:
            return
        with contextlib.suppress(OSError):
            found.path.unlink()
