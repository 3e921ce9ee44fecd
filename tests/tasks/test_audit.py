"""From embeddings to an audit, and from folders with painted photos to a report."""

import numpy as np
import pytest
from support.fakes import GREY, FakeEmbedder, embedding, paint, save, save_person, slug_of

from faceunlock.studies.audit import GroupedEmbeddings, audit_groups
from faceunlock.studies.measures import within_sum_of_squares


def material(people_by_group, photos=3, noise=0.2, names=None):
    """Groups of fake people; `photos` each."""
    people = [(person, group) for group, persons in enumerate(people_by_group) for person in persons]
    owners = np.repeat(np.arange(len(people)), photos)
    vectors = [embedding(person, photo, noise) for person, _ in people for photo in range(photos)]
    return GroupedEmbeddings(
        embeddings=np.stack(vectors),
        files=tuple(f"{i}.png" for i in range(len(vectors))),
        person=owners,
        group=np.array([people[owner][1] for owner in owners]),
        names=names or tuple("abcdefgh"[: len(people_by_group)]),
    )


def test_each_group_is_measured():
    given = material([range(5), range(10, 13)])
    audit = audit_groups(given, 0.7, permutations=99)
    first, second = audit.groups
    assert (first.people, first.photos, second.people, second.photos) == (5, 15, 3, 9)
    assert first.sum_of_squares == within_sum_of_squares(given.embeddings[:15])
    assert first.spread == first.sum_of_squares / 15
    assert (first.fmr.trials, first.fnmr.trials) == (90, 15) and first.fmr.people == 5
    distances = [
        np.linalg.norm(given.embeddings[i] - given.embeddings[j])
        for i in range(15)
        for j in range(15)
        if given.person[i] != given.person[j]
    ]
    assert first.mean_distance == pytest.approx(np.mean(distances), rel=1e-6)
    assert audit.comparison("distance").differences[0].value == first.mean_distance
    for comparison, rate in (("fmr", first.fmr), ("fnmr", first.fnmr)):
        assert audit.comparison(comparison).differences[0].value == pytest.approx(rate.value)
    assert [pair.similarity for pair in audit.most_similar] == sorted(
        (pair.similarity for pair in audit.most_similar), reverse=True
    )


def test_a_group_of_look_alikes_is_told_from_chance():
    # Everybody of the second group is, to this model, one face with some noise.
    alike = material([range(12)], photos=2)
    same = [[embedding(99, 20 * person + photo, 0.3) for photo in range(2)] for person in range(12)]
    both = GroupedEmbeddings(
        np.concatenate([alike.embeddings, np.concatenate(same)]),
        tuple(map(str, range(48))),
        np.repeat(np.arange(24), 2),
        np.repeat([0, 1], 24),
        ("mixed", "alike"),
    )
    audit = audit_groups(both, 0.7, permutations=499)
    for measure in ("fmr", "distance", "spread"):
        assert {d.group for d in audit.comparison(measure).significant} == {"mixed", "alike"}
    assert audit.groups[1].fmr.value == 1.0 and audit.groups[0].fmr.value == 0.0
    assert audit.fmr_ratios[0].value is None and audit.fmr_ratios[0].reason.startswith("0 errors in mixed")
    assert not audit.comparison("fnmr").significant


def test_groups_of_hardly_anybody():
    audit = audit_groups(material([[1], [2, 3]], photos=1), 0.7, permutations=99)
    lonely, pair = audit.groups
    assert lonely.fmr.trials == 0 and lonely.mean_distance is None and lonely.sum_of_squares == 0
    assert pair.fmr.trials == 1 and audit.comparison("fmr").told == ()
    assert [group.fnmr.trials for group in audit.groups] == [0, 0]
    alone = audit_groups(material([[1]], photos=1), 0.7, permutations=99)
    assert alone.most_similar == () and alone.comparison("spread").told == ()
    one_group = audit_groups(material([range(4)]), 0.7, permutations=99)
    assert one_group.groups[0].fmr.trials and one_group.comparison("fmr").told == ()
    assert one_group.fmr_ratios[0].reason == "fewer than two groups have such comparisons"


@pytest.fixture
def folder(tmp_path):
    """Two groups; in the second, a failure, a duplicate and somebody without a usable photo."""
    for number, name in enumerate(("Ada", "Bob", "Cyd"), start=1):
        save_person(tmp_path / "photos" / "north" / name, number, 3)
    for number, name in enumerate(("Dan", "Eve"), start=4):
        save_person(tmp_path / "photos" / "south" / name, number, 2)
    save(tmp_path / "photos" / "south" / "Dan" / "again.png", paint(4, 0))
    save(tmp_path / "photos" / "south" / "Fay" / "grey.png", GREY)
    return tmp_path / "photos"


def test_photos_become_a_report(unlock, folder):
    report = unlock.audit(folder, permutations=99)
    north, south = report.audit.groups
    assert (north.name, north.people, north.photos, south.people, south.photos) == ("north", 3, 9, 2, 4)
    assert (report.photos, report.duplicates, len(report.failures)) == (15, 1, 1) and report.people_known
    assert (south.failures_to_acquire.errors, south.failures_to_acquire.trials) == (1, 5)
    assert south.failures_to_acquire.people == 3 and north.failures_to_acquire.errors == 0
    assert report.folder == "photos" and report.calibration is not None
    assert unlock.audit(folder, permutations=99, threshold=0.1).calibration is None


def test_names_and_order_do_not_change_what_is_measured(unlock, folder, tmp_path):
    photos = sorted(folder.rglob("*.png"), reverse=True)
    table = tmp_path / "groups.csv"
    rows = [f"{path.relative_to(folder)},{path.parts[-2]}-x,{path.parts[-3]}" for path in photos]
    table.write_text("photo,person,group\n" + "\n".join(rows))
    by_folders, by_table = (
        unlock.audit(folder, permutations=99),
        unlock.audit(folder, str(table), permutations=99),
    )
    for one, other in zip(by_folders.audit.groups, by_table.audit.groups, strict=True):
        assert (one.name, one.people, one.photos, one.fmr, one.fnmr) == (
            other.name,
            other.people,
            other.photos,
            other.fmr,
            other.fnmr,
        )
        assert one.sum_of_squares == pytest.approx(other.sum_of_squares)


def test_what_cannot_be_audited(unlock, open_home, folder, tmp_path, monkeypatch):
    assert slug_of(unlock.audit, folder, threshold=1.5) == "usage"
    save(tmp_path / "grey" / "group" / "1.png", GREY)
    assert slug_of(unlock.audit, tmp_path / "grey") == "insufficient-data"
    monkeypatch.setattr("faceunlock.tasks.audit.MOST_PHOTOS", 5)
    assert slug_of(unlock.audit, folder) == "bad-grouping"


def test_another_crop_is_for_models_that_have_a_box(folder, open_home):
    real = open_home(embedder=None, model="dlib")
    assert slug_of(real.audit, folder, crop=(150, 32)) == "usage"


def test_a_failing_photo_does_not_stop_the_rest(open_home, folder):
    unlock = open_home(embedder=FakeEmbedder(noise=0.5))
    (folder / "south" / "Eve" / "bad.jpg").write_bytes(b"no photo")
    report = unlock.audit(folder, permutations=99)
    assert {failure.reason for failure in report.failures} == {"no-face", "unreadable-photo"}
