"""The curves of a training: which panels, and what is in them."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from faceunlock.reports.training_curves import accuracy, draw_curves
from faceunlock.training.checkpoint import EpochRecord, StepLosses
from faceunlock.training.validation import validate

EMBEDDINGS, PERSON = np.eye(2, dtype=np.float32)[[0, 0, 1, 1]], np.array([0, 0, 1, 1])
STEPS = StepLosses(means=[0.9, 0.7, 0.5, 0.3])


def history_of(found):
    return [EpochRecord(1, 0.8, 10, 1.0, found, best=True), EpochRecord(2, 0.4, 10, 1.0, found, best=False)]


def drawn(monkeypatch, found):
    """The axes that are drawn for two epochs."""
    figures = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (figures.append(self), save(self, *a, **k)))
    draw_curves(history_of(found), STEPS, "a title")
    monkeypatch.undo()
    return figures[0].axes


def test_curves_are_a_picture():
    history = history_of(validate(EMBEDDINGS, PERSON))
    assert [EpochRecord.from_dict(record.to_dict()) for record in history] == history
    with_validation, without = (
        Image.open(BytesIO(draw_curves(records, STEPS, "a title")))
        for records in (history, [replace(record, validation=None) for record in history])
    )
    assert with_validation.height > without.height


def test_the_loss_is_drawn_by_step_and_by_epoch(monkeypatch):
    (loss,) = drawn(monkeypatch, None)
    steps, epochs = loss.lines
    assert steps.get_ydata().tolist() == STEPS.means and epochs.get_ydata().tolist() == [0.8, 0.4]
    held_out = replace(validate(EMBEDDINGS, PERSON), loss=0.6)
    assert drawn(monkeypatch, held_out)[0].lines[2].get_ydata().tolist() == [0.6, 0.6]
    # Four steps in two epochs: the middles of the steps lie between the ends of the epochs.
    assert steps.get_xdata().tolist() == [0.25, 0.75, 1.25, 1.75]
    assert epochs.get_xdata().tolist() == [1, 2]


def test_curves_name_what_they_show(monkeypatch):
    three_alike = np.eye(2, dtype=np.float32)[[0, 0, 1, 0]]
    _, right, rates = drawn(monkeypatch, validate(EMBEDDINGS, PERSON, named=PERSON))
    labels = [text.get_text() for text in rates.get_legend().get_texts()]
    assert rates.get_ylabel() == "error rate in percent"
    assert labels == ["EER", "photos misnamed", "kept: epoch 1"]
    assert right.get_ylabel() == "accuracy in percent" and right.lines[0].get_ydata().tolist() == [100, 100]
    assert "4 photos of 2 people" in right.get_title(loc="left")
    _, _, _, cosine = drawn(monkeypatch, validate(EMBEDDINGS, PERSON, taught=three_alike))
    assert "cosine with the teacher" in cosine.get_ylabel()
    assert cosine.lines[0].get_ydata().tolist() == [0.75, 0.75]


def test_accuracy_is_of_photos_where_they_have_names_and_else_of_pairs():
    wrong = np.array([0, 1, 1, 1])
    assert accuracy(validate(EMBEDDINGS, PERSON, named=wrong)) == pytest.approx(0.75)
    assert accuracy(validate(EMBEDDINGS, PERSON)) == 1.0
    assert accuracy(validate(EMBEDDINGS[:2], PERSON[:2])) is None
