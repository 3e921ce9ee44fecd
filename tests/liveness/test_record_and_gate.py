"""What is kept of a measurement, and what it lets through."""

import json
import math

import pytest
from support.fakes import FakeDetector, FakeEmbedder, paint, slug_of, stream
from support.made_presentations import judged, made

from faceunlock.errors import GalleryError, PhotoError
from faceunlock.liveness import MEASUREMENT, record
from faceunlock.liveness.checks import CHECKS
from faceunlock.liveness.gate import LivenessGate, open_gate
from faceunlock.liveness.measuring import MeasuredCheck, Presentation
from faceunlock.photos.photo import load_photo
from faceunlock.pipeline.acquisition import Acquisition


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
    record.save(private, judged(made(gap=0.0)))
    assert record.load(private) != measurement


def test_nothing_is_kept_at_first(private, tmp_path):
    assert record.load(private) is None and record.load(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data | {"schema": 2},
        lambda data: data | {"more": 1},
        lambda data: {key: value for key, value in data.items() if key != "checks"},
        lambda data: data | {"checks": [data["checks"][0] | {"threshold": "low"}]},
        lambda data: data | {"checks": [data["checks"][0] | {"apcer": {}, "extra": 1}]},
        lambda data: data | {"checks": [data["checks"][0] | {"check": []}]},
        lambda data: data | {"checks": [data["checks"][0] | {"version": "1"}]},
        lambda data: data | {"created": ["today"]},
        lambda data: data | {"target_bpcer": True},
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


def test_the_gate_needs_a_check_that_stops_something(private):
    assert slug_of(open_gate, private, camera=True) == "pad-not-measured"
    record.save(private, judged(made(gap=0.0)))
    assert slug_of(open_gate, private, camera=True) == "pad-not-measured"
    record.save(private, judged(made()))
    assert [one.check for one in open_gate(private, camera=False).checks] == ["moire"]


def test_a_check_that_changed_since_does_not_count(private, monkeypatch):
    record.save(private, judged(made()))
    monkeypatch.setitem(CHECKS, "moire", type(CHECKS["moire"])(2, "another"))
    assert slug_of(open_gate, private, camera=False) == "pad-not-measured"


def test_a_check_of_clips_needs_a_camera(private):
    clips = [Presentation(one.person, one.species, {"parallax": one.scores["moire"]}) for one in made()]
    record.save(private, judged(clips))
    assert open_gate(private, camera=True).of_clip
    with pytest.raises(GalleryError) as caught:
        open_gate(private, camera=False)
    assert caught.value.slug == "pad-not-measured" and "--camera" in caught.value.hint


@pytest.mark.parametrize("threshold, live", [(-1.0, True), (0.5, False)])
def test_a_photo_must_pass(threshold, live):
    rates = judged(made()).checks[0].rates
    gate = LivenessGate((MeasuredCheck("highlights", 1, threshold, rates),))
    acquisition = Acquisition(FakeDetector(), FakeEmbedder())
    photo = load_photo(stream(paint(1, 1)), name="probe.png")
    if live:
        (passed,) = gate.admit(acquisition, photo, (), "dominant")
        assert passed.check == "highlights" and passed.score >= threshold == passed.threshold
    else:
        with pytest.raises(PhotoError) as caught:
            gate.admit(acquisition, photo, (), "dominant")
        assert caught.value.slug == "not-live" and "probe.png: check highlights" in caught.value.message


def test_what_cannot_be_checked_does_not_pass():
    rates = judged(made()).checks[0].rates
    acquisition = Acquisition(FakeDetector(), FakeEmbedder())
    photo = load_photo(stream(paint(1, 1)))
    for check in ("moire", "parallax"):  # the face is smaller than a window, and there is no clip
        gate = LivenessGate((MeasuredCheck(check, 1, -math.inf, rates),))
        assert slug_of(gate.admit, acquisition, photo, (), "dominant") == "not-live"
