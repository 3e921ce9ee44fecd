"""The similarity heatmap: photos against photos, with faces and names along the sides."""

from __future__ import annotations

import io
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from faceunlock.matching.similarity import similarities
from faceunlock.reports.figures import WIDTH, Scheme, scale_around, two_sided
from faceunlock.reports.selection import Positions, spread
from faceunlock.studies.collection import LabelledSamples

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

VALUED = 15
"""Maximum photos with every value written in its cell."""

FACED = 60
"""Maximum photos with a face for every row and column; with more, as many as fit."""

CELL, SMALLEST_SIDE = 0.85, 3.2
"""Largest side of a cell, and smallest of the whole heatmap, in inches."""

FACES = 0.64
"""Room for faces along a side, in inches."""

ONE_LANE = 0.3
"""Smallest cell, in inches, that has room for its face beside it; faces of smaller cells take turns in two
lanes."""

THUMBNAIL = 0.44
"""Side of a face where not every photo has one, in inches."""

SCALE = 0.95
"""Room for the colour scale below, in inches."""

NAME_LENGTH = 20
LETTER, LINE = 0.085, 0.165
"""Approximate width of a letter of a name and height of a line of text, in inches."""

FACE, VALUE = "face", "value"
"""Marks the faces and the numbers of a drawing, as matplotlib's ``gid``."""


def draw_heatmap(scheme: Scheme, samples: LabelledSamples, chosen: Positions, threshold: float) -> Drawing:
    """Draw the similarities of some photos, grouped by person, with names and faces along the sides.

    Parameters
    ----------
    scheme : Scheme
    samples : LabelledSamples
    chosen : ndarray of intp
        Positions, grouped by person.
    threshold : float
        Similarity at or above which two photos match; the colours change there.
    """
    from matplotlib.figure import Figure as Drawing

    names, limits = blocks(samples, chosen)
    shown = [short(name) for name in names]
    gutter = max(map(letters, shown)) * LETTER + 0.3
    faces = FACES if samples.thumbnails else 0.0
    side = max(SMALLEST_SIDE, min(WIDTH - gutter - faces - 0.15, CELL * len(chosen)))
    cell = side / len(chosen)
    left, top = gutter + faces, faces + 0.12
    width, height = left + side + 0.15, top + side + SCALE
    drawing = Drawing(figsize=(width, height))

    table = similarities(samples.embeddings[chosen], samples.embeddings[chosen])
    np.fill_diagonal(table, np.nan)  # a photo is not compared with itself
    axes = drawing.add_axes((left / width, 1 - (top + side) / height, side / width, side / height))
    norm = scale_around(threshold, min(colour_floor(table), threshold - 0.05), max(1.0, threshold + 0.05))
    image = axes.imshow(table, cmap=two_sided(scheme), norm=norm, interpolation="nearest")
    axes.set_axis_off()
    for limit in limits[1:-1]:
        for line in (axes.axhline, axes.axvline):
            line(limit - 0.5, color=scheme.paper, linewidth=2.0 if cell > 0.1 else 0.8)
    if len(chosen) <= VALUED:
        _write_values(axes, table, threshold, image.to_rgba(table), cell)
    bar = drawing.add_axes((left / width, 0.5 / height, side / width, 0.15 / height))
    scale = drawing.colorbar(image, cax=bar, orientation="horizontal")
    mark_threshold(scale, threshold, scheme, "similarity (cosine, without unit)", ("no match", "match"))

    board = _board(drawing, width, height)
    if samples.thumbnails:
        for row, at, inset, size in _faces_along(limits, cell, side):
            picture = face_picture(samples, int(chosen[row]))
            near = faces - inset - 0.04  # the edge of the face that is next to the heatmap
            for x, y in (
                (gutter + near - size, top + at - size / 2),
                (left + at - size / 2, near - size + 0.12),
            ):
                extent = (x, x + size, y + size, y)
                board.imshow(picture, extent=extent, interpolation="lanczos", aspect="auto", gid=FACE)
            if inset:
                middle = (row + 0.5) * cell
                board.plot(
                    [gutter + near, left - 0.04], [top + middle] * 2, color=scheme.muted, linewidth=0.7
                )
                board.plot([left + middle] * 2, [near + 0.12, top - 0.04], color=scheme.muted, linewidth=0.7)
        board.set(xlim=(0, width), ylim=(height, 0))
    middles = [(a + b) / 2 * cell for a, b in pairwise(limits)]
    for name, at in zip(shown, spread(middles, LINE, LINE / 2, side - LINE / 2), strict=True):
        board.text(gutter - 0.14, top + at, name, ha="right", va="center", fontsize=9.5)
    return drawing


def _board(drawing: Drawing, width: float, height: float) -> Axes:
    """Return axes over the whole drawing, in inches from the upper left corner."""
    board = drawing.add_axes((0, 0, 1, 1), zorder=5)
    board.set(xlim=(0, width), ylim=(height, 0))
    board.set_axis_off()
    return board


def _write_values(
    axes: Axes, table: NDArray[np.float64], threshold: float, colours: NDArray[np.float64], cell: float
) -> None:
    """Write every similarity in its cell; what matches is bold."""
    size = min(11.0, 17.0 * cell)
    for (row, column), value in np.ndenumerate(table):
        if np.isfinite(value):
            light = float(colours[row, column, :3] @ (0.299, 0.587, 0.114)) > 0.5
            axes.text(
                column,
                row,
                f"{value:.3f}",
                ha="center",
                va="center",
                fontsize=size,
                fontweight="bold" if value >= threshold else "normal",
                color="#10141a" if light else "#ffffff",
                gid=VALUE,
            )


def mark_threshold(
    scale: object, threshold: float, scheme: Scheme, label: str, sides: tuple[str, str]
) -> None:
    """Mark the threshold on a horizontal colour scale, and say what is on either side of it.

    Parameters
    ----------
    scale : matplotlib.colorbar.Colorbar
        Of an image with `faceunlock.reports.figures.scale_around`.
    threshold : float
    scheme : Scheme
    label : str
        What the scale shows.
    sides : tuple of two str
        What values below and above the threshold mean.
    """
    norm, axes = scale.norm, scale.ax  # type: ignore[attr-defined]
    inner = [round(float(norm.inverse(share)), 2) for share in (0.16, 0.32, 0.68, 0.84)]
    ticks = [norm.vmin, *(tick for tick in dict.fromkeys(inner) if norm.vmin < tick < norm.vmax), norm.vmax]
    scale.set_ticks(ticks, labels=[f"{round(tick, 2):g}" for tick in ticks], minor=False)  # type: ignore[attr-defined]
    first, *_, last = scale.ax.get_xticklabels()  # type: ignore[attr-defined]
    first.set_horizontalalignment("left")  # centred, they would reach over the edge of the picture
    last.set_horizontalalignment("right")
    scale.minorticks_off()  # type: ignore[attr-defined]
    scale.outline.set_visible(False)  # type: ignore[attr-defined]
    scale.set_label(label)  # type: ignore[attr-defined]
    axes.axvline(threshold, ymin=-0.25, ymax=1.35, color=scheme.ink, linewidth=1.6, clip_on=False)
    words = {"ha": "center", "va": "bottom", "fontsize": 9, "transform": axes.transAxes}
    axes.text(0.5, 1.4, f"threshold {threshold:.4f}", fontweight="bold", **words)
    axes.text(0.1, 1.4, sides[0], **words)
    axes.text(0.9, 1.4, sides[1], **words)


def blocks(samples: LabelledSamples, chosen: Positions) -> tuple[list[str], list[int]]:
    """Return the people among the chosen photos; then where each begins, and where the last one ends."""
    person = samples.person_index[chosen]
    starts = np.flatnonzero(np.diff(person, prepend=-1))
    return [samples.people[person[start]] for start in starts], [*starts.tolist(), len(chosen)]


def colour_floor(table: NDArray[np.float64]) -> float:
    """Return the similarity shown in the darkest colour: a round number below nearly all similarities."""
    values = table[np.isfinite(table)]
    return float(np.floor(np.quantile(values, 0.01) * 20) / 20) if len(values) else 0.0


def _faces_along(limits: list[int], cell: float, side: float) -> list[tuple[int, float, float, float]]:
    """Return the rows that get a face, each with its place along the side, its inset and its size, in inches.

    Up to `FACED` photos, every row has one: beside its cell or, if cells are small, alternately in two lanes,
    so that a line from the outer lane reaches its row between two faces of the inner one.
    """
    photos = limits[-1]
    if photos <= FACED:
        lanes = 1 if cell >= ONE_LANE else 2
        room = FACES / lanes - 0.04
        size = min(room, 0.92 * lanes * cell)
        return [(row, (row + 0.5) * cell, row % lanes * (size + 0.04), size) for row in range(photos)]
    size = min(THUMBNAIL, 0.8 * side / (len(limits) - 1))
    rows: list[int] = []
    for first, last in pairwise(limits):
        fitting = max(1, min(last - first, int((last - first) * cell / size)))
        rows += [first + int((number + 0.5) * (last - first) / fitting) for number in range(fitting)]
    size = min(size, side / len(rows))
    places = spread([(row + 0.5) * cell for row in rows], size, size / 2, side - size / 2)
    return [(row, float(at), 0.0, 0.94 * size) for row, at in zip(rows, places, strict=True)]


def face_picture(samples: LabelledSamples, position: int) -> NDArray[np.uint8]:
    """Return the small picture of a face: uint8, shape (height, width, 3)."""
    from PIL import Image

    with Image.open(io.BytesIO(samples.thumbnails[position])) as picture:
        return np.asarray(picture.convert("RGB"))


def short(name: str) -> str:
    """Return a name of at most `NAME_LENGTH` letters."""
    return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1]}…"


def letters(text: str) -> int:
    """Return the approximate width of a text in letters; East Asian ones are twice as wide.

    Examples
    --------
    >>> letters("Ada"), letters("\u4e2d")
    (3, 2)
    """
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
