"""What a training learns: a network and the parameters of its loss; and the embeddings it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faceunlock.pipeline.embedding.crops import views
from faceunlock.pipeline.embedding.networks import make_network
from faceunlock.pipeline.embedding.residual_network import unit_length
from faceunlock.pipeline.models.architecture import Architecture
from faceunlock.training.face_set import FaceSet
from faceunlock.training.losses import DistillationLoss, SoftmaxLoss, class_directions, make_loss
from faceunlock.training.recipe import BY_PAIRS, TrainingRecipe
from faceunlock.training.validation import Validation, evenly_spread, validate

EMBED_BATCH = 256

LOSS_PHOTOS = 192
"""Held-out photos whose loss is computed, evenly spread: all triplets of them fit into memory."""


class Learner(nn.Module):
    """The network, and the parameters that the loss itself learns.

    Parameters
    ----------
    recipe : TrainingRecipe
    people : tuple of str
        Names of the people to tell apart.
    """

    def __init__(self, recipe: TrainingRecipe, people: tuple[str, ...]) -> None:
        super().__init__()
        self._recipe, self._people = recipe, people
        self.network = make_network(recipe.architecture)
        self.loss = make_loss(recipe, len(people))
        self._imitation = DistillationLoss()

    def objective(self, outputs: Tensor, person: Tensor, taught: Tensor | None) -> Tensor:
        """Return the value to minimise.

        Parameters
        ----------
        outputs : Tensor, shape (n, dimension)
            Outputs of the network.
        person : Tensor of int64, shape (n,)
            The person on each picture. Where several people have a share in a picture: float32, shape
            (n, people).
        taught : Tensor or None
            The teacher's unit embeddings, shape (n, dimension); None without a teacher.
        """
        if taught is None:
            value: Tensor = self.loss(outputs, person)
            return value
        imitation: Tensor = self._imitation(outputs, taught)
        if self._recipe.loss == "distill":
            return imitation
        value = self.loss(outputs, person)
        return value + self._recipe.teacher_weight * imitation

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the embeddings of crops without any variation, as the finished model computes them.

        Parameters
        ----------
        crops : ndarray of uint8, shape (n, size, size, 3)

        Returns
        -------
        ndarray of float32, shape (n, dimension)
            Unit vectors.
        """
        architecture = self._recipe.architecture
        device = next(self.network.parameters()).device
        self.network.eval()
        embeddings = np.empty((len(crops), architecture.dimension), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(crops), EMBED_BATCH):
                part = np.ascontiguousarray(crops[start : start + EMBED_BATCH].transpose(0, 3, 1, 2))
                seen = [
                    self.network(normalised(torch.from_numpy(view), architecture, device))
                    for view in views(part, architecture)
                ]
                outputs = torch.stack(seen).sum(dim=0)
                embeddings[start : start + EMBED_BATCH] = unit_length(outputs).cpu().numpy()
        return embeddings

    def directions(self) -> NDArray[np.float32] | None:
        """Return the directions of the people on the unit sphere, shape (people, dimension).

        Only ``softmax`` has them; otherwise this is None.
        """
        if not isinstance(self.loss, SoftmaxLoss):
            return None
        directions: NDArray[np.float32] = unit_length(self.loss.directions.detach()).cpu().numpy()
        return directions

    def aim(self, embeddings: NDArray[np.float32], person: NDArray[np.intp]) -> None:
        """Set the directions of the people, if the loss has any, to their mean embeddings.

        The mean of all is subtracted: what everybody has in common does not tell people apart.

        Parameters
        ----------
        embeddings : ndarray of float32, shape (n, dimension)
            Unit vectors.
        person : ndarray of intp, shape (n,)
        """
        directions = class_directions(self.loss)
        if directions is None:
            return
        totals = np.zeros(directions.shape)
        np.add.at(totals, person, embeddings)
        means = totals / np.bincount(person)[:, None] - embeddings.mean(axis=0, dtype=np.float64)
        length = directions.detach().norm(dim=1, keepdim=True)
        with torch.no_grad():
            directions.copy_(unit_length(torch.from_numpy(means)).to(length) * length)

    def measure(
        self,
        embeddings: NDArray[np.float32],
        faces: FaceSet,
        positions: NDArray[np.intp],
        taught: NDArray[np.float32] | None = None,
    ) -> Validation:
        """Return the results of embeddings from `embed` for photos of a set.

        `taught` are the teacher's embeddings of the same photos.
        """
        directions, named = self.directions(), None
        if directions is not None:
            names = np.array([faces.names.index(name) for name in self._people])
            named = names[np.argmax(embeddings @ directions.T, axis=1)]
        found = validate(embeddings, faces.person[positions], named, taught)
        return replace(found, loss=self._held_out_loss(embeddings, faces, positions))

    def _held_out_loss(
        self, embeddings: NDArray[np.float32], faces: FaceSet, positions: NDArray[np.intp]
    ) -> float | None:
        """Return the loss of some held-out photos together; None if the loss knows only its own people."""
        targets = faces.person[positions]
        if self._recipe.loss == "softmax":
            places = {faces.names.index(name): place for place, name in enumerate(self._people)}
            targets = np.array([places[one] for one in targets.tolist()], dtype=np.intp)
        elif self._recipe.loss not in BY_PAIRS:
            return None
        chosen = evenly_spread(len(targets), LOSS_PHOTOS)
        device = next(self.network.parameters()).device
        outputs = torch.from_numpy(embeddings[chosen]).to(device)
        with torch.inference_mode():
            value = float(self.loss(outputs, torch.from_numpy(targets[chosen]).to(device)))
        return value if isfinite(value) else None

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Return the part of the network's state that a model needs."""
        return {
            name: value.detach().cpu().numpy()
            for name, value in self.network.state_dict().items()
            if not name.endswith("num_batches_tracked")
        }

    def take(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Load weights, as returned by `weights`, into the network."""
        # The counters of batch normalisation may be missing; they are not used.
        self.network.load_state_dict(
            {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
        )


@dataclass(frozen=True, slots=True)
class NetworkLayer:
    """A part of a network that has weights of its own.

    Attributes
    ----------
    name : str
        Its name in the network; empty for weights of the network itself.
    kind : str
    output : tuple of int
        Shape of what it gives for one crop.
    parameters : int
        Number of its weights.
    """

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int


def layers_of(network: nn.Module, side: int) -> tuple[NetworkLayer, ...]:
    """Return the parts of a network that have weights, in the order in which a crop passes them.

    Parameters
    ----------
    network : nn.Module
        Takes float32 of shape (n, 3, side, side).
    side : int
    """
    found: list[NetworkLayer] = []
    names = {module: name for name, module in network.named_modules()}

    def note(module: nn.Module, _given: object, output: Tensor) -> None:
        count = sum(parameter.numel() for parameter in module.parameters(recurse=False))
        found.append(NetworkLayer(names[module], type(module).__name__, tuple(output.shape[1:]), count))

    own = [module for module in names if any(True for _ in module.parameters(recurse=False))]
    hooks = [module.register_forward_hook(note) for module in own]
    training = network.training
    try:
        with torch.inference_mode():
            parameter = next(network.parameters())
            network.eval()(torch.zeros(1, 3, side, side, device=parameter.device))
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    return tuple(found)


def normalised(pictures: Tensor, architecture: Architecture, device: torch.device) -> Tensor:
    """Return uint8 pictures, shape (n, 3, side, side), normalised as the network expects them."""
    mean, divisor = architecture.normalisation
    moved = pictures.to(device, non_blocking=True).float()
    normal = (moved - torch.tensor(mean, device=device).reshape(1, 3, 1, 1)) / divisor
    return normal.contiguous(memory_format=torch.channels_last)
