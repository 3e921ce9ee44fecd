"""Run a converted network with ONNX Runtime on the processor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state

from faceunlock.pipeline.runtime.layers import INPUT, OUTPUT

BATCH = 8
"""Crops per pass; with more, the data between two layers does not fit into the processor's cache."""

REFUSALS: tuple[type[Exception], ...] = (
    *(
        kind
        for kind in vars(onnxruntime_pybind11_state).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ),
    RuntimeError,
    ValueError,
    TypeError,
)
"""Exceptions for a damaged, hostile or missing network: all of ONNX Runtime's own, and Python's."""

LARGE = 64 * 1024
"""Size in bytes from which a tensor is kept outside the network's own file."""


class OnnxNetwork:
    """An ONNX file as a `faceunlock.pipeline.runtime.network.Network`.

    Parameters
    ----------
    model : Path or bytes
        The network, already optimised unless `optimise_to` is given; it is not optimised again.
    threads : int
        Threads of one run; 0 means one per core.
    tensors : mapping of str to bytes, optional
        The files of large tensors of a network given as bytes, by name; then nothing is read from the disk.
    optimise_to : Path, optional
        If given, optimise the network and write the result to this path, and large tensors beside it, as
        ``.bin``.
    """

    def __init__(
        self,
        model: Path | bytes,
        *,
        threads: int = 0,
        tensors: Mapping[str, bytes] | None = None,
        optimise_to: Path | None = None,
    ) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Spinning idle threads would take the cores from the decoding threads.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        levels = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = levels.ORT_DISABLE_ALL
        if optimise_to is not None:
            options.graph_optimization_level = levels.ORT_ENABLE_ALL
            options.optimized_model_filepath = str(optimise_to)
            # Large tensors in their own file are mapped into memory instead of copied.
            external = "session.optimized_model_external_initializers_"
            options.add_session_config_entry(f"{external}file_name", optimise_to.with_suffix(".bin").name)
            options.add_session_config_entry(f"{external}min_size_in_bytes", str(LARGE))
        if tensors:
            lengths = [len(content) for content in tensors.values()]
            options.add_external_initializers_from_files_in_memory(
                list(tensors), list(tensors.values()), lengths
            )
        self._session = onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the network on the batch, `BATCH` crops at a time."""
        batch = np.ascontiguousarray(batch, dtype=np.float32)
        outputs = [self._run(batch[start : start + BATCH]) for start in range(0, max(1, len(batch)), BATCH)]
        return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)

    def _run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        result: NDArray[np.float32] = self._session.run([OUTPUT], {INPUT: batch})[0]
        return result
