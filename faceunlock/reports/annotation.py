"""Annotation: draw boxes and names on a photo, legible at any resolution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from faceunlock.photos.face import RGBImage
from faceunlock.reports.lettering import font, height, shortened, width

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""

NAMED, UNKNOWN, INK = "#ffc20a", "#f2f2f2", "#101010"
"""Yellow and light grey, which everyone can tell apart, with a dark outline that shows on light photos."""

SMALLEST_TEXT = 11
"""Minimum height of legible letters, in pixels."""

TEXT_SHARE = 1 / 44
"""Height of the letters as a share of the photo's mean side."""

LARGEST_TEXT_SHARE = 0.25
"""Maximum height of the letters as a share of the median face, so that labels do not cover faces.

Letters that would become illegible stay at `SMALLEST_TEXT`."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The box and the label drawn for one face.

    Attributes
    ----------
    box : tuple of float
        The box of the face; may reach beyond the photo.
    text : str
        The label.
    named : bool
        Whether the face has a name; shown by colour and by a thicker line.
    """

    box: Box
    text: str
    named: bool


def numbered(number: int, faces: int) -> str:
    """Return the start of a face's label: its number in the table, where there are several faces.

    Examples
    --------
    >>> numbered(2, 3), numbered(1, 1)
    ('2 ', '')
    """
    return f"{number} " if faces > 1 else ""


def annotate(image: RGBImage, marks: Sequence[Mark]) -> Image.Image:
    """Draw boxes and labels on a copy of a photo.

    Letters and lines grow with the photo. Every label lies inside the photo and covers as little as possible
    of other labels, of other faces and of its own face.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        Upright, sRGB.
    marks : sequence of Mark
        In pixels of `image`.

    Returns
    -------
    PIL.Image.Image
        RGB, of the same size.
    """
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    # Names are drawn last, so that nothing covers them.
    order = sorted(marks, key=lambda mark: mark.named)
    boxes = [_inside(mark.box, picture.size) for mark in order]
    text_size = _text_size(picture.size, boxes)
    line = max(1, round(text_size / 9))
    for mark, box in zip(order, boxes, strict=True):
        _outline(draw, box, line + (line + 1) // 2 * mark.named, NAMED if mark.named else UNKNOWN)
    taken: list[Box] = []
    for index in reversed(range(len(order))):
        others = boxes[:index] + boxes[index + 1 :]
        letters = font(text_size, bold=True, text=order[index].text)
        padding = max(2, round(text_size / 4))
        text = shortened(order[index].text, letters, picture.width - 2 * padding)
        size = (min(picture.width, width(text, letters) + 2 * padding), height(letters) + padding // 2)
        place = _place(boxes[index], size, picture.size, others, taken)
        taken.append(place)
        draw.rectangle(
            place, fill=NAMED if order[index].named else UNKNOWN, outline=INK, width=max(1, line // 2)
        )
        middle = (place[0] + place[2]) / 2, (place[1] + place[3]) / 2
        draw.text(middle, text, font=letters, fill=INK, anchor="mm")
    return picture


def _text_size(size: tuple[int, int], boxes: Sequence[Box]) -> int:
    largest = TEXT_SHARE * (size[0] + size[1]) / 2
    if boxes:
        heights = sorted(box[3] - box[1] for box in boxes)
        largest = min(largest, LARGEST_TEXT_SHARE * heights[len(heights) // 2])
    # A photo may be smaller than its letters would be.
    return max(1, min(max(SMALLEST_TEXT, round(largest)), size[1] // 2))


def _inside(box: Box, size: tuple[int, int]) -> Box:
    """Return a box clipped to the photo; a box outside it becomes a line at the edge."""
    left, right = (min(max(0, round(x)), size[0] - 1) for x in (box[0], box[2]))
    top, bottom = (min(max(0, round(y)), size[1] - 1) for y in (box[1], box[3]))
    return left, top, max(left, right), max(top, bottom)


def _outline(draw: ImageDraw.ImageDraw, box: Box, line: int, colour: str) -> None:
    """Draw a coloured frame between two dark lines."""
    left, top, right, bottom = box
    for grow, thickness, paint in ((line, 3 * line, INK), (0, line, colour)):
        frame = (left - grow, top - grow, right + grow, bottom + grow)
        draw.rectangle(frame, outline=paint, width=thickness)


def _place(
    box: Box,
    label: tuple[float, float],
    photo: tuple[float, float],
    faces: Sequence[Box],
    labels: Sequence[Box],
) -> Box:
    """Return the place on the photo where a label covers the least."""

    def cost(place: Box) -> float:
        # Hiding another label is worst, then hiding another face, then hiding the label's own face.
        return (
            8 * sum(overlap(place, other) for other in labels)
            + 4 * sum(overlap(place, other) for other in faces)
            + overlap(place, box)
        )

    return min(label_places(box, label, (photo[0] - 1, photo[1] - 1)), key=cost)


def label_places(box: Box, label: tuple[float, float], photo: tuple[float, float]) -> Iterator[Box]:
    """Yield places for a label beside a box, inside a picture of a size in the same units.

    Usual ones come first: above, below, beside, then further away.
    """
    left, top, right, bottom = box
    wide, high = label
    middle = (left + right - wide) / 2
    for away in range(4):
        above, below = top - high * (1 + away), bottom + high * away
        for y in (above, below):
            for x in (left, middle, right - wide):
                yield _shifted(x, y, label, photo)
        for x in (right + high * away, left - wide - high * away):
            for y in (top, (top + bottom - high) / 2, bottom - high):
                yield _shifted(x, y, label, photo)


def _shifted(x: float, y: float, label: tuple[float, float], photo: tuple[float, float]) -> Box:
    """Return the label's box, moved onto the photo."""
    left = min(max(0.0, x), max(0.0, photo[0] - label[0]))
    top = min(max(0.0, y), max(0.0, photo[1] - label[1]))
    return left, top, left + label[0], top + label[1]


def overlap(one: Box, other: Box) -> float:
    """Return the area that two boxes share."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, across) * max(0.0, down)
