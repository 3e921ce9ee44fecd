"""Moving a gallery to another machine: one file, encrypted with a passphrase.

The file is a magic line with the format version, a line of JSON (the header), and the ciphertext up to the
end. The ciphertext is zlib-compressed JSON under AES-256-GCM, with both lines as associated data. The key is
derived from the passphrase by scrypt (RFC 7914) with a fresh salt for every export, so no nonce is used twice
with the same key. The header gives the length of the ciphertext, so that an incomplete copy can be told from
a wrong passphrase. Every step of reading has a bound that fits what we write: the file size, the memory of
the key derivation, the size after decompression in proportion to that of the file, and the number of values.
"""

from __future__ import annotations

import base64
import json
import os
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from faceunlock.errors import GalleryError, TransferError
from faceunlock.files.outputs import check_destination, write_output
from faceunlock.files.reading import NotAFileError, open_file, parse_json
from faceunlock.gallery.export_content import Content, checked_calibration, pack, unpack
from faceunlock.gallery.gallery import Gallery
from faceunlock.matching.calibration import Calibration
from faceunlock.matching.people import Person, name_key
from faceunlock.matching.records import Record, template_to_record
from faceunlock.matching.second_names import SameFace
from faceunlock.matching.templates import ModelIdentity

OnConflict = Literal["refuse", "skip", "replace"]
Inspect = Callable[[tuple[Person, ...], tuple[Person, ...]], tuple[SameFace, ...]]

MAGIC = b"FACEUNLOCK-EXPORT "
VERSION, WITH_LOOKS = 1, 2
"""Formats of the file. The second is written only if somebody has looks: earlier versions know none."""

MIN_PASSPHRASE_LENGTH = 8
MAX_FILE_BYTES = 32 * 2**20
MAX_LINE_BYTES = 1024
MAX_KDF_BYTES = 128 * 2**20
"""Upper bound on 128 * n * r * p, which limits scrypt's memory (128 * n * r bytes) and its time."""

SCRYPT = {"n": 2**17, "r": 8, "p": 1}
"""128 MiB for each guess at the passphrase; the first choice in OWASP's Password Storage Cheat Sheet."""

_HEADER_FIELDS = {"kdf", "n", "r", "p", "salt", "cipher", "nonce", "size"}
_ALGORITHMS = {"kdf": "scrypt", "cipher": "AES-256-GCM"}
_SALT_BYTES = 16
_NONCE_BYTES = 12
_KEY_BYTES = 32
_TAG_BYTES = 16


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What an export wrote.

    Attributes
    ----------
    file : Path
        The encrypted file.
    people : tuple of str
        Names, sorted.
    calibrations : tuple of ModelIdentity
        The models whose calibration is in the file.
    size : int
        Size of the file in bytes.
    """

    file: Path
    people: tuple[str, ...]
    calibrations: tuple[ModelIdentity, ...]
    size: int


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import changed.

    Attributes
    ----------
    added, replaced, skipped, identical : tuple of str
        Names of people who are new here; were enrolled here and are replaced; are enrolled here with a
        different template, which was kept; are enrolled here with the same template.
    calibrations_added, calibrations_kept, calibrations_left_out : tuple of ModelIdentity
        Models that had no calibration here and have one now; models that kept their calibration, because
        an import must never lower a threshold that was calibrated here; models whose calibration was not
        asked for.
    thresholds_added : tuple of float
        The threshold of each calibration added.
    same_faces : tuple of SameFace
        People from the file who match somebody here, or in the file, under another name.
    """

    added: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    identical: tuple[str, ...] = ()
    calibrations_added: tuple[ModelIdentity, ...] = ()
    calibrations_kept: tuple[ModelIdentity, ...] = ()
    calibrations_left_out: tuple[ModelIdentity, ...] = ()
    thresholds_added: tuple[float, ...] = ()
    same_faces: tuple[SameFace, ...] = ()


def export_gallery(
    gallery: Gallery, file: Path, passphrase: str, *, overwrite: bool = False
) -> ExportSummary:
    """Write every enrolled person and every calibration to an encrypted file of mode 0600.

    Parameters
    ----------
    gallery : Gallery
        The gallery to export; it is not changed.
    file : Path
        The file to write; it is written completely or not at all.
    passphrase : str
        At least 8 characters; normalised to Unicode NFC, so that it does not depend on the keyboard.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    TransferError
        ``usage`` if the passphrase is too short or not valid text; ``file-exists``; ``file-unwritable``.
    GalleryError
        ``nobody-enrolled`` if there is nothing to export; otherwise as `Gallery.people`.
    """
    secret = _secret(passphrase)
    check_destination(file, overwrite=overwrite, kind=TransferError)
    content = Content(gallery.people(), gallery.calibrations())
    if not content.people and not content.calibrations:
        raise GalleryError("nobody-enrolled", f"{gallery.path} holds nothing to export")
    packed = pack(content)
    if len(packed) > MAX_FILE_BYTES - 2 * MAX_LINE_BYTES:
        raise TransferError("file-unwritable", "The gallery is too large for one export")
    version = WITH_LOOKS if any(person.looks for person in content.people) else VERSION
    sealed = _seal(packed, secret, version)
    write_output(file, sealed, overwrite=overwrite, kind=TransferError)
    names = tuple(person.name for person in content.people)
    return ExportSummary(file, names, tuple(identity for identity, _ in content.calibrations), len(sealed))


def import_gallery(
    gallery: Gallery,
    file: Path,
    passphrase: str,
    *,
    on_conflict: OnConflict = "refuse",
    admit: Callable[[Calibration], None] | None = None,
    dimensions: Mapping[str, int] = MappingProxyType({}),
    inspect: Inspect = lambda arriving, staying: (),
) -> ImportSummary:
    """Add the people of an export to a gallery, and its calibrations if asked to, in one transaction.

    A person enrolled here with the same template is not a conflict. A damaged row here is a conflict, and
    ``replace`` repairs it. A calibration is imported only if its model has no calibration here.

    Templates are checked for what can be checked: that they could come from photos and a model. Whom they
    match was decided by whoever made them.

    Parameters
    ----------
    gallery : Gallery
        The gallery to add to; unchanged if anything fails.
    file : Path
        A file written by `export_gallery`.
    passphrase : str
        The passphrase given at the export.
    on_conflict : {"refuse", "skip", "replace"}
        What to do with people who are enrolled here with a different template.
    admit : callable, optional
        Raises the error that keeps a calibration out; without it, none is imported.
    dimensions : mapping of str to int
        The length of the embeddings of each model that is known.
    inspect : callable
        Gets the people to be written and the others here whose rows are intact, before anything is written.
        Returns those who match under two names, or raises to refuse the import.

    Raises
    ------
    TransferError
        ``file-unreadable``, ``usage``, ``bad-passphrase``, ``export-damaged``; ``import-conflict``,
        whose message names all the people in conflict.
    GalleryError
        As `Gallery.add`, such as ``gallery-busy``.
    """
    content = unpack(_unseal(_read(file), _secret(passphrase), file), file, dimensions)
    with gallery.transaction():
        standing = {person.name: _standing(gallery, person) for person in content.people}
        conflicts = _named(standing, "conflict")
        if conflicts and on_conflict == "refuse":
            raise TransferError("import-conflict", f"Already enrolled here: {', '.join(conflicts)}")
        written = ("new", "conflict") if on_conflict == "replace" else ("new",)
        arriving = tuple(person for person in content.people if standing[person.name] in written)
        names = {name_key(person.name) for person in arriving}
        staying = tuple(person for person in gallery.intact_people() if name_key(person.name) not in names)
        same_faces = inspect(arriving, staying)
        for person in arriving:
            gallery.restore(person)
        here = {identity for identity, _ in content.calibrations if gallery.calibration(identity) is not None}
        new = [(identity, data) for identity, data in content.calibrations if identity not in here]
        taken = (
            []
            if admit is None
            else [(identity, checked_calibration(identity, data, file)) for identity, data in new]
        )
        for identity, calibration in taken:
            if admit is not None:
                admit(calibration)
            gallery.save_calibration(identity, calibration.to_dict())
    identities = [identity for identity, _ in content.calibrations]
    return ImportSummary(
        added=_named(standing, "new"),
        replaced=conflicts if on_conflict == "replace" else (),
        skipped=conflicts if on_conflict == "skip" else (),
        identical=_named(standing, "identical"),
        calibrations_added=tuple(identity for identity, _ in taken),
        calibrations_kept=tuple(identity for identity in identities if identity in here),
        calibrations_left_out=() if admit else tuple(identity for identity, _ in new),
        thresholds_added=tuple(calibration.threshold for _, calibration in taken),
        same_faces=same_faces,
    )


def check_export(file: Path) -> None:
    """Check that a file is there and looks like an export; its passphrase is not needed.

    Raises
    ------
    TransferError
        ``file-unreadable``, ``export-damaged``.
    """
    _lines(_read(file), file)


def _standing(gallery: Gallery, person: Person) -> Literal["new", "identical", "conflict"]:
    """Return how a person in an export compares with the gallery."""
    try:
        enrolled = gallery.get(person.name)
    except GalleryError as error:
        if error.slug == "not-enrolled":
            return "new"
        if error.slug == "gallery-damaged":
            return "conflict"
        raise
    return "identical" if _templates(enrolled) == _templates(person) else "conflict"


def _templates(person: Person) -> list[tuple[str | None, Record]]:
    return [(look, template_to_record(template)) for look, template in person.templates]


def _named(standing: dict[str, Any], wanted: str) -> tuple[str, ...]:
    return tuple(name for name, found in standing.items() if found == wanted)


def _secret(passphrase: str) -> bytes:
    """Return the bytes of a passphrase, the same however it was typed."""
    normal = unicodedata.normalize("NFC", passphrase)
    if len(normal) < MIN_PASSPHRASE_LENGTH:
        raise TransferError(
            "usage",
            f"The passphrase has fewer than {MIN_PASSPHRASE_LENGTH} characters",
            hint="Choose a longer one, such as several random words.",
        )
    try:
        return normal.encode("utf-8")
    except UnicodeEncodeError as error:
        raise TransferError(
            "usage", "The passphrase is not valid text", hint="Type it in a UTF-8 terminal."
        ) from error


def _seal(content: bytes, secret: bytes, version: int = VERSION) -> bytes:
    """Return the complete file for some content."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    header = {
        **_ALGORITHMS,
        **SCRYPT,
        "salt": base64.b64encode(salt).decode("ascii"),
        "nonce": base64.b64encode(nonce).decode("ascii"),
        "size": len(content) + _TAG_BYTES,
    }
    lines = MAGIC + b"%d\n" % version + json.dumps(header).encode("ascii") + b"\n"
    key = _derive(secret, salt, SCRYPT)
    return lines + AESGCM(key).encrypt(nonce, content, lines)


def _unseal(sealed: bytes, secret: bytes, file: Path) -> bytes:
    """Return the decrypted content of a complete file."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    first, second, ciphertext = _lines(sealed, file)
    try:
        salt, nonce, costs = _parse_header(second, len(ciphertext))
        key = _derive(secret, salt, costs)
    except (ValueError, KeyError, TypeError) as error:
        raise TransferError("export-damaged", f"{file} is damaged: {error}") from error
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, first + second)
    except InvalidTag as error:
        raise TransferError(
            "bad-passphrase", f"The passphrase does not open {file}, or the file was changed"
        ) from error


def _lines(sealed: bytes, file: Path) -> tuple[bytes, bytes, bytes]:
    """Split a file into its two lines, line ends included, and the ciphertext."""
    if not sealed.startswith(MAGIC):
        hint = "Name a file that faceunlock export wrote."
        raise TransferError("export-damaged", f"{file} is not a faceunlock export", hint=hint)
    first_end = sealed.find(b"\n", 0, MAX_LINE_BYTES) + 1
    second_end = sealed.find(b"\n", first_end, first_end + MAX_LINE_BYTES) + 1
    if not first_end or not second_end:
        raise TransferError("export-damaged", f"{file} has no complete header")
    first = sealed[:first_end]
    if first not in (MAGIC + b"%d\n" % VERSION, MAGIC + b"%d\n" % WITH_LOOKS):
        raise TransferError(
            "export-damaged",
            f"{file} has a format that this version of faceunlock does not know",
            hint="Update faceunlock: run git pull, then pip install . in your clone of it "
            "— or copy the file again.",
        )
    return first, sealed[first_end:second_end], sealed[second_end:]


def _parse_header(line: bytes, size: int) -> tuple[bytes, bytes, dict[str, int]]:
    """Return the salt, the nonce and the scrypt costs, or raise an error that says what is wrong."""
    header = parse_json(line)
    if not isinstance(header, dict) or set(header) != _HEADER_FIELDS:
        raise ValueError("its header does not have the fields of an export")
    if any(header[name] != value for name, value in _ALGORITHMS.items()):
        raise ValueError("unknown algorithms")
    if header["size"] != size or size < _TAG_BYTES:
        raise ValueError(f"{size} bytes follow its header instead of {header['size']}")
    costs = {name: header[name] for name in SCRYPT}
    if not all(isinstance(cost, int) and not isinstance(cost, bool) and cost >= 1 for cost in costs.values()):
        raise ValueError("the costs of the key derivation are not positive numbers")
    n, r, p = costs["n"], costs["r"], costs["p"]
    # RFC 7914, section 6: n is a power of two, larger than 1 and smaller than 2**(128 * r / 8).
    if n < 2 or n & (n - 1) or n.bit_length() > 16 * r or 128 * n * r * p > MAX_KDF_BYTES:
        raise ValueError("the costs of the key derivation are out of bounds")
    salt = base64.b64decode(header["salt"], validate=True)
    nonce = base64.b64decode(header["nonce"], validate=True)
    if len(salt) != _SALT_BYTES or len(nonce) != _NONCE_BYTES:
        raise ValueError("salt or nonce has the wrong length")
    return salt, nonce, costs


def _derive(secret: bytes, salt: bytes, costs: dict[str, int]) -> bytes:
    """Return the AES key for a passphrase."""
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=salt, length=_KEY_BYTES, **costs).derive(secret)


def _read(file: Path) -> bytes:
    """Return the bytes of a file, which must not be larger than an export can be."""
    try:
        with open_file(file) as stream:
            # Python allocates as much as is asked for, whatever there is.
            content = stream.read(min(os.fstat(stream.fileno()).st_size, MAX_FILE_BYTES) + 1)
    except NotAFileError as error:
        raise TransferError("file-unreadable", f"{file} {error.strerror}") from error
    except OSError as error:
        raise TransferError("file-unreadable", f"{file} cannot be read: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise TransferError("export-damaged", f"{file} is larger than an export can be")
    return content
