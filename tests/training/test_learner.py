"""What learns says about crops what the finished model will say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.made_models import TINY

from faceunlock.matching.templates import ModelIdentity
from faceunlock.pipeline.embedding.aligned import AlignedEmbedder
from faceunlock.pipeline.runtime.torch_runtime import TorchNetwork
from faceunlock.training.learner import Learner
from faceunlock.training.recipe import TrainingRecipe


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("shift", [0, 2])
def test_the_learner_looks_at_crops_as_the_finished_model_will(mirror, shift):
    architecture = replace(TINY, mirror=mirror, shift=shift)
    learner = Learner(TrainingRecipe("contrastive", architecture), ("a", "b"))
    identity = ModelIdentity("m", "0" * 64, architecture.preprocessing, 6)
    model = AlignedEmbedder(identity, architecture, TorchNetwork(learner.network.eval(), "cpu"))
    crops = np.random.default_rng(0).integers(0, 255, (5, 32, 32, 3), dtype=np.uint8)
    assert np.allclose(learner.embed(crops), model.embed(crops), atol=1e-5)
    plain = Learner(TrainingRecipe("contrastive", TINY), ("a", "b"))
    plain.take(learner.weights())
    assert np.allclose(learner.embed(crops), plain.embed(crops), atol=1e-4) == (not mirror and not shift)
