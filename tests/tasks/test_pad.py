"""The stages are measured, kept for ``status``, and drawn."""

import json

import pytest
from PIL import Image
from support.fakes import slug_of
from support.made_presentations import FakeTexture, TurningDetector, folders

from faceunlock.errors import CalibrationError, ReportError
from faceunlock.liveness.record import load


@pytest.fixture
def unlock(open_home):
    return open_home(detector=TurningDetector())


@pytest.fixture
def places(tmp_path):
    return folders(tmp_path)


def test_a_measurement_is_kept_for_status(unlock, places, home):
    report = unlock.measure_pad(*places)
    assert report.saved and (report.measurement.live, report.measurement.attacks) == (4, 4)
    assert load(home) == report.measurement and report.pictures == ()
    (turn,) = report.measurement.stages
    assert turn.apcer["print"].by_clip.errors == 0 and turn.apcer["film"].by_clip.errors == 1
    assert (turn.bpcer.errors, turn.bpcer.trials, turn.unasked.trials) == (0, 3, 1)
    assert report.used == ("turn",)
    assert unlock.status().liveness.measured == report.measurement.created


def test_a_dry_run_keeps_nothing(unlock, places, home):
    assert not unlock.measure_pad(*places, dry_run=True).saved
    assert not home.exists()


def test_minifasnet_is_measured_even_where_it_may_not_refuse(unlock, places):
    unlock.choice.loader._texture = FakeTexture()
    report = unlock.measure_pad(*places, dry_run=True)
    assert [one.stage for one in report.measurement.stages] == ["turn", "texture", "together"]
    assert report.used == ("turn",), "its weights are not on this machine"
    texture = report.measurement.stages[1]
    assert texture.apcer["print"].by_clip.errors == 0 and texture.apcer["film"].by_clip.errors == 1


def test_pictures_of_the_scores(unlock, places, tmp_path):
    unlock.choice.loader._texture = FakeTexture()
    drawn = unlock.measure_pad(*places, dry_run=True, pictures=tmp_path / "drawn").pictures
    assert [path.name for path in drawn] == ["E1.png", "E2.png", "texture.png"]
    for path in drawn:
        assert path.stat().st_mode & 0o777 == 0o600
        with Image.open(path) as picture:
            assert min(picture.size) > 200
    again = {"dry_run": True, "pictures": tmp_path / "drawn"}
    assert slug_of(unlock.measure_pad, *places, **again, kind=ReportError) == "file-exists"
    assert len(unlock.measure_pad(*places, **again, overwrite=True).pictures) == 3


def test_the_same_folder_twice_measures_nothing(unlock, places, home):
    assert slug_of(unlock.measure_pad, places[1], places[1], kind=CalibrationError) == "bad-folder"
    assert not home.exists()


def test_an_old_record_is_a_problem_that_names_what_is_gone(unlock, home):
    home.mkdir(mode=0o700)
    old = {"schema": 1, "created": "2026-01-31T00:00:00+00:00", "checks": [{"check": "moire"}]}
    (home / "pad.json").write_text(json.dumps(old))
    (home / "pad.json").chmod(0o600)
    status = unlock.status()
    assert status.liveness.obsolete == ("moire",) and status.liveness.measured is None
    (problem,) = status.problems
    assert "moire" in problem and "pad-test" in problem
