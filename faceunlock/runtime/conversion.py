"""Networks converted from PyTorch to ONNX, once, and kept in the cache in their optimised form.

``converted/NAME.json`` names the file of the network, its checksum, the checksum of the weights it came
from and that of the converter. It is written last and names a file of its own, so that a reader sees the
old pair or the new one. Whatever does not fit is made again; nothing is trusted because it is there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import tempfile
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceunlock.errors import ModelError
from faceunlock.private_files import atomic_write, make_private_directories, remove_leftovers
from faceunlock.runtime import Recipe
from faceunlock.weights_cache import refuse_if_others_write

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from faceunlock.runtime.onnx_runtime import OnnxNetwork

_log = logging.getLogger(__name__)

LOWEST_COSINE = 0.99999
"""Of the outputs of both runtimes for the same input; a conversion below that is not used."""

PARITY_INPUTS = 4
CPUINFO = Path("/proc/cpuinfo")

_announced = False

_exporting = threading.Lock()
"""PyTorch exports one network at a time; networks open in threads."""


def open_converted(recipe: Recipe, cache: Path, *, threads: int = 0) -> OnnxNetwork:
    """Open a network in the form that ONNX Runtime opens fastest; convert it if need be.

    A kept network is opened while its checksum is computed, and thrown away if that is wrong.

    Parameters
    ----------
    recipe : Recipe
        What the network is made of.
    cache : Path
        The cache directory.
    threads : int
        As for `OnnxNetwork`.

    Raises
    ------
    ModelError
        As `converted`.
    """
    kept = _recorded(recipe, cache / "converted")
    if kept is not None:
        with ThreadPoolExecutor(1) as pool:
            whole = pool.submit(_is_whole, *kept)
            from faceunlock.runtime.onnx_runtime import REFUSALS, OnnxNetwork

            try:
                network = OnnxNetwork(kept[0], threads=threads)
            except REFUSALS:
                network = None
        if network is not None and whole.result() and _is_fresh(recipe, cache / "converted"):
            return network
    from faceunlock.runtime.onnx_runtime import OnnxNetwork

    return OnnxNetwork(converted(recipe, cache), threads=threads)


def converted(recipe: Recipe, cache: Path) -> Path | bytes:
    """Return a network in the form that ONNX Runtime opens fastest; convert it if need be.

    Parameters
    ----------
    recipe : Recipe
        What the network is made of.
    cache : Path
        The cache directory.

    Returns
    -------
    Path or bytes
        The file in the cache; the network itself where the cache cannot be written.

    Raises
    ------
    ModelError
        ``conversion-failed`` if the converted network does not answer like the original;
        ``insecure-permissions`` if others can write to the cache; what `recipe.build` raises.
    """
    folder = cache / "converted"
    kept = _recorded(recipe, folder)
    if kept is not None and _is_whole(*kept) and _is_fresh(recipe, folder):
        return kept[0]
    with _exporting:
        _announce(recipe)
        content = _convert(recipe)
    try:
        return _keep(recipe, folder, content)
    except OSError as error:
        _log.warning("The prepared network %s cannot be kept: %s", recipe.name, error)
        return content


def _announce(recipe: Recipe) -> None:
    """Say once per process why this run takes longer."""
    global _announced  # noqa: PLW0603 - said to a person, and so once for all networks
    if not _announced:
        _announced = True
        _log.warning("Preparing the networks for a fast start; this is done once and takes a while")
    _log.info("Preparing %s", recipe.name)


def _record(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Return what was written about a conversion; raises OSError or ValueError where that is nothing."""
    record = json.loads((folder / f"{recipe.name}.json").read_bytes())
    if not isinstance(record, dict):
        raise ValueError("not a record of a conversion")
    return record


def _recorded(recipe: Recipe, folder: Path) -> tuple[Path, str] | None:
    """Return the file of a conversion and the checksum that it should have."""
    try:
        record = _record(recipe, folder)
        path, checksum = folder / str(record["file"]), str(record["sha256"])
        if path.parent != folder:
            return None
        refuse_if_others_write(folder)
        refuse_if_others_write(path)
    except (OSError, ValueError, KeyError):
        return None
    return path, checksum


def _is_whole(path: Path, checksum: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == checksum
    except OSError:
        return False


def _is_fresh(recipe: Recipe, folder: Path) -> bool:
    """Whether a conversion was made from these weights and layers, by this converter, for this runtime."""
    try:
        return bool(_record(recipe, folder).get("made_from") == _made_from(recipe))
    except (OSError, ValueError):
        return False


def _keep(recipe: Recipe, folder: Path, content: bytes) -> Path:
    make_private_directories(folder)
    refuse_if_others_write(folder)
    remove_leftovers(folder)
    checksum = hashlib.sha256(content).hexdigest()
    path = folder / f"{recipe.name}-{checksum[:16]}.onnx"
    record = {"file": path.name, "sha256": checksum, "made_from": _made_from(recipe)}
    atomic_write(path, content)
    atomic_write(folder / f"{recipe.name}.json", json.dumps(record, indent=2).encode())
    for old in folder.glob(f"{recipe.name}-{'[0-9a-f]' * 16}.onnx"):
        if old != path:
            # A reader that has just been told of it finds nothing, and converts for itself.
            with contextlib.suppress(OSError):
                old.unlink()
    return path


def _made_from(recipe: Recipe) -> dict[str, str]:
    """Return all that a conversion depends on: weights, layers, converter, runtime and processor.

    The processor, because the optimised form lays weights out for its vector units.
    """
    import onnxruntime

    flags = ""
    with contextlib.suppress(OSError), CPUINFO.open(encoding="utf-8", errors="replace") as file:
        flags = next((line for line in file if line.startswith(("flags", "Features"))), "")
    converter = hashlib.sha256(Path(__file__).read_bytes() + recipe.definition.read_bytes() + flags.encode())
    return {
        "weights": recipe.source(),
        "converter": converter.hexdigest(),
        "onnxruntime": onnxruntime.__version__,
    }


def _convert(recipe: Recipe) -> bytes:
    """Export, optimise, compare with the original; return the optimised network."""
    from faceunlock.runtime.onnx_runtime import OnnxNetwork

    module = recipe.build()
    exported = _export(module, recipe)
    with tempfile.TemporaryDirectory(prefix="faceunlock-") as directory:
        file = Path(directory) / "optimised.onnx"
        OnnxNetwork(exported, optimise_to=file)
        content = file.read_bytes()
    _check_parity(module, OnnxNetwork(content), recipe)
    return content


def _export(module: torch.nn.Module, recipe: Recipe) -> bytes:
    import torch

    from faceunlock.runtime.onnx_runtime import INPUT, OUTPUT

    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Of the exporter, about itself and the layers of others; parity is what counts.
            warnings.simplefilter("ignore")
            axes = {axis: torch.export.Dim(name, min=1) for axis, name in recipe.free_axes.items()}
            program = torch.onnx.export(
                module,
                (torch.zeros(recipe.example_shape),),
                dynamo=True,
                dynamic_shapes=(axes,),
                input_names=[INPUT],
                output_names=[OUTPUT],
                optimize=False,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise ModelError("conversion-failed", f"PyTorch cannot export the network {recipe.name}") from error
    finally:
        logger.setLevel(level)
    if program is None:  # never with dynamo, but the signature allows it
        raise ModelError("conversion-failed", f"PyTorch exports nothing for the network {recipe.name}")
    content: bytes = program.model_proto.SerializeToString()
    return content


def _check_parity(module: torch.nn.Module, network: OnnxNetwork, recipe: Recipe) -> None:
    """Compare both runtimes on noise of several kinds.

    Raises
    ------
    ModelError
        ``conversion-failed``.
    """
    import numpy as np

    from faceunlock.runtime.torch_runtime import TorchNetwork

    reference = TorchNetwork(module, "cpu")
    random = np.random.default_rng(0)
    for smooth in range(PARITY_INPUTS):
        noise = random.uniform(-1, 1, recipe.example_shape)
        for _ in range(smooth):
            noise = (noise + np.roll(noise, 1, axis=-1) + np.roll(noise, 1, axis=-2)) / 3
        batch = noise.astype(np.float32)
        ours, theirs = network(batch), reference(batch)
        if not np.all(_cosines(ours, theirs) >= LOWEST_COSINE):
            raise ModelError(
                "conversion-failed", f"the converted network {recipe.name} differs from the original"
            )


def _cosines(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the cosine of each output with its counterpart, shape (n,)."""
    import numpy as np

    from faceunlock.matching import unit

    ours, theirs = unit(left.reshape(len(left), -1)), unit(right.reshape(len(right), -1))
    return np.asarray(np.einsum("ij,ij->i", ours, theirs), dtype=np.float64)
