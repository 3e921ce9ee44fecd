"""Running a converted network with ONNX Runtime on the processor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state

BATCH = 8
"""Crops per pass: of more, what lies between two layers does not fit the processor's cache."""

REFUSALS = (
    onnxruntime_pybind11_state.Fail,
    onnxruntime_pybind11_state.InvalidArgument,
    onnxruntime_pybind11_state.InvalidGraph,
    onnxruntime_pybind11_state.InvalidProtobuf,
    onnxruntime_pybind11_state.NoSuchFile,
    onnxruntime_pybind11_state.NotImplemented,
    onnxruntime_pybind11_state.RuntimeException,
)
"""What ONNX Runtime raises on a file that is damaged or missing."""

LARGE = 64 * 1024
"""Bytes from which on a tensor is kept outside the network's own file."""

INPUT, OUTPUT = "input", "output"
"""Names of the only input and the only output of a converted network."""


class OnnxNetwork:
    """An ONNX file as a `faceunlock.pipeline.runtime.network.Network`.

    Parameters
    ----------
    model : Path or bytes
        The network, already optimised: the work is not repeated.
    threads : int
        Threads of one run; 0 for as many as there are cores.
    optimise_to : Path, optional
        Optimise instead, and write the result there; large tensors beside it, as ``.bin``.
    """

    def __init__(self, model: Path | bytes, *, threads: int = 0, optimise_to: Path | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Idle threads that spin would take the cores from the decoding threads.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        levels = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = levels.ORT_DISABLE_ALL
        if optimise_to is not None:
            options.graph_optimization_level = levels.ORT_ENABLE_ALL
            options.optimized_model_filepath = str(optimise_to)
            # Large tensors in a file of their own are mapped into memory instead of copied.
            external = "session.optimized_model_external_initializers_"
            options.add_session_config_entry(f"{external}file_name", optimise_to.with_suffix(".bin").name)
            options.add_session_config_entry(f"{external}min_size_in_bytes", str(LARGE))
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
