"""The figure of a training: the loss by step and by epoch, and the results on the held-out photos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from faceunlock.matching.rate import Rate
from faceunlock.reports.figures import WIDTH, Scheme, draw_png
from faceunlock.training.checkpoint import EpochRecord, StepLosses
from faceunlock.training.validation import Validation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

PANEL = 2.6
"""Height of a panel, in inches."""


def draw_curves(history: Sequence[EpochRecord], steps: StepLosses, title: str) -> bytes:
    """Return a PNG: loss, accuracy and error rates on held-out photos, and the cosine with a teacher.

    Parameters
    ----------
    history : sequence of EpochRecord
        At least one.
    steps : StepLosses
        The losses of all steps.
    title : str
        Title that names the loss and the model.
    """
    return draw_png(lambda scheme: _draw(scheme, history, steps, title))


def accuracy(found: Validation) -> float | None:
    """Return the share of held-out photos named right or, for other losses, of held-out pairs judged right.

    The pairs are judged at the threshold where both kinds of error are equally frequent, so it is 1 - EER,
    and as many pairs of two people as of one person would not change it.
    """
    if found.misnamed is not None and found.misnamed.trials:
        return 1.0 - found.misnamed.value
    return None if found.eer is None else 1.0 - found.eer


def _draw(scheme: Scheme, history: Sequence[EpochRecord], steps: StepLosses, title: str) -> Drawing:
    from matplotlib.figure import Figure as Drawing
    from matplotlib.ticker import MaxNLocator

    known = [(record.epoch, record.validation) for record in history if record.validation is not None]
    cosines = [(epoch, found.teacher_cosine) for epoch, found in known if found.teacher_cosine is not None]
    panels = 1 + 2 * bool(known) + bool(cosines)
    drawing = Drawing(figsize=(WIDTH, 0.6 + PANEL * panels), layout="constrained")
    axes = drawing.subplots(panels, 1, sharex=True, squeeze=False)[:, 0]
    _draw_loss(axes[0], history, steps, title, scheme)
    if known:
        best = [record.epoch for record in history if record.best]
        kept = best[-1] if best else None
        _draw_accuracy(axes[1], known, kept, scheme)
        _draw_rates(axes[2], known, kept, scheme)
    if cosines:
        axes[3].plot(*zip(*cosines, strict=True), marker="o", markersize=4, color=scheme.first)
        axes[3].set_ylabel("cosine with the teacher")
        axes[3].set_title("Mean over the held-out photos")
    for one in axes:
        one.grid(visible=True)
    axes[-1].set_xlabel("epoch")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[-1].set_xlim(0, history[-1].epoch * 1.02)
    return drawing


def _draw_loss(
    axes: Axes, history: Sequence[EpochRecord], steps: StepLosses, title: str, scheme: Scheme
) -> None:
    """Draw the loss of every step (or of some steps together), and the mean of every epoch at its end."""
    losses = np.asarray(steps.means)
    # Step by step from 0 to the last epoch; only a step that was not finished is missing.
    places = (np.arange(len(losses)) + 0.5) * steps.each * history[-1].epoch / max(1, steps.count)
    each = f"training photos, {'each step' if steps.each == 1 else f'mean of {steps.each:,} steps'}"
    axes.plot(places, losses, color=scheme.first, linewidth=0.9, alpha=0.45, label=each)
    axes.plot(
        [record.epoch for record in history],
        [record.loss for record in history],
        marker="o",
        markersize=4,
        color=scheme.first,
        label="training photos, mean of each epoch",
    )
    held_out = [
        (record.epoch, record.validation.loss)
        for record in history
        if record.validation is not None and record.validation.loss is not None
    ]
    if held_out:
        label = "held-out photos"
        axes.plot(
            *zip(*held_out, strict=True), "--", marker="s", markersize=4, color=scheme.second, label=label
        )
    axes.set_title(title)
    axes.set_ylabel("loss")
    axes.legend(loc="upper right")


def _draw_accuracy(
    axes: Axes, known: Sequence[tuple[int, Validation]], kept: int | None, scheme: Scheme
) -> None:
    """Draw the accuracy on held-out people or photos, with the kept epoch."""
    told = [(epoch, 100.0 * value) for epoch, found in known if (value := accuracy(found)) is not None]
    last = known[-1][1]
    people = f"{last.people:,} people" if last.people != 1 else "one person"
    axes.set_title(
        f"Held out: {last.photos:,} photos of {people}; {last.genuine:,} genuine, {last.impostor:,} impostor "
        "pairs"
    )
    what = "photos named right" if last.misnamed is not None else "pairs judged right (1 − EER)"
    axes.set_ylabel("accuracy in percent")
    if told:
        axes.plot(*zip(*told, strict=True), marker="s", markersize=4, color=scheme.third, label=what)
        lowest = min(value for _, value in told)
        axes.set_ylim(min(45.0, 5.0 * np.floor(lowest / 5.0)), 101.5)
    _mark_kept(axes, kept, scheme)


def _draw_rates(
    axes: Axes, known: Sequence[tuple[int, Validation]], kept: int | None, scheme: Scheme
) -> None:
    """Draw the error rates on the held-out photos."""
    series: dict[str, list[tuple[int, float | None]]] = {
        "EER": [(epoch, found.eer) for epoch, found in known],
        "FNMR at FMR 1e-2": [(epoch, _value(found.fnmr_1e2)) for epoch, found in known],
        "FNMR at FMR 1e-3": [(epoch, _value(found.fnmr_1e3)) for epoch, found in known],
        "photos misnamed": [(epoch, _value(found.misnamed)) for epoch, found in known],
    }
    styles = ((scheme.first, "-"), (scheme.second, "--"), (scheme.third, "-."), (scheme.muted, ":"))
    for (label, points), (colour, line) in zip(series.items(), styles, strict=True):
        told = [(epoch, 100.0 * value) for epoch, value in points if value is not None]
        if told:
            axes.plot(*zip(*told, strict=True), line, marker="o", markersize=4, color=colour, label=label)
    # Not only pairs: the misnamed are photos.
    axes.set_ylabel("error rate in percent")
    axes.set_ylim(bottom=0)
    _mark_kept(axes, kept, scheme)


def _mark_kept(axes: Axes, kept: int | None, scheme: Scheme) -> None:
    if kept is not None:
        axes.axvline(kept, color=scheme.ink, linestyle=":", linewidth=1.2, label=f"kept: epoch {kept}")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best")


def _value(rate: Rate | None) -> float | None:
    return None if rate is None else rate.value
