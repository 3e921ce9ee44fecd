"""Pictures of the scores of people and of attacks."""

from io import BytesIO

import pytest
from PIL import Image
from support.made_presentations import made

from faceunlock.liveness.measuring import SCORES
from faceunlock.reports.pad_figures import MEANINGS, STAGES, draw_scores


@pytest.mark.parametrize("score", SCORES)
def test_each_score_is_drawn_and_told_in_words(score):
    figure = draw_scores([*made(people=2, attacks=3), *made(people=1, attacks=0, asked=False)], score)
    assert figure.title == MEANINGS[score]
    assert figure.caption == "2 live, 4 live, asked to turn, 6 print"
    assert "print: " in figure.alt and " to " in figure.alt
    with Image.open(BytesIO(figure.png)) as picture:
        assert picture.width > 2 * picture.height > 200
    assert STAGES.keys() == {"E2", "texture"}


def test_there_is_no_other_score():
    with pytest.raises(ValueError, match="no score E3"):
        draw_scores(made(), "E3")
