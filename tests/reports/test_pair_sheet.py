"""A sheet of pairs shows both faces of each, and its dissimilarity in words."""

import numpy as np
import pytest

from faceunlock.reports import pair_sheet as sheets
from faceunlock.reports.lettering import shortened
from faceunlock.reports.pair_sheet import FACE, SheetPair, pair_sheet


@pytest.mark.parametrize("count", [1, 10, 30])
def test_every_pair_has_both_faces_and_its_score(count, monkeypatch):
    written = []
    monkeypatch.setattr(
        sheets,
        "shortened",
        lambda text, *rest, **how: (written.append(text), shortened(text, *rest, **how))[1],
    )
    colours = [((7 * n, 100, 200), (7 * n, 200, 50)) for n in range(count)]
    pairs = [
        SheetPair(
            tuple(np.full((40, 40, 3), colour, dtype=np.uint8) for colour in both),
            f"dissimilarity {n / 10:.3f}",
            "same person, match: right",
            True,
            f"{n}.jpg | {n + 1}.jpg",
        )
        for n, both in enumerate(colours)
    ]
    drawn = np.asarray(pair_sheet("a title", ["a line"], pairs))
    for both in colours:
        for colour in both:
            assert (drawn == colour).all(axis=2).sum() == FACE * FACE
    assert [text for text in written if text.startswith("dissimilarity")] == [pair.score for pair in pairs]
    assert written.count("same person, match: right") == count
