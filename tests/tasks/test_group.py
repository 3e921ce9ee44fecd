"""Faces of a folder by person, and groups that get names; photos with painted faces."""

import numpy as np
import pytest
from support.fakes import GREY, FakeEmbedder, embedding, paint, save, save_person, slug_of, snapshot

from faceunlock.errors import EnrolmentError, FaceUnlockError
from faceunlock.pipeline.samples import NoneUsableError
from faceunlock.tasks.group import group
from faceunlock.tasks.group_names import TAG_LENGTH, is_tag, tag_of

THRESHOLD = 0.7
"""The painted faces of one person are at 0.96, of two people below 0.4."""


@pytest.fixture
def library(tmp_path):
    """Five photos of person 1, three of person 2 in a folder below, both together, and two strangers."""
    folder = tmp_path / "library"
    save_person(folder / "a", 1, 5)
    save_person(folder / "b" / "deep", 2, 3)
    save(folder / "both.png", paint(1, 50, faces=2))
    save(folder / "stranger.png", paint(7))
    save(folder / "far.png", paint(8, 0, faces=2, second_side=20))
    return folder


@pytest.fixture
def grouped(unlock):
    def run(folder, **options):
        return unlock.group(folder, **({"threshold": THRESHOLD} | options))

    return run


def who(one):
    """The painted people of a group."""
    return {
        next(person for person in range(20) if face.sample.embedding @ embedding(person, 99) > 0.8)
        for face in one.faces
    }


def test_each_person_is_a_group_the_largest_first(grouped, library):
    found = grouped(library)
    assert [who(one) for one in found.groups] == [{1}, {2}]
    assert [len(one.faces) for one in found.groups] == [6, 4]
    assert [one.photos for one in found.groups] == [6, 4]
    assert {face.photo for face in found.alone} == {str(library / "stranger.png"), str(library / "far.png")}
    assert found.faces == 12 and found.photos == 11 and found.own_threshold
    (small,) = found.faces_left_out
    assert (small.photo, small.reason) == (str(library / "far.png"), "face-too-small")
    assert "face 2 is 20 pixels wide" in small.detail
    for one in found.groups:
        assert one.similar is None and one.known is None and one.unsure == 0
        vectors = np.stack([face.sample.embedding for face in one.faces])
        pairs = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
        assert one.tightness == pytest.approx(pairs.mean(), abs=1e-5)
    both = [face for one in found.groups for face in one.faces if face.photo.endswith("both.png")]
    assert [face.number for face in both] == [1, 2]


def test_the_model_s_threshold_for_two_photos_decides(unlock, library):
    found = unlock.group(library)
    assert found.threshold == found.calibration.threshold
    assert found.calibration == unlock.choice.pair_calibration(found.identity) and not found.own_threshold


def test_poor_faces_are_left_out_with_the_reason(grouped, tmp_path):
    save_person(tmp_path / "in", 1, 2)
    save(tmp_path / "in" / "blurred.png", paint(1, 8, blurred=True))
    save(tmp_path / "in" / "dark.png", paint(1, 9, brightness=0.1))
    found = grouped(tmp_path / "in")
    assert len(found.groups) == 1 and len(found.groups[0].faces) == 2
    assert {one.reason for one in found.faces_left_out} == {"too-blurred", "too-dark"}


def test_bad_photos_and_copies_do_not_stop_the_others(grouped, library):
    (library / "broken.jpg").write_bytes(b"no photo")
    (library / "notes.txt").write_text("no photo")
    (library / "copy.png").write_bytes((library / "stranger.png").read_bytes())
    found = grouped(library)
    assert [one.reason for one in found.left_out] == ["unreadable-photo"]
    assert found.skipped == 1 and found.duplicates == 1
    assert len(found.groups) == 2  # a photo and its copy are not a group


def test_the_second_face_on_a_photo_is_unsure_and_not_enrolled(unlock, grouped, tmp_path):
    """It is a mirror or a collage, or somebody else who looks like the first."""
    save(tmp_path / "in" / "mirror.png", np.concatenate([paint(1, 33), paint(1, 34)], axis=1))
    save_person(tmp_path / "in", 1, 3)
    (one,) = grouped(tmp_path / "in").groups
    assert len(one.faces) == 5 and one.photos == 4 and one.unsure == 1
    there = {face.unsure: face for face in one.faces if face.photo.endswith("mirror.png")}
    assert there["same-photo"].likeness < there[None].likeness
    (outcome,) = grouped(tmp_path / "in", names={one.tag: "Anna"}).enrolled
    assert len(outcome.enrolment.used) == 4 and outcome.enrolment.left_out == ()


def test_what_is_unlike_its_group_is_unsure(open_home, tmp_path):
    """With noise as large as the person, faces of one person are around 0.5."""
    save_person(tmp_path / "in", 1, 30)
    unlock = open_home(embedder=FakeEmbedder(noise=1.0))
    found = unlock.group(tmp_path / "in", threshold=0.5)
    faces = [face for one in found.groups for face in one.faces]
    assert {face.unsure for face in faces} == {None, "unlike"}
    assert all((face.unsure == "unlike") == (face.likeness < 0.5) for face in faces)


def test_groups_that_may_be_one_person_are_told(open_home, tmp_path):
    save_person(tmp_path / "in", 1, 30)
    found = open_home(embedder=FakeEmbedder(noise=1.0)).group(tmp_path / "in", threshold=0.5)
    there = {one.tag: one for one in found.groups}
    similar = [one for one in found.groups if one.similar is not None]
    assert len(similar) > 1
    for one in similar:
        them = there[one.similar.tag]
        pairs = [a.sample.embedding @ b.sample.embedding for a in one.faces for b in them.faces]
        assert one.similar.similarity == pytest.approx(np.mean(pairs), abs=1e-5)
        assert 0.5 - 0.25 * 0.5 <= one.similar.similarity < 0.5


@pytest.mark.parametrize(
    ("make", "slug"),
    [
        (lambda folder: None, "photo-not-found"),
        (lambda folder: (folder / "notes.txt").write_text("x"), "photo-not-found"),
        (lambda folder: (folder / "a.jpg").write_bytes(b"x"), "unreadable-photo"),
        (lambda folder: save(folder / "a.png", GREY), "no-face"),
        (lambda folder: save(folder / "a.png", paint(1, side=20)), "face-too-small"),
    ],
)
def test_a_folder_without_faces(unlock, tmp_path, make, slug):
    (tmp_path / "in").mkdir()
    make(tmp_path / "in")
    assert slug_of(unlock.group, tmp_path / "in") == slug


def test_errors_before_any_photo_is_read(unlock, ada, monkeypatch):
    unlock.enroll("Ada", ada)
    monkeypatch.setattr("faceunlock.tasks.group.find_photos", lambda _: pytest.fail("a photo was looked for"))
    tag = "0" * TAG_LENGTH
    assert slug_of(unlock.group, ada, threshold=2) == "usage"
    assert slug_of(unlock.group, ada, names={"3": "Bob"}) == "unknown-group"
    assert slug_of(unlock.group, ada, names={tag: "ada"}) == "already-enrolled"
    assert slug_of(unlock.group, ada, names={tag: "a/b"}) == "bad-name"


def test_known_needs_somebody(unlock, library):
    assert slug_of(unlock.group, library, known=True) == "nobody-enrolled"


def test_one_face_is_alone(grouped, tmp_path):
    save(tmp_path / "in" / "a.png", paint(1))
    found = grouped(tmp_path / "in")
    assert found.groups == () and len(found.alone) == 1


def test_a_group_keeps_its_name_while_its_faces_are_the_same(grouped, library):
    first = grouped(library)
    tags = [one.tag for one in first.groups]
    assert all(map(is_tag, tags)) and len(set(tags)) == 2
    (library / "a" / "0.png").rename(library / "z.png")
    save(library / "a" / "new stranger.png", paint(9))
    again = grouped(library)
    assert [one.tag for one in again.groups] == tags
    assert [one.tag for one in grouped(library, threshold=0.6).groups] == tags
    save(library / "one more of 1.png", paint(1, 60))
    changed = {len(one.faces): one.tag for one in grouped(library).groups}
    assert changed[4] == tags[1] and changed[7] not in tags


def test_a_tag_depends_on_every_face():
    faces = [(bytes([number]) * 32, 1) for number in range(4)]
    tags = {tag_of(faces), tag_of(faces[:3]), tag_of([*faces[:3], (faces[3][0], 2)]), tag_of(faces[1:])}
    assert len(tags) == 4 and all(map(is_tag, tags)) and tag_of(faces[::-1]) == tag_of(faces)
    assert not is_tag(tag_of(faces).upper() + "x") and not is_tag("") and not is_tag("ilou0000")


def test_named_groups_are_enrolled(unlock, grouped, library, home):
    one, two = grouped(library).groups
    assert not list(home.rglob("*.db"))  # looking writes nothing
    found = grouped(library, names={two.tag: "Ben", one.tag: "Anna"})
    assert [outcome.name for outcome in found.enrolled] == ["Ben", "Anna"]
    assert [len(outcome.enrolment.used) for outcome in found.enrolled] == [4, 6]
    assert all(outcome.saved for outcome in found.enrolled)
    assert [person.name for person in unlock.people()] == ["Anna", "Ben"]
    assert unlock.verify(library / "a" / "0.png").decision.name == "Anna"
    # The group photo is part of both templates, so a calibration probes neither with it.
    assert unlock.gallery.get("Anna").template.count == 6
    known = grouped(library, known=True)
    assert [(one.known.name, one.known.faces) for one in known.groups] == [("Anna", 6), ("Ben", 4)]


def test_a_sealed_gallery_takes_all_or_nobody(unlock, grouped, library, monkeypatch):
    unlock.protect("file")
    one, two = grouped(library).groups
    names = {one.tag: "Anna", two.tag: "Ben"}
    add = type(unlock.gallery).add

    def fail_late(self, name, template):
        add(self, name, template)
        if name == "Ben":
            raise EnrolmentError("aborted", "stopped")

    with monkeypatch.context() as patch:
        patch.setattr(type(unlock.gallery), "add", fail_late)
        assert slug_of(grouped, library, names=names) == "aborted"
    assert unlock.people() == ()
    grouped(library, names=names)
    assert [person.name for person in unlock.people()] == ["Anna", "Ben"]


def test_known_people_are_compared_in_blocks(unlock, grouped, library, monkeypatch):
    one, _ = grouped(library).groups
    grouped(library, names={one.tag: "Anna"})
    monkeypatch.setattr("faceunlock.tasks.group.PROBES", 1)
    assert [one.known and one.known.faces for one in grouped(library, known=True).groups] == [6, None]


def test_a_stranger_is_not_known(unlock, grouped, library, tmp_path):
    save_person(tmp_path / "other", 9, 5)
    unlock.enroll("Eve", tmp_path / "other")
    assert [one.known for one in grouped(library, known=True).groups] == [None, None]


def test_a_group_that_changed_since_is_not_enrolled(unlock, grouped, library):
    one, two = grouped(library).groups
    save(library / "somebody added this.png", paint(1, 61))
    before = snapshot(library)
    with pytest.raises(FaceUnlockError) as caught:
        grouped(library, names={one.tag: "Anna", two.tag: "Ben"})
    assert caught.value.slug == "unknown-group" and one.tag in caught.value.message
    assert unlock.people() == () and snapshot(library) == before
    assert slug_of(grouped, library, names={"0" * TAG_LENGTH: "Anna"}) == "unknown-group"


def test_all_or_nobody(unlock, grouped, tmp_path):
    save_person(tmp_path / "in" / "a", 1, 5)
    save_person(tmp_path / "in" / "b", 2, 2)
    one, two = grouped(tmp_path / "in").groups
    with pytest.raises(EnrolmentError) as caught:
        grouped(tmp_path / "in", names={one.tag: "Anna", two.tag: "Ben"})
    assert caught.value.slug == "too-few-photos" and caught.value.message.startswith("Ben: 2 usable")
    assert unlock.people() == ()


def test_two_groups_of_one_name_are_one_person(open_home, tmp_path):
    save_person(tmp_path / "in", 1, 20)
    unlock = open_home(embedder=FakeEmbedder(noise=0.45))
    apart = unlock.group(tmp_path / "in", threshold=0.85)
    tags = [one.tag for one in apart.groups]
    assert len(tags) > 1
    found = unlock.group(tmp_path / "in", threshold=0.85, names=dict.fromkeys(tags, "Anna"))
    (outcome,) = found.enrolled
    assert outcome.looked_at == sum(len(one.faces) for one in apart.groups)


def test_two_names_for_one_face_are_refused(open_home, tmp_path):
    save_person(tmp_path / "in", 1, 20)
    unlock = open_home(embedder=FakeEmbedder(noise=0.45))
    one, two = [one for one in unlock.group(tmp_path / "in", threshold=0.85).groups if len(one.faces) > 2][:2]
    options = {"threshold": 0.85, "names": {one.tag: "Anna", two.tag: "Ben"}}
    assert slug_of(unlock.group, tmp_path / "in", **options) == "second-name"
    assert unlock.people() == ()
    assert len(unlock.group(tmp_path / "in", even_so=True, **options).enrolled) == 2


def test_photos_are_added_to_somebody_who_is_there(unlock, grouped, library, ada):
    unlock.enroll("Anna", ada)  # person 1 as well, and the same files
    save_person(library / "more", 1, 2, first=70)
    one, two = grouped(library).groups
    assert slug_of(grouped, library, names={one.tag: "anna"}) == "already-enrolled"
    found = grouped(library, names={one.tag: "anna", two.tag: "Ben"}, add=True)
    assert [outcome.name for outcome in found.enrolled] == ["Anna", "Ben"]
    assert unlock.gallery.get("Anna").template.count == 5 + 3  # both.png and the two new ones
    assert {one.reason for one in found.enrolled[0].enrolment.left_out} == {"duplicate"}


def test_pictures_only_if_asked_for(grouped, library):
    def kept(found):
        return [face.picture for one in found.groups for face in one.faces]

    assert not any(kept(grouped(library)))
    assert all(picture.startswith(b"\xff\xd8") for picture in kept(grouped(library, pictures=True)))


def test_interrupting_writes_nothing(unlock, library, home):
    def stop(items, total, label):
        yield next(iter(items))
        raise KeyboardInterrupt

    before = snapshot(library)
    with pytest.raises(KeyboardInterrupt):
        group(unlock, library, names={"0" * TAG_LENGTH: "Anna"}, track=stop)
    assert snapshot(library) == before and unlock.people() == () and not list(home.rglob("*.db"))


def test_nobody_usable_names_every_photo(unlock, tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"no photo")
    with pytest.raises(NoneUsableError) as caught:
        unlock.group(tmp_path)
    assert len(caught.value.left_out) == 2
