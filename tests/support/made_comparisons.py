"""Comparisons for tests, made without a photo."""

from __future__ import annotations

import numpy as np
from support.fakes import IDENTITY

from faceunlock.matching.error_rates import rate_over_people
from faceunlock.pipeline.samples import LeftOut
from faceunlock.studies.comparisons import Comparisons, Plan

ODD_NAME = "b\udcfeb"
"""A folder name need not be valid UTF-8; Python then carries it as surrogates."""


def made(people=5, strangers=3, seed=0):
    """Comparisons of people with two probes each, and of strangers with one, with everybody's template."""
    probe_person = np.array(
        [*np.repeat(range(people), 2), *range(people, people + strangers)], dtype=np.int32
    )
    similarity = np.random.default_rng(seed).uniform(-0.2, 0.6, (len(probe_person), people))
    similarity[probe_person[:, None] == np.arange(people)] += 0.35
    failures = (LeftOut("ada/grey.png", "no-face", "no face was found"),)
    return Comparisons(
        identity=IDENTITY,
        plan=Plan(3, 7, "central"),
        data="test, strangers from outside",
        people=people,
        photos=5 * people + 1,
        templates=people,
        strangers=strangers,
        stranger_photos=strangers,
        duplicates=1,
        own_photos=2,
        skipped=3,
        failures=failures,
        failures_to_acquire=rate_over_people([True] + 9 * [False], range(10)),
        created="2026-01-31T09:30:00Z",
        similarity=similarity,
        probe_person=probe_person,
        template_person=np.arange(people, dtype=np.int32),
        own_probes=2 * people,
        files=tuple(f"photo {number}.png" for number in range(len(probe_person))),
        names=("Ada", ODD_NAME, *(f"person {number}" for number in range(2, people))),
    )
