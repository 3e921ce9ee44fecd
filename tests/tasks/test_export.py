"""An import brings people; thresholds only if they are asked for, and none that is too low."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.fakes import IDENTITY, slug_of
from support.made_templates import make_calibration, make_template

from faceunlock.errors import FaceUnlockError
from faceunlock.gallery.gallery import Gallery

PASSPHRASE = "a long passphrase"


@pytest.fixture
def exported(tmp_path):
    """Write an export that somebody made up; give its path."""

    def write(*calibrations, template=None):
        from faceunlock.gallery.export import export_gallery

        with Gallery(tmp_path / "made up") as gallery:
            made = make_template([4 / IDENTITY.dimension**0.5] * IDENTITY.dimension, identity=IDENTITY)
            gallery.add("Mallory", template or made)
            for identity, data in calibrations:
                gallery.save_calibration(identity, data)
            export_gallery(gallery, tmp_path / "export", PASSPHRASE, overwrite=True)
        return tmp_path / "export"

    return write


def test_an_import_lowers_no_threshold_unasked(unlock, exported, ada, bob):
    unlock.enroll("Ada", ada)
    before = unlock.verify(bob / "0.png", "Ada").decision
    file = exported((IDENTITY, make_calibration(IDENTITY, -1.0)))
    summary = unlock.import_from(file, PASSPHRASE)
    assert (summary.added, summary.calibrations_left_out) == (("Mallory",), (IDENTITY,))
    assert unlock.verify(bob / "0.png", "Ada").decision == before and not before.match


def test_a_threshold_below_the_shipped_one_is_refused_with_everything_else(unlock, exported):
    file = exported((IDENTITY, make_calibration(IDENTITY, -1.0)))
    with pytest.raises(FaceUnlockError, match="below the shipped") as caught:
        unlock.import_from(file, PASSPHRASE, calibrations=True)
    assert caught.value.slug == "lower-threshold" and "--calibrations" in caught.value.hint
    assert unlock.people() == ()
    summary = unlock.import_from(file, PASSPHRASE, calibrations=True, allow_lower=True)
    assert (summary.calibrations_added, summary.thresholds_added) == ((IDENTITY,), (-1.0,))
    assert unlock.choice.calibration(IDENTITY).threshold == -1.0


def test_a_threshold_that_is_not_lower_is_taken_and_used(unlock, exported):
    threshold = unlock.choice.uncalibrated(IDENTITY.model).threshold + 0.01
    file = exported((IDENTITY, make_calibration(IDENTITY, threshold)))
    summary = unlock.import_from(file, PASSPHRASE, calibrations=True)
    assert summary.thresholds_added == (threshold,) and summary.calibrations_left_out == ()
    assert unlock.choice.calibration(IDENTITY).threshold == threshold


def test_the_threshold_of_a_model_that_nobody_knows_here_is_refused(unlock, exported):
    unknown = replace(IDENTITY, model="unheard-of")
    file = exported((unknown, make_calibration(unknown, 0.9)))
    assert slug_of(unlock.import_from, file, PASSPHRASE, calibrations=True, kind=FaceUnlockError) == (
        "unknown-model"
    )
    assert unlock.import_from(file, PASSPHRASE).added == ("Mallory",)


def test_a_template_has_the_dimension_of_its_model(unlock, exported):
    file = exported(template=make_template([0.1] * 7, identity=replace(IDENTITY, dimension=7)))
    assert slug_of(unlock.import_from, file, PASSPHRASE, kind=FaceUnlockError) == "export-damaged"
    assert unlock.people() == ()
