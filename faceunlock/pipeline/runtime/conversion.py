"""Convert networks from PyTorch to ONNX once, and keep them in the cache in their optimised form.

``converted/NAME.json`` is the record of a conversion: the network's files and their checksums, the checksum
of its weights and that of the converter. The record is written last and names new files, so a reader sees
either the old files or the new ones. Anything that does not match is converted again. Nothing is trusted
just because it exists.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.errors import ModelError
from faceunlock.files.private import atomic_write, make_private_directories, remove_leftovers
from faceunlock.files.trust import refuse_if_others_write
from faceunlock.pipeline.runtime.machine import CPUINFO
from faceunlock.pipeline.runtime.network import NetworkSource

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from faceunlock.pipeline.runtime.onnx_runtime import OnnxNetwork

_log = logging.getLogger(__name__)

LOWEST_COSINE = 0.99999
"""Lowest cosine between both runtimes' outputs for the same input; a conversion below that is not used."""

PARITY_INPUTS = 4

_announced = False

_exporting = threading.Lock()
"""Lock for exports: networks open in threads, but PyTorch exports one at a time."""


def open_converted(source: NetworkSource, cache: Path, *, threads: int = 0) -> OnnxNetwork:
    """Open a network in the form that ONNX Runtime opens fastest; convert it if needed.

    A cached network is opened while its checksums are computed, and discarded if one is wrong.

    Parameters
    ----------
    source : NetworkSource
        The source of the network.
    cache : Path
        The cache directory. If it cannot be written, the network is converted every time.
    threads : int
        As for `OnnxNetwork`.

    Raises
    ------
    ModelError
        ``conversion-failed`` if the converted network does not give the same output as the original;
        ``insecure-permissions`` if other users can write to the cache; any error of `source.build`.
    """
    folder = cache / "converted"
    network = _open_kept(source, folder, threads)
    if network is not None:
        return network
    import tempfile

    from faceunlock.pipeline.runtime.onnx_runtime import OnnxNetwork

    with _exporting, tempfile.TemporaryDirectory(prefix="faceunlock-") as directory:
        _announce(source)
        path = _convert(source, Path(directory))
        network = OnnxNetwork(path, threads=threads)
        try:
            _keep(source, folder, path)
        except OSError as error:
            _log.warning("The prepared network %s cannot be saved: %s", source.name, error)
    return network


def _open_kept(source: NetworkSource, folder: Path, threads: int) -> OnnxNetwork | None:
    """Return the cached network, or None if it is missing, damaged or out of date."""
    record = _record(source, folder)
    if record is None:
        return None
    with ThreadPoolExecutor(1) as pool:
        whole = pool.submit(_is_whole, folder, record.files)
        from faceunlock.pipeline.runtime.onnx_runtime import REFUSALS, OnnxNetwork

        try:
            network = OnnxNetwork(folder / next(iter(record.files)), threads=threads)
        except REFUSALS:
            return None
    return network if whole.result() and record.made_from == _made_from(source) else None


def _announce(source: NetworkSource) -> None:
    """Log once per process why this run takes longer."""
    global _announced  # noqa: PLW0603 - the user needs this message only once for all networks
    if not _announced:
        _announced = True
        _log.warning("Preparing the networks for a fast start; this is done once and takes a while")
    _log.info("Preparing %s", source.name)


@dataclass(frozen=True, slots=True)
class _Record:
    """The record of a conversion."""

    files: dict[str, str]
    """Checksum of each file by its name: the network, and the tensors too large to be in it."""

    made_from: dict[str, str]


def _record(source: NetworkSource, folder: Path) -> _Record | None:
    """Return the record of a conversion, or None if there is no valid one.

    Raises
    ------
    ModelError
        ``insecure-permissions`` if other users can write to its files.
    """
    try:
        record = _Record(**json.loads((folder / f"{source.name}.json").read_bytes()))
        if not record.files or any(Path(name).name != name for name in record.files):
            return None
        for path in (folder, *(folder / name for name in record.files)):
            refuse_if_others_write(path)
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return record


def _is_whole(folder: Path, files: dict[str, str]) -> bool:
    try:
        return all(_checksum(folder / name) == checksum for name, checksum in files.items())
    except OSError:
        return False


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _keep(source: NetworkSource, folder: Path, network: Path) -> None:
    make_private_directories(folder)
    refuse_if_others_write(folder)
    remove_leftovers(folder)
    files = {path.name: _checksum(path) for path in _parts(network)}
    for path in _parts(network):
        atomic_write(folder / path.name, path.read_bytes())
    record = _Record(files, _made_from(source))
    atomic_write(folder / f"{source.name}.json", json.dumps(asdict(record), indent=2).encode())
    for old in folder.glob(f"{source.name}-{'[0-9a-f]' * 16}.*"):
        if old.name not in files:
            # A reader that has just read the old record finds no file, and converts the network itself.
            with contextlib.suppress(OSError):
                old.unlink()


def _parts(network: Path) -> list[Path]:
    """Return the file of a network and, if there is one, the file of its large tensors."""
    return [network, *(path for path in [network.with_suffix(".bin")] if path.exists())]


def _made_from(source: NetworkSource) -> dict[str, str]:
    """Return everything that a conversion depends on: weights, layers, converter, runtime and processor.

    The processor matters because the optimised form lays out weights for its vector units.
    """
    import onnxruntime

    flags = ""
    with contextlib.suppress(OSError), CPUINFO.open(encoding="utf-8", errors="replace") as file:
        flags = next((line for line in file if line.startswith(("flags", "Features"))), "")
    layers = [Path(__file__), Path(__file__).with_name("rectifiers.py"), source.definition]
    converter = hashlib.sha256(b"".join(path.read_bytes() for path in layers) + flags.encode())
    return {
        "weights": source.weights_sha256(),
        "converter": converter.hexdigest(),
        "onnxruntime": onnxruntime.__version__,
    }


def _convert(source: NetworkSource, directory: Path) -> Path:
    """Export and optimise a network, compare it with the original, and return its file."""
    import secrets

    from faceunlock.pipeline.runtime.onnx_runtime import OnnxNetwork

    module = source.build()
    path = directory / f"{source.name}-{secrets.token_hex(8)}.onnx"
    OnnxNetwork(_export(module, source), optimise_to=path)
    _check_parity(module, OnnxNetwork(path), source)
    return path


def _export(module: torch.nn.Module, source: NetworkSource) -> bytes:
    import torch

    from faceunlock.pipeline.runtime.onnx_runtime import INPUT, OUTPUT
    from faceunlock.pipeline.runtime.rectifiers import rewrite_rectifiers

    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # The exporter warns about itself and about third-party layers; only parity matters.
            warnings.simplefilter("ignore")
            axes = {axis: torch.export.Dim(name, min=1) for axis, name in source.free_axes.items()}
            program = torch.onnx.export(
                module,
                (torch.zeros(source.example_shape),),
                dynamo=True,
                dynamic_shapes=(axes,),
                input_names=[INPUT],
                output_names=[OUTPUT],
                # Constants are folded; ONNX Runtime then fuses batch normalisation into the convolutions.
                optimize=True,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise ModelError("conversion-failed", f"PyTorch cannot export the network {source.name}") from error
    finally:
        logger.setLevel(level)
    if program is None:  # never with dynamo, but the signature allows it
        raise ModelError("conversion-failed", f"PyTorch exported nothing for the network {source.name}")
    model = program.model_proto
    rewrite_rectifiers(model)
    content: bytes = model.SerializeToString()
    return content


def _check_parity(module: torch.nn.Module, network: OnnxNetwork, source: NetworkSource) -> None:
    """Compare both runtimes on several kinds of noise.

    Raises
    ------
    ModelError
        ``conversion-failed`` if a cosine is below `LOWEST_COSINE`.
    """
    import numpy as np

    from faceunlock.pipeline.runtime.torch_runtime import TorchNetwork

    reference = TorchNetwork(module, "cpu")
    random = np.random.default_rng(0)
    for smooth in range(PARITY_INPUTS):
        noise = random.uniform(-1, 1, source.example_shape)
        for _ in range(smooth):
            noise = (noise + np.roll(noise, 1, axis=-1) + np.roll(noise, 1, axis=-2)) / 3
        batch = noise.astype(np.float32)
        ours, theirs = network(batch), reference(batch)
        if not np.all(_cosines(ours, theirs) >= LOWEST_COSINE):
            raise ModelError(
                "conversion-failed", f"the converted network {source.name} differs from the original"
            )


def _cosines(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the cosine of each output with its counterpart, shape (n,)."""
    import numpy as np

    from faceunlock.matching.similarity import unit

    ours, theirs = unit(left.reshape(len(left), -1)), unit(right.reshape(len(right), -1))
    return np.asarray(np.einsum("ij,ij->i", ours, theirs), dtype=np.float64)
