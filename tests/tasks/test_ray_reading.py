"""A bulk enrolment on workers elsewhere: the same people as the plain way, each photo once, nothing lost."""

import hashlib
import re

import pytest
from support.fakes import GREY, paint, save, save_person, slug_of

from faceunlock.errors import ClusterError
from faceunlock.gallery.journal import FILE_NAME
from faceunlock.unlock import FaceUnlock


@pytest.fixture
def people(tmp_path):
    for person, name in enumerate(("Ada", "Bob", "Cyd"), start=1):
        save_person(tmp_path / "people" / name, person, 4)
    save(tmp_path / "people" / "Ada" / "grey.png", GREY)
    (tmp_path / "people" / "Ada" / "text.png").write_text("no photo")
    (tmp_path / "people" / "Bob" / "copy.png").write_bytes((tmp_path / "people/Bob/0.png").read_bytes())
    save_person(tmp_path / "people" / "Few", 9, 2)
    return tmp_path / "people"


def content(unlock):
    return [
        (one.name, one.template.identity, bytes(one.template.vector_sum), one.template.count,
         one.template.mean_similarity, one.template.lowest_similarity, len(one.template.photo_hashes))
        for one in unlock.people()
    ]  # fmt: skip


def said(outcome):
    return [(person.name, person.state, person.left_out, str(person.error)) for person in outcome.people]


@pytest.fixture
def plain(open_home, tmp_path, people, monkeypatch):
    """What the plain way says and stores, in another home."""
    unlock = open_home()
    other = FaceUnlock(
        tmp_path / "plain", settings=unlock.settings, detector=unlock._given[0], embedder=unlock._given[1]
    )
    with other:
        return said(other.enroll_each(people)), content(other)


def test_the_people_and_the_words_are_those_of_the_plain_way(unlock, people, plain, made_cluster, home):
    outcome = unlock.enroll_each(people, ray="local")
    assert (said(outcome), content(unlock)) == plain
    assert sorted(made_cluster.looked) == [i for i in range(len(made_cluster.looked) + 1) if i != 5]
    assert not (home / FILE_NAME).exists()


@pytest.mark.parametrize("after", [1, 2, 4])
@pytest.mark.parametrize("sealed", [False, True])
def test_a_killed_command_loses_nothing_and_looks_at_each_photo_once(
    open_home, people, plain, made_cluster, home, after, sealed, caplog
):
    if sealed:
        open_home().gallery.protect("file")
    made_cluster.dies_after = after
    with pytest.raises(KeyboardInterrupt):
        open_home().enroll_each(people, ray="local")
    first, made_cluster.dies_after = len(made_cluster.looked), None
    kept = int(re.search(r"seen on (\d+) photos? is kept", caplog.text)[1])
    assert first - kept in (0, 1) and (home / FILE_NAME).exists(), "two photos are one file"
    made_cluster.looked.clear()
    unlock = open_home()
    unlock.enroll_each(people, ray="local")
    assert content(unlock) == plain[1] and not (home / FILE_NAME).exists()
    assert kept + len(made_cluster.looked) in (15, 16), "each of 15 files that show something, once"


def test_the_plain_way_may_finish_what_a_cluster_began(unlock, people, plain, made_cluster, home):
    made_cluster.dies_after = 2
    with pytest.raises(KeyboardInterrupt):
        unlock.enroll_each(people, ray="local")
    unlock.enroll_each(people, dry_run=True)
    assert (home / FILE_NAME).exists()
    unlock.enroll_each(people)
    assert content(unlock) == plain[1] and not (home / FILE_NAME).exists()


@pytest.mark.parametrize("change", ["forget", "forget_all", "protect"])
def test_nobody_is_forgotten_while_a_journal_remembers(unlock, people, ada, made_cluster, home, change):
    made_cluster.dies_after = 2
    unlock.enroll("Eve", ada)
    with pytest.raises(KeyboardInterrupt):
        unlock.enroll_each(people, ray="local")
    assert (home / FILE_NAME).exists()
    words = {"forget": ["Eve"], "forget_all": [], "protect": ["file"]}[change]
    getattr(unlock, change)(*words)
    assert not (home / FILE_NAME).exists()


def test_a_dry_run_keeps_nothing(unlock, people, plain, made_cluster, home):
    assert len(said(unlock.enroll_each(people, ray="local", dry_run=True))) == 4
    assert unlock.people() == () and not (home / FILE_NAME).exists()


def test_a_stop_before_the_first_photo_leaves_no_journal(unlock, people, made_cluster, home):
    made_cluster.dies_after = 0
    with pytest.raises(KeyboardInterrupt):
        unlock.enroll_each(people, ray="local")
    assert not (home / FILE_NAME).exists()


def test_a_machine_that_sees_other_photos_is_named(unlock, people, made_cluster, home):
    made_cluster.change = lambda answer: type(answer)(
        answer.index, "unread", b"", b"it is another file there"
    )
    with pytest.raises(ClusterError) as caught:
        unlock.enroll_each(people, ray="local")
    assert caught.value.slug == "ray-worker-unfit"
    assert "worker-1 does not see it" in caught.value.message and "rsync" in caught.value.hint


@pytest.mark.parametrize("state", ["seen", "known"])
def test_nonsense_is_refused_and_not_kept(unlock, people, made_cluster, home, state):
    made_cluster.change = lambda answer: type(answer)(answer.index, state, hashlib.sha256().digest(), b"{}\n")
    assert slug_of(unlock.enroll_each, people, ray="local") == "ray-failed"
    assert not (home / FILE_NAME).exists() and unlock.people() == ()


def test_answers_that_do_not_come_are_missed(unlock, people, made_cluster, monkeypatch):
    real = made_cluster.look
    monkeypatch.setattr(made_cluster, "look", lambda *given: list(real(*given))[:-1])
    assert slug_of(unlock.enroll_each, people, ray="local") == "ray-failed"


def test_a_sealed_gallery_stays_on_its_machine(unlock, people, made_cluster):
    unlock.gallery.protect("file")
    assert slug_of(unlock.enroll_each, people, ray="10.0.0.7:6379") == "ray-sealed"


def test_networks_of_the_caller_do_not_travel(unlock, people):
    assert slug_of(unlock.enroll_each, people, ray="local") == "usage"


def test_photos_can_be_added_on_a_cluster_too(unlock, people, made_cluster):
    unlock.enroll_each(people, ray="local")
    save(people / "Cyd" / "new.png", paint(3, 30))
    added = unlock.enroll_each(people, ray="local", add=True)
    assert [person.state for person in added.people] == ["nothing-new", "nothing-new", "enrolled", "refused"]
