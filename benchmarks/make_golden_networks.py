"""Record what PyTorch answers to a fixed question, for every network whose weights come with the program.

    python benchmarks/make_golden_networks.py

Each preparation of a network compares its answer with this record (faceunlock/pipeline/runtime/golden.json).
The detector's networks are facenet-pytorch's own, `compact` and `dlib` are the modules that are trained;
`retail-0095`, whose layers are published with its weights, is run by PyTorch if its weights are in the cache.
What is not here keeps its record. Run it again when one of these networks gets other weights.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from faceunlock.pipeline import weights
from faceunlock.pipeline.detection import network_sources
from faceunlock.pipeline.embedding import network_source
from faceunlock.pipeline.embedding.networks import make_network
from faceunlock.pipeline.models.registry import MODELS
from faceunlock.pipeline.runtime import golden
from faceunlock.pipeline.runtime.layered_module import LayeredModule
from faceunlock.pipeline.runtime.network import NetworkSource
from faceunlock.pipeline.runtime.torch_runtime import build
from faceunlock.settings import locate

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from support.originals import detector_networks

NOWHERE = Path("/nonexistent")


def originals() -> list[tuple[NetworkSource, torch.nn.Module]]:
    """Return each network's source, and the torch module that it stands for."""
    found = list(zip(network_sources(), detector_networks(), strict=True))
    for model in ("compact", "dlib"):
        spec = MODELS[model]
        arrays = weights.load(spec, NOWHERE).arrays
        assert spec.architecture is not None
        architecture = spec.architecture
        found.append((network_source(spec, NOWHERE), build(lambda a=architecture: make_network(a), arrays)))
    retail, cache = MODELS["retail-0095"], locate().cache
    if weights.locate(retail, cache):
        source = network_source(retail, cache)
        found.append((source, LayeredModule(source.layers()).eval()))
    return found


def main() -> None:
    """Ask every network, and write the record."""
    record = json.loads(golden.FILE.read_text(encoding="utf-8")) if golden.FILE.exists() else {}
    for source, module in originals():
        with torch.inference_mode():
            output = module(torch.from_numpy(golden.question(source))).numpy()
        record[source.name] = {
            "weights": source.weights_sha256(),
            "answer": [round(float(number), 7) for number in golden.sample(output)],
        }
    golden.FILE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"written: {golden.FILE}")


if __name__ == "__main__":
    main()
