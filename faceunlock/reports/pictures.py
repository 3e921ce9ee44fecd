"""Drawings with faces on them: the similarity heatmap and the map of the embeddings."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from faceunlock.matching.similarity import similarities
from faceunlock.reports.figures import OKABE_ITO, SEQUENTIAL, Scheme
from faceunlock.reports.selection import Positions, choose_apart, spread
from faceunlock.studies.collection import LabelledSamples
from faceunlock.studies.projection import Projection

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

SIDE = 6.4
"""Side of the heatmap itself, in inches."""

THUMBNAIL, SMALL_THUMBNAIL = 0.44, 0.32
"""Side of a face, in inches: the usual one, and the one with many photos."""

MANY = 150
NAME_LENGTH = 20
LETTER, LINE = 0.085, 0.165
"""Approximate width of a letter of a name and height of a line of text, in inches."""

COLOURED_PEOPLE = 16
"""Maximum number of people that colours and markers can tell apart."""

MAP_THUMBNAILS = 400
MAP_SIZE = (9.6, 7.4)
MARKERS = ("o", "s")
LINES = ("-", (0, (2, 1)))


def draw_heatmap(scheme: Scheme, samples: LabelledSamples, chosen: Positions) -> Drawing:
    """Draw the similarities of some photos, grouped by person, with names and faces along the sides.

    Parameters
    ----------
    scheme : Scheme
    samples : LabelledSamples
    chosen : ndarray of intp
        Positions, grouped by person.
    """
    from matplotlib.figure import Figure as Drawing

    names, limits = blocks(samples, chosen)
    cell = SIDE / len(chosen)
    faces = THUMBNAIL if samples.thumbnails else 0.0
    shown = [_short(name) for name in names]
    gutter = max(map(len, shown)) * LETTER + 0.35
    left, top, right, bottom = gutter + faces, faces + 0.12, 1.0, 0.15
    width, height = left + SIDE + right, top + SIDE + bottom
    drawing = Drawing(figsize=(width, height))

    def place(x: float, y: float, across: float, down: float) -> Axes:
        """Return axes placed in inches from the upper left corner."""
        return drawing.add_axes((x / width, 1 - (y + down) / height, across / width, down / height))

    table = similarities(samples.embeddings[chosen], samples.embeddings[chosen])
    np.fill_diagonal(table, np.nan)  # a photo is not compared with itself
    axes = place(left, top, SIDE, SIDE)
    image = axes.imshow(
        table, cmap=_colours(scheme), vmin=colour_floor(table), vmax=1.0, interpolation="nearest"
    )
    axes.set_axis_off()
    width_between = 1.2 if cell > 0.1 else 0.7
    for limit in limits[1:-1]:
        for line in (axes.axhline, axes.axvline):
            line(limit - 0.5, color=scheme.paper, linewidth=width_between)
    scale = drawing.colorbar(image, cax=place(left + SIDE + 0.2, top, 0.16, SIDE))
    scale.set_label("similarity (cosine, without unit)")
    scale.outline.set_visible(False)

    if samples.thumbnails:
        rows, where, size = _faces_along(limits, cell)
        for row, at in zip(rows, where, strict=True):
            picture = _picture(samples, int(chosen[row]))
            inset = faces - size - 0.04  # always next to the heatmap
            for x, y in ((gutter + inset, top + at - size / 2), (left + at - size / 2, 0.12 + inset)):
                side = place(x, y, size * 0.94, size * 0.94)
                side.imshow(picture, interpolation="lanczos")
                side.set_axis_off()
    middles = [(a + b) / 2 * cell for a, b in pairwise(limits)]
    for name, at in zip(shown, spread(middles, LINE, LINE / 2, SIDE - LINE / 2), strict=True):
        drawing.text(
            (gutter - 0.14) / width, 1 - (top + at) / height, name, ha="right", va="center", fontsize=9.5
        )
    return drawing


def blocks(samples: LabelledSamples, chosen: Positions) -> tuple[list[str], list[int]]:
    """Return the people among the chosen photos; then where each begins, and where the last one ends."""
    person = samples.person_index[chosen]
    starts = np.flatnonzero(np.diff(person, prepend=-1))
    return [samples.people[person[start]] for start in starts], [*starts.tolist(), len(chosen)]


def colour_floor(table: NDArray[np.float64]) -> float:
    """Return the similarity shown in the darkest colour: a round number below nearly all similarities."""
    values = table[np.isfinite(table)]
    return float(np.floor(np.quantile(values, 0.01) * 20) / 20) if len(values) else 0.0


def draw_map(scheme: Scheme, samples: LabelledSamples, projection: Projection) -> Drawing:
    """Draw the photos as points in the plane, with faces where there is room; few people get colours."""
    from matplotlib.figure import Figure as Drawing
    from matplotlib.patches import Rectangle

    names = tuple(dict.fromkeys(samples.colours))
    kind = np.array([names.index(name) for name in samples.colours])
    coloured = len(names) <= COLOURED_PEOPLE
    drawing = Drawing(figsize=MAP_SIZE)
    legend = max(len(_short(name)) for name in names) * LETTER + 0.6 if coloured else 0.1
    across, down = MAP_SIZE[0] - 0.75 - legend, MAP_SIZE[1] - 0.75
    axes = drawing.add_axes((0.65 / MAP_SIZE[0], 0.6 / MAP_SIZE[1], across / MAP_SIZE[0], down / MAP_SIZE[1]))
    inch = _scale(axes, projection.points, across, down)
    for number, name in enumerate(names) if coloured else [(-1, "photos")]:
        own = kind == number if coloured else slice(None)
        axes.scatter(
            projection.points[own, 0],
            projection.points[own, 1],
            s=26 if coloured else 8,
            color=_colour(number, scheme) if coloured else scheme.first,
            marker=MARKERS[number // len(OKABE_ITO)] if coloured else "o",
            edgecolors=scheme.paper if coloured else "none",
            linewidths=0.5,
            alpha=1.0 if coloured else 0.5,
            label=_short(name),
            zorder=2,
        )
    if samples.thumbnails:
        size = inch * (THUMBNAIL if len(samples) <= MANY else SMALL_THUMBNAIL)
        for position in choose_apart(projection.points, samples.person_index, 1.1 * size, MAP_THUMBNAILS):
            x, y = projection.points[position] - size / 2
            number = int(kind[position])
            limits = axes.axis()
            axes.imshow(
                _picture(samples, int(position)),
                extent=(x, x + size, y, y + size),
                interpolation="lanczos",
                aspect="auto",
                zorder=3,
            )
            axes.axis(limits)
            frame = Rectangle(
                (x, y),
                size,
                size,
                fill=False,
                linewidth=2.2 if coloured else 0.8,
                edgecolor=_colour(number, scheme) if coloured else scheme.muted,
                linestyle=LINES[number // len(OKABE_ITO)] if coloured else "-",
                zorder=4,
            )
            axes.add_patch(frame)
    for axis, number in ((axes.xaxis, 0), (axes.yaxis, 1)):
        axis.set_label_text(_axis_name(projection, number))
    if coloured:
        axes.legend(
            loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0, handletextpad=0.3, markerscale=1.3
        )
    return drawing


def _axis_name(projection: Projection, number: int) -> str:
    if projection.method == "umap":
        return f"UMAP {number + 1} (without unit)"
    share = 100 * projection.share[number]
    return f"principal component {number + 1} ({share:.1f} % of the variance; without unit)"


def _scale(axes: Axes, points: NDArray[np.float64], across: float, down: float) -> float:
    """Give both axes the same scale, with room for faces at the edges; return the data units per inch."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = THUMBNAIL * 0.75
    inch = max((high[0] - low[0]) / (across - 2 * margin), (high[1] - low[1]) / (down - 2 * margin), 1e-9)
    middle = (low + high) / 2
    axes.set_xlim(middle[0] - inch * across / 2, middle[0] + inch * across / 2)
    axes.set_ylim(middle[1] - inch * down / 2, middle[1] + inch * down / 2)
    return float(inch)


def _faces_along(limits: list[int], cell: float) -> tuple[list[int], NDArray[np.float64], float]:
    """Return the rows that get a face (as many as fit), where the faces go, and their size, in inches."""
    size = min(THUMBNAIL, 0.8 * SIDE / (len(limits) - 1))
    rows: list[int] = []
    for first, last in pairwise(limits):
        fitting = max(1, min(last - first, int((last - first) * cell / size)))
        rows += [first + int((number + 0.5) * (last - first) / fitting) for number in range(fitting)]
    size = min(size, SIDE / len(rows))
    return rows, spread([(row + 0.5) * cell for row in rows], size, size / 2, SIDE - size / 2), size


def _colours(scheme: Scheme) -> Any:
    from matplotlib import colormaps

    return colormaps[SEQUENTIAL].with_extremes(bad=scheme.grid)


def _colour(number: int, scheme: Scheme) -> str:
    colour = OKABE_ITO[number % len(OKABE_ITO)]
    # Yellow is invisible on white.
    return "#B8A800" if colour == "#F0E442" and scheme.name == "light" else colour


def _picture(samples: LabelledSamples, position: int) -> NDArray[np.uint8]:
    from PIL import Image

    with Image.open(io.BytesIO(samples.thumbnails[position])) as picture:
        return np.asarray(picture.convert("RGB"))


def _short(name: str) -> str:
    return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1]}…"
