"""Teach `compact` to see faces as `retail-0095` does: the second step of making it, after train.py.

Run: python benchmarks/train_compact/teach.py ../shared/train112 --work /tmp/compact

It starts from the weights of train.py's variant and needs `retail-0095` in the cache. The two networks have
embeddings of different lengths, so the teacher's numbers cannot be copied; its similarities can. The target
of a photo puts two embeddings side by side, what the network says today and what the teacher says, and
turns them onto the network's 128 dimensions. Two steps follow. First only the last layer is fitted, in
closed form: to today's outputs and a ridge regression on the teacher. Then all layers are trained on varied
crops with the cosine to their target, and CosFace beside it. The kept weights are an average that starts at
the first step's. The people of train.py's held-out fifth decide which step is kept, by the FNMR against
centroids at an FMR of 1e-5. LFW is not used here.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_metric_learning.losses import CosFaceLoss
from torch import Tensor
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parent))
from train import HELD_OUT, RESULT, SEED, link_people, row

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import RESULTS, save

from faceunlock.matching.similarity import unit
from faceunlock.photos.photo import person_folders
from faceunlock.pipeline.embedding import load_embedder
from faceunlock.pipeline.embedding.crops import views
from faceunlock.pipeline.embedding.networks import make_network
from faceunlock.pipeline.models.registry import MODELS
from faceunlock.pipeline.runtime import Engine
from faceunlock.pipeline.weights.storage import pack, read, unpack, write
from faceunlock.settings import locate
from faceunlock.training.augmentation import AugmentedFaces
from faceunlock.training.face_set import FaceSet, collect_faces, split_by_person
from faceunlock.training.learner import normalised
from faceunlock.training.loop import schedule
from faceunlock.training.teacher import teaching

ARCHITECTURE = MODELS["compact"].architecture
assert ARCHITECTURE is not None
TEACHER = "retail-0095"
SHARE = 0.4
"""Share of today's embedding in the similarities of a target; the rest is the teacher's. Chosen from 0.2,
0.4, 0.6 and 0.8 on the held-out people, with only the last layer fitted."""

RIDGE = 0.01
"""Strength of the ridge regression, in units of the mean square of a feature."""

EPOCHS, BATCH, LEARNING_RATE, AVERAGE = 3, 96, 1e-4, 0.997
IMITATION, IDENTITY = 10.0, 0.05
"""Weights of the two losses."""


KEPT = ("held_out", "seed", "targets")
"""What train.py wrote into the result file, beside the rows."""


@dataclass(frozen=True)
class Lesson:
    """What the network is to learn.

    Attributes
    ----------
    head : ndarray of float32, shape (dimension, features)
        The last layer that comes nearest to the targets.
    targets : ndarray of float32, shape (n, dimension)
        Unit vectors, one for each photo.
    """

    head: NDArray[np.float32]
    targets: NDArray[np.float32]


def lesson(
    features: NDArray[np.float32],
    head: NDArray[np.float32],
    taught: NDArray[np.float32],
    training: NDArray[np.intp],
) -> Lesson:
    """Return what to learn from features, shape (n, features), and the teacher's unit embeddings.

    The similarities of a target are `SHARE` of today's and the rest the teacher's. Seen from the features,
    both are linear maps, one below the other; the directions with most energy of the two together are the new
    dimensions. Only photos in `training` decide anything.
    """
    known = features[training].astype(np.float64)
    old = head.astype(np.float64)
    shorter = np.linalg.svd(taught[training].astype(np.float64), full_matrices=False)[2][: len(old)].T
    goal = unit(taught @ shorter)
    square = known.T @ known
    ridge = square + RIDGE * np.trace(square) / len(square) * np.eye(len(square))
    new = np.linalg.solve(ridge, known.T @ goal[training]).T
    sizes = [np.linalg.norm(known @ one.T, axis=1).mean() for one in (old, new)]
    weights = np.sqrt([SHARE, 1.0 - SHARE])
    both = np.vstack([weights[0] * old / sizes[0], weights[1] * new / sizes[1]])
    energies, directions = np.linalg.eigh(both.T @ both)
    chosen = np.argsort(energies)[::-1][: len(old)]
    fitted = (directions[:, chosen] * np.sqrt(np.maximum(energies[chosen], 0.0))).T
    turned = fitted @ np.linalg.pinv(both)
    side_by_side = np.hstack([weights[0] * (features @ old.T) / sizes[0], weights[1] * goal])
    return Lesson(fitted.astype(np.float32), unit(side_by_side @ turned.T).astype(np.float32))


class Pupil:
    """The network, its crops, and its way of seeing them."""

    def __init__(self, weights: Path, crops: NDArray[np.uint8]) -> None:
        self.crops = crops
        self.network = make_network(ARCHITECTURE).to(memory_format=torch.channels_last)
        self.take(read(weights.read_bytes(), ARCHITECTURE))

    def take(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Replace the network's weights."""
        self.network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})

    def features(self) -> NDArray[np.float32]:
        """Return what the last layer gets, summed over both views, shape (n, features)."""
        seen: list[Tensor] = []
        hook = self.network.head.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
        parts = []
        for start in range(0, len(self.crops), BATCH):
            self._outputs(self.crops[start : start + BATCH])
            parts.append(sum(seen).float().numpy())
            seen.clear()
        hook.remove()
        return np.concatenate(parts)

    def embed(self, positions: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return unit embeddings, with the weights rounded as they are stored."""
        exact = copy.deepcopy(self.network.state_dict())
        self.take(unpack(self.stored()))
        starts = range(0, len(positions), BATCH)
        parts = [self._outputs(self.crops[positions[start : start + BATCH]]) for start in starts]
        self.network.load_state_dict(exact)
        return unit(np.concatenate(parts)).astype(np.float32)

    def stored(self) -> dict[str, NDArray]:
        """Return the weights in eight bits, as they are stored."""
        state = self.network.state_dict()
        return pack({name: np.ascontiguousarray(tensor.numpy()) for name, tensor in state.items()}, "int8")

    def _outputs(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.network.eval()
        pictures = np.ascontiguousarray(crops.transpose(0, 3, 1, 2))
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            outputs = [
                self.network(self._normalised(torch.from_numpy(view)))
                for view in views(pictures, ARCHITECTURE)
            ]
        return torch.stack(outputs).sum(dim=0).float().numpy()

    def _normalised(self, pictures: Tensor) -> Tensor:
        return normalised(pictures, ARCHITECTURE, torch.device("cpu"))

    def learn(self, what: Lesson, person: NDArray[np.intp], training: NDArray[np.intp]) -> Iterator[int]:
        """Train all layers, yielding after each epoch while the network holds the averaged weights."""
        targets = torch.from_numpy(what.targets[training])
        people, labels = np.unique(person[training], return_inverse=True)
        identity = CosFaceLoss(len(people), targets.shape[1], margin=0.3, scale=24)
        means = np.stack([what.targets[training][labels == one].mean(axis=0) for one in range(len(people))])
        identity.W.data = torch.from_numpy(unit(means).T.astype(np.float32))
        parameters = [*self.network.parameters(), *identity.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=1e-4)
        average = copy.deepcopy(self.network.state_dict())
        steps = len(training) // BATCH
        for epoch in range(EPOCHS):
            varied = AugmentedFaces(self.crops[training], "light", SEED, epoch)
            order = np.random.default_rng((SEED, epoch)).permutation(len(training))
            self.network.train()
            for step in range(steps):
                optimizer.param_groups[0]["lr"] = LEARNING_RATE * schedule(
                    epoch * steps + step, EPOCHS * steps
                )
                batch = order[step * BATCH : (step + 1) * BATCH]
                pictures = torch.stack([varied[one] for one in batch.tolist()])
                with torch.autocast("cpu", torch.bfloat16):
                    outputs = self.network(self._normalised(pictures))
                outputs = functional.normalize(outputs.float(), dim=1)
                imitation = (1.0 - (outputs * targets[batch]).sum(dim=1)).mean()
                loss = IMITATION * imitation + IDENTITY * identity(outputs, torch.from_numpy(labels[batch]))
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
                optimizer.step()
                with torch.no_grad():
                    for name, latest in self.network.state_dict().items():
                        average[name].lerp_(latest, 1.0 - AVERAGE)
                if step % 20 == 0:
                    print(f"  epoch {epoch + 1}, step {step}: {float(loss.detach()):.3f}", flush=True)
            latest = copy.deepcopy(self.network.state_dict())
            self.network.load_state_dict(average)
            yield epoch + 1
            self.network.load_state_dict(latest)


def collect(people: Path) -> FaceSet:
    """Return every aligned crop, framed for the network."""
    return collect_faces(
        person_folders(people),
        ARCHITECTURE.input_size,
        acquisition=None,
        framing=ARCHITECTURE,
        max_pixels=10**7,
        track=lambda items, *_: items,
    )


def main() -> None:
    """Teach, keep the best step as WORK/taught.safetensors, and add every step to the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder of train.py")
    parser.add_argument("--start", type=Path, required=True, help="weights that train.py made")
    arguments = parser.parse_args()
    faces = collect(link_people(arguments.folder, arguments.work))
    split = split_by_person(faces.person, HELD_OUT, SEED)
    held_out = FaceSet(faces.crops[split.validation], faces.person[split.validation], faces.names)
    engine = Engine("onnx", "cpu", locate().cache)
    taught = teaching(load_embedder(TEACHER, cache=engine.cache, engine=engine), ARCHITECTURE)(faces.crops)
    pupil = Pupil(arguments.start, faces.crops)
    head = pupil.network.head.weight.detach().numpy()
    what = lesson(pupil.features(), head, taught, split.training)
    rows = {TEACHER: row(TEACHER, held_out, taught[split.validation])}
    rows["not taught"] = row("not taught", held_out, pupil.embed(split.validation))
    rows["target"] = row("target", held_out, what.targets[split.validation])

    def keep(name: str) -> None:
        """Measure the network as it is stored, and write it if it is the best so far."""
        rows[name] = row(name, held_out, pupil.embed(split.validation))
        refused = {step: mean_refused(rows[step]) for step in rows if step.startswith("taught")}
        if min(refused, key=refused.__getitem__) == name:
            content = write(pupil.stored(), ARCHITECTURE, "int8")
            (arguments.work / "taught.safetensors").write_bytes(content)
            rows[name]["weights_sha256"] = hashlib.sha256(content).hexdigest()
        record = json.loads((RESULTS / f"{RESULT}.json").read_text())
        save(RESULT, {**{key: record[key] for key in KEPT}, "rows": {**record["rows"], **rows}})

    with torch.no_grad():
        pupil.network.head.weight.copy_(torch.from_numpy(what.head))
    keep("taught, last layer")
    for epoch in pupil.learn(what, faces.person, split.training):
        keep(f"taught, epoch {epoch}")


def mean_refused(measured: dict) -> float:
    """Return the mean FNMR against centroids at an FMR of 1e-5."""
    return float(np.mean(measured["fnmr_centroids_of_3"]["1e-05"]))


if __name__ == "__main__":
    main()
