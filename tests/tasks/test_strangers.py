"""The bank of strangers, filled from folders and archives, and what is said with it."""

import hashlib
import json
import signal
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.fakes import IDENTITY, FakeEmbedder, paint, save, save_person, save_strangers, slug_of
from support.weights_helpers import answer, left_in, serving

from faceunlock.errors import FaceUnlockError, GalleryError
from faceunlock.pipeline import archive
from faceunlock.tasks import strangers as task

OTHER = replace(IDENTITY, weights_sha256="e" * 64)


@pytest.fixture
def people(tmp_path):
    """Four people with two photos each."""
    for number, name in enumerate(("Ada", "Bob", "Cyd", "Dan"), start=1):
        save_person(tmp_path / "test" / name, number, 5, first=40)
    return tmp_path / "test"


def bank(unlock):
    return unlock.gallery.strangers.read(IDENTITY)


def test_a_folder_becomes_embeddings_and_nothing_else(unlock, home, stranger_folder):
    done = unlock.add_strangers(stranger_folder)
    assert (done.source, done.photos, done.added, done.known) == ("crowd", 31, 30, 0)
    assert [failure.reason for failure in done.failures] == ["no-face"]
    assert (done.bank.people, done.bank.photos) == (30, 30) and unlock.strangers() == (done.bank,)
    assert np.allclose(np.linalg.norm(bank(unlock).embeddings, axis=1), 1, atol=1e-6)
    kept = [path.name for path in home.rglob("*") if path.is_file()]
    assert len(kept) == 2 and "gallery.db" in kept
    assert not any(b"\x89PNG" in path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_a_second_time_only_what_is_new_is_embedded(open_home, stranger_folder):
    unlock = open_home()
    unlock.add_strangers(stranger_folder)
    save(stranger_folder / "new" / "a.png", paint(400))
    embedder = FakeEmbedder()
    done = open_home(embedder=embedder).add_strangers(stranger_folder)
    assert (done.added, done.known, done.bank.people, sum(embedder.batches)) == (1, 30, 31, 1)


def test_what_was_embedded_before_an_interruption_is_kept(open_home, tmp_path, monkeypatch, caplog):
    folder = save_strangers(tmp_path / "crowd", 60)
    monkeypatch.setattr(task, "SAVE_EVERY", 5)

    def interrupted(items, total, label):
        for number, item in enumerate(items):
            if number == 55:  # some photos are ahead of what is embedded
                raise KeyboardInterrupt
            yield item

    unlock = open_home()
    with pytest.raises(KeyboardInterrupt):
        unlock.add_strangers(folder, track=interrupted)
    kept = len(bank(unlock))
    assert 0 < kept < 60 and f"{kept} photos added so far are kept" in caplog.text
    done = unlock.add_strangers(folder)
    assert (done.known, done.bank.photos) == (kept, 60)


def test_a_folder_without_people_is_refused(unlock, ada, tmp_path):
    assert slug_of(unlock.add_strangers, ada) == "bad-folder"
    assert slug_of(unlock.add_strangers, tmp_path / "none") == "photo-not-found"
    assert unlock.strangers() == ()


def test_each_model_has_strangers_of_its_own(open_home, stranger_folder, people):
    open_home(embedder=FakeEmbedder(OTHER)).add_strangers(stranger_folder)
    unlock = open_home()
    assert bank(unlock) is None
    with pytest.raises(FaceUnlockError, match="no bank of strangers for dlib") as caught:
        unlock.calibrate(people, strangers=True)
    assert caught.value.slug == "no-strangers" and "strangers pull lfw --model dlib" in caught.value.hint
    unlock.add_strangers(stranger_folder)
    assert unlock.forget_strangers("S3") == 2 and [state.people for state in unlock.strangers()] == [29, 29]
    assert slug_of(unlock.forget_strangers, "S3") == "no-strangers"
    assert unlock.forget_strangers("crowd") == 58 and unlock.strangers() == ()


# an archive


@pytest.fixture
def published(stranger_folder, tmp_path, monkeypatch):
    """The strangers as a published archive; returns its content."""
    with tarfile.open(tmp_path / "published.tgz", "w:gz") as made:
        made.add(stranger_folder, "lfw_funneled")
    content = (tmp_path / "published.tgz").read_bytes()
    known = replace(archive.ARCHIVES["lfw"], sha256=hashlib.sha256(content).hexdigest(), photos=31)
    monkeypatch.setitem(archive.ARCHIVES, "lfw", known)
    return content


def test_an_archive_is_downloaded_embedded_and_removed(open_home, home, published):
    seen = []
    with serving(answer(published)) as server:
        settings = replace(open_home().settings, weights_mirror=server.url)
        unlock = open_home(settings=settings, on_download=lambda *counts: seen.append(counts))
        done = unlock.pull_strangers("lfw")
    assert (done.source, done.added, done.bank.people) == ("lfw", 30, 30)
    assert seen[-1] == (len(published), len(published))
    assert left_in(home / "cache" / "strangers") == []
    assert slug_of(unlock.pull_strangers, "nobody") == "no-strangers"


def test_an_archive_of_your_own_is_used_and_stays(unlock, published, tmp_path):
    assert unlock.pull_strangers("lfw", file=tmp_path / "published.tgz").bank.people == 30
    assert (tmp_path / "published.tgz").exists()
    assert slug_of(unlock.pull_strangers, "lfw", file=tmp_path / "crowd") == "file-unreadable"


# calibration


def test_strangers_bound_the_false_matches_of_a_few_people(unlock, people, tmp_path):
    said = []
    alone = unlock.calibrate(people, target_fmr=0.05, tell=said.append)
    assert not alone.supported and not said[0].enough
    assert (said[0].needed, said[0].people, said[0].strangers) == (59, 4, 0)
    assert "faceunlock strangers pull lfw" in alone.insufficient().hint
    lowest = alone.choice.lowest_supported_fmr
    assert f"--target-fmr {lowest:.2g}" in alone.insufficient().hint
    unlock.add_strangers(save_strangers(tmp_path / "crowd", 60))
    report = unlock.calibrate(people, target_fmr=0.05, tell=said.append)
    assert report.supported and said[1].enough and said[1].strangers == 60
    assert (report.strangers, report.stranger_photos, report.genuine) == (60, 60, 8)
    assert report.impostor == alone.impostor + 4 * 60
    assert (report.choice.strangers_fmr.trials, report.choice.own_fmr.trials) == (240, alone.impostor)
    assert report.data.endswith("60 strangers of the bank (crowd)") and report.fnmr.trials == 8
    assert report.failures_to_acquire == alone.failures_to_acquire  # of the photos that were looked at
    assert any(pair.photo.startswith("crowd/S") for pair in report.highest_impostor)
    assert unlock.save_calibration(report, allow_lower=True).strangers_fmr == report.choice.strangers_fmr
    without = unlock.calibrate(people, target_fmr=0.05, strangers=False)
    assert without.choice == alone.choice


def test_the_needs_are_told_before_a_photo_is_read(unlock, people, monkeypatch):
    def told(needs):
        monkeypatch.setattr(type(unlock.choice.loader.given), "embed", None, raising=False)
        raise RuntimeError(needs.needed)

    monkeypatch.setattr("faceunlock.studies.comparisons.compare_photos", pytest.fail)
    with pytest.raises(RuntimeError, match="2995"):
        unlock.calibrate(people, target_fmr=0.001, tell=told)


def test_the_people_are_not_their_own_strangers(unlock, people, tmp_path):
    crowd = save_strangers(tmp_path / "crowd", 10)
    save_person(crowd / "ada", 1, 2)  # by name
    save(crowd / "Nickname" / "a.png", paint(2, 41))  # the same photo as one of Bob's
    save(crowd / "Nickname" / "b.png", paint(2, 90))
    save(crowd / "Double" / "a.png", paint(3, 80))  # who only looks like Cyd
    unlock.add_strangers(crowd)
    report = unlock.calibrate(people, target_fmr=0.5)
    assert report.strangers == 11
    first = report.highest_impostor[0]
    assert (first.photo, first.person) == ("crowd/Double", "Cyd")  # named, so that it can be forgotten
    unlock.forget_strangers("Double")
    assert unlock.calibrate(people, target_fmr=0.5).highest_impostor[0].similarity < first.similarity


def test_a_photo_among_impostors_and_strangers_counts_once(unlock, people, stranger_folder):
    unlock.add_strangers(stranger_folder)
    report = unlock.calibrate(people, target_fmr=0.2, impostors=stranger_folder)
    alone = unlock.calibrate(people, target_fmr=0.2, impostors=stranger_folder, strangers=False)
    assert (report.strangers, report.impostor) == (alone.strangers, alone.impostor)


def test_enrolled_people_are_compared_without_a_photo(unlock, ada, bob, stranger_folder):
    assert slug_of(unlock.calibrate) == "nobody-enrolled"
    unlock.enroll("Ada", ada)
    unlock.enroll("S1", bob)
    assert slug_of(unlock.calibrate) == "no-strangers"
    unlock.add_strangers(stranger_folder)
    said = []
    report = unlock.calibrate(target_fmr=0.2, tell=said.append)
    assert (said[0].people, said[0].strangers, said[0].enough) == (2, 30, True)
    assert report.supported and report.choice.own_fmr is None
    assert (report.people, report.photos, report.genuine, report.fnmr.trials) == (2, 0, 0, 0)
    assert (report.strangers, report.impostor) == (29, 58)  # S1 is enrolled
    saved = unlock.save_calibration(report, allow_lower=True)
    assert saved.fnmr.trials == 0 and unlock.verify(ada / "0.png", "Ada").calibration == saved
    for wrong in ({"impostors": stranger_folder}, {"split": 3}, {"strangers": False}):
        assert slug_of(unlock.calibrate, **wrong) == "usage"


def test_a_model_is_measured_on_the_bank_alone(unlock, tmp_path):
    crowd = save_strangers(tmp_path / "crowd", 20)
    for number in range(5):
        save_person(crowd / f"S{number}", 300 + number, 5)
    save_person(crowd / "S5", 305, 3)  # one photo too few for an owner
    unlock.add_strangers(crowd)
    report = unlock.calibrate(strangers=True, target_fmr=0.2)
    assert (report.templates, report.people, report.genuine, report.plan.split) == (5, 20, 10, 3)
    assert report.impostor == 5 * (5 * 2 + 3 + 14) - 10
    assert report.supported and unlock.save_calibration(report, allow_lower=True).status == "calibrated"
    assert slug_of(unlock.calibrate, strangers=True, split=5) == "insufficient-data"


def test_scores_with_strangers_can_be_kept_and_judged_again(unlock, people, stranger_folder, tmp_path):
    unlock.add_strangers(stranger_folder)
    report = unlock.calibrate(people, target_fmr=0.2, save_scores=tmp_path / "s.npz")
    again = unlock.judge_scores(tmp_path / "s.npz", target_fmr=0.2)
    assert (again.choice, again.strangers, again.data) == (report.choice, 30, report.data)
    assert slug_of(unlock.calibrate, strangers=True, save_scores=tmp_path / "s.npz") == "file-exists"


# enrolment and status


def test_an_enrolment_says_how_near_the_nearest_stranger_comes(unlock, ada, bob, stranger_folder):
    assert unlock.enroll("Ada", ada).nearest is None
    unlock.add_strangers(stranger_folder)
    outcome = unlock.enroll("Ada", ada, replace=True)
    scores = bank(unlock).embeddings @ outcome.enrolment.template.centroid
    assert outcome.nearest.similarity == pytest.approx(scores.max(), abs=1e-6)
    assert outcome.nearest.name == bank(unlock).person[int(scores.argmax())]
    assert (outcome.nearest.strangers, outcome.nearest.threshold) == (30, 0.7) and not outcome.nearest.match
    save_person(stranger_folder / "Twin", 2, 1)
    unlock.add_strangers(stranger_folder)
    assert unlock.enroll("Bob", bob).nearest.match


def test_a_damaged_bank_does_not_keep_anybody_from_enrolling(unlock, home, ada, stranger_folder, caplog):
    unlock.add_strangers(stranger_folder)
    (file,) = home.glob("strangers-*.bank")
    file.write_bytes(b"damaged")
    assert unlock.enroll("Ada", ada).nearest is None and "No stranger was compared" in caplog.text
    assert slug_of(unlock.calibrate, kind=GalleryError) == "gallery-damaged"
    file.unlink()
    assert any("is missing" in problem for problem in unlock.status().problems)
    unlock.forget_strangers()
    assert unlock.status().problems == () and unlock.status().strangers == ()


def test_a_sealed_gallery_keeps_its_strangers(open_home, stranger_folder, ada):
    unlock = open_home()
    unlock.add_strangers(stranger_folder)
    unlock.protect("file")
    unlock.rotate()
    later = open_home()
    assert later.strangers()[0].people == 30 and later.enroll("Ada", ada).nearest.strangers == 30
    later.unprotect()
    assert len(bank(open_home())) == 30


# the program itself

PROGRAM = """
import json, sys
sys.path.insert(0, {support!r})
from support.fakes import FakeDetector, FakeEmbedder
from faceunlock import FaceUnlock
from faceunlock.tasks import strangers
strangers.SAVE_EVERY = 4

def track(items, total, label):
    for number, item in enumerate(items):
        print(number, flush=True)
        if number == 55:
            sys.stdin.read()
        yield item

with FaceUnlock({home!r}, detector=FakeDetector(), embedder=FakeEmbedder()) as unlock:
    unlock.add_strangers({folder!r}, track=track)
"""


def test_a_killed_command_keeps_what_it_embedded(open_home, home, tmp_path):
    folder = save_strangers(tmp_path / "crowd", 60)
    program = PROGRAM.format(
        support=str(Path(__file__).resolve().parents[1]), home=str(home), folder=str(folder)
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if json.loads(line) == 55:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    unlock = open_home()
    kept = sum(state.photos for state in unlock.strangers())
    done = unlock.add_strangers(folder)
    assert kept and (done.known, done.bank.people) == (kept, 60)
    assert len(list(home.glob("strangers-*.bank"))) == 1
