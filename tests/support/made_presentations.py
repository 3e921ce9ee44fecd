"""Presentations for tests, made of nothing but scores."""

from __future__ import annotations

import numpy as np

from faceunlock.liveness.measuring import Presentation, measure


def made(live=12, attacks=12, gap=5.0, species="print", seed=0):
    """Scores of one check: live ones around 0, attacks `gap` lower; other people than the live ones."""
    generator = np.random.default_rng(seed)
    return [
        *(
            Presentation(f"p{n}", None, {"moire": float(generator.normal())})
            for n in range(live)
            for _ in range(3)
        ),
        *(
            Presentation(f"a{n}", species, {"moire": float(generator.normal() - gap)})
            for n in range(attacks)
            for _ in range(3)
        ),
    ]


def judged(presentations, target=0.1, seed=0):
    return measure(
        presentations, target_bpcer=target, seed=seed, created="2026-01-31T00:00:00+00:00", data="x"
    )
