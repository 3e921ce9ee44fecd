from dataclasses import replace

import pytest
from support.fakes import slug_of
from support.made_faces import RECIPE, make_people, observer

from faceunlock.errors import TrainingError

ONE_EPOCH = replace(RECIPE, epochs=1)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return make_people(tmp_path_factory.mktemp("people"), 4, 4)


def test_a_folder_of_people_becomes_a_model_that_can_be_named(open_home, people, tmp_path):
    outcome = open_home().train(people, tmp_path / "mine", ONE_EPOCH, observer())
    assert outcome.folder == tmp_path / "mine" and (outcome.folder / "model.json").is_file()
    states = open_home(embedder=None, model=str(outcome.folder)).models()
    (mine,) = (state for state in states if state.model.startswith("mine-"))
    assert mine.weights.status == "present" and mine.calibration.status == "not-calibrated"


def test_a_model_that_is_there_is_not_replaced_unasked(open_home, people, tmp_path):
    open_home().train(people, tmp_path / "mine", ONE_EPOCH, observer())
    before = (tmp_path / "mine" / "model.json").read_bytes()
    again = (people, tmp_path / "mine", ONE_EPOCH, observer())
    assert slug_of(open_home().train, *again, kind=TrainingError) == "file-exists"
    assert (tmp_path / "mine" / "model.json").read_bytes() == before


def test_a_finished_model_is_where_the_next_one_starts(open_home, people, tmp_path):
    first = open_home().train(people, tmp_path / "first", ONE_EPOCH, observer())
    second = open_home().train(people, tmp_path / "second", ONE_EPOCH, observer(), start=str(first.folder))
    assert second.folder != first.folder and (second.folder / "weights.safetensors").is_file()
