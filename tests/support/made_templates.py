"""Templates and calibrations for tests, made of nothing but numbers."""

from __future__ import annotations

import numpy as np

from faceunlock.matching.calibration import Calibration
from faceunlock.matching.templates import ModelIdentity, Template


def make_template(vector=(1.0, 2.0, 3.0), **changes) -> Template:
    fields = {
        "identity": ModelIdentity("dlib", "ab" * 32, "aligned-150", len(vector)),
        "vector_sum": np.array(vector),
        "count": 5,
        "mean_similarity": 0.9,
        "lowest_similarity": 0.8,
        "photo_key": bytes(range(32)),
        "photo_hashes": frozenset({"00" * 32, "11" * 32}),
    }
    return Template(**(fields | changes))


def make_calibration(identity, threshold=0.7) -> dict:
    """What a gallery stores for a model."""
    made = Calibration(
        model=identity.model,
        weights_sha256=identity.weights_sha256,
        preprocessing=identity.preprocessing,
        threshold=threshold,
        target_fmr=0.01,
        status="shipped",
        data="numbers",
        created="2025-01-31",
    )
    return made.to_dict()
