import re

import pytest

from faceunlock.pipeline.models.registry import MODELS
from faceunlock.pipeline.models.shipped import shipped_calibration, shipped_pair_calibration

BOTH = pytest.mark.parametrize("shipped", [shipped_calibration, shipped_pair_calibration])


@BOTH
@pytest.mark.parametrize("model", MODELS)
def test_every_model_comes_with_a_threshold_of_its_own(model, shipped):
    spec, calibration = MODELS[model], shipped(model)
    assert (calibration.model, calibration.preprocessing) == (model, spec.preprocessing)
    assert calibration.weights_sha256 == (spec.sha256 or "0" * 64)
    assert calibration.status in ("shipped", "not-calibrated")


@BOTH
@pytest.mark.parametrize("model", MODELS)
def test_what_was_not_measured_claims_nothing(model, shipped):
    calibration = shipped(model)
    measured = (calibration.fmr, calibration.fnmr, calibration.eer, calibration.target_fmr)
    if calibration.status == "not-calibrated":
        assert measured == (None, None, None, None)
        assert calibration.threshold_for(1).fmr is None
    else:
        assert None not in measured
        assert re.match(r"\d{4}-\d\d-\d\d", calibration.created)
        assert calibration.people > 0 and calibration.photos > 0


@pytest.mark.parametrize("model", ["compact", "dlib"])
def test_two_photos_are_less_alike_than_a_photo_and_a_centroid(model):
    assert shipped_pair_calibration(model).status == shipped_calibration(model).status == "shipped"
    assert shipped_pair_calibration(model).threshold < shipped_calibration(model).threshold
