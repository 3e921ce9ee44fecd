"""The cache of converted networks: what is kept of them, and what proves that it is theirs.

``converted/NAME.json`` is the record of a conversion: the network's files and their checksums, and the
checksums of everything it was made from. The record is written last and names new files, so a reader sees
either the old files or the new ones. Anything that does not match is made again. Nothing is trusted just
because it exists.

A checksum shows damage, not who wrote it. Under a sealed gallery the record also has a MAC, under a key that
only the gallery's key gives. Then nothing but what this program compared with the original is used.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.files.private import atomic_write, make_private_directories, remove_leftovers
from faceunlock.files.reading import parse_json
from faceunlock.files.trust import refuse_if_others_write
from faceunlock.pipeline.runtime.machine import CPUINFO
from faceunlock.pipeline.runtime.network import NetworkSource

if TYPE_CHECKING:
    from faceunlock.pipeline.runtime.onnx_runtime import OnnxNetwork

FOLDER = "converted"

UNREADABLE = (OSError, ValueError, TypeError, AttributeError, KeyError)
"""Exceptions of reading a record that this program did not write."""


Told = Callable[[str, int, int], None]
"""Hears of a network that is being made: its name, the steps done and the steps in total."""


def untold(_name: str, _done: int, _steps: int) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How converted networks are kept.

    Attributes
    ----------
    key : bytes or None
        The key of the MAC in every record; None if nothing is sealed, and then records have none.
    trusted : bool
        Whether kept networks may be used. If not, because the key cannot be had, each is made anew and not
        kept.
    prepare : bool
        Whether a network may be made where none is kept.
    told : callable
        Hears how far the making is.
    """

    key: bytes | None = field(default=None, repr=False)
    trusted: bool = True
    prepare: bool = True
    told: Told = field(default=untold, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Record:
    """The record of a conversion.

    Attributes
    ----------
    files : dict of str to str
        Checksum of each file by its name: the network first, then the tensors too large to be in it.
    made_from : dict of str to str
        What `made_from` returned.
    mac : str or None
        Proof that this program wrote it; None if the gallery was not sealed.
    """

    files: dict[str, str]
    made_from: dict[str, str]
    mac: str | None = None


def open_kept(source: NetworkSource, cache: Path, keeping: Keeping, *, threads: int) -> OnnxNetwork | None:
    """Return the kept network, or None if it is missing, damaged, out of date or not proven.

    Raises
    ------
    ModelError
        ``insecure-permissions`` if others can write to its files.
    """
    folder = cache / FOLDER
    record = _proven_record(source.name, folder, keeping)
    if record is None:
        return None
    if keeping.key is None:
        return _opened_while_checked(source, folder, record, threads)
    return _opened_from_memory(source, folder, record, threads)


def is_kept(source: NetworkSource, cache: Path, keeping: Keeping) -> bool:
    """Return whether `open_kept` would return a network, judged by proof and checksums; opens none.

    Raises
    ------
    ModelError
        As `open_kept`.
    """
    folder = cache / FOLDER
    record = _proven_record(source.name, folder, keeping)
    return record is not None and _is_whole(folder, record.files) and record.made_from == made_from(source)


def keep(source: NetworkSource, cache: Path, keeping: Keeping, network: Path) -> None:
    """Keep a network that was compared with the original, in place of an older one.

    Parameters
    ----------
    source : NetworkSource
        What it was made from.
    cache : Path
        The cache directory.
    keeping : Keeping
        Must be trusted.
    network : Path
        Its file; large tensors are in the file of the same name with the suffix ``.bin``.

    Raises
    ------
    OSError
        If the cache cannot be written.
    """
    folder = cache / FOLDER
    make_private_directories(folder)
    refuse_if_others_write(folder)
    remove_leftovers(folder)
    parts = [network, *(path for path in [network.with_suffix(".bin")] if path.exists())]
    files = {path.name: _checksum(path) for path in parts}
    for path in parts:
        atomic_write(folder / path.name, path.read_bytes())
    sources = made_from(source)
    values: dict[str, object] = {"files": files, "made_from": sources}
    if keeping.key is not None:
        values["mac"] = _mac(keeping.key, source.name, files, sources)
    atomic_write(folder / f"{source.name}.json", json.dumps(values, indent=2).encode())
    for old in folder.glob(f"{source.name}-{'[0-9a-f]' * 16}.*"):
        if old.name not in files:
            # A reader that has just read the old record finds no file, and converts the network itself.
            with contextlib.suppress(OSError):
                old.unlink()


def made_from(source: NetworkSource) -> dict[str, str]:
    """Return everything that a conversion depends on: weights, layers, converter, runtime and processor.

    The processor matters because the optimised form lays out weights for its vector units.
    """
    import onnxruntime

    flags = ""
    with contextlib.suppress(OSError), CPUINFO.open(encoding="utf-8", errors="replace") as file:
        flags = next((line for line in file if line.startswith(("flags", "Features"))), "")
    here = Path(__file__)
    code = [here.with_name(name) for name in ("conversion.py", "composing.py", "rectifiers.py", "layers.py")]
    code.append(source.definition)
    converter = hashlib.sha256(b"".join(path.read_bytes() for path in code) + flags.encode())
    return {
        "weights": source.weights_sha256(),
        "converter": converter.hexdigest(),
        "onnxruntime": onnxruntime.__version__,
    }


def sign_again(cache: Path, old: bytes, new: bytes) -> None:
    """Give every record that the old key proves a MAC under the new one; others are left unproven.

    Raises
    ------
    OSError
        If the cache cannot be written.
    ModelError
        As `open_kept`.
    """
    folder = cache / FOLDER
    for path in sorted(folder.glob("*.json")):
        record = _proven_record(path.stem, folder, Keeping(old))
        if record is not None:
            values = {"files": record.files, "made_from": record.made_from}
            mac = _mac(new, path.stem, record.files, record.made_from)
            atomic_write(path, json.dumps({**values, "mac": mac}, indent=2).encode())


def _proven_record(name: str, folder: Path, keeping: Keeping) -> Record | None:
    """Return the record of a conversion, or None if there is none that can be trusted."""
    if not keeping.trusted:
        return None
    try:
        record = _read(name, (folder / f"{name}.json").read_bytes())
        for path in (folder, *(folder / file for file in record.files)):
            refuse_if_others_write(path)
    except UNREADABLE:
        return None
    if keeping.key is not None:
        mac = _mac(keeping.key, name, record.files, record.made_from)
        if not hmac.compare_digest(mac.encode(), (record.mac or "").encode("utf-8", "replace")):
            return None
    return record


def _read(name: str, content: bytes) -> Record:
    record = Record(**parse_json(content))
    ours = re.compile(re.escape(name) + r"-[0-9a-f]{16}\.(onnx|bin)")
    names = list(record.files)
    if not names or not names[0].endswith(".onnx") or not all(map(ours.fullmatch, names)):
        raise ValueError("the files are not those of this network")
    for values in (record.files, record.made_from):
        if not all(isinstance(value, str) for value in values.values()):
            raise ValueError("a checksum is not a text")
    if not isinstance(record.mac, str | None):
        raise ValueError("the MAC is not a text")
    return record


def _mac(key: bytes, name: str, files: Mapping[str, str], sources: Mapping[str, str]) -> str:
    """Return the MAC of a record; the name is part of it, so no network can take another's place."""
    content = json.dumps([name, list(files.items()), sorted(sources.items())])
    return hmac.new(key, content.encode(), hashlib.sha256).hexdigest()


def _opened_while_checked(
    source: NetworkSource, folder: Path, record: Record, threads: int
) -> OnnxNetwork | None:
    """Open a network while its checksums are computed; discard it if one is wrong."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        whole = pool.submit(_is_whole, folder, record.files)
        from faceunlock.pipeline.runtime.onnx_runtime import REFUSALS, OnnxNetwork

        try:
            network = OnnxNetwork(folder / next(iter(record.files)), threads=threads)
        except REFUSALS:
            return None
    return network if whole.result() and record.made_from == made_from(source) else None


def _opened_from_memory(
    source: NetworkSource, folder: Path, record: Record, threads: int
) -> OnnxNetwork | None:
    """Read a network, check what was read, and open that: nothing on disk can change in between."""
    from faceunlock.pipeline.runtime.onnx_runtime import REFUSALS, OnnxNetwork

    try:
        contents = {name: (folder / name).read_bytes() for name in record.files}
    except OSError:
        return None
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != record.files[name]:
            return None
    if record.made_from != made_from(source):
        return None
    network = contents.pop(next(iter(record.files)))
    try:
        return OnnxNetwork(network, threads=threads, tensors=contents)
    except REFUSALS:
        return None


def _is_whole(folder: Path, files: Mapping[str, str]) -> bool:
    try:
        return all(_checksum(folder / name) == checksum for name, checksum in files.items())
    except OSError:
        return False


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
