from dataclasses import replace
from typing import get_args

import pytest

from faceunlock.cli.answers import export as export_answers
from faceunlock.cli.answers import verify as verify_answers
from faceunlock.gallery.export import ImportSummary
from faceunlock.matching import wording
from faceunlock.matching.calibration import Calibration, OperatingPoint
from faceunlock.matching.error_rates import Method
from faceunlock.matching.rate import Rate
from faceunlock.matching.similarity import Decision
from faceunlock.matching.templates import ModelIdentity
from faceunlock.photos.face import Quality
from faceunlock.photos.measures import Fault
from faceunlock.tasks.verify import Verification

IDENTITY = ModelIdentity("dlib", "a" * 64, "dlib-1", 128)
ONE_SIDED = Rate(2, 4000, 60, 0.0, 0.0016, 0.95, "clopper-pearson", True)
TWO_SIDED = Rate(12, 400, 8, 0.0155, 0.0518, 0.95, "clopper-pearson-people", False)
NO_TRIALS = Rate(0, 0, 0, 0.0, 1.0, 0.95, "clopper-pearson", True)


def made(status="shipped", fmr=ONE_SIDED):
    return Calibration(
        model="dlib",
        weights_sha256="a" * 64,
        preprocessing="dlib-1",
        threshold=0.9,
        target_fmr=2e-3,
        status=status,
        data="LFW",
        created="2026-01-02T03:04:05Z",
        people=60,
        photos=300,
        fmr=fmr,
        fnmr=TWO_SIDED if fmr else None,
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "100 %"),
        (0.5, "50 %"),
        (0.0123, "1.23 %"),
        (0.001, "0.1 %"),
        (0.00099, "9.9e-04"),
        (1e-9, "1.0e-09"),
    ],
)
def test_probabilities_are_readable_at_any_size(value, text):
    assert wording.probability(value) == text


def test_a_rate_is_never_told_alone():
    assert wording.rate(ONE_SIDED) == (
        "5.0e-04 (2 of 4,000, 60 people; at most 0.16 % with 95 % confidence, "
        "Clopper-Pearson over comparisons)"
    )
    assert wording.rate(TWO_SIDED) == (
        "3 % (12 of 400, 8 people; 95 % interval 1.55 % to 5.18 %, Clopper-Pearson over people)"
    )
    assert wording.rate(NO_TRIALS) == "cannot tell (no comparisons)"


def point(candidates=1, supported=True, fmr=1e-3):
    return OperatingPoint(0.9, candidates, supported, fmr)


def test_what_a_threshold_means_depends_on_where_it_comes_from():
    assert "nothing is known" in wording.threshold_meaning(made(), None)
    uncalibrated = replace(made("not-calibrated", None), target_fmr=None)
    assert wording.threshold_meaning(uncalibrated, point(fmr=None)).startswith("not calibrated: ")
    shipped = wording.threshold_meaning(made(), point())
    assert shipped.startswith(
        "FMR 5.0e-04: 2 false matches in 4,000 comparisons, 60 people, at most 0.16 % with 95 % "
    )
    assert shipped.endswith("shipped, measured on LFW")
    assert wording.threshold_meaning(made("calibrated"), point()).endswith("calibrated on LFW")
    among = wording.threshold_meaning(made(), point(5))
    assert among.startswith("among 5 people, FMR target 0.1 % per search; one against one: 2 false matches")
    beyond = wording.threshold_meaning(made(), point(5, supported=False))
    assert beyond == "among 5 people: more than the 4,000 comparisons behind the threshold can support"


def answer(match, candidates=1, **quality):
    decision = Decision(match, "Ada", 0.95 if match else 0.8, 0.9, candidates)
    measured = Quality(**({"size": 80.0, "sharpness": 20.0, "brightness": 120.0} | quality))
    return Verification(decision, IDENTITY, made(), point(candidates), measured, ())


def test_an_answer_is_one_line_with_its_numbers():
    assert str(verify_answers.text(answer(True))) == "yes  Ada  0.950 (needs 0.900)"
    assert str(verify_answers.text(answer(True, 3))) == "yes  Ada  0.950 (needs 0.900)"
    assert verify_answers.details(answer(True), None)[0].startswith("FMR 5.0e-04: 2 false matches in 4,000 ")


def test_a_no_names_nobody_as_the_person_on_the_photo():
    assert str(verify_answers.text(answer(False))) == "no   closest Ada  0.800 (needs 0.900)"
    claimed = replace(answer(False), named=True)
    assert str(verify_answers.text(claimed)) == "no   not Ada  0.800 (needs 0.900)"


def test_a_near_miss_says_what_to_do():
    near = replace(answer(False), near_miss=True, named=True)
    missed, added, why = verify_answers.notes(near, 2.0, 30, "my selfie.jpg")
    assert missed.startswith("A near miss: ")
    assert added.endswith(": faceunlock enroll Ada 'my selfie.jpg' --add --accept")
    assert why == "To see why: faceunlock explain 'my selfie.jpg' --as Ada"
    assert verify_answers.notes(near, 2.0, 30) == [missed], "a camera leaves no file to add"
    assert verify_answers.notes(answer(True), 2.0, 30, "a.jpg") == []


def test_how_a_face_stands_is_told_with_a_no():
    turned = replace(answer(False), quality=Quality(80.0, 20.0, 120.0, turn=-55.0, cut_off=0.4))
    cut, side = verify_answers.notes(turned, 2.0, 30)
    assert "outside the photo" in cut and "turned to the side" in side
    shaded = replace(answer(False), quality=Quality(80.0, 20.0, 120.0, eye_light=0.2))
    (eyes,) = verify_answers.notes(shaded, 2.0, 30)
    assert "eyes lie in shade" in eyes


def test_every_fault_of_a_face_has_a_sentence():
    assert set(verify_answers.FAULTS) == set(get_args(Fault))


def test_a_threshold_that_nobody_measured_is_said_with_a_yes_too():
    guess = replace(answer(True), calibration=made("not-calibrated", None))
    (note,) = verify_answers.notes(guess, 2.0, 30)
    assert "not calibrated" in note
    assert verify_answers.notes(replace(guess, point=None), 2.0, 30) == []


def test_a_no_from_a_poor_photo_says_so():
    poor = {"sharpness": 1.0, "brightness": 10.0}
    assert verify_answers.notes(answer(True, **poor), 2.0, 30) == []
    assert verify_answers.notes(answer(False), 2.0, 30) == []
    dark, blurred = verify_answers.notes(answer(False, **poor), 2.0, 30)
    assert "dark" in dark and "blurred" in blurred
    others = replace(answer(True), not_compared=("Bob", "Cyd"))
    assert verify_answers.notes(others, 2.0, 30) == [
        "Not compared, because enrolled with a different model, weights or preprocessing than dlib: Bob, Cyd"
    ]


def test_an_import_tells_what_became_of_everybody():
    nothing = ImportSummary((), (), (), (), (), ())
    assert export_answers.imported(nothing) == "Import: the file holds nothing new."
    much = ImportSummary(
        added=("Ada",),
        replaced=("Bob",),
        skipped=("Cyd",),
        identical=("Dan",),
        calibrations_added=(IDENTITY,),
        calibrations_kept=(replace(IDENTITY, model="vggface2"),),
        calibrations_left_out=(replace(IDENTITY, model="compact"),),
        thresholds_added=(0.61234,),
    )
    assert export_answers.imported(much) == (
        "Import: added Ada; replaced Bob; kept your version of Cyd; already here: Dan; "
        "took the calibration of dlib (threshold 0.6123); kept your calibration of vggface2; "
        "left out the calibration of compact (use --calibrations to take it)."
    )


def test_every_method_of_an_interval_has_words():
    assert set(wording.METHODS) == set(get_args(Method))
    assert len(set(wording.METHODS.values())) == len(wording.METHODS)
