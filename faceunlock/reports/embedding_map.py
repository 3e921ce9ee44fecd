"""The map of the embeddings: photos as points in the plane, with faces and names beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from faceunlock.reports.annotation import Box, label_places, overlap
from faceunlock.reports.figures import OKABE_ITO, WIDTH, Scheme
from faceunlock.reports.heatmap import FACE, LETTER, face_picture, letters, short
from faceunlock.reports.selection import choose_apart, push_apart
from faceunlock.studies.collection import LabelledSamples
from faceunlock.studies.projection import Projection

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

EVERY_FACE = 40
"""Maximum photos whose faces are all drawn, beside their points if need be."""

MOST_FACES = 400
"""Maximum faces drawn where there is room."""

COLOURED_PEOPLE = 16
"""Maximum number of people that colours and markers can tell apart."""

SIZE = (WIDTH, 6.9)
LEFT, BELOW, BORDER = 0.75, 0.6, 0.1
"""Room for the axes' labels, and around the drawing, in inches."""

THUMBNAILS = ((20, 0.56), (150, 0.44), (None, 0.32))
"""Side of a face, in inches, by the number of photos up to which it is used."""

NAME_SIZE, NAME_HEIGHT = 11, 0.2
"""Size of a name in points, and the height of its line in inches."""

MARKERS = ("o", "s")
LEGIBLE = {"light": {"#F0E442": "#B8A800"}, "dark": {"#0072B2": "#2F8FD0"}}
"""Colours that replace those which are hard to see on a background: yellow on white, blue on black."""

LINES = ("-", (0, (2, 1)))
NAME = "name"
"""Marks the names of a drawing, as matplotlib's ``gid``."""

Points = NDArray[np.float64]


def draw_map(scheme: Scheme, samples: LabelledSamples, projection: Projection) -> Drawing:
    """Draw the photos as points in the plane, in colours and with names for few people.

    Up to `EVERY_FACE` photos all have their face, which moves aside where others are in its place; a line
    leads to its point. With more photos, faces are drawn where there is room.
    """
    from matplotlib.figure import Figure as Drawing

    names = tuple(dict.fromkeys(samples.colours))
    kind = np.array([names.index(name) for name in samples.colours])
    coloured = len(names) <= COLOURED_PEOPLE
    drawing = Drawing(figsize=SIZE)
    room = (SIZE[0] - LEFT - BORDER, SIZE[1] - BELOW - BORDER)
    axes = drawing.add_axes((LEFT / SIZE[0], BELOW / SIZE[1], room[0] / SIZE[0], room[1] / SIZE[1]))
    axes.set(xlim=(0, room[0]), ylim=(0, room[1]))
    points, scale = _in_inches(projection.points, room)
    for axis, number in ((axes.xaxis, 0), (axes.yaxis, 1)):
        axis.set_label_text(_axis_name(projection, number))
        ticks, labels = scale(number)
        axis.set_ticks(ticks, labels)
    for number in range(len(names)) if coloured else [-1]:
        own = kind == number if coloured else slice(None)
        axes.scatter(
            points[own, 0],
            points[own, 1],
            s=26 if coloured else 8,
            color=_colour(number, scheme) if coloured else scheme.first,
            marker=MARKERS[number // len(OKABE_ITO)] if coloured else "o",
            edgecolors=scheme.paper if coloured else "none",
            linewidths=0.5,
            alpha=1.0 if coloured else 0.5,
            zorder=2,
        )
    boxes: list[Box] = []
    owners: list[int] = []
    for position, (x, y), size in _faces(samples, points, room):
        number = int(kind[position])
        colour, line = _colour(number, scheme), LINES[number // len(OKABE_ITO) % len(LINES)]
        _draw_face(
            axes,
            face_picture(samples, position),
            (x, y, size),
            points[position],
            (colour, line) if coloured else (scheme.muted, "-"),
            scheme,
        )
        boxes.append((x - size / 2, y - size / 2, x + size / 2, y + size / 2))
        owners.append(number)
    if coloured:
        _write_names(axes, names, points, kind, boxes, owners, room, scheme)
    axes.set(xlim=(0, room[0]), ylim=(0, room[1]))
    return drawing


def _faces(
    samples: LabelledSamples, points: Points, room: tuple[float, float]
) -> list[tuple[int, tuple[float, float], float]]:
    """Return the photos whose faces are drawn, with the centre and the side of each face, in inches."""
    if not samples.thumbnails:
        return []
    size = next(side for most, side in THUMBNAILS if most is None or len(samples) <= most)
    if len(samples) <= EVERY_FACE:
        placed = push_apart(points, 1.15 * size, room)
        return [(number, (float(x), float(y)), size) for number, (x, y) in enumerate(placed)]
    chosen = choose_apart(points, samples.person_index, 1.1 * size, MOST_FACES)
    return [(int(one), (float(points[one, 0]), float(points[one, 1])), size) for one in chosen]


def _draw_face(
    axes: Axes,
    picture: NDArray[np.uint8],
    square: tuple[float, float, float],
    point: Points,
    frame: tuple[str, object],
    scheme: Scheme,
) -> None:
    """Draw one face with its frame and, if its point lies outside, the line that leads there."""
    from matplotlib.patches import Rectangle

    x, y, size = square
    extent = (x - size / 2, x + size / 2, y - size / 2, y + size / 2)
    axes.imshow(picture, extent=extent, interpolation="lanczos", aspect="auto", zorder=3, gid=FACE)
    colour, line = frame
    outline = Rectangle((extent[0], extent[2]), size, size, fill=False, linewidth=2.0, edgecolor=colour)
    outline.set(linestyle=line, zorder=4)
    axes.add_patch(outline)
    edge = np.clip(point, (extent[0], extent[2]), (extent[1], extent[3]))
    if np.abs(edge - point).max() > 0:
        axes.plot(*np.transpose([edge, point]), color=scheme.paper, linewidth=3.0, zorder=5)
        axes.plot(*np.transpose([edge, point]), color=colour, linewidth=1.4, zorder=6)
        axes.plot(*point, "o", color=colour, markeredgecolor=scheme.paper, markersize=5.5, zorder=7)


def _write_names(
    axes: Axes,
    names: tuple[str, ...],
    points: Points,
    kind: NDArray[np.intp],
    boxes: list[Box],
    owners: list[int],
    room: tuple[float, float],
    scheme: Scheme,
) -> None:
    """Write every name beside a face (or point) in the middle of its cluster, where it hides the least."""
    from matplotlib.patheffects import withStroke

    taken: list[Box] = []
    dots = [(x - 0.04, y - 0.04, x + 0.04, y + 0.04) for x, y in points.tolist()[:1000]]
    obstacles = boxes + dots
    for number, name in enumerate(names):
        own = [box for box, owner in zip(boxes, owners, strict=True) if owner == number]
        middle = np.median(points[kind == number], axis=0)
        own = own or [(*(middle - 0.06).tolist(), *(middle + 0.06).tolist())]
        size = (1.15 * letters(short(name)) * LETTER + 0.06, NAME_HEIGHT)

        def cost(place: Box, middle: Points = middle) -> float:
            hidden = 8 * sum(overlap(place, other) for other in taken)
            hidden += 4 * sum(overlap(place, other) for other in obstacles)
            away = np.hypot((place[0] + place[2]) / 2 - middle[0], (place[1] + place[3]) / 2 - middle[1])
            return hidden + 0.02 * float(away)

        places = [place for box in own for place in label_places(box, size, room)]
        place = min(places, key=cost)
        taken.append(place)
        text = axes.text(
            (place[0] + place[2]) / 2,
            (place[1] + place[3]) / 2,
            short(name),
            ha="center",
            va="center",
            fontsize=NAME_SIZE,
            fontweight="bold",
            color=_colour(number, scheme),
            zorder=8,
            gid=NAME,
        )
        text.set_path_effects([withStroke(linewidth=3, foreground=scheme.paper)])


def _axis_name(projection: Projection, number: int) -> str:
    if projection.method == "umap":
        return f"UMAP {number + 1} (without unit)"
    share = 100 * projection.share[number]
    return f"principal component {number + 1} ({share:.1f} % of the variance; without unit)"


def _in_inches(
    points: Points, room: tuple[float, float]
) -> tuple[Points, Callable[[int], tuple[list[float], list[str]]]]:
    """Return points in inches, with the same scale on both axes and a margin for faces; and their ticks."""
    from matplotlib.ticker import MaxNLocator

    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.75 * THUMBNAILS[0][1]
    unit = max(*((high - low) / (np.asarray(room) - 2 * margin)).tolist(), 1e-9)
    corner = (low + high) / 2 - unit * np.asarray(room) / 2

    def ticks(axis: int) -> tuple[list[float], list[str]]:
        """Return where an axis has ticks, and their labels in the units of the projection."""
        end = float(corner[axis] + unit * room[axis])
        values = [v for v in MaxNLocator(8).tick_values(float(corner[axis]), end) if corner[axis] <= v <= end]
        return [float((value - corner[axis]) / unit) for value in values], [
            f"{v:.3g}".replace("-", "−") for v in values
        ]

    return (points - corner) / unit, ticks


def _colour(number: int, scheme: Scheme) -> str:
    colour = OKABE_ITO[number % len(OKABE_ITO)]
    return LEGIBLE[scheme.name].get(colour, colour)
