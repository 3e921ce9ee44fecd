"""Drawings of scores: histograms and DET curves."""

from __future__ import annotations

from math import floor, log10
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceunlock.reports.figures import Scheme
from faceunlock.studies.overview import Operation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

SIZE = (4.15, 3.7)
"""Size in inches of a drawing that shares a row with another."""

FINEST, COARSEST = 1e-6, 0.5
"""Ends of the axes of a DET plot, unless a threshold in use lies beyond them."""

TICKS = (0.99, 0.9, 0.5, 0.2, 0.05, 0.01, 1e-3, 1e-4, 1e-5, 1e-6)
TICK_ROOM = 0.12
"""Minimum distance between ticks, as a share of the axis."""
MOST_BARS = 60
WIDTHS = (0.002, 0.004, 0.01, 0.02, 0.05)


def draw_histogram(scheme: Scheme, operation: Operation) -> Drawing:
    """Draw histograms of the similarity of genuine and impostor comparisons, and the threshold."""
    drawing, axes = _axes()
    tally = operation.tally
    kinds = (
        ("impostor", tally.impostor.sum(axis=0, dtype=np.int64), scheme.second, "--"),
        ("genuine", tally.genuine.sum(axis=0, dtype=np.int64), scheme.first, "-"),
    )
    limits = bars(tally.edges, kinds[0][1] + kinds[1][1], operation.threshold)
    centres = (tally.edges[:-1] + tally.edges[1:]) / 2
    highest = 0.0
    for kind, counts, colour, line in kinds:
        if counts.sum():
            share = np.histogram(centres, limits, weights=counts)[0] / counts.sum()
            axes.stairs(share, limits, fill=True, color=colour, alpha=0.22)
            axes.stairs(share, limits, color=colour, linestyle=line, linewidth=1.8, label=kind)
            highest = max(highest, float(share.max()))
    axes.axvline(operation.threshold, color=scheme.ink, linewidth=1.2)
    # Put the label on the side of the threshold with more room.
    left = operation.threshold > (limits[0] + limits[-1]) / 2
    axes.annotate(
        f"threshold {operation.threshold:.4f}",
        (operation.threshold, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(-5 if left else 5, -3),
        textcoords="offset points",
        ha="right" if left else "left",
        va="top",
        fontsize=9,
    )
    axes.set_xlim(limits[0], limits[-1])
    axes.set_ylim(0, highest * 1.22 or 1.0)
    axes.yaxis.set_major_formatter(_percent)
    axes.set_xlabel("similarity (cosine, without unit)")
    axes.set_ylabel(f"share of comparisons per {limits[1] - limits[0]:g}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.13), ncols=2, handlelength=2.4)
    return drawing


def bars(edges: ArrayLike, counts: NDArray[np.int64], threshold: float) -> NDArray[np.float64]:
    """Return limits of at most `MOST_BARS` bars of a round width that cover all counts and the threshold."""
    lower, upper = np.asarray(edges)[:-1], np.asarray(edges)[1:]
    filled = np.flatnonzero(counts)
    low = min(threshold, lower[filled[0]] if len(filled) else -1.0)
    high = max(threshold, upper[filled[-1]] if len(filled) else 1.0)
    width = next((one for one in WIDTHS if (high - low) / one <= MOST_BARS - 2), WIDTHS[-1])
    first, last = np.floor(low / width + 1e-9) - 1, np.ceil(high / width - 1e-9) + 1
    return np.clip(np.arange(first, last + 1) * width, -1.0 - width, 1.0 + width)


def draw_det(scheme: Scheme, photos: Operation, templates: Operation) -> Drawing:
    """Draw FNMR over FMR on normal-deviate axes.

    On these axes, two normal distributions of scores give a straight line. A. Martin and others, "The
    DET curve in assessment of detection task performance", Eurospeech 1997.
    Operations without a curve (see `has_curve`) are left out.
    """
    drawing, axes = _axes((4.9, 4.6))
    kinds = (
        ("photo against photo", photos, scheme.first, "-", "o"),
        ("photo against centroid", templates, scheme.second, "--", "s"),
    )
    shown = [kind for kind in kinds if has_curve(kind[1])]
    lowest_fmr = min(_finest(kind[1].tally.impostor_trials) for kind in shown)
    lowest_fnmr = min(_finest(kind[1].tally.genuine_trials) for kind in shown)
    grid = np.geomspace(lowest_fmr, COARSEST, 120)
    for label, operation, colour, line, marker in shown:
        fmr, fnmr = operation.tally.det()
        seen = (fmr > 0) & (fnmr > 0)  # 0 has no normal deviate
        fmr, fnmr = fmr[seen], fnmr[seen]
        axes.plot(_probit(fmr, lowest_fmr), _probit(fnmr, lowest_fnmr), line, color=colour, label=label)
        # Below one false match there is nothing to resample.
        covered = grid[grid >= 1.0 / operation.tally.impostor_trials]
        band = operation.tally.det_band(covered)
        if band is not None:
            axes.fill_between(
                _probit(covered, lowest_fmr),
                _probit(band[0], lowest_fnmr),
                _probit(band[1], lowest_fnmr),
                color=colour,
                alpha=0.2,
                linewidth=0,
            )
        axes.plot(
            _probit([operation.fmr.value], lowest_fmr),
            _probit([operation.fnmr.value], lowest_fnmr),
            marker,
            color=scheme.paper,
            markeredgecolor=colour,
            markeredgewidth=2,
            markersize=8,
            clip_on=False,
            zorder=5,
        )
    ends = []
    for axis, lowest, used, name in (
        (axes.xaxis, lowest_fmr, [kind[1].fmr for kind in shown], "false match rate, FMR"),
        (axes.yaxis, lowest_fnmr, [kind[1].fnmr for kind in shown], "false non-match rate, FNMR"),
    ):
        highest = _coarsest([measured.value for measured in used])
        ticks = _ticks(lowest, highest)
        axis.set_ticks(_probit(ticks, lowest), [_rate(tick) for tick in ticks])
        axis.set_label_text(f"{name} (normal deviate scale)")
        low, high = _probit([lowest, highest], lowest)
        ends.append((float(low), float(high)))
    axes.set(xlim=ends[0], ylim=ends[1])
    axes.grid(visible=True)
    diagonal = _probit([max(lowest_fmr, lowest_fnmr), COARSEST], 0.0)
    axes.plot(diagonal, diagonal, ":", color=scheme.muted, linewidth=1)
    axes.legend(loc="upper center", bbox_to_anchor=(0.44, 1.12), ncols=2, columnspacing=1.2, handlelength=2.2)
    return drawing


def has_curve(operation: Operation) -> bool:
    """Return whether some threshold gives both false matches and false non-matches."""
    fmr, fnmr = operation.tally.det()
    return bool(np.any((fmr > 0) & (fnmr > 0)))


def _axes(size: tuple[float, float] = SIZE) -> tuple[Drawing, Axes]:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=size, layout="constrained")
    return drawing, drawing.add_subplot()


def _finest(trials: int) -> float:
    """Return the lower end of an axis: the power of ten at or below one error in `trials`."""
    return max(FINEST, 10.0 ** floor(log10(1.0 / max(trials, 10))))


def _coarsest(used: list[float]) -> float:
    """Return the upper end of an axis that shows the rates at the thresholds in use."""
    highest = max(COARSEST, *used)
    return min((tick for tick in TICKS if tick >= highest), default=1.0 - 1e-6)


def _ticks(lowest: float, highest: float) -> list[float]:
    """Return the rates at which an axis has ticks: round ones, with room for their labels."""
    low, high = _probit([lowest, highest], lowest)
    kept: list[float] = []
    for tick in TICKS:
        at = _probit([*kept[-1:], tick], lowest)
        if lowest * 0.999 <= tick <= highest and (not kept or at[0] - at[1] >= TICK_ROOM * (high - low)):
            kept.append(tick)
    return kept


def _probit(rate: ArrayLike, lowest: float) -> NDArray[np.float64]:
    """Return normal deviates of rates; rates below `lowest` are moved to it."""
    from scipy.stats import norm

    deviates: NDArray[np.float64] = norm.ppf(np.clip(rate, lowest, 1.0 - 1e-9))
    return deviates


def _rate(value: float) -> str:
    return f"{100 * value:.12g} %"


def _percent(value: float, _: float) -> str:
    return f"{100 * value:.3g} %"
