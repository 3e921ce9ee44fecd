"""What is kept of a measurement."""

import json

import pytest
from support.fakes import slug_of
from support.made_presentations import judged, made

from faceunlock.errors import GalleryError
from faceunlock.liveness import MEASUREMENT, record
from faceunlock.liveness.record import ObsoleteMeasurement

OLD = {
    "schema": 1,
    "created": "2026-01-31T00:00:00+00:00",
    "data": "live a, attacks b",
    "target_bpcer": 0.1,
    "seed": 0,
    "live": 12,
    "attacks": 12,
    "no_response_live": 0,
    "no_response_attacks": 0,
    "checks": [{"check": "moire", "version": 1, "threshold": -2.0}, {"check": "parallax", "version": 1}],
    "together": None,
}


@pytest.fixture
def private(tmp_path):
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    return folder


def test_it_is_kept_as_it_was(private):
    measurement = judged(made())
    record.save(private, measurement)
    assert record.load(private) == measurement
    assert (private / MEASUREMENT).stat().st_mode & 0o777 == 0o600
    record.save(private, judged(made(texture=None)))
    assert record.load(private) != measurement


def test_nothing_is_kept_at_first(private, tmp_path):
    assert record.load(private) is None and record.load(tmp_path / "nowhere") is None


def test_a_record_of_checks_that_are_gone_is_read_and_named(private):
    path = private / MEASUREMENT
    path.write_text(json.dumps(OLD))
    path.chmod(0o600)
    assert record.load(private) == ObsoleteMeasurement(OLD["created"], ("moire", "parallax"))
    record.save(private, judged(made()))
    assert record.load(private) == judged(made())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data | {"schema": 3},
        lambda data: data | {"more": 1},
        lambda data: {key: value for key, value in data.items() if key != "stages"},
        lambda data: data | {"stages": [data["stages"][0] | {"threshold": "low"}]},
        lambda data: data | {"stages": [data["stages"][0] | {"apcer": {}, "extra": 1}]},
        lambda data: data | {"stages": [data["stages"][0] | {"stage": []}]},
        lambda data: data | {"stages": [data["stages"][0] | {"threshold": float("inf")}]},
        lambda data: data | {"spreads": {"E1": {"live": {"count": 1}}}},
        lambda data: data | {"created": ["today"]},
        lambda data: data | {"live": True},
        lambda data: OLD | {"checks": [{"name": "moire"}]},
        lambda data: OLD | {"created": 3},
        lambda data: [data],
        lambda data: None,
    ],
)
def test_a_damaged_record_is_refused(private, spoil):
    record.save(private, judged(made()))
    path = private / MEASUREMENT
    path.write_text(json.dumps(spoil(json.loads(path.read_text()))))
    assert slug_of(record.load, private, kind=GalleryError) == "gallery-damaged"
    for content in (b"\xff{", b"[" * 100_000):
        path.write_bytes(content)
        assert slug_of(record.load, private) == "gallery-damaged"


def test_what_others_could_change_is_refused(private):
    record.save(private, judged(made()))
    (private / MEASUREMENT).chmod(0o666)
    assert slug_of(record.load, private) == "insecure-permissions"
