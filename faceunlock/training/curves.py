"""The picture of a training: the loss, and what the held-out photos said, over the epochs."""

from __future__ import annotations

import io
from collections.abc import Sequence

from faceunlock.rates import Rate
from faceunlock.training.checkpoint import EpochRecord


def draw_curves(history: Sequence[EpochRecord], title: str) -> bytes:
    """Return a PNG with the loss above and the validation below.

    Parameters
    ----------
    history : sequence of EpochRecord
        At least one.
    title : str
        The loss and the model.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    known = [(record.epoch, record.validation) for record in history if record.validation is not None]
    figure = Figure(figsize=(7.5, 6.5 if known else 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2 if known else 1, 1, sharex=True, squeeze=False)[:, 0]
    axes[0].set_title(title)
    axes[0].plot([record.epoch for record in history], [record.loss for record in history], marker=".")
    axes[0].set_ylabel("loss")
    if known:
        series: dict[str, list[tuple[int, float | None]]] = {
            "EER": [(epoch, found.eer) for epoch, found in known],
            "FNMR at FMR 1e-2": [(epoch, _value(found.fnmr_1e2)) for epoch, found in known],
            "FNMR at FMR 1e-3": [(epoch, _value(found.fnmr_1e3)) for epoch, found in known],
            "misnamed": [(epoch, _value(found.misnamed)) for epoch, found in known],
        }
        for label, points in series.items():
            told = [(epoch, 100.0 * value) for epoch, value in points if value is not None]
            if told:
                axes[1].plot([x for x, _ in told], [y for _, y in told], marker=".", label=label)
        best = [record.epoch for record in history if record.best]
        if best:
            axes[1].axvline(best[-1], color="gray", linestyle=":", label=f"kept: epoch {best[-1]}")
        last = known[-1][1]
        axes[1].set_ylabel("percent of pairs")
        axes[1].set_ylim(bottom=0)
        axes[1].set_title(
            f"{last.people} people, {last.photos} photos held out: {last.genuine:,} genuine, "
            f"{last.impostor:,} impostor pairs",
            fontsize="medium",
        )
        axes[1].legend()
    for one in axes:
        one.grid(alpha=0.3)
    axes[-1].set_xlabel("epoch")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    return content.getvalue()


def _value(rate: Rate | None) -> float | None:
    return None if rate is None else rate.value
