import pytest
from support.fakes import paint, save, slug_of

from faceunlock.errors import SettingsError
from faceunlock.liveness.record import load


@pytest.fixture
def folders(tmp_path):
    for number in range(14):
        save(tmp_path / "live" / f"p{number}" / "1.png", paint(number, 1, side=80))
        save(tmp_path / "attack" / "blur" / f"a{number}" / "1.png", paint(number, 1, side=80, blurred=True))
    return tmp_path / "live", tmp_path / "attack"


def test_a_measurement_is_used_from_then_on(unlock, folders, home):
    report = unlock.measure_pad(*folders, target_bpcer=0.3)
    assert report.saved and (report.measurement.live, report.measurement.attacks) == (14, 14)
    assert load(home) == report.measurement


def test_a_dry_run_saves_nothing(unlock, folders, home):
    assert not unlock.measure_pad(*folders, dry_run=True).saved
    assert not home.exists()


@pytest.mark.parametrize("target", [0.0, 1.0, -0.1, 1.5])
def test_a_target_out_of_range_is_refused_before_any_photo_is_read(unlock, target):
    assert slug_of(unlock.measure_pad, "no", "where", target_bpcer=target, kind=SettingsError) == "usage"
