import shutil
import sqlite3
from dataclasses import replace

import pytest
from support.fakes import GUESS, IDENTITY, FakeDetector, FakeEmbedder, paint, save, save_person, slug_of

from faceunlock.errors import (
    CalibrationError,
    FaceUnlockError,
    GalleryError,
    SettingsError,
)
from faceunlock.gallery.gallery import Gallery
from faceunlock.matching.calibration import Calibration
from faceunlock.matching.templates import ModelIdentity
from faceunlock.pipeline.models.registry import MODELS


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("Ada", "Bob", "Cyd", "Dan"), start=1):
        save_person(tmp_path / "test" / name, number, 5, first=40)
    return tmp_path / "test"


@pytest.fixture
def strangers(tmp_path):
    for number in range(25):
        save(tmp_path / "strangers" / f"{number}.png", paint(100 + number))
    return tmp_path / "strangers"


def test_with_nobody_enrolled_three_photos_build_a_centroid(unlock, folder):
    report = unlock.calibrate(folder)
    assert (report.plan.split, report.templates, report.genuine) == (3, 4, 8)
    assert report.choice.target == unlock.settings.target_fmr


def test_enrolled_people_are_probed_as_they_are(unlock, folder, ada, bob):
    unlock.enroll("Ada", ada)
    unlock.enroll("Bob", bob)
    report = unlock.calibrate(folder)
    assert (report.plan.split, report.templates, report.genuine, report.impostor) == (None, 2, 10, 30)
    assert unlock.calibrate(folder, split=2).templates == 4


def test_photos_that_built_a_template_are_no_probes(unlock, folder, ada):
    unlock.enroll("Ada", [ada, folder / "Ada" / "40.png"])
    report = unlock.calibrate(folder)
    assert (report.own_photos, report.genuine) == (1, 4)


def test_people_of_another_model_are_not_probed(open_home, folder, ada):
    open_home(embedder=FakeEmbedder(replace(IDENTITY, weights_sha256="e" * 64))).enroll("Ada", ada)
    assert open_home().calibrate(folder).plan.split == 3


def test_a_saved_calibration_is_used_from_then_on(open_home, folder, strangers, ada, bob):
    unlock = open_home()
    report = unlock.calibrate(folder, target_fmr=0.2, impostors=strangers)
    saved = unlock.save_calibration(report, allow_lower=True)
    assert saved.threshold == report.choice.threshold
    later = open_home()
    later.enroll("Ada", ada)
    answer = later.verify(ada / "0.png", "Ada")
    assert answer.calibration == saved and answer.decision.threshold == saved.threshold
    assert (answer.point.supported, answer.point.fmr) == (True, 0.2)
    # Several people ask for more than one does.
    later.enroll("Bob", bob)
    among = later.verify(ada / "0.png")
    assert among.decision.candidates == 2 and among.point == saved.threshold_for(2)
    assert among.decision.threshold > saved.threshold
    assert later.verify(ada / "0.png", "Bob").decision.threshold == saved.threshold


def test_a_saved_calibration_is_of_exactly_one_model(open_home, folder, strangers, ada):
    unlock = open_home()
    unlock.save_calibration(unlock.calibrate(folder, target_fmr=0.2, impostors=strangers), allow_lower=True)
    other = open_home(embedder=FakeEmbedder(replace(IDENTITY, preprocessing="fake-2")))
    other.enroll("Ada", ada)
    assert other.verify(ada / "0.png").decision.threshold == GUESS


def test_a_threshold_below_the_shipped_one_is_refused(unlock, home, folder, strangers):
    report = unlock.calibrate(folder, target_fmr=0.2, impostors=strangers)
    assert report.supported and report.choice.threshold < GUESS
    numbers = rf"{report.choice.threshold:.4f} is below .* {GUESS:.4f}"
    with pytest.raises(CalibrationError, match=numbers) as caught:
        unlock.save_calibration(report)
    assert caught.value.slug == "lower-threshold" and not home.exists()
    assert unlock.save_calibration(report, allow_lower=True).threshold < GUESS


def test_a_threshold_above_the_shipped_one_is_saved(unlock, folder, strangers, monkeypatch):
    report = unlock.calibrate(folder, target_fmr=0.2, impostors=strangers)
    low = Calibration("dlib", "0" * 64, "fake-1", -0.5, None, "not-calibrated", "a guess", "2026-01-31")
    monkeypatch.setattr("faceunlock.pipeline.models.shipped.shipped_calibration", lambda model, security: low)
    assert unlock.save_calibration(report).threshold == report.choice.threshold


def test_too_little_data_are_never_saved(unlock, home, folder):
    report = unlock.calibrate(folder)
    assert slug_of(unlock.save_calibration, report, allow_lower=True, kind=CalibrationError) == (
        "insufficient-data"
    )
    assert not home.exists()


@pytest.mark.parametrize(
    ("options", "slug"),
    [
        ({"target_fmr": 0.0}, "usage"),
        ({"target_fmr": 1.0}, "usage"),
        ({"target_fmr": float("nan")}, "usage"),
        ({"split": 0}, "usage"),
        ({"seed": -1}, "usage"),
    ],
)
def test_numbers_out_of_range_are_refused(unlock, folder, options, slug):
    assert slug_of(unlock.calibrate, folder, kind=SettingsError, **options) == slug


@pytest.mark.parametrize(
    ("named", "slug"),
    [("nowhere", "photo-not-found"), ("file", "photo-not-found"), ("ada", "bad-folder")],
)
def test_a_bad_folder_is_refused_before_any_photo_is_read(open_home, tmp_path, ada, named, slug):
    (tmp_path / "file").write_bytes(b"")
    detector = FakeDetector()
    with pytest.raises(FaceUnlockError, match=named) as caught:
        open_home(detector=detector).calibrate(tmp_path / named)
    assert caught.value.slug == slug and detector.calls == 0


def test_strangers_that_are_not_there_are_missed_before_any_photo_is_read(open_home, folder, tmp_path):
    detector = FakeDetector()
    calibrate = open_home(detector=detector).calibrate
    assert slug_of(calibrate, folder, impostors=tmp_path / "nowhere") == "photo-not-found"
    assert detector.calls == 0


def test_a_calibration_that_is_none_is_damage(open_home, home, ada):
    unlock = open_home()
    unlock.enroll("Ada", ada)
    with Gallery(home) as gallery:
        gallery.save_calibration(IDENTITY, {"threshold": 0.1})
    assert slug_of(unlock.verify, ada / "0.png", "Ada", kind=GalleryError) == "gallery-damaged"


def test_a_calibration_of_another_model_is_damage(open_home, home, ada, folder, strangers):
    unlock = open_home()
    unlock.enroll("Ada", ada)
    calibration = unlock.calibrate(folder, target_fmr=0.2, split=3, impostors=strangers).calibration
    with Gallery(home) as gallery:
        gallery.save_calibration(IDENTITY, replace(calibration, weights_sha256="e" * 64).to_dict())
    with pytest.raises(GalleryError, match="belongs to another model") as caught:
        unlock.verify(ada / "0.png", "Ada")
    assert caught.value.slug == "gallery-damaged"


def test_a_calibration_changed_from_outside_is_damage(open_home, home, ada, folder, strangers):
    with open_home() as unlock:
        unlock.enroll("Ada", ada)
        report = unlock.calibrate(folder, target_fmr=0.2, split=3, impostors=strangers)
        unlock.save_calibration(report, allow_lower=True)
    connection = sqlite3.connect(home / "gallery.db")
    with connection:
        threshold = repr(report.choice.threshold)
        changed = connection.execute(
            "UPDATE calibrations SET data = replace(data, ?, ?)",
            (f'"threshold":{threshold}', '"threshold":-1.0'),
        )
        assert changed.rowcount == 1
    connection.close()
    assert slug_of(open_home().verify, ada / "0.png", "Ada", kind=GalleryError) == "gallery-damaged"
    # Neither enrolment nor status takes it for good.
    assert slug_of(open_home().enroll, "Bob", ada, kind=GalleryError) == "gallery-damaged"
    assert any("damaged" in problem for problem in open_home().status().problems)


# scores that were kept


@pytest.fixture
def kept(unlock, folder, strangers, tmp_path):
    """The scores of a folder, and the report that came with them."""
    file = tmp_path / "kept.npz"
    return file, unlock.calibrate(folder, target_fmr=0.2, impostors=strangers, seed=3, save_scores=file)


@pytest.mark.parametrize("target", [0.2, 0.3, 1e-5])
def test_kept_scores_give_the_report_that_the_photos_gave(open_home, kept, folder, strangers, target):
    file, first = kept
    again = open_home().judge_scores(file, target_fmr=target)
    photos = open_home().calibrate(folder, target_fmr=target, impostors=strangers, seed=3)
    assert again == replace(photos, created=first.created)
    assert again.choice.target == target and again.supported == (target > 0.1)


def test_kept_scores_need_no_photo_and_no_network(open_home, kept, folder):
    file, first = kept
    shutil.rmtree(folder)
    detector, embedder = FakeDetector(), FakeEmbedder()
    unlock = open_home(detector=detector, embedder=embedder)
    report = unlock.judge_scores(file, target_fmr=0.2)
    assert (report, detector.calls, embedder.batches) == (first, 0, [])
    saved = unlock.save_calibration(report, allow_lower=True)
    assert (saved.data, saved.created, saved.seed) == (first.data, first.created, 3)


def test_scores_that_do_not_suffice_are_kept_all_the_same(unlock, folder, tmp_path):
    assert not unlock.calibrate(folder, target_fmr=1e-6, save_scores=tmp_path / "kept.npz").supported
    assert unlock.judge_scores(tmp_path / "kept.npz").choice.target == unlock.settings.target_fmr


def test_a_threshold_from_kept_scores_may_not_be_lower_either(unlock, kept):
    report = unlock.judge_scores(kept[0], target_fmr=0.2)
    assert slug_of(unlock.save_calibration, report, kind=CalibrationError) == "lower-threshold"


@pytest.mark.parametrize(
    "change",
    [{"weights_sha256": "e" * 64}, {"preprocessing": "fake-2"}, {"dimension": 32}, {"model": "other"}],
)
def test_scores_of_what_is_not_here_are_judged_and_not_saved(open_home, home, kept, change):
    other = open_home(embedder=FakeEmbedder(replace(IDENTITY, **change)))
    report = other.judge_scores(kept[0], target_fmr=0.2)
    assert report.supported
    assert (
        slug_of(other.save_calibration, report, allow_lower=True, kind=CalibrationError) == "model-mismatch"
    )
    assert not home.exists()


def test_without_an_embedder_the_weights_that_are_here_decide(open_home, home, kept, tmp_path):
    real = open_home(detector=None, embedder=None)
    report = real.judge_scores(kept[0], target_fmr=0.2)
    assert slug_of(real.save_calibration, report, allow_lower=True) == "model-mismatch"
    unknown = replace(report, identity=replace(IDENTITY, model="unknown"))
    assert slug_of(real.save_calibration, unknown, allow_lower=True) == "model-mismatch"
    spec = MODELS["dlib"]
    here = ModelIdentity("dlib", spec.sha256, spec.preprocessing, spec.dimension)
    saved = real.save_calibration(replace(report, identity=here), allow_lower=True)
    assert saved.threshold == report.choice.threshold


def test_a_model_that_was_named_must_be_the_one_of_the_scores(open_home, kept):
    assert open_home(model="dlib").judge_scores(kept[0], target_fmr=0.2).identity == IDENTITY
    with pytest.raises(CalibrationError, match="scores of dlib, not of vggface2") as caught:
        open_home(model="vggface2").judge_scores(kept[0], target_fmr=0.2)
    assert caught.value.slug == "model-mismatch"


def test_a_place_for_the_scores_is_looked_at_before_any_photo(open_home, folder, tmp_path, kept):
    detector = FakeDetector()
    calibrate = open_home(detector=detector).calibrate
    assert slug_of(calibrate, folder, save_scores=kept[0]) == "file-exists"
    assert slug_of(calibrate, folder, save_scores=tmp_path / "no" / "kept.npz") == "file-unwritable"
    assert detector.calls == 0
    calibrate(folder, split=2, save_scores=kept[0], overwrite=True)
    assert open_home().judge_scores(kept[0]).plan.split == 2


@pytest.mark.parametrize("target", [0.0, 1.0, float("nan")])
def test_a_target_out_of_range_is_refused_for_kept_scores(unlock, kept, target):
    assert slug_of(unlock.judge_scores, kept[0], target_fmr=target, kind=SettingsError) == "usage"
