"""The comparisons of a calibration in one file, so that they can be judged for another target at no cost.

The file is a NumPy ``.npz`` archive. It holds the arrays of `Comparisons`, which ``numpy.load`` can read, and
``record.json`` with everything else. It contains no pickle, and its arrays are not parsed by a general
reader: only arrays of the expected shapes and types are accepted, each of bounded size. The archive's
checksums find accidental damage. They do not authenticate: the writer of the file decides on its content, as
with a folder of photos.
"""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import datetime
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from faceunlock.errors import CalibrationError
from faceunlock.files.outputs import write_output
from faceunlock.files.reading import NotAFileError, open_file, parse_json
from faceunlock.matching.people import TIME_FORMAT
from faceunlock.matching.rate import Rate
from faceunlock.matching.records import identity_to_record, record_to_identity
from faceunlock.photos.face import SubjectRule
from faceunlock.pipeline.samples import LeftOut
from faceunlock.studies.comparisons import Comparisons, Plan, Provenance

T = TypeVar("T")

FORMAT = "faceunlock-scores"
VERSION = 1
RECORD = "record.json"
ARRAYS = {"similarity": "<f8", "probe_person": "<i4", "template_person": "<i4"}
"""The arrays of `Comparisons` and their types in the file."""

MAX_PHOTOS = 1 << 20
"""Maximum number of probes, of templates, and of photos left out."""
MAX_COMPARISONS = 1 << 26
"""67 million; all of LFW compared with all has 2.8 million."""
MAX_RECORD_BYTES = 1 << 26
MAX_HEADER_BYTES = 1 << 10
MAX_FILE_BYTES = 8 * MAX_COMPARISONS + MAX_RECORD_BYTES + 8 * MAX_PHOTOS + (1 << 16)

_COMPRESSION_LEVEL = 1
"""Similarities hardly shrink (to 19/20 of their size) at any level; file names shrink at any level."""
_MEMBERS = {RECORD, *(f"{name}.npy" for name in ARRAYS)}
_ENCRYPTED = 0x1
_MAX_COUNT = 2**53
_FAILURE = ("photo", "reason", "detail")
_COUNTS = (
    "people",
    "photos",
    "templates",
    "strangers",
    "stranger_photos",
    "duplicates",
    "own_photos",
    "skipped",
    "own_probes",
)
_RECORD_FIELDS = {
    "format",
    "version",
    "files",
    "names",
    "own_probes",
    *(entry.name for entry in fields(Provenance)),
}
# All errors that `zipfile`, `zlib` and `json` raise on arbitrary bytes.
_DAMAGE = (
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    OverflowError,
    RuntimeError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


def write_scores(comparisons: Comparisons, file: Path, *, overwrite: bool = False) -> None:
    """Write comparisons to a file of mode 0600, completely or not at all.

    Scores with names and file names tell who is on which photo, so they are as private as a gallery.

    Parameters
    ----------
    comparisons : Comparisons
        The comparisons to write; each takes about 8 bytes.
    file : Path
        The file to write.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    CalibrationError
        ``file-exists``; ``file-unwritable``, also for more comparisons than `read_scores` accepts.
    """
    write_output(file, _pack(comparisons), overwrite=overwrite, kind=CalibrationError)


def read_scores(file: Path) -> Comparisons:
    """Return the comparisons that `write_scores` wrote.

    Parameters
    ----------
    file : Path
        The file, of at most `MAX_FILE_BYTES`.

    Raises
    ------
    CalibrationError
        ``file-unreadable``; ``scores-damaged`` if anything in it differs from what `write_scores` writes.
    """
    try:
        with open_file(file) as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except NotAFileError as error:
        raise CalibrationError("file-unreadable", f"{file} {error.strerror}") from error
    except OSError as error:
        raise CalibrationError("file-unreadable", f"{file} cannot be read: {error.strerror}") from error
    try:
        _require(len(content) <= MAX_FILE_BYTES, "it is larger than a score file can be")
        return _unpack(content)
    except _DAMAGE as error:
        raise CalibrationError(
            "scores-damaged", f"{file} does not hold the scores of a calibration: {error}"
        ) from error


def _pack(comparisons: Comparisons) -> bytes:
    """Return the bytes of the whole file; the same comparisons give the same bytes."""
    record = json.dumps(_to_record(comparisons), allow_nan=False).encode("ascii")
    photos = max(len(comparisons.files), len(comparisons.names), len(comparisons.failures))
    if photos > MAX_PHOTOS or comparisons.similarity.size > MAX_COMPARISONS or len(record) > MAX_RECORD_BYTES:
        raise CalibrationError("file-unwritable", "There are too many comparisons for one file")
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION_LEVEL) as archive:
        archive.writestr(_member(RECORD), record)
        for name, dtype in ARRAYS.items():
            array = np.ascontiguousarray(getattr(comparisons, name), dtype=dtype)
            part = BytesIO()
            np.lib.format.write_array(part, array, version=(1, 0), allow_pickle=False)
            archive.writestr(_member(f"{name}.npy"), part.getbuffer())
    return buffer.getvalue()


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)  # dated 1 January 1980, not today
    member.compress_type = zipfile.ZIP_DEFLATED
    return member


def _unpack(content: bytes) -> Comparisons:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        members = archive.infolist()
        _require({member.filename for member in members} == _MEMBERS, "its members are not the expected ones")
        _require(len(members) == len(_MEMBERS), "a member occurs twice")
        values = _from_record(_json(_member_bytes(archive, RECORD, MAX_RECORD_BYTES)))
        shapes = {
            "similarity": (len(values["files"]), len(values["names"])),
            "probe_person": (len(values["files"]),),
            "template_person": (len(values["names"]),),
        }
        _require(prod(shapes["similarity"]) <= MAX_COMPARISONS, "it has too many comparisons")
        values |= {name: _array(archive, name, shape) for name, shape in shapes.items()}
    return Comparisons(**values)


def _member_bytes(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Return the bytes of a member, whose size and checksum must match the archive's entry."""
    member = archive.getinfo(name)
    plain = not member.flag_bits & _ENCRYPTED and member.compress_type == zipfile.ZIP_DEFLATED
    _require(plain and member.file_size <= limit, f"{name} is too large or not packed as expected")
    with archive.open(member) as stream:
        content = stream.read(limit + 1)
    _require(len(content) == member.file_size, f"{name} is incomplete")
    return content


def _array(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    dtype = np.dtype(ARRAYS[name])
    content = _member_bytes(archive, f"{name}.npy", MAX_HEADER_BYTES + prod(shape) * dtype.itemsize)
    stream = BytesIO(content)
    _require(np.lib.format.read_magic(stream) == (1, 0), f"{name} is not an array of numbers")
    said, by_columns, found = np.lib.format.read_array_header_1_0(stream, max_header_size=MAX_HEADER_BYTES)
    _require((said, by_columns, found) == (shape, False, dtype), f"{name} has the wrong shape or type")
    start = stream.tell()
    _require(len(content) - start == prod(shape) * dtype.itemsize, f"{name} has the wrong length")
    numbers = np.frombuffer(content, dtype=dtype, offset=start).reshape(shape)
    return numbers.astype(dtype.newbyteorder("="), copy=False)


def _to_record(comparisons: Comparisons) -> dict[str, Any]:
    """Return everything but the arrays as JSON types."""
    values = {entry.name: getattr(comparisons, entry.name) for entry in fields(Provenance)}
    return {
        "format": FORMAT,
        "version": VERSION,
        **values,
        "identity": identity_to_record(comparisons.identity),
        "plan": asdict(comparisons.plan),
        "failures": [{name: getattr(failure, name) for name in _FAILURE} for failure in comparisons.failures],
        "failures_to_acquire": comparisons.failures_to_acquire.to_dict(),
        "own_probes": comparisons.own_probes,
        "files": list(comparisons.files),
        "names": list(comparisons.names),
    }


def _json(content: bytes) -> dict[str, Any]:
    record = parse_json(content, parse_constant=_refuse_constant)
    _require(isinstance(record, dict) and record.get("format") == FORMAT, "its record has a different format")
    _require(record.get("version") == VERSION, "its format version is unknown to this version of faceunlock")
    return dict(record)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _from_record(record: dict[str, Any]) -> dict[str, Any]:
    """Return everything but the arrays, with each value checked on its own."""
    _require(set(record) == _RECORD_FIELDS, "the fields of its record are not the expected ones")
    for name in _COUNTS:
        _require(type(record[name]) is int and 0 <= record[name] <= _MAX_COUNT, f"{name} is not a count")
    for name in ("data", "created"):
        _text(record[name])
    datetime.strptime(record["created"], TIME_FORMAT)
    return {
        **{name: record[name] for name in (*_COUNTS, "data", "created")},
        "identity": record_to_identity(record["identity"]),
        "plan": _plan(record["plan"]),
        "failures": _each(_failure, record["failures"]),
        "failures_to_acquire": Rate.from_dict(record["failures_to_acquire"]),
        "files": _each(_text, record["files"]),
        "names": _each(_text, record["names"]),
    }


def _plan(value: dict[str, Any]) -> Plan:
    plan = Plan(**value)
    _require(asdict(plan) == value, "the plan is incomplete")
    _require(type(plan.seed) is int and 0 <= plan.seed <= _MAX_COUNT, "the seed is not a valid number")
    split = plan.split
    _require(split is None or (type(split) is int and 1 <= split <= MAX_PHOTOS), "the split is not a count")
    _require(isinstance(plan.rule, str) and plan.rule in get_args(SubjectRule), "the rule is unknown")
    return plan


def _failure(value: dict[str, Any]) -> LeftOut:
    _require(set(value) == set(_FAILURE), "a failure is incomplete")
    return LeftOut(*(_text(value[name]) for name in _FAILURE))


def _each(check: Callable[[Any], T], values: Any) -> tuple[T, ...]:
    _require(isinstance(values, list) and len(values) <= MAX_PHOTOS, "a value is not a list, or too long")
    return tuple(check(value) for value in values)


def _text(value: Any) -> str:
    _require(isinstance(value, str), "a value is not a text")
    return str(value)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
