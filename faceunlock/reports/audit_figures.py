"""The figures of an audit: distances in blocks by group, FMR by threshold, rates with bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from faceunlock.matching.similarity import similarities
from faceunlock.reports.figures import WIDTH, Figure, Scheme, render, scale_around, two_sided
from faceunlock.reports.heatmap import LETTER, SCALE, letters, mark_threshold, short
from faceunlock.studies.measures import BLOCK, comparisons_within, distances

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

    from faceunlock.matching.rate import Rate
    from faceunlock.studies.audit import AuditReport, GroupedEmbeddings

FIGURES = ("distances", "fmr-by-threshold", "rates")

MOST_DRAWN = 240
"""Maximum photos in the distance matrix; with more, each would be less than three pixels."""

SMALLEST_BLOCK = 0.6
"""Smallest block of the distance matrix that has room for its mean, in inches."""

HATCHED, MEAN = "hatched", "mean"
"""Marks parts of the distance matrix, as matplotlib's ``gid``."""

MOST_CURVES = 6
"""Maximum groups drawn as curves, so that line styles can be told apart."""

MOST_POINTS = 2_000
"""Steps of a curve."""


def draw_figures(report: AuditReport) -> dict[str, Figure]:
    """Return the figures that can be drawn from the data of a report.

    Parameters
    ----------
    report : AuditReport

    Returns
    -------
    dict of str to Figure
        By name, from `FIGURES`; without the figures that have nothing to show.
    """
    figures = [_distances(report), _curves(report), _rates(report)]
    return {figure.name: figure for figure in figures if figure is not None}


def sampled(material: GroupedEmbeddings, most: int, seed: int) -> NDArray[np.intp]:
    """Return at most `most` photos, the same number of each group if it has them, in their order.

    Each group keeps at least two photos, even if that exceeds `most`.
    """
    generator = np.random.default_rng(seed)
    groups = [np.flatnonzero(material.group == i) for i in range(len(material.names))]
    share = max(2, most // max(1, len(groups)))
    chosen = [
        group if len(group) <= share else np.sort(generator.choice(group, share, replace=False))
        for group in groups
    ]
    return np.concatenate(chosen)


def _distances(report: AuditReport) -> Figure | None:
    material = report.material
    if len(material.files) < 2:
        return None
    chosen = sampled(material, MOST_DRAWN, report.audit.seed)
    vectors, group = material.embeddings[chosen], material.group[chosen]
    table = distances(similarities(vectors, vectors))
    np.fill_diagonal(table, np.nan)
    sizes = np.bincount(group, minlength=len(material.names))
    shown = [i for i, size in enumerate(sizes) if size]
    edges = np.cumsum([0, *(int(sizes[i]) for i in shown)])
    block_means = mean_distances(report)[np.ix_(shown, shown)]
    limit = float(distances(report.audit.threshold))

    def draw(scheme: Scheme) -> Drawing:
        labels = [f"{short(material.names[i])} ({sizes[i]:,})" for i in shown]
        return _draw_distances(scheme, table, edges, labels, block_means, limit)

    means = "; ".join(
        f"{result.name} {result.mean_distance:.3f}"
        for result in report.audit.groups
        if result.mean_distance is not None
    )
    part = "" if len(chosen) == len(material.files) else f" A random {len(chosen):,} of them are drawn."
    return render(
        draw,
        name="distances",
        title="Distances between photos",
        caption="Distance of every photo to every other, in blocks by group. Yellow is close enough to "
        "match; the colours change fastest around the threshold. Each block has its mean distance between "
        f"two people. Hatched: pairs of two groups, which count for neither.{part}",
        alt=f"A square of distances with {len(shown)} blocks along the diagonal, one for each group. Mean "
        f"distance between two people of one group: {means or 'cannot tell'}.",
        photographic=True,
    )


def mean_distances(report: AuditReport) -> NDArray[np.float64]:
    """Return the mean Euclidean distance between photos of two people, for every two groups.

    Returns
    -------
    ndarray of float64, shape (groups, groups)
        NaN where there are no two people.
    """
    material, groups = report.material, report.audit.groups
    members = [material.embeddings[material.group == i] for i in range(len(groups))]
    means = np.full((len(groups), len(groups)), np.nan)
    for i, group in enumerate(groups):
        means[i, i] = np.nan if group.mean_distance is None else group.mean_distance
        for j in range(i):
            if len(members[i]) and len(members[j]):
                step = max(1, BLOCK // len(members[j]))
                rows = (members[i][start : start + step] for start in range(0, len(members[i]), step))
                total = sum(float(distances(similarities(part, members[j])).sum()) for part in rows)
                means[i, j] = means[j, i] = total / (len(members[i]) * len(members[j]))
    return means


def _draw_distances(
    scheme: Scheme,
    table: NDArray[np.float64],
    edges: NDArray[np.intp],
    labels: list[str],
    means: NDArray[np.float64],
    limit: float,
) -> Drawing:
    from matplotlib.figure import Figure as Drawing
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    side, count = 6.4, len(labels)
    along = count <= 4  # with more groups, names across the columns would overlap
    left = 0.45 if along else 0.3 + LETTER * max(map(letters, labels))
    left = min(left, WIDTH - side - 0.1)
    below = 0.3 if along else left
    width, height = left + side + 0.1, 0.1 + side + below + SCALE
    drawing = Drawing(figsize=(width, height))
    axes = drawing.add_axes((left / width, (below + SCALE) / height, side / width, side / height))
    lowest = min(float(np.nanquantile(table, 0.002)), limit - 0.05)
    norm = scale_around(limit, lowest, max(float(np.nanmax(table)), limit + 0.05))
    image = axes.imshow(
        table, cmap=two_sided(scheme, high_is_light=False), norm=norm, interpolation="nearest"
    )
    middles = (edges[:-1] + edges[1:] - 1) / 2
    axes.set_xticks(middles, labels, rotation=0 if along else 90)
    axes.set_yticks(middles, labels, rotation=90 if along else 0, va="center")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for edge in edges[1:-1]:
        for line in (axes.axhline, axes.axvline):
            line(edge - 0.5, color=scheme.paper, linewidth=2.5)
    sizes = np.diff(edges)
    for (row, column), mean in np.ndenumerate(means):
        across, down = int(sizes[column]), int(sizes[row])
        if row != column:
            corner = (float(edges[column]) - 0.5, float(edges[row]) - 0.5)
            block = Rectangle(corner, across, down, fill=False, linewidth=0, hatch="//", gid=HATCHED)
            block.set_edgecolor((1.0, 1.0, 1.0, 0.16))
            axes.add_patch(block)
        if np.isfinite(mean) and min(across, down) * side / edges[-1] >= SMALLEST_BLOCK:
            text = axes.text(
                float(middles[column]), float(middles[row]), f"{mean:.3f}", ha="center", va="center", gid=MEAN
            )
            text.set(fontsize=13, fontweight="bold", color=scheme.ink)
            text.set_path_effects([withStroke(linewidth=4, foreground=scheme.paper)])
    bar = drawing.add_axes((left / width, 0.5 / height, side / width, 0.15 / height))
    scale = drawing.colorbar(image, cax=bar, orientation="horizontal")
    mark_threshold(
        scale, limit, scheme, "Euclidean distance of the unit embeddings (0 to 2)", ("match", "no match")
    )
    return drawing


def _curves(report: AuditReport) -> Figure | None:
    material, audit = report.material, report.audit
    tried = [i for i, group in enumerate(audit.groups) if group.fmr.trials]
    # The groups with the highest rates matter most.
    drawn = sorted(sorted(tried, key=lambda i: -audit.groups[i].fmr.value)[:MOST_CURVES])
    if not drawn:
        return None
    curves = [(material.names[i], *_false_match_curve(material, i)) for i in drawn]

    def draw(scheme: Scheme) -> Drawing:
        from matplotlib.figure import Figure as Drawing

        drawing = Drawing(figsize=(WIDTH, 4.4), layout="constrained")
        axes = drawing.add_subplot()
        colours = (scheme.first, scheme.second, scheme.third)
        for number, (name, similarity, rate) in enumerate(curves):
            style = "solid" if number < len(colours) else "dashed"
            axes.step(similarity, rate, where="pre", label=name, linestyle=style,
                      color=colours[number % len(colours)])  # fmt: skip
        axes.axvline(audit.threshold, color=scheme.muted, linewidth=1, linestyle="dotted")
        axes.annotate(
            f"threshold {audit.threshold:.3f}",
            (audit.threshold, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(-4, -2),
            textcoords="offset points",
            ha="right",
            va="top",
            color=scheme.muted,
            fontsize=9,
        )
        axes.set_yscale("log")
        # Percentages instead of powers of ten, because math text is off for the sake of names.
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
        highest = max(audit.threshold, *(float(similarity[-1]) for _, similarity, _ in curves))
        lowest = min(audit.threshold, *(float(similarity[0]) for _, similarity, _ in curves))
        axes.set_xlim(lowest - 0.01, min(1.0, highest + 0.01))
        axes.set_xlabel("threshold (cosine similarity, −1 to 1)")
        axes.set_ylabel("false match rate (share of comparisons)")
        axes.grid(visible=True)
        axes.legend(title="group", loc="lower left")
        return drawing

    rates = "; ".join(f"{audit.groups[i].name} {_counts(audit.groups[i].fmr)}" for i in drawn)
    left = "" if len(drawn) == len(tried) else f" Drawn: the {len(drawn)} groups with the highest rate."
    return render(
        draw,
        name="fmr-by-threshold",
        title="False match rate of each group by threshold",
        caption="Share of the comparisons between two people of one group that would match at each "
        f"threshold. At the threshold in use: {rates}. Curves jump where few comparisons are left.{left}",
        alt=f"One falling curve for each group. At the threshold {audit.threshold:.3f}: {rates}.",
    )


def _false_match_curve(
    material: GroupedEmbeddings, group: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return thresholds in ascending order, and the share of comparisons at or above each."""
    chosen = material.group == group
    scores = np.sort(comparisons_within(material.embeddings[chosen], material.person[chosen])[1].scores)
    rank = len(scores) - np.arange(len(scores))
    # Keep the whole tail, where the threshold is, and thin the rest to what can be seen.
    step = max(1, len(scores) // MOST_POINTS)
    kept = (np.arange(len(scores)) % step == 0) | (rank <= MOST_POINTS)
    return scores[kept], rank[kept] / len(scores)


def _rates(report: AuditReport) -> Figure | None:
    audit = report.audit
    panels = [
        (title, [(group.name, rate) for group, rate in rates if rate.trials])
        for title, rates in (
            ("FMR, two people of one group", [(group, group.fmr) for group in audit.groups]),
            ("FNMR, two photos of one person", [(group, group.fnmr) for group in audit.groups]),
        )
    ]
    panels = [(title, rows) for title, rows in panels if rows]
    if not panels:
        return None
    most = max(len(rows) for _, rows in panels)

    def draw(scheme: Scheme) -> Drawing:
        from matplotlib.figure import Figure as Drawing

        drawing = Drawing(figsize=(WIDTH, 1.1 + 0.34 * most), layout="constrained")
        for axes, (title, rows) in zip(
            drawing.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            _interval_panel(axes, title, rows, scheme)
        return drawing

    said = "; ".join(
        f"{title}: {', '.join(f'{name} {_counts(rate)}' for name, rate in rows)}" for title, rows in panels
    )
    return render(
        draw,
        name="rates",
        title="Error rates with their bounds",
        caption=f"Points are rates at the threshold {audit.threshold:.4f}; bars are their 95 % bounds over "
        "people. FMR bars end at the one-sided upper bound; FNMR bars show the two-sided interval. Whether "
        "bars overlap proves nothing either way; see the p-values.",
        alt=said,
    )


def _interval_panel(axes: Any, title: str, rows: list[tuple[str, Rate]], scheme: Scheme) -> None:
    positions = np.arange(len(rows))[::-1]
    for position, (_, rate) in zip(positions, rows, strict=True):
        axes.plot([rate.lower, rate.upper], [position] * 2, color=scheme.first, linewidth=2, alpha=0.6)
        axes.plot([rate.upper] * 2, [position - 0.14, position + 0.14], color=scheme.first, linewidth=2)
        axes.plot(rate.value, position, "o", color=scheme.first, markersize=6)
    axes.set_yticks(positions, [name for name, _ in rows])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlim(left=0)
    axes.set_title(title)
    axes.set_xlabel("rate")
    axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    axes.locator_params(axis="x", nbins=6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="x")


def _counts(rate: Rate) -> str:
    return f"{100 * rate.value:.3g} % ({rate.errors:,} of {rate.trials:,})"
