"""The picture of a comparison shows both faces, and the verdict in words."""

import numpy as np
import pytest
from support.fakes import IDENTITY

from faceunlock.cli.answers import compare as pair_picture
from faceunlock.photos.face import Quality
from faceunlock.pipeline.models.shipped import shipped_pair_calibration
from faceunlock.reports import lettering
from faceunlock.reports.lettering import ELLIPSIS, font, shortened, width
from faceunlock.tasks.compare import ComparedPhoto, PairComparison, distance

QUALITY = Quality(100, 10, 100)


def comparison(similarity, *, model="dlib", override=False, name="bob.jpg"):
    calibration = shipped_pair_calibration(model)
    match = similarity >= calibration.threshold
    crops = tuple(np.full((150, 150, 3), colour, dtype=np.uint8) for colour in ((200, 30, 30), (30, 30, 200)))
    return PairComparison(
        photo="photos/ada.jpg",
        quality=QUALITY,
        others=(ComparedPhoto(name, similarity, distance(similarity), match, QUALITY),),
        left_out=(),
        skipped=0,
        is_folder=False,
        identical=False,
        threshold=calibration.threshold,
        calibration=calibration,
        point=None if override else calibration.threshold_for(1),
        identity=IDENTITY,
        crops=crops,
    )


@pytest.fixture
def written(monkeypatch):
    """Every text that is written on a picture."""
    texts = []

    def noted(text, face, limit, **how):
        texts.append(shortened(text, face, limit, **how))
        return texts[-1]

    monkeypatch.setattr(lettering, "shortened", noted)
    return texts


@pytest.mark.parametrize(
    ("similarity", "verdict", "line"),
    [
        (0.99, "the same person", "similarity 0.9900 ≥ threshold 0.9550"),
        (0.9, "not alike enough", "similarity 0.9000 < threshold 0.9550"),
    ],
)
def test_both_faces_and_the_verdict(written, similarity, verdict, line):
    drawn = np.asarray(pair_picture.pair_picture(comparison(similarity)))
    assert (drawn[:, :440] == (200, 30, 30)).all(axis=2).sum() == pair_picture.FACE**2
    assert (drawn[:, 440:] == (30, 30, 200)).all(axis=2).sum() == pair_picture.FACE**2
    assert written[:4] == ["photos/ada.jpg", "bob.jpg", verdict, line]
    assert "225 false matches in 29,640,749 comparisons" in written[-1]


def test_nothing_is_claimed_where_nothing_is_known(written):
    pair_picture.pair_picture(comparison(0.99, override=True))
    assert "nothing is known about it" in written[-1]
    pair_picture.pair_picture(comparison(0.99, model="vggface2"))
    assert "not calibrated" in written[-1]


def test_a_long_name_is_cut_in_the_middle(written):
    pair_picture.pair_picture(comparison(0.99, name=f"{'long' * 40}.jpg"))
    assert ELLIPSIS in written[1] and written[1].endswith(".jpg")
    assert width(written[1], font(20, bold=True)) <= pair_picture.FACE
    assert shortened("abc", font(10), 1) == ELLIPSIS


def test_letters_of_a_name_that_no_font_has_are_named(monkeypatch, caplog):
    monkeypatch.setattr(lettering, "fonts_for", lambda letters, *, bold: iter(()))
    lettering._font_file.cache_clear()
    lettering.font.cache_clear()
    pair_picture.pair_picture(comparison(0.99, name="李小龍.jpg"))
    (note,) = caplog.records
    assert all(letter in note.getMessage() for letter in "李小龍")
