"""Make the form of a network that ONNX Runtime opens fastest; `faceunlock.pipeline.runtime.kept` keeps it.

It is written from the network's layers, without PyTorch, and optimised by ONNX Runtime for this processor.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.errors import ModelError
from faceunlock.files.workplace import workplace
from faceunlock.pipeline.runtime.kept import FOLDER, Keeping, Told, keep, open_kept, untold
from faceunlock.pipeline.runtime.network import NetworkSource

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faceunlock.pipeline.runtime.onnx_runtime import OnnxNetwork

_log = logging.getLogger(__name__)

LOWEST_COSINE = 0.99999
"""Lowest cosine between the outputs of two forms of a network; a conversion below that is not used."""

SMOOTHINGS = (0, 3)
"""How often each noise that the forms are compared with is smoothed."""

STEPS = 3 + len(SMOOTHINGS)
"""Steps of a preparation that are told: written, optimised, compared with each noise, opened."""

LITTER = r"torch|[a-z0-9-]+-[0-9a-f]{16}\.(onnx|bin)"
"""Names of what a preparation keeps in its folder, which a killed one leaves behind."""


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
        ``conversion-failed`` if the optimised network does not give the output of its layers, or not the
        answer on record; ``insecure-permissions`` if other users can write to the cache;
        ``networks-not-prepared`` if it would have to be made and `keeping` forbids that; any error of
        `source.layers`.
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
        network = _prepare(source, directory, threads, keeping.told)
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


def _prepare(source: NetworkSource, directory: Path, threads: int, told: Told) -> OnnxNetwork:
    from faceunlock.pipeline.runtime.onnx_runtime import OnnxNetwork

    _log.info("Preparing %s", source.name)
    told(source.name, 0, STEPS)
    network = OnnxNetwork(_convert(source, directory, told), threads=threads)
    told(source.name, STEPS, STEPS)
    return network


def answers_like_the_original(source: NetworkSource, cache: Path, keeping: Keeping) -> bool | None:
    """Return whether the kept network answers like the original; None if none is kept that would be used.

    Raises
    ------
    ModelError
        ``insecure-permissions``; any error of `source.layers`.
    """
    network = open_kept(source, cache, keeping, threads=0)
    if network is None:
        return None
    from faceunlock.pipeline.runtime.onnx_runtime import REFUSALS

    try:
        _check(network, _written(source), source)
    except ModelError as error:
        if error.slug != "conversion-failed":
            raise
        return False
    except REFUSALS:  # other inputs, or other outputs
        return False
    return True


def _convert(source: NetworkSource, directory: Path, told: Told = untold) -> Path:
    """Write and optimise a network, check its answers, and return its file."""
    import secrets

    from faceunlock.pipeline.runtime.onnx_runtime import REFUSALS, OnnxNetwork

    path = directory / f"{source.name}-{secrets.token_hex(8)}.onnx"
    try:
        written = _written(source)
        told(source.name, 1, STEPS)
        OnnxNetwork(written, optimise_to=path)
        told(source.name, 2, STEPS)
        _check(OnnxNetwork(path), written, source, told)
    except REFUSALS as error:  # no space left, for one
        raise ModelError(
            "conversion-failed", f"ONNX Runtime cannot convert the network {source.name}: {error}"
        ) from error
    return path


def _written(source: NetworkSource) -> bytes:
    """Return the network that a source's layers describe, not optimised."""
    from faceunlock.pipeline.runtime.layers import onnx_model

    return onnx_model(
        source.layers(), name=source.name, input_shape=source.example_shape, free_axes=source.free_axes
    )


def _check(network: OnnxNetwork, written: bytes, source: NetworkSource, told: Told = untold) -> None:
    """Compare a network with its layers as they were written, on rough and smooth noise, and with PyTorch.

    What PyTorch answered is on record for the networks that this program brings along.

    Raises
    ------
    ModelError
        ``conversion-failed`` if a cosine is below `LOWEST_COSINE`.
    """
    import numpy as np

    from faceunlock.pipeline.runtime import golden
    from faceunlock.pipeline.runtime.onnx_runtime import OnnxNetwork

    plain = OnnxNetwork(written)
    random = np.random.default_rng(0)
    for step, times in enumerate(SMOOTHINGS, start=3):
        noise = random.uniform(-1, 1, source.example_shape)
        for _ in range(times):
            noise = (noise + np.roll(noise, 1, axis=-1) + np.roll(noise, 1, axis=-2)) / 3
        batch = noise.astype(np.float32)
        if not np.all(_cosines(network(batch), plain(batch)) >= LOWEST_COSINE):
            raise ModelError("conversion-failed", f"the optimised network {source.name} answers differently")
        told(source.name, step, STEPS)
    expected = golden.answer(source)
    if expected is not None:
        found = golden.sample(network(golden.question(source)))
        if not _cosines(found[None], expected[None])[0] >= LOWEST_COSINE:
            raise ModelError(
                "conversion-failed", f"the network {source.name} does not answer like the original"
            )


def _cosines(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the cosine of each output with its counterpart, shape (n,)."""
    import numpy as np

    from faceunlock.matching.similarity import unit

    ours, theirs = unit(left.reshape(len(left), -1)), unit(right.reshape(len(right), -1))
    return np.asarray(np.einsum("ij,ij->i", ours, theirs), dtype=np.float64)
