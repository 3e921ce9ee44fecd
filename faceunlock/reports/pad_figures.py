"""Pictures of the scores that the stages of ``verify --require-live`` judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from faceunlock.liveness.measuring import SCORES, THRESHOLDS, Presentation, by_kind
from faceunlock.reports.figures import OKABE_ITO, Figure, Scheme, render

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

MEANINGS = {
    "E1": "E1: furthest turn to one side, in eye distances",
    "E2": "E2: furthest turn to the lesser side, in eye distances",
    "texture": "mean score of MiniFASNet, 0 to 1",
}
"""The scores, in words for an axis."""

STAGES = {"E2": THRESHOLDS["turn"], "texture": THRESHOLDS["texture"]}
"""The scores with a threshold; nothing is decided by E1."""


def draw_scores(presentations: Sequence[Presentation], score: str) -> Figure:
    """Return a picture of one score: every presentation is a dot, every kind of presentation a row.

    Parameters
    ----------
    presentations : sequence of Presentation
    score : {"E1", "E2", "texture"}
        Key of `faceunlock.liveness.measuring.SCORES`.
    """
    if score not in SCORES:
        raise ValueError(f"there is no score {score}")
    kinds = by_kind(presentations, score)
    return render(
        lambda scheme: _draw(scheme, score, kinds),
        name=score,
        title=MEANINGS[score],
        caption=", ".join(f"{len(values)} {kind}" for kind, values in kinds.items()),
        alt="; ".join(f"{kind}: {min(values):.3f} to {max(values):.3f}" for kind, values in kinds.items()),
    )


def _draw(scheme: Scheme, score: str, kinds: dict[str, list[float]]) -> Drawing:
    from matplotlib.figure import Figure as Canvas

    drawing = Canvas(figsize=(7.0, 1.1 + 0.55 * len(kinds)), layout="constrained")
    axes = drawing.subplots()
    for row, values in enumerate(kinds.values()):
        # A little up and down, always the same, so that equal scores are seen.
        height = row + 0.28 * np.sin(np.arange(len(values)) * 2.4)
        axes.plot(values, height, "o", color=OKABE_ITO[row % len(OKABE_ITO)], alpha=0.6, markersize=5)
        axes.vlines(np.median(values), row - 0.36, row + 0.36, color=scheme.ink, linewidth=1.6)
    axes.set_yticks(range(len(kinds)), [f"{kind} ({len(values)})" for kind, values in kinds.items()])
    axes.invert_yaxis()
    axes.set_xlabel(MEANINGS[score])
    if score in STAGES:
        axes.axvline(STAGES[score], color=scheme.ink, linestyle="--", linewidth=1.2)
        axes.set_title(f"dashed: passes from {STAGES[score]:g}; black: median", fontsize=9)
    axes.set_xlim(left=0)
    return drawing
