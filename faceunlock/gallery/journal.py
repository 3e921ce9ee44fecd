"""What a bulk enrolment has seen so far, so that a killed one loses nothing: a private file of embeddings.

It lies beside the gallery for as long as the enrolment is not finished. Each record is one photo's, under a
key that depends on the photo's content and on everything that decides what is seen on it. In a sealed gallery
every record is encrypted under a key that only the gallery's key gives. A record that is torn, damaged or not
proven ends the file: what it held is done again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from faceunlock.errors import GalleryError
from faceunlock.files.file_system import sync
from faceunlock.files.private import FILE_MODE, check_private_file, ensure_private_directory

FILE_NAME = "enrolment.journal"

PURPOSE = "bulk enrolment journal"
"""The purpose of the key that encrypts the journal of a sealed gallery."""

KEY_BYTES = 32
_LENGTH_BYTES = 4
_NONCE_BYTES = 12
_CHECK_BYTES = 32

MOST_BYTES = 1 << 16
"""Longest record; an embedding of 512 numbers takes 2 KiB."""


def record_key(context: str, digest: bytes) -> bytes:
    """Return the key of a photo's record, 32 bytes.

    Parameters
    ----------
    context : str
        Everything but the photo that decides what is seen on it.
    digest : bytes
        SHA-256 of the photo's content.
    """
    return hashlib.sha256(hashlib.sha256(context.encode()).digest() + digest).digest()


class Journal:
    """The journal of one gallery; a context manager that holds its lock.

    Parameters
    ----------
    directory : Path
        The private directory of the gallery, made if it is missing.
    key : bytes or None
        32 bytes that encrypt the records; None if the gallery is not sealed.
    """

    def __init__(self, directory: Path, key: bytes | None) -> None:
        self.path = directory / FILE_NAME
        self._coder = _Plain() if key is None else _Sealed(key)
        self._places: dict[bytes, tuple[int, int]] = {}
        self._descriptor = -1
        self._end = 0

    def __enter__(self) -> Self:
        """Open the journal, and drop what cannot be trusted.

        Raises
        ------
        GalleryError
            ``gallery-busy`` if another process has it open; ``insecure-permissions``, ``gallery-unwritable``.
        """
        ensure_private_directory(self.path.parent, holds=("gallery.db",))
        check_private_file(self.path)
        with self._writing():
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
            self._descriptor = os.open(self.path, flags, FILE_MODE)
        try:
            self._lock()
            with self._writing():
                self._read()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def __len__(self) -> int:
        return len(self._places)

    def recorded(self) -> frozenset[bytes]:
        """Return the keys of all records."""
        return frozenset(self._places)

    def get(self, key: bytes) -> bytes | None:
        """Return the content of a record, or None if there is none that can be trusted."""
        place = self._places.get(key)
        if place is None:
            return None
        found = self._decoded(os.pread(self._descriptor, place[1], place[0]))
        return found[1] if found is not None and found[0] == key else None

    def put(self, key: bytes, content: bytes) -> None:
        """Add a record; one that is there already stays.

        Raises
        ------
        GalleryError
            ``gallery-unwritable``.
        """
        if key in self._places:
            return
        body = self._coder.encode(key + content)
        if len(body) > MOST_BYTES:
            raise ValueError(f"a record of {len(body)} bytes")
        record = len(body).to_bytes(_LENGTH_BYTES, "big") + body
        with self._writing():
            written = os.pwrite(self._descriptor, record, self._end)
            if written != len(record):  # a full disk; what is torn is dropped when it is read
                raise OSError(28, os.strerror(28))
        self._places[key] = (self._end + _LENGTH_BYTES, len(body))
        self._end += len(record)

    def flush(self) -> None:
        """Make the records survive a power failure."""
        with self._writing():
            sync(self._descriptor)

    def remove(self) -> None:
        """Delete the journal: everything in it is in the gallery, or will be looked at again."""
        discard(self.path.parent)

    def _lock(self) -> None:
        import fcntl

        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise GalleryError(
                "gallery-busy",
                f"{self.path} is in use: another command enrolls with Ray into this gallery",
                hint="Wait until it has finished, then run this one again.",
            ) from error

    def _read(self) -> None:
        """Find the records that can be trusted, and cut off what follows the last of them."""
        size = os.fstat(self._descriptor).st_size
        while True:
            start = os.pread(self._descriptor, _LENGTH_BYTES, self._end)
            length = int.from_bytes(start, "big")
            place = self._end + _LENGTH_BYTES
            if len(start) < _LENGTH_BYTES or length > MOST_BYTES or place + length > size:
                break
            found = self._decoded(os.pread(self._descriptor, length, place))
            if found is None:
                break
            self._places[found[0]] = (place, length)
            self._end = place + length
        os.ftruncate(self._descriptor, self._end)

    def _decoded(self, body: bytes) -> tuple[bytes, bytes] | None:
        plain = self._coder.decode(body)
        if plain is None or len(plain) < KEY_BYTES:
            return None
        return plain[:KEY_BYTES], plain[KEY_BYTES:]

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise GalleryError(
                "gallery-unwritable", f"{self.path} cannot be written: {error.strerror}"
            ) from error


def discard(directory: Path) -> None:
    """Delete the journal in a gallery's directory, if there is one.

    Raises
    ------
    GalleryError
        ``gallery-unwritable``.
    """
    path = directory / FILE_NAME
    try:
        path.unlink(missing_ok=True)
    except NotADirectoryError:
        return
    except OSError as error:
        raise GalleryError("gallery-unwritable", f"{path} cannot be deleted: {error.strerror}") from error


class _Plain:
    """Records with a checksum, which shows damage."""

    def encode(self, content: bytes) -> bytes:
        return hashlib.sha256(content).digest() + content

    def decode(self, body: bytes) -> bytes | None:
        content = body[_CHECK_BYTES:]
        return content if hashlib.sha256(content).digest() == body[:_CHECK_BYTES] else None


class _Sealed:
    """Records encrypted with AES-256-GCM, which proves who wrote them."""

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(key)

    def encode(self, content: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, PURPOSE.encode())

    def decode(self, body: bytes) -> bytes | None:
        from cryptography.exceptions import InvalidTag

        if len(body) < _NONCE_BYTES:
            return None
        try:
            return self._cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], PURPOSE.encode())
        except InvalidTag:
            return None
