"""The keys of sealed galleries: small private files, and the desktop keyring behind some of them.

Each key has a note beside the config file, ``keys/ID.key``. The note holds the key itself or says that the
keyring does, and it says which gallery the key belongs to. The note decides, not the gallery: a gallery that
names another key or another place for it, or is not sealed at all, is not trusted. A lost note is not written
again from what the gallery says.

A change of keys is safe to interrupt because every note has a stage in its name:

- ``.new``: written before the gallery names it; the gallery may never do so;
- ``.key``: the gallery names it;
- ``.old``: the gallery is about to stop naming it, or no longer does;
- ``.gone``: no gallery names it, but the keyring could not be asked to delete it. It opens nothing, so that
  an older copy of the gallery stays closed; it is deleted when the keyring answers.

A key in any other stage opens the gallery that names it, as long as no other note says ``.key``. If one does,
that other key must vouch for this one: a new key carries a proof made with the key that it replaces.

`KeyStore.follow` brings the stages in line with the key that the gallery names in the end. It must be called
under the lock of the gallery, and so must `KeyStore.create`. Otherwise one command could delete another's new
key as a leftover.

The keyring also keeps the path of the gallery, and the accepted generations: one, and during a change the
next one as well. The keyring learns the next generation before the gallery commits it, so after a crash
either one is accepted, and whichever the gallery holds is genuine. No number is used twice.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
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
from faceunlock.files.reading import SMALL, parse_json, read_file
from faceunlock.gallery.cipher import KEY_BYTES, Place, Secret, is_key_id, new_key, proof_of_successor
from faceunlock.gallery.desktop_keyring import DesktopKeyring

Stage = Literal["key", "new", "old", "gone"]
STAGES: tuple[Stage, ...] = ("key", "new", "old", "gone")

RETRY_SECONDS = 0.02
"""Between two looks at the notes, which another command may be renaming."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The content of one file in the key directory.

    Attributes
    ----------
    path : Path
    key_id : str
    stage : {"key", "new", "old", "gone"}
    place : {"keyring", "file"}
        Where the key itself is.
    gallery : str
        The gallery's path relative to the key directory, so that a home directory can move.
    key : bytes or None
        The key; None if it is in the keyring.
    follows : str or None
        The name of the key that it replaces.
    proof : str
        What that key says for it: `proof_of_successor`.
    """

    path: Path
    key_id: str
    stage: Stage
    place: Place
    gallery: str
    key: bytes | None = field(repr=False)
    follows: str | None = None
    proof: str = ""


class _ContradictionError(GalleryError):
    """The notes do not agree with the gallery; while another command renames them, that may pass."""


class KeyStore:
    """The keys of one gallery.

    Methods raise `GalleryError`: ``insecure-permissions`` as for a gallery, ``keyring-unavailable``,
    ``file-unwritable``. Those that use a key raise ``key-missing`` if its note or the key is not there, and
    ``gallery-tampered`` if the notes or the keyring contradict the gallery.

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
        self._directory, self._keyring, self._path_of_gallery = directory, keyring, gallery
        try:
            self._gallery = os.path.relpath(gallery, directory)
        except ValueError:  # another drive, on Windows
            self._gallery = str(gallery)

    def fetch(self, key_id: str, place: Place) -> Secret:
        """Return the key that the gallery names, with its accepted generations if it is in the keyring.

        Parameters
        ----------
        key_id, place : str
            What the gallery says; the notes must agree.
        """
        for _ in range(2):
            with contextlib.suppress(_ContradictionError):
                return self._key(self._note(key_id, place))
            time.sleep(RETRY_SECONDS)
        return self._key(self._note(key_id, place))

    def file_of(self, key_id: str) -> Path:
        """Return the file of a key, or the path where it should be if it is missing."""
        paths = [self._path(key_id, stage) for stage in STAGES]
        return next((path for path in paths if path.exists()), paths[0])

    def marker(self) -> KeyFile | None:
        """Return the note that says that the gallery is sealed, or None."""
        notes = [found for found in self._files() if found.stage == "key"]
        known = {found.key_id for found in notes}
        return next((found for found in notes if found.follows in known), notes[0] if notes else None)

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

    def create(self, place: Place, generation: int, old: tuple[str, Secret] | None) -> tuple[str, Secret]:
        """Create a key in stage ``new``.

        Parameters
        ----------
        place : {"keyring", "file"}
        generation : int
            The generation about to be written.
        old : tuple of str and Secret, or None
            The name and the content of the key that it replaces.

        Returns
        -------
        tuple of str and Secret
            Its name, and the key.
        """
        key_id, key = os.urandom(8).hex(), new_key()
        if place == "keyring" and self._keyring.name() is None:
            raise GalleryError(
                "keyring-unavailable", "There is no desktop keyring here", hint="Seal with --key file."
            )
        ensure_private_directory(self._directory)
        remove_leftovers(self._directory)
        note = KeyFile(
            self._path(key_id, "new"), key_id, "new", place, self._gallery, key if place == "file" else None
        )
        if old is not None:
            old_id, secret = old
            proof = proof_of_successor(old_id, secret.key, key, (key_id, place, self._gallery))
            note = replace(note, follows=old_id, proof=proof)
        # The note comes first, so that no item in the keyring can be left behind unnoticed.
        self._write(note)
        if place == "file":
            return key_id, Secret(key, None)
        created = Secret(key, (generation,))
        self._put(key_id, created)
        return key_id, created

    def accept(self, key_id: str, secret: Secret, generations: Sequence[int]) -> None:
        """Store the generations that the gallery may have, if the key is in the keyring."""
        if secret.accepted is not None and secret.accepted != tuple(generations):
            self._put(key_id, Secret(secret.key, tuple(generations)))

    def retire(self) -> None:
        """Mark all keys as ``old``, because the gallery is about to be unsealed."""
        for found in self._files():
            if found.stage not in ("old", "gone"):
                self._rename(found, "old")

    def follow(self, key_id: str, place: Place) -> None:
        """Bring the stages in line with the key that the gallery names; delete its other keys."""
        current = self._note(key_id, place)
        others = [found for found in self._files() if found.key_id != key_id]
        if current.stage != "key":
            self._rename(current, "key")
        # First all in stage ``old``: a key that cannot be deleted now must not be in the way of reading.
        for found in others:
            self._remove(self._rename(found, "old") if found.stage == "key" else found)

    def follow_nothing(self) -> None:
        """Delete the keys that are not in use, because the gallery names none."""
        for found in self._files():
            if found.stage != "key":
                self._remove(found)

    def left_in_keyring(self) -> tuple[str, ...]:
        """Return the names of the keys that are not in use but still have to be deleted from the keyring."""
        return tuple(
            found.key_id for found in self._files() if found.place == "keyring" and found.stage != "key"
        )

    def _note(self, key_id: str, place: Place) -> KeyFile:
        """Return the note of the key that the gallery names, if the notes agree with the gallery."""
        notes = list(self._files())
        standing = [found for found in notes if found.stage == "key" and found.key_id != key_id]
        current = next((found for found in notes if found.key_id == key_id), None)
        if current is None:
            raise self._without_note(key_id, standing)
        if current.stage == "gone":
            raise self._tampered("it is a copy from before it was emptied, unsealed or given another key")
        if current.place != place:
            raise self._tampered(f"it says {place} for the place of its key, and {current.path} does not")
        for other in standing:
            if not self._replaces(current, other):
                raise self._tampered(f"it names another key than {other.path}")
        return current

    def _without_note(self, key_id: str, standing: Sequence[KeyFile]) -> GalleryError:
        if standing:
            return self._tampered(f"it names another key than {standing[0].path}")
        path = self._path(key_id, "key")
        found = self._read(path, key_id, "key") if self._is_there(path) else None
        if found is not None and found.gallery != self._gallery:
            where = os.path.normpath(self._directory / found.gallery)
            return self._tampered(
                f"its key belongs to the gallery {where}", hint=f"If you moved it, move it back to {where}."
            )
        return _ContradictionError(
            "key-missing",
            f"{path} does not hold the key of the gallery, or the note where it is",
            hint=f"Put {path} back; if it is lost, run: faceunlock people forget --all — and enroll again, "
            "or import an export.",
        )

    def _replaces(self, new: KeyFile, old: KeyFile) -> bool:
        """Return whether a new key carries the proof of the old one that it replaces it."""
        if new.follows != old.key_id:
            return False
        keys = self._key(old).key, self._key(new).key
        proof = proof_of_successor(old.key_id, *keys, (new.key_id, new.place, new.gallery))
        return hmac.compare_digest(proof.encode("ascii"), new.proof.encode("utf-8"))

    def _key(self, note: KeyFile) -> Secret:
        if note.place == "keyring":
            return self._in_keyring(note.key_id)
        if note.key is None:
            raise _ContradictionError("key-missing", f"{note.path} does not hold the key of the gallery")
        return Secret(note.key, None)

    def _in_keyring(self, key_id: str) -> Secret:
        text = self._keyring.get(key_id)
        if text is None:
            raise _ContradictionError("key-missing", f"The desktop keyring does not hold the key {key_id}")
        try:
            fields = parse_json(text)
            key, accepted = bytes.fromhex(fields["key"]), tuple(map(int, fields["accepted"]))
            gallery = fields.get("gallery")  # items of earlier versions do not name it
            if len(key) != KEY_BYTES or not isinstance(gallery, str | None):
                raise ValueError("wrong length or type")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise GalleryError(
                "key-missing", f"The entry {key_id} in the desktop keyring is not a key"
            ) from error
        if gallery is not None and self._is_another(gallery):
            raise self._tampered(f"its key in the desktop keyring belongs to the gallery {gallery}")
        return Secret(key, accepted)

    def _is_another(self, gallery: str) -> bool:
        """Return whether a path leads to another gallery; if nothing is there any more, ours was moved."""
        try:
            named = Path(gallery).stat()
        except (OSError, ValueError):
            return False
        try:
            return not os.path.samestat(named, self._path_of_gallery.stat())
        except OSError:
            return gallery != os.path.realpath(self._path_of_gallery)

    def _tampered(self, what: str, *, hint: str | None = None) -> GalleryError:
        return _ContradictionError(
            "gallery-tampered", f"{self._path_of_gallery} was changed from outside: {what}", hint=hint
        )

    def _put(self, key_id: str, secret: Secret) -> None:
        fields = {
            "key": secret.key.hex(),
            "accepted": secret.accepted,
            "gallery": os.path.realpath(self._path_of_gallery),
        }
        self._keyring.put(key_id, json.dumps(fields))

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
                if is_key_id(path.stem) and check_private_file(path):
                    found = self._read(path, path.stem, stage)
                    if found is not None and found.gallery == self._gallery:
                        yield found

    def _read(self, path: Path, key_id: str, stage: Stage) -> KeyFile | None:
        try:
            fields = parse_json(read_file(path, SMALL))
            place, gallery, text = fields["place"], fields["gallery"], fields["key"]
            follows, proof = fields.get("follows"), fields.get("proof", "")  # of a key that replaces none
            key = None if text is None else bytes.fromhex(text)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise GalleryError("key-missing", f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, TypeError, KeyError, AttributeError):
            return None
        if place not in ("keyring", "file") or not isinstance(gallery, str) or not isinstance(proof, str):
            return None
        if (key is not None and len(key) != KEY_BYTES) or not (follows is None or is_key_id(follows)):
            return None
        return KeyFile(path, key_id, stage, place, gallery, key, follows, proof)

    def _write(self, note: KeyFile) -> None:
        fields = {
            "gallery": note.gallery,
            "place": note.place,
            "key": None if note.key is None else note.key.hex(),
        }
        if note.follows is not None:
            fields |= {"follows": note.follows, "proof": note.proof}
        try:
            atomic_write(note.path, json.dumps(fields).encode("ascii") + b"\n")
        except OSError as error:
            raise GalleryError(
                "file-unwritable", f"{note.path} cannot be written: {error.strerror}"
            ) from error

    def _rename(self, found: KeyFile, stage: Stage) -> KeyFile:
        path = self._path(found.key_id, stage)
        try:
            found.path.replace(path)
        except FileNotFoundError:
            return found
        except OSError as error:
            raise GalleryError("file-unwritable", f"{path} cannot be written: {error.strerror}") from error
        return replace(found, path=path, stage=stage)

    def _remove(self, found: KeyFile) -> None:
        """Delete a key, its note last. One that cannot be deleted now opens nothing until it is."""
        try:
            if found.place == "keyring":
                self._in_keyring(found.key_id)
                self._keyring.remove(found.key_id)
        except GalleryError as error:
            if error.slug not in ("key-missing", "gallery-tampered"):
                with contextlib.suppress(GalleryError):
                    self._rename(found, "gone")
                return  # the other two: there is no such key, or it is another gallery's
        with contextlib.suppress(OSError):
            found.path.unlink()
