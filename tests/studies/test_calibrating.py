from dataclasses import replace

import numpy as np
import pytest
from support.fakes import IDENTITY, FakeDetector, FakeEmbedder, embedding, paint, save, save_person

from faceunlock.errors import CalibrationError, PhotoError
from faceunlock.matching.calibration import Calibration
from faceunlock.matching.similarity import unit
from faceunlock.photos.photo import find_photos
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.pipeline.enrolment import Gates, enroll
from faceunlock.studies.calibration_report import WORST, report_for
from faceunlock.studies.comparisons import Plan, compare_photos

GATES = Gates(0.0, 0.0, -1.0, 2)
PLAN = Plan(split=3)
TARGET = 0.2
NAMES = ("Ada", "Bob", "Cyd", "Dan")


@pytest.fixture
def folder(tmp_path):
    """Four people with five photos each."""
    for number, name in enumerate(NAMES):
        save_person(tmp_path / "people" / name, number, 5)
    return tmp_path / "people"


@pytest.fixture
def strangers(tmp_path):
    """Twenty strangers with one photo each, and one with three."""
    for number in range(20):
        save(tmp_path / "strangers" / f"{number}.png", paint(100 + number))
    save_person(tmp_path / "strangers" / "Eve", 99, 3)
    return tmp_path / "strangers"


def acquisition():
    return Acquisition(FakeDetector(), FakeEmbedder())


def compared(folder, plan=PLAN, **options):
    return compare_photos(folder, acquisition(), IDENTITY, plan, **options)


def trial(folder, plan=PLAN, target=TARGET, **options):
    return report_for(compared(folder, plan, **options), target)


def template(photos):
    samples = list(acquisition().samples(find_photos([photos]).photos))
    return enroll(samples, IDENTITY, GATES).template


# with centroids from the folder


def test_a_split_counts_what_it_compares(folder):
    report = trial(folder)
    # 2 probes of each of 4 people against 4 templates.
    assert (report.people, report.photos, report.templates) == (4, 20, 4)
    assert (report.genuine, report.impostor) == (8, 24)
    assert (report.strangers, report.stranger_photos, report.duplicates) == (0, 0, 0)
    assert report.failures_to_acquire.trials == 20 and report.failures_to_acquire.errors == 0
    assert report.fnmr.trials == 8 and report.choice.fmr.trials == 24
    assert report.plan == PLAN and str(folder) in report.data


def test_people_with_too_few_photos_are_impostors_only(folder):
    save_person(folder / "Eve", 9, 3)
    report = trial(folder)
    assert (report.people, report.templates) == (5, 4)
    assert (report.genuine, report.impostor) == (8, 24 + 3 * 4)


def test_the_same_seed_gives_the_same_answer_and_another_seed_another(folder):
    first, again, other = (trial(folder, replace(PLAN, seed=seed)) for seed in (1, 1, 2))
    assert first.choice == again.choice and first.lowest_genuine == again.lowest_genuine
    assert first.lowest_genuine != other.lowest_genuine


def test_scores_are_what_verify_would_say(folder):
    report = trial(folder, replace(PLAN, split=4))
    for pair in report.lowest_genuine:
        person = NAMES.index(pair.person)
        probe = int(pair.photo.rsplit("/", 1)[1].removesuffix(".png"))
        others = sum(embedding(person, i).astype(float) for i in range(5) if i != probe)
        assert pair.similarity == pytest.approx(float(embedding(person, probe) @ unit(others)))


# with enrolled people


def test_enrolled_people_are_probed_against_their_own_templates(folder, tmp_path):
    enrolled = {"ada": template(save_person(tmp_path / "a", 0, 3, first=50)[0].parent)}
    report = trial(folder, replace(PLAN, split=None), enrolled=enrolled)
    # Names are the same whatever their case; everybody else is an impostor.
    assert (report.templates, report.genuine, report.impostor) == (1, 5, 15)
    assert report.own_photos == 0
    assert {pair.person for pair in (*report.lowest_genuine, *report.highest_impostor)} == {"ada"}
    expected = min(float(embedding(0, i).astype(float) @ enrolled["ada"].centroid) for i in range(5))
    assert report.lowest_genuine[0].similarity == pytest.approx(expected)


def test_photos_that_built_a_template_are_not_its_probes(folder):
    enrolled = {"Ada": template(folder / "Ada"), "Bob": template(folder / "Bob")}
    report = trial(folder, replace(PLAN, split=None), enrolled=enrolled)
    assert (report.own_photos, report.genuine, report.impostor) == (10, 0, 20)
    assert report.eer is None and report.lowest_genuine == ()
    assert report.fnmr.trials == 0


def test_a_split_ignores_who_is_enrolled(folder):
    report = trial(folder, enrolled={"Ada": template(folder / "Ada")})
    assert (report.own_photos, report.templates) == (0, 4)


# strangers


def test_strangers_are_impostors_of_every_template(folder, strangers):
    report = trial(folder, impostors=strangers)
    assert (report.strangers, report.stranger_photos) == (21, 23)
    assert report.impostor == 24 + 23 * 4
    assert report.choice.own_fmr.trials == 24 and report.choice.strangers_fmr.trials == 92
    assert report.people == 4 and str(strangers) in report.data


def test_a_known_person_among_the_strangers_is_skipped(folder, strangers):
    save_person(strangers / "ada", 0, 4, first=20)
    report = trial(folder, impostors=strangers)
    assert (report.strangers, report.skipped) == (21, 4)


def test_an_enrolled_person_among_the_strangers_is_skipped(folder, strangers, tmp_path):
    save_person(strangers / "Zoe", 50, 4, first=20)
    enrolled = {"zoe": template(save_person(tmp_path / "z", 50, 3)[0].parent)}
    report = trial(folder, replace(PLAN, split=None), enrolled=enrolled, impostors=strangers)
    assert report.strangers == 21 and report.skipped == 4


def test_the_same_content_counts_once_in_both_folders(folder, strangers):
    content = (folder / "Ada" / "0.png").read_bytes()
    (strangers / "copy.png").write_bytes(content)
    (folder / "Bob" / "copy.png").write_bytes(content)
    assert trial(folder, impostors=strangers).duplicates == 2


# what is reported


def test_a_mislabelled_photo_is_the_worst_pair_at_both_ends(folder):
    wrong = save(folder / "Ada" / "wrong.png", paint(1, 77))
    # Four of Ada's six photos build her centroid; whichever they are, a wrong probe shows.
    for seed in range(20):
        report = trial(folder, replace(PLAN, split=4, seed=seed))
        if report.lowest_genuine[0].photo == str(wrong):
            break
    else:
        pytest.fail("the mislabelled photo was never a probe")
    assert report.lowest_genuine[0].person == "Ada"
    assert (report.highest_impostor[0].photo, report.highest_impostor[0].person) == (str(wrong), "Bob")
    assert len(report.lowest_genuine) <= WORST and len(report.highest_impostor) <= WORST


def test_a_mislabelled_photo_of_an_enrolled_person_is_named(folder, tmp_path):
    enrolled = {
        name: template(save_person(tmp_path / name, number, 3, first=50)[0].parent)
        for number, name in enumerate(NAMES)
    }
    wrong = save(folder / "Cyd" / "wrong.png", paint(3, 77))
    report = trial(folder, replace(PLAN, split=None), enrolled=enrolled)
    assert (report.lowest_genuine[0].photo, report.lowest_genuine[0].person) == (str(wrong), "Cyd")
    assert (report.highest_impostor[0].photo, report.highest_impostor[0].person) == (str(wrong), "Dan")
    similarities = [pair.similarity for pair in report.lowest_genuine]
    assert similarities == sorted(similarities)


def test_the_worst_pair_among_strangers_is_named(folder, strangers):
    twin = save(strangers / "twin.png", paint(2, 88))
    worst = trial(folder, impostors=strangers).highest_impostor[0]
    assert (worst.photo, worst.person) == (str(twin), "Cyd")


def test_failures_to_acquire_are_counted_and_named(folder, strangers):
    save(folder / "Ada" / "0.png", np.full((80, 80, 3), 128, np.uint8))
    (strangers / "broken.jpg").write_bytes(b"no photo")
    report = trial(folder, impostors=strangers)
    rate = report.failures_to_acquire
    assert (rate.errors, rate.trials, rate.people) == (2, 20 + 24, 4 + 22)
    assert [(failure.photo, failure.reason) for failure in report.failures] == [
        (str(folder / "Ada" / "0.png"), "no-face"),
        (str(strangers / "broken.jpg"), "unreadable-photo"),
    ]
    # A failure is no comparison: Ada has one probe less.
    assert report.genuine == 7


def test_separable_people_have_no_errors(folder):
    report = trial(folder)
    assert report.eer == 0.0 and report.fnmr.errors == 0
    assert report.highest_impostor[0].similarity < report.lowest_genuine[0].similarity


def test_the_threshold_keeps_the_target_on_the_data(folder, strangers):
    report = trial(folder, impostors=strangers)
    assert report.supported and report.choice.fmr.upper <= TARGET
    assert report.choice.own_fmr.value <= TARGET
    assert report.choice.strangers_fmr.value <= TARGET


def test_what_is_saved_is_what_was_measured(folder, strangers):
    report = trial(folder, impostors=strangers)
    calibration = report.calibration
    assert Calibration.from_dict(calibration.to_dict()) == calibration
    assert (calibration.model, calibration.weights_sha256, calibration.preprocessing) == (
        IDENTITY.model,
        IDENTITY.weights_sha256,
        IDENTITY.preprocessing,
    )
    assert (calibration.threshold, calibration.tail) == (report.choice.threshold, report.choice.tail)
    assert (calibration.people, calibration.photos) == (25, 43)
    assert (calibration.status, calibration.target_fmr) == ("calibrated", 0.2)
    assert (calibration.seed, calibration.split) == (0, 3)
    assert (calibration.fmr, calibration.fnmr) == (report.choice.fmr, report.fnmr)


# too little data


def test_too_few_people_do_not_support_a_low_target(folder):
    report = trial(folder, target=1e-4)
    assert not report.supported
    error = report.insufficient()
    assert error.slug == "insufficient-data"
    for part in ("24 impostor comparisons of 4 people", "0.0001", "lowest FMR these data can support is"):
        assert part in error.message
    assert "29,956 people" in error.hint and "No threshold was saved" in error.hint
    with pytest.raises(CalibrationError):
        _ = report.calibration


def test_the_lowest_supported_target_is_supported(folder, strangers):
    report = trial(folder, target=1e-6, impostors=strangers)
    lowest = report.choice.lowest_supported_fmr
    assert not report.supported and 1e-6 < lowest < 0.5
    assert trial(folder, target=lowest, impostors=strangers).supported
    assert not trial(folder, target=lowest * 0.99, impostors=strangers).supported


def test_without_a_template_there_is_nothing_to_compare(folder):
    with pytest.raises(CalibrationError, match=r"no impostor comparison \(0 templates, 20 usable") as caught:
        trial(folder, replace(PLAN, split=5))
    assert caught.value.slug == "insufficient-data"


def test_without_a_usable_photo_there_is_nothing_to_compare(tmp_path):
    for name in NAMES:
        save(tmp_path / name / "0.png", np.full((80, 80, 3), 128, np.uint8))
    with pytest.raises(CalibrationError, match="0 templates, 0 usable photos"):
        trial(tmp_path)


@pytest.mark.parametrize("missing", ["folder", "impostors"])
def test_a_folder_that_is_not_there_is_named(folder, tmp_path, missing):
    with pytest.raises(PhotoError, match="nowhere"):
        if missing == "folder":
            trial(tmp_path / "nowhere")
        else:
            trial(folder, impostors=tmp_path / "nowhere")


# comparisons, apart from what is made of them


def test_comparisons_say_who_was_compared_with_whom(folder, strangers):
    comparisons = compared(folder, impostors=strangers)
    assert comparisons.similarity.shape == (8 + 23, 4)
    assert (comparisons.own_probes, comparisons.names) == (8, NAMES)
    assert all(str(folder) in file for file in comparisons.files[:8])
    assert all(str(strangers) in file for file in comparisons.files[8:])
    genuine, own, outside = comparisons.scores()
    assert (len(genuine), len(own), len(outside)) == (8, 24, 92)
    np.testing.assert_array_equal(comparisons.probe_person[outside.photo], outside.probe_person)
    assert set(outside.photo.tolist()) == set(range(8, 31))


def test_comparisons_are_judged_for_one_target_after_another(folder, strangers):
    comparisons = compared(folder, impostors=strangers)
    low, high = (report_for(comparisons, target) for target in (0.15, 0.3))
    assert low.choice.threshold > high.choice.threshold
    assert low == report_for(comparisons, 0.15) and low.created == high.created
