"""The plot of a training: the loss, and the results on the held-out photos, over the epochs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from faceunlock.files.dependencies import before_others_write
from faceunlock.matching.rate import Rate
from faceunlock.training.checkpoint import EpochRecord
from faceunlock.training.validation import Validation

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_curves(history: Sequence[EpochRecord], title: str) -> bytes:
    """Return a PNG with the loss, the error rates of the validation, and the cosine with a teacher.

    Parameters
    ----------
    history : sequence of EpochRecord
        At least one.
    title : str
        Title that names the loss and the model.
    """
    before_others_write()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    known = [(record.epoch, record.validation) for record in history if record.validation is not None]
    cosines = [(epoch, found.teacher_cosine) for epoch, found in known if found.teacher_cosine is not None]
    panels = 1 + bool(known) + bool(cosines)
    figure = Figure(figsize=(7.5, 0.5 + 3.0 * panels), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0]
    axes[0].set_title(title)
    axes[0].plot([record.epoch for record in history], [record.loss for record in history], marker=".")
    axes[0].set_ylabel("loss")
    if known:
        best = [record.epoch for record in history if record.best]
        _draw_rates(axes[1], known, best[-1] if best else None)
    if cosines:
        axes[2].plot(*zip(*cosines, strict=True), marker=".")
        axes[2].set_ylabel("cosine with the teacher")
        axes[2].set_title("mean over the held-out photos", fontsize="medium")
    for one in axes:
        one.grid(alpha=0.3)
    axes[-1].set_xlabel("epoch")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    return content.getvalue()


def _draw_rates(axes: Axes, known: Sequence[tuple[int, Validation]], kept: int | None) -> None:
    """Draw the error rates on the held-out photos."""
    series: dict[str, list[tuple[int, float | None]]] = {
        "EER": [(epoch, found.eer) for epoch, found in known],
        "FNMR at FMR 1e-2": [(epoch, _value(found.fnmr_1e2)) for epoch, found in known],
        "FNMR at FMR 1e-3": [(epoch, _value(found.fnmr_1e3)) for epoch, found in known],
        "photos misnamed": [(epoch, _value(found.misnamed)) for epoch, found in known],
    }
    for label, points in series.items():
        told = [(epoch, 100.0 * value) for epoch, value in points if value is not None]
        if told:
            axes.plot([x for x, _ in told], [y for _, y in told], marker=".", label=label)
    if kept is not None:
        axes.axvline(kept, color="gray", linestyle=":", label=f"kept: epoch {kept}")
    last = known[-1][1]
    # Not only pairs: the misnamed are photos.
    axes.set_ylabel("error rate in percent")
    axes.set_ylim(bottom=0)
    axes.set_title(
        f"{last.people} people, {last.photos} photos held out: {last.genuine:,} genuine, "
        f"{last.impostor:,} impostor pairs",
        fontsize="medium",
    )
    if axes.get_legend_handles_labels()[0]:
        axes.legend()


def _value(rate: Rate | None) -> float | None:
    return None if rate is None else rate.value
