"""Convert networks from PyTorch to ONNX once; `faceunlock.pipeline.runtime.kept` keeps them."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.errors import ModelError
from faceunlock.files.workplace import workplace
from faceunlock.pipeline.runtime.kept import FOLDER, Keeping, keep, open_kept
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

LITTER = r"torch|[a-z0-9-]+-[0-9a-f]{16}\.(onnx|bin)"
"""Names of what a preparation keeps in its folder, which a killed one leaves behind."""

TORCH_FOLDER = "TORCHINDUCTOR_CACHE_DIR"
"""The variable that says where PyTorch keeps working files; it creates the folder during an export."""

_announced = False

_exporting = threading.Lock()
"""Lock for exports: networks open in threads, but PyTorch exports one at a time."""


def open_converted(
    source: NetworkSource, cache: Path, *, threads: int = 0, keeping: Keeping | None = None
) -> OnnxNetwork:
    """Open a network in the form that ONNX Runtime opens fastest; convert it if needed.

    Parameters
    ----------
    source : NetworkSource
        The source of the network.
    cache : Path
        The cache directory. If it cannot be written, the network is converted every time.
    threads : int
        As for `OnnxNetwork`.
    keeping : Keeping, optional
        What proves a kept network, and whether a missing one may be made; by default as for an unsealed
        gallery.

    Raises
    ------
    ModelError
        ``conversion-failed`` if the converted network does not give the same output as the original;
        ``insecure-permissions`` if other users can write to the cache; ``networks-not-prepared`` if it would
        have to be made and `keeping` forbids that; any error of `source.build`.
    """
    keeping = keeping or Keeping()
    network = open_kept(source, cache, keeping, threads=threads)
    if network is not None:
        return network
    if not keeping.prepare:
        raise ModelError(
            "networks-not-prepared", f"the network {source.name} is not prepared for this machine yet"
        )
    return prepare(source, cache, threads=threads, keeping=keeping, must_keep=False)


def prepare(
    source: NetworkSource, cache: Path, *, threads: int = 0, keeping: Keeping, must_keep: bool = True
) -> OnnxNetwork:
    """Convert a network, whether one is kept or not, keep the result if it can be proven, and open it.

    Parameters
    ----------
    source, cache, threads, keeping
        As for `open_converted`.
    must_keep : bool
        Whether a cache that cannot be written is an error; otherwise the work is done elsewhere.

    Raises
    ------
    ModelError
        As `open_converted`; ``weights-unwritable``.
    """
    from faceunlock.files.temporary import remove_litter, temporary_folder

    remove_litter("faceunlock-", LITTER)
    with contextlib.ExitStack() as stack:
        try:
            directory = stack.enter_context(workplace(cache / FOLDER))
        except OSError as error:
            if must_keep:
                raise _unwritable(source, cache, error) from error
            directory = stack.enter_context(temporary_folder("faceunlock-", cache))
        network = _prepare(source, directory, threads)
        try:
            if keeping.trusted:
                keep(source, cache, keeping, next(directory.glob("*.onnx")))
        except OSError as error:
            if must_keep:
                raise _unwritable(source, cache, error) from error
            _log.warning("The prepared network %s cannot be saved: %s", source.name, error)
    return network


def _unwritable(source: NetworkSource, cache: Path, error: OSError) -> ModelError:
    return ModelError(
        "weights-unwritable",
        f"the prepared network {source.name} cannot be kept in {cache / FOLDER}: {error.strerror or error}",
        hint="Check free space and permissions.",
    )


def _prepare(source: NetworkSource, directory: Path, threads: int) -> OnnxNetwork:
    from faceunlock.pipeline.runtime.onnx_runtime import OnnxNetwork

    with _exporting, _torch_writes_to(directory / "torch"):
        _announce(source)
        return OnnxNetwork(_convert(source, directory), threads=threads)


def answers_like_the_original(source: NetworkSource, cache: Path, keeping: Keeping) -> bool | None:
    """Return whether the kept network answers like the original; None if none is kept that would be used.

    Raises
    ------
    ModelError
        ``insecure-permissions``; any error of `source.build`.
    """
    network = open_kept(source, cache, keeping, threads=0)
    if network is None:
        return None
    from faceunlock.pipeline.runtime.onnx_runtime import REFUSALS

    try:
        _check_parity(source.build(), network, source)
    except ModelError as error:
        if error.slug != "conversion-failed":
            raise
        return False
    except REFUSALS:  # other inputs, or other outputs
        return False
    return True


@contextlib.contextmanager
def _torch_writes_to(directory: Path) -> Iterator[None]:
    """Make PyTorch put its working files there; it would use a folder in the system's temporary folder."""
    before = os.environ.get(TORCH_FOLDER)
    os.environ[TORCH_FOLDER] = str(directory)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(TORCH_FOLDER, None)
        else:
            os.environ[TORCH_FOLDER] = before


def _announce(source: NetworkSource) -> None:
    """Log once per process why this run takes longer."""
    global _announced  # noqa: PLW0603 - the user needs this message only once for all networks
    if not _announced:
        _announced = True
        _log.warning("Preparing the networks for a fast start; this is done once and takes a while")
    _log.info("Preparing %s", source.name)


def _convert(source: NetworkSource, directory: Path) -> Path:
    """Export and optimise a network, compare it with the original, and return its file."""
    import secrets

    from faceunlock.pipeline.runtime.onnx_runtime import REFUSALS, OnnxNetwork

    module = source.build()
    path = directory / f"{source.name}-{secrets.token_hex(8)}.onnx"
    try:
        OnnxNetwork(_export(module, source), optimise_to=path)
        network = OnnxNetwork(path)
    except REFUSALS as error:  # no space left, for one
        raise ModelError(
            "conversion-failed", f"ONNX Runtime cannot convert the network {source.name}: {error}"
        ) from error
    _check_parity(module, network, source)
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
