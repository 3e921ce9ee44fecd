"""Several looks of one person: enrolled, compared, counted, shown, moved and forgotten."""

from dataclasses import replace

import numpy as np
import pytest
from support.fakes import IDENTITY, FakeEmbedder, embedding, save_person, slug_of, snapshot

from faceunlock.errors import EnrolmentError, GalleryError, SettingsError
from faceunlock.matching.calibration import Calibration
from faceunlock.matching.rate import Rate
from faceunlock.matching.similarity import unit


def yes(_):
    return True


@pytest.fixture
def masked(tmp_path):
    """Five photos that resemble nobody enrolled: a person painted anew."""
    save_person(tmp_path / "masked", 9, 5)
    return tmp_path / "masked"


@pytest.fixture
def later(tmp_path):
    """Three more photos of the first person."""
    return save_person(tmp_path / "later", 1, 3, first=20)


def test_photos_that_resemble_the_person_become_a_look(unlock, ada, later):
    unlock.enroll("Ada", ada)
    before = unlock.person("Ada")
    outcome = unlock.enroll("ada", later, look=" winter  coat ")
    assert (outcome.name, outcome.look, outcome.saved) == ("Ada", "winter coat", True)
    after = unlock.person("Ada")
    (look,) = after.looks
    assert look.name == "winter coat" and look.template.count == 3
    assert np.array_equal(after.template.vector_sum, before.template.vector_sum)
    expected = float(unit(look.template.vector_sum) @ unit(before.template.vector_sum))
    assert outcome.resemblance.similarity == pytest.approx(expected)
    assert outcome.resemblance.threshold == unlock.choice.pair_calibration(IDENTITY).threshold
    assert outcome.resemblance.enough


def test_photos_that_do_not_are_refused_unless_accepted(unlock, ada, masked, home):
    unlock.enroll("Ada", ada)
    before, asked = snapshot(home), []
    with pytest.raises(EnrolmentError, match="resemble Ada") as caught:
        unlock.enroll("Ada", masked, look="mask")
    assert caught.value.slug == "unlike-the-person" and "--accept" in caught.value.hint
    for answer in (asked.append, lambda _: False):
        assert slug_of(unlock.enroll, "Ada", masked, look="mask", accept=answer) == "unlike-the-person"
    assert len(asked) == 1 and not asked[0].enough
    assert slug_of(unlock.enroll, "Ada", masked, look="mask", dry_run=True) == "unlike-the-person"
    assert not unlock.enroll("Ada", masked, look="mask", dry_run=True, accept=yes).saved
    assert snapshot(home) == before
    outcome = unlock.enroll("Ada", masked, look="mask", accept=yes)
    assert outcome.saved and not outcome.resemblance.enough


def test_nobody_is_asked_where_the_photos_resemble_the_person(unlock, ada, later):
    unlock.enroll("Ada", ada)
    assert unlock.enroll("Ada", later, look="hat", accept=pytest.fail).saved


def test_the_best_look_answers_and_nothing_is_learned_from_it(unlock, ada, bob, masked, home):
    unlock.enroll("Ada", ada)
    unlock.enroll("Bob", bob)
    unlock.enroll("Ada", masked, look="mask", accept=yes)
    stored = (home / "gallery.db").read_bytes()
    for name, candidates in (("Ada", 2), (None, 3)):
        plain, behind = (unlock.verify(folder / "3.png", name) for folder in (ada, masked))
        assert plain.decision.match and behind.decision.match
        assert (plain.decision.name, plain.decision.look) == ("Ada", None)
        assert (behind.decision.name, behind.decision.look) == ("Ada", "mask")
        assert plain.decision.candidates == behind.decision.candidates == candidates
        assert plain.people == behind.people == (1 if name else 2)
        mask = unlock.person("Ada").looks[0].template.centroid
        assert behind.decision.similarity == pytest.approx(float(embedding(9, 3) @ mask))
    assert not unlock.verify(masked / "3.png", "Bob").decision.match
    found = unlock.identify([masked / "2.png", bob / "1.png"])
    assert found.names == ("Ada", "Bob") and found.people == 2
    assert (home / "gallery.db").read_bytes() == stored


def test_every_look_counts_in_the_threshold_for_many(unlock, ada, bob, masked):
    unlock.enroll("Ada", ada)
    unlock.enroll("Bob", bob)
    rate = Rate(9, 10_000, 100, 0.0, 0.002, 0.95, "clopper-pearson", True)
    saved = Calibration(
        "dlib", IDENTITY.weights_sha256, IDENTITY.preprocessing, 0.3, 0.002, "calibrated", "made",
        "2026-01-31", fmr=rate, tail=(0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.5, 0.4, 0.2),
    )  # fmt: skip
    unlock.gallery.save_calibration(IDENTITY, saved.to_dict())
    assert unlock.verify(ada / "0.png", "Ada").point == saved.threshold_for(1)
    assert unlock.verify(ada / "0.png").point == saved.threshold_for(2)
    unlock.enroll("Ada", masked, look="mask", accept=yes)
    assert unlock.verify(ada / "0.png", "Ada").point == saved.threshold_for(2)
    assert unlock.verify(ada / "0.png").point == saved.threshold_for(3)
    assert unlock.identify([ada / "0.png"]).point == saved.threshold_for(3)
    assert saved.threshold_for(3).threshold > saved.threshold_for(2).threshold > saved.threshold
    state = unlock.status()
    assert (state.people, state.templates) == (("Ada", "Bob"), 3)


def test_a_look_is_added_to_replaced_and_not_made_twice(unlock, ada, later, masked, home):
    unlock.enroll("Ada", ada)
    unlock.enroll("Ada", masked, look="mask", accept=yes)
    before = snapshot(home)
    assert slug_of(unlock.enroll, "Ada", later, look="MASK") == "already-enrolled"
    assert slug_of(unlock.enroll, "Ada", later, look="hat", add=True) == "no-such-look"
    assert slug_of(unlock.enroll, "Eve", later, look="hat") == "not-enrolled"
    assert slug_of(unlock.enroll, "Ada", later, look="a/b") == "bad-name"
    assert snapshot(home) == before
    more = save_person(home.parent / "more", 9, 2, first=30)
    grown = unlock.enroll("Ada", more, look="Mask", add=True, accept=yes)
    assert grown.look == "mask" and unlock.person("Ada").looks[0].template.count == 7
    assert unlock.enroll("Ada", later, look="mask", replace=True).saved
    person = unlock.person("Ada")
    assert [look.template.count for look in person.looks] == [3] and person.template.count == 5


def test_more_photos_of_the_person_keep_the_looks_and_a_new_start_drops_them(unlock, ada, later, masked):
    unlock.enroll("Ada", ada)
    unlock.enroll("Ada", masked, look="mask", accept=yes)
    unlock.enroll("Ada", later, add=True)
    person = unlock.person("Ada")
    assert person.template.count == 8 and [look.name for look in person.looks] == ["mask"]
    assert [look.name for look in unlock.rename("Ada", "Eve").looks] == ["mask"]
    unlock.enroll("Eve", ada, replace=True)
    assert unlock.person("Eve").looks == ()


def test_a_look_of_somebody_else_is_a_second_name(unlock, ada, bob, masked, home):
    unlock.enroll("Ada", ada)
    unlock.enroll("Bob", bob)
    before = snapshot(home)
    assert slug_of(unlock.enroll, "Ada", bob, look="beard", accept=yes) == "second-name"
    assert snapshot(home) == before
    unlock.enroll("Ada", masked, look="mask", accept=yes)
    with pytest.raises(EnrolmentError, match="matches Ada") as caught:
        unlock.enroll("Eve", masked)
    assert caught.value.slug == "second-name"


def test_a_look_needs_the_model_of_the_person(open_home, ada, masked, home):
    open_home().enroll("Ada", ada)
    before = snapshot(home)
    other = open_home(embedder=FakeEmbedder(replace(IDENTITY, weights_sha256="e" * 64)))
    assert slug_of(other.enroll, "Ada", masked, look="mask", accept=yes) == "model-mismatch"
    assert snapshot(home) == before


def test_one_look_can_be_forgotten(unlock, ada, masked, later):
    unlock.enroll("Ada", ada)
    unlock.enroll("Ada", masked, look="mask", accept=yes)
    unlock.enroll("Ada", later, look="hat")
    with pytest.raises(GalleryError, match=r"hat.*mask") as caught:
        unlock.forget_look("Ada", "beard")
    assert caught.value.slug == "no-such-look"
    assert [look.name for look in unlock.forget_look("ada", "MASK").looks] == ["hat"]
    assert not unlock.verify(masked / "0.png", "Ada").decision.match
    assert unlock.forget_look("ada", "hat").looks == ()
    assert unlock.verify(ada / "0.png", "Ada").decision.candidates == 1


@pytest.mark.parametrize("sealed", [False, True])
def test_looks_move_with_an_export(open_home, ada, masked, tmp_path, sealed):
    here = open_home()
    here.enroll("Ada", ada)
    if sealed:
        here.protect("file")
    file = tmp_path / "plain"
    here.export_to(file, "long enough")
    assert file.read_bytes().startswith(b"FACEUNLOCK-EXPORT 1\n")
    here.enroll("Ada", masked, look="mask", accept=yes)
    here.export_to(file, "long enough", overwrite=True)
    assert file.read_bytes().startswith(b"FACEUNLOCK-EXPORT 2\n")  # an earlier version asks for an update
    assert here.import_from(file, "long enough").identical == ("Ada",)
    here.forget_look("Ada", "mask")
    assert slug_of(here.import_from, file, "long enough") == "import-conflict"
    assert here.import_from(file, "long enough", on_conflict="replace").replaced == ("Ada",)
    assert here.verify(masked / "0.png", "Ada").decision.look == "mask"
    assert here.status().problems == ()


def test_an_import_compares_looks_too(open_home, ada, masked, home, tmp_path):
    here = open_home()
    here.enroll("Ada", ada)
    here.enroll("Ada", masked, look="mask", accept=yes)
    here.export_to(tmp_path / "file", "long enough")
    here.forget_all()
    here.enroll("Eve", masked)
    assert slug_of(here.import_from, tmp_path / "file", "long enough") == "second-name"
    (same,) = here.import_from(tmp_path / "file", "long enough", even_so=True).same_faces
    assert (same.name, same.enrolled_as) == ("Ada", "Eve")


def test_a_calibration_compares_with_the_best_look(unlock, ada, bob, masked, tmp_path):
    unlock.enroll("Ada", ada)
    unlock.enroll("Bob", bob)
    unlock.enroll("Ada", masked, look="mask", accept=yes)
    folder = tmp_path / "probes"
    save_person(folder / "Ada", 9, 4, first=40)
    save_person(folder / "Bob", 2, 4, first=40)
    (folder / "Ada" / "own.png").write_bytes((masked / "0.png").read_bytes())
    report = unlock.calibrate(folder, target_fmr=0.4)
    assert (report.own_photos, report.genuine, report.fnmr.errors) == (1, 8, 0)


def test_a_look_must_be_given_a_name(unlock, ada):
    unlock.enroll("Ada", ada)
    assert slug_of(unlock.enroll, "Ada", ada, look="  ") == "bad-name"
    with pytest.raises(SettingsError):
        unlock.enroll("Ada", ada, look="mask", add=True, replace=True)


def test_a_photo_belongs_to_one_look_only(unlock, ada, later, masked):
    """Twice the same photos would be one more chance for a stranger, and no more for the person."""
    unlock.enroll("Ada", ada)
    assert slug_of(unlock.enroll, "Ada", ada, look="again") == "too-few-photos"
    unlock.enroll("Ada", later, look="hat")
    with pytest.raises(EnrolmentError) as caught:
        unlock.enroll("Ada", later, look="cap")
    assert {photo.reason for photo in caught.value.left_out} == {"duplicate"}
    assert {photo.detail for photo in caught.value.left_out} == {"already part of the look 'hat'"}
    with pytest.raises(EnrolmentError) as caught:
        unlock.enroll("Ada", later, add=True)
    assert {photo.detail for photo in caught.value.left_out} == {"already part of the look 'hat'"}
    assert slug_of(unlock.enroll, "Ada", later, look="hat", add=True) == "too-few-photos"
    # What is replaced is no obstacle to itself.
    assert unlock.enroll("Ada", later, look="hat", replace=True).enrolment.template.count == 3
    assert unlock.enroll("Ada", ada, replace=True).enrolment.template.count == 5
