"""Who must wait: however attempts are mixed, interrupted or run at once."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
from support.fakes import GREY, FakeDetector, paint, save, slug_of, stream

from faceunlock.errors import GalleryError, LockoutError, PhotoError
from faceunlock.gallery.attempts import Attempts
from faceunlock.gallery.lockout import Limits, Moment
from faceunlock.gallery.postgres.database import PostgresDatabase
from faceunlock.matching.crowd import Crowd
from faceunlock.photos.photo import load_photo
from faceunlock.settings import load_settings
from faceunlock.tasks.verify import Candidates


class Clock:
    """A clock that moves only when told."""

    def __init__(self):
        self.boot, self.seconds = "first", 1000.0

    def __call__(self):
        return Moment(self.boot, self.seconds)


@pytest.fixture
def clock(monkeypatch):
    moving = Clock()
    monkeypatch.setitem(Attempts.__init__.__kwdefaults__, "clock", moving)
    monkeypatch.setattr(PostgresDatabase, "moment", lambda _: moving())
    return moving


@pytest.fixture(params=["file", "server"])
def place(request):
    """Where attempts are counted: most tests are about both."""
    if request.param == "file":
        return "local"
    return request.getfixturevalue("server").url(request.getfixturevalue("database"))


on_file = pytest.mark.parametrize("place", ["file"], indirect=True)


@pytest.fixture
def open_home(open_home, place, tmp_path):
    """Open the gallery, in its file or on the server."""

    def open_it(**options):
        usual = replace(load_settings(tmp_path / "none.toml", {}), min_sharpness=20.0)
        settings = options.pop("settings", usual)
        return open_home(settings=replace(settings, gallery=place), **options)

    return open_it


@pytest.fixture
def people(clock, open_home, ada, bob):
    """Ada and Bob are enrolled, and nobody has tried yet."""
    unlock = open_home()
    unlock.enroll("Ada", ada)
    unlock.enroll("Bob", bob)
    return unlock


@pytest.fixture
def photos(tmp_path):
    """Photos of both that were not enrolled, and of a stranger."""
    return {
        name: save(tmp_path / "probes" / f"{name}.png", paint(person, 30))
        for name, person in (("Ada", 1), ("Bob", 2), ("stranger", 9))
    }


def fail(unlock, photos, times, name="Ada"):
    for _ in range(times):
        assert not unlock.verify(photos["stranger"], name).decision.match


def refused(unlock, photo, name=None):
    """Return the seconds left."""
    with pytest.raises(LockoutError) as caught:
        unlock.verify(photo, name)
    assert caught.value.slug == "locked-out"
    assert caught.value.retryable == (caught.value.seconds_left is not None)
    return caught.value.seconds_left


def test_after_five_failures_even_the_right_face_waits(people, photos, clock):
    fail(people, photos, 5)
    assert refused(people, photos["Ada"], "Ada") == 30
    clock.seconds += 29
    assert refused(people, photos["Ada"], "Ada") == 1
    clock.seconds += 1
    assert people.verify(photos["Ada"], "Ada").decision.match
    fail(people, photos, 5)
    assert refused(people, photos["Ada"], "Ada") == 30


def test_each_further_failure_costs_another_wait(people, photos, clock):
    fail(people, photos, 5)
    for _ in range(3):
        clock.seconds += 30
        fail(people, photos, 1)
        assert refused(people, photos["Ada"], "Ada") == 30


def test_after_fifty_only_a_release_helps(people, photos, clock):
    for _ in range(50):
        clock.seconds += 30
        fail(people, photos, 1)
    clock.seconds += 1e6
    assert refused(people, photos["Ada"], "Ada") is None
    clock.boot = "second"
    assert refused(people, photos["Ada"], "ada") is None
    assert any("unlock-attempts 'Ada'" in problem for problem in people.status().problems)
    assert people.unlock_attempts("ADA") == 50
    assert people.verify(photos["Ada"], "Ada").decision.match
    assert people.status().problems == ()


def test_success_begins_the_count_again(people, photos):
    for _ in range(3):
        fail(people, photos, 4)
        assert people.verify(photos["Ada"], "Ada").decision.match


def test_each_person_has_a_count(people, photos):
    fail(people, photos, 5, "Ada")
    assert people.verify(photos["Bob"], "Bob").decision.match
    refused(people, photos["Ada"], "Ada")


def test_another_process_knows(people, photos, open_home):
    fail(people, photos, 5)
    refused(open_home(), photos["Ada"], "Ada")


@pytest.mark.parametrize("named", range(6))
def test_no_mixture_of_named_and_unnamed_attempts_gets_more_than_five(people, photos, named):
    fail(people, photos, named, "Ada")
    fail(people, photos, 5 - named, None)
    refused(people, photos["Ada"], "Ada")


def test_without_a_name_whoever_is_locked_out_is_not_compared(people, photos):
    fail(people, photos, 5, "Ada")
    answer = people.verify(photos["Bob"])
    assert answer.decision.match and answer.decision.candidates == 1 and answer.locked_out == ("Ada",)
    assert not people.verify(photos["Ada"]).decision.match


def test_five_failures_without_a_name_lock_everybody(people, photos, clock):
    fail(people, photos, 5, None)
    refused(people, photos["Ada"])
    for name in ("Ada", "Bob"):
        assert refused(people, photos[name], name) == 30
    clock.seconds += 30
    assert people.verify(photos["Bob"]).decision.match
    assert people.verify(photos["Ada"], "Ada").decision.match


def test_a_success_with_a_name_leaves_the_count_of_the_gallery(people, photos):
    fail(people, photos, 4, None)
    assert people.verify(photos["Ada"], "Ada").decision.match
    fail(people, photos, 1, "Ada")
    refused(people, photos["Ada"], "Ada")


def test_a_success_without_a_name_leaves_the_counts_of_others(people, photos):
    fail(people, photos, 4, "Ada")
    assert people.verify(photos["Bob"]).decision.match
    fail(people, photos, 1, "Ada")
    refused(people, photos["Ada"], "Ada")


def test_what_could_not_be_decided_does_not_count(people, photos, tmp_path, open_home):
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    none = save(tmp_path / "none.png", GREY)
    crowd = save(tmp_path / "crowd.png", paint(1, faces=2))
    for photo in (tmp_path / "broken.jpg", tmp_path / "nowhere.jpg", none, crowd) * 3:
        slug_of(people.verify, photo, "Ada")
    slug_of(open_home(embedder=None, model="vggface2").verify, photos["Ada"], "Ada")
    assert people.verify(photos["Ada"], "Ada").decision.match
    outcomes = [entry.outcome for entry in people.attempts_log()]
    assert outcomes[:4] == ["unreadable-photo", "photo-not-found", "no-face", "several-faces"]
    assert outcomes[-2:] == ["model-mismatch", "yes"]


def test_an_attack_that_was_noticed_counts(people, photos, home):
    attempts = people.attempts
    for named in (True, True, False, False, False):
        with pytest.raises(PhotoError), attempts.attempt("camera") as attempt:
            attempt.admit(["Ada"], named=named)
            raise PhotoError("not-live")
    refused(people, photos["Ada"], "Ada")
    assert people.verify(photos["Bob"], "Bob").decision.match
    assert [entry.person for entry in people.attempts_log()[:5]] == ["Ada", "Ada", None, None, None]


def test_a_lock_is_told_before_a_photo_is_read_or_a_network_loaded(people, photos, open_home):
    fail(people, photos, 5)
    detector = FakeDetector()
    refused(open_home(detector=detector), "nowhere.jpg", "Ada")
    assert detector.calls == 0


def test_whoever_is_locked_out_opens_no_camera(people, photos, clock):
    fail(people, photos, 5)
    with pytest.raises(LockoutError):
        people.take("977", "Ada")
    clock.seconds += 30
    assert slug_of(people.take, "977", "Ada") != "locked-out"
    assert [(entry.person, entry.source) for entry in people.attempts_log()[5:]] == [
        ("Ada", "camera 977")
    ] * 2


def test_a_failure_meanwhile_is_seen_before_the_answer(people, photos, open_home):
    """The last moment counts, not the first: a lock that came up during the networks' work holds."""
    fail(people, photos, 4)
    late = open_home()
    inner = late.choice.acquisition

    def slow(*arguments, **options):
        fail(people, photos, 1)
        return inner(*arguments, **options)

    late.choice.acquisition = slow
    assert refused(late, photos["Ada"], "Ada") == 30


def test_a_reboot_opens_nothing(people, photos, clock):
    fail(people, photos, 5)
    clock.boot, clock.seconds = "second", 3.0
    assert refused(people, photos["Ada"], "Ada") == 27
    clock.seconds = 30.0
    assert people.verify(photos["Ada"], "Ada").decision.match


RACE = """
import sys
from pathlib import Path
from faceunlock.gallery.attempts import Attempts
from faceunlock.errors import LockoutError
from faceunlock.gallery.lockout import Limits

class No:
    match, name, similarity, model = False, "Ada", 0.1, "dlib"
    decision = identity = property(lambda self: self)

attempts = Attempts(Path(sys.argv[1]), Limits(5, 3600.0, 50), busy_timeout=60)
sys.stdin.readline()
answers = 0
for _ in range(5):
    try:
        with attempts.attempt("test") as attempt:
            attempt.admit(["Ada"], named=True)
            attempt.settle(["Ada"], lambda admitted: No())
        answers += 1
    except LockoutError:
        pass
print(answers)
"""


def test_processes_cannot_race_past_the_limit(tmp_path):
    directory = tmp_path / "data"
    directory.mkdir(mode=0o700)
    path = os.pathsep.join(sys.path)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
        )
        for _ in range(6)
    ]
    answers = [int(racer.communicate("go\n", timeout=120)[0]) for racer in racers]
    assert sum(answers) == 5


ENDLESS = RACE.replace("range(5)", "range(10**9)").replace(
    "Limits(5, 3600.0, 50)", "Limits(10**9, 1.0, 10**9)"
)


def test_what_was_answered_was_counted_whenever_the_process_is_killed(tmp_path):
    directory = tmp_path / "data"
    directory.mkdir(mode=0o700)
    script = ENDLESS.replace("answers += 1", "answers += 1; print('told', flush=True)")
    told = 0
    for number in range(8):
        asker = subprocess.Popen(
            [sys.executable, "-c", script, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        asker.stdin.write("go\n")
        asker.stdin.flush()
        for _ in range(number + 1):
            assert asker.stdout.readline() == "told\n"
        asker.kill()
        told += number + 1 + asker.stdout.read().count("told")
        asker.wait()
        asker.stdin.close()
        asker.stdout.close()
    attempts = Attempts(directory, Limits(1, 1e6, 10**9))
    counted = attempts.locks(["Ada"])["Ada"].failures
    assert told <= counted <= told + 8, "each kill may lose one answer, and no count"
    attempts.close()


class Answered:
    """What a decision looks like to the counter."""

    def __init__(self, match):
        self.match, self.name, self.similarity, self.model = match, "Ada", 0.123456789, "dlib"

    decision = identity = property(lambda self: self)


def ask(attempts, match, source="test"):
    """Ask once; return the slug of the error, or None."""
    try:
        with attempts.attempt(source) as attempt:
            attempt.admit(["Ada"], named=True)
            attempt.settle(["Ada"], lambda admitted: Answered(match))
    except GalleryError as error:
        return error.slug
    return None


def spoof(attempts, source="test"):
    try:
        with attempts.attempt(source) as attempt:
            attempt.admit(["Ada"], named=True)
            raise PhotoError("not-live")
    except (PhotoError, GalleryError) as error:
        return error.slug


def counted(directory):
    with closing(Attempts(directory, Limits(1, 1e9, 10**9))) as attempts:
        found = attempts.locks(["Ada"])
        return found["Ada"].failures if found else 0


LIMITED = """
import json, resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_attempts import ask, spoof
from faceunlock.gallery.attempts import Attempts
from faceunlock.gallery.lockout import Limits

slugs = []
for directory, what, size in json.loads(sys.argv[1]):
    attempts = Attempts(Path(directory), Limits(10**8, 1.0, 10**9))
    attempts.locks(["Ada"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    if what == "spoof":
        slugs.append(spoof(attempts, "s" * 1000))
    else:
        slugs.append(ask(attempts, what == "yes", "s" if what == "yes" else "s" * 1000))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    attempts.close()
print(json.dumps(slugs))
"""


def under_limits(*questions):
    """Ask in a process whose files can only grow to a size; the slug of each answer."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, json.dumps(questions), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    return json.loads(done.stdout)


def pages(directory):
    return (directory / "attempts.db").stat().st_size // 4096


@pytest.fixture(params=[False, True], ids=["one entry", "a full page"])
def asked(request, tmp_path):
    """A directory whose log holds one entry, or has no room for a long one on its last page."""
    directory = tmp_path / "data"
    directory.mkdir(mode=0o700)
    (directory / "gallery.db").touch(0o600)
    with closing(Attempts(directory, Limits(10**8, 1.0, 10**9))) as attempts:
        assert ask(attempts, True, "s") is None
        while request.param and pages(directory) < 7:
            assert ask(attempts, True, "s" * 200) is None
        for _ in range(11 if request.param else 0):
            assert ask(attempts, True, "s" * 200) is None
    assert pages(directory) == (7 if request.param else 4)
    return directory


@pytest.mark.skipif(os.name != "posix", reason="there are no limits of processes here")
def test_no_answer_needs_less_of_the_disk_than_a_no(asked):
    """At every limit on file sizes: if a yes comes through, so does the count of a no or an attack."""
    size = (asked / "attempts.db").stat().st_size
    limits = sorted({0, 4096, *range(size - 4096, size + 9000, 512), 16384, 17000, 20480})
    cases = [(limit, what) for limit in limits for what in ("yes", "no", "spoof")]
    copies = [copytree(asked, asked.with_name(f"{what} {limit}")) for limit, what in cases]
    questions = [(str(copy), what, limit) for copy, (limit, what) in zip(copies, cases, strict=True)]
    slugs = dict(zip(cases, under_limits(*questions), strict=True))
    counts = {case: counted(copy) for case, copy in zip(cases, copies, strict=True)}
    assert set(slugs.values()) == {None, "not-live", "attempts-unwritable"}
    for limit in limits:
        opened = slugs[limit, "yes"] is None
        assert counts[limit, "no"] == counts[limit, "spoof"] == 1 or not opened, limit
        assert counts[limit, "yes"] == 0 or not opened
    assert slugs[limits[0], "yes"] == "attempts-unwritable" and slugs[limits[-1], "yes"] is None


@pytest.mark.parametrize("what", ["no", "spoof", "yes"])
def test_a_full_page_of_the_log_keeps_no_failure_from_counting(asked, what):
    """No page can be added: the entry is lost, the failure is not; and there is no answer."""
    with closing(Attempts(asked, Limits(10**8, 1.0, 10**9))) as attempts:
        entries = len(attempts.log.entries())
        with attempts._file.transaction() as connection:
            connection.execute(f"PRAGMA max_page_count = {pages(asked)}")
        source = "s" * 1000
        slugs = set()
        for _ in range(8):
            slugs.add(spoof(attempts, source) if what == "spoof" else ask(attempts, what == "yes", source))
        assert "attempts-unwritable" in slugs
        written = len(attempts.log.entries()) - entries
        assert written < 8
        if what == "yes":
            assert counted(asked) >= 1, "a yes that could not be written is no yes"
        else:
            assert counted(asked) == 8


@on_file
def test_a_yes_takes_its_failure_back(people, photos, home):
    fail(people, photos, 3)
    assert people.verify(photos["Ada"], "Ada").decision.match
    assert counted(home) == 0
    assert [entry.outcome for entry in people.attempts_log()] == ["no", "no", "no", "yes"]
    assert people.verify(photos["Bob"]).decision.match
    assert people.attempts_log("Bob")[-1].outcome == "yes" and counted(home) == 0


@on_file
def test_the_file_is_private(people, photos, home):
    fail(people, photos, 1)
    assert stat.S_IMODE((home / "attempts.db").stat().st_mode) == 0o600


@on_file
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE failures SET count = 0",
        "UPDATE failures SET seconds = 0",
        "UPDATE failures SET boot = 'x'",
        "UPDATE failures SET count = 'many'",
        "UPDATE failures SET key = 'bob'",
    ],
)
def test_a_changed_count_is_refused(people, photos, home, change):
    fail(people, photos, 5)
    with closing(sqlite3.connect(home / "attempts.db")) as connection, connection:
        connection.execute(change)
    name = "Bob" if "bob" in change else "Ada"
    assert slug_of(people.verify, photos[name], name, kind=GalleryError) == "attempts-damaged"
    assert slug_of(people.verify, photos[name], kind=GalleryError) == "attempts-damaged"
    assert any("attempts.db" in problem for problem in people.status().problems)
    assert people.unlock_attempts() >= 0
    assert people.verify(photos[name], name).decision.match


@on_file
@pytest.mark.parametrize("content", [b"", b"no database" * 100])
def test_a_damaged_file_is_refused_with_the_way_out(people, photos, home, content):
    fail(people, photos, 1)
    (home / "attempts.db").write_bytes(content)
    with pytest.raises(GalleryError) as caught:
        people.verify(photos["Ada"], "Ada")
    assert caught.value.slug == "attempts-damaged" and "attempts.db" in caught.value.hint
    for change in (lambda: people.forget("Ada"), people.forget_all, lambda: people.rename("Ada", "Eve")):
        assert slug_of(change) == "attempts-damaged"
    assert [person.name for person in people.people()] == ["Ada", "Bob"]
    (home / "attempts.db").unlink()
    assert people.verify(photos["Ada"], "Ada").decision.match


@on_file
@pytest.mark.skipif(os.name != "posix", reason="modes mean nothing here")
def test_a_file_that_others_can_write_is_refused(people, photos, home):
    fail(people, photos, 1)
    (home / "attempts.db").chmod(0o666)
    assert slug_of(people.verify, photos["Ada"], "Ada") == "insecure-permissions"


@on_file
def test_what_cannot_be_counted_is_not_decided(people, photos, home):
    fail(people, photos, 1)
    with closing(sqlite3.connect(home / "attempts.db")) as connection, connection:
        connection.execute("BEGIN IMMEDIATE")
        impatient = Attempts(home, Limits(5, 30.0, 50), busy_timeout=0.0)
        with pytest.raises(GalleryError) as caught, impatient.attempt("test") as attempt:
            attempt.settle(["Ada"], lambda admitted: pytest.fail("decided"))
        impatient.close()
    assert caught.value.slug == "attempts-busy"


def test_a_count_follows_a_new_name(people, photos):
    fail(people, photos, 5)
    people.rename("Ada", "Eve")
    refused(people, photos["Ada"], "Eve")
    assert {entry.person for entry in people.attempts_log()} == {"Eve"}
    people.rename("Eve", "EVE")
    refused(people, photos["Ada"], "eve")


def test_a_rename_that_is_refused_moves_no_count(people, photos):
    fail(people, photos, 5)
    assert slug_of(people.rename, "Ada", "Bob") == "already-enrolled"
    assert people.verify(photos["Bob"], "Bob").decision.match
    refused(people, photos["Ada"], "Ada")


@on_file
def test_forgetting_leaves_no_trace(people, photos, home, ada):
    fail(people, photos, 5)
    people.verify(photos["Bob"], "Bob")
    people.forget("Ada")
    assert {entry.person for entry in people.attempts_log()} == {"Bob"}
    assert b"Ada" not in (home / "attempts.db").read_bytes()
    people.enroll("Ada", ada)
    assert people.verify(photos["Ada"], "Ada").decision.match
    people.forget_all()
    assert people.attempts_log() == ()


def test_a_new_template_does_not_begin_a_new_count(people, photos, ada):
    fail(people, photos, 5)
    people.enroll("Ada", ada, replace=True)
    refused(people, photos["Ada"], "Ada")


# the log


def test_the_log_tells_what_happened(people, photos):
    fail(people, photos, 1)
    people.verify(photos["Bob"])
    people.verify(photos["stranger"])
    people.verify(stream(paint(1, 30)), "ada")
    people.verify(stream(paint(1, 31)), "ada", source="camera")
    slug_of(people.verify, photos["Ada"], "Nobody")
    log = people.attempts_log()
    assert [(entry.person, entry.outcome) for entry in log] == [
        ("Ada", "no"), ("Bob", "yes"), (None, "no"), ("Ada", "yes"), ("Ada", "yes"), (None, "not-enrolled"),
    ]  # fmt: skip
    assert [Path(entry.source).name for entry in log[:3]] == ["stranger.png", "Bob.png", "stranger.png"]
    assert [entry.source for entry in log[3:5]] == ["stream", "camera"]
    assert all(entry.model == "dlib" and -1 <= entry.similarity <= 1 for entry in log[:5])
    assert log[5].similarity is None and log[5].model is None
    assert people.attempts_log("ADA") == (log[0], log[3], log[4])


def test_the_log_is_bounded(people, photos, open_home):
    small = open_home(settings=replace(people.settings, log_entries=3))
    for number in range(5):
        small.verify(stream(paint(1, 40 + number)), "Ada", source=str(number))
    assert [entry.source for entry in small.attempts_log()] == ["2", "3", "4"]
    none = open_home(settings=replace(people.settings, log_entries=0))
    none.verify(photos["Ada"], "Ada")
    assert none.attempts_log() == ()


def test_what_does_not_count_pushes_nothing_out_of_the_log(people, photos, open_home):
    small = open_home(settings=replace(people.settings, log_entries=3))
    fail(small, photos, 2)
    for number in range(8):
        slug_of(small.verify, f"nowhere{number}.jpg", "Ada")
    assert small.verify(photos["Bob"], "Bob").decision.match
    log = small.attempts_log()
    assert [entry.outcome for entry in log] == ["no", "no", *["photo-not-found"] * 3, "yes"]
    assert [Path(entry.source).name for entry in log[2:5]] == [f"nowhere{number}.jpg" for number in (5, 6, 7)]
    fail(small, photos, 2)
    log = [entry.outcome for entry in small.attempts_log()]
    assert log == [*["photo-not-found"] * 3, "yes", "no", "no"]


def test_clearing_the_log_releases_nobody(people, photos):
    fail(people, photos, 5)
    people.verify(photos["Bob"], "Bob")
    assert people.clear_log("Ada") == 5 and people.clear_log() == 1 and people.clear_log() == 0
    refused(people, photos["Ada"], "Ada")


def test_a_path_that_is_no_text_can_be_logged(people, photos):
    name = os.fsdecode(b"/nowhere/\xff.jpg")
    slug_of(people.verify, name, "Ada")
    assert people.attempts_log()[-1].source == "/nowhere/\\xff.jpg"


def test_renaming_nobody_creates_nothing(unlock, home):
    assert slug_of(unlock.rename, "Ada", "Eve") == "not-enrolled"
    assert not home.exists()


@on_file
def test_asking_for_the_log_creates_nothing(people, home):
    before = sorted(home.iterdir())
    assert people.attempts_log() == () and people.clear_log() == 0 and people.unlock_attempts() == 0
    assert people.status().problems == ()
    people.rename("Ada", "Eve")
    people.forget("Eve")
    assert sorted(home.iterdir()) == before


def begun(unlock, name="Ada"):
    """Begin an attempt that is charged in advance, as a dialogue is; `finish` it later."""
    attempt = unlock.attempts.attempt("camera 0")
    inside = attempt.__enter__()
    inside.admit([name], named=True)
    inside.charge()
    inside.charge()  # no more than once
    return attempt


def finish(attempt, slug="turn-too-slow"):
    error = PhotoError(slug)
    assert not attempt.__exit__(PhotoError, error, None), "the error goes on"


def test_an_attempt_charged_in_advance_counts_once_however_it_ends(people, photos):
    begun(people)  # killed
    assert people.unlock_attempts("Ada") == 1
    finish(begun(people))
    assert people.unlock_attempts("Ada") == 1
    finish(begun(people), "no-face")  # not counted by itself, but a turn was asked for
    assert people.unlock_attempts("Ada") == 1


def test_what_others_count_meanwhile_stays(people, photos):
    attempt = begun(people)
    fail(people, photos, 2)
    finish(attempt)
    assert people.unlock_attempts("Ada") == 3
    attempt = begun(people)
    assert people.verify(photos["Ada"], "Ada").decision.match
    finish(attempt)
    assert people.unlock_attempts("Ada") == 1


def test_attempts_charged_at_once_get_no_more_than_five(people, photos):
    running = [begun(people) for _ in range(5)]
    refused(people, photos["Ada"], "Ada")
    for attempt in running:
        finish(attempt)
    refused(people, photos["Ada"], "Ada")


def test_a_charge_that_is_taken_back_leaves_the_moment_of_the_last_failure(people, photos, clock):
    fail(people, photos, 5)
    clock.seconds += 30
    with people.attempts.attempt("camera 0") as attempt:
        attempt.admit(["Ada"], named=True)
        attempt.charge()
        clock.seconds += 20
        person = people.gallery.get("Ada")
        ada = Candidates(people, Crowd.of([person]), person)
        sample = ada.load(None, None).sample(load_photo(photos["Ada"]))
        assert attempt.settle(["Ada"], ada.answering(sample.embedding, sample.quality)).decision.match
    assert people.unlock_attempts("Ada") == 0


def test_locks_of_many_people_are_those_of_each(people, photos, clock):
    """However they are asked for: all at once, or one by one."""
    names = ["Ada", "Bob", "Zoë", "Nobody"]
    for failed, unnamed in ((0, 0), (3, 0), (1, 2), (1, 2)):
        for name in ["Ada"] * failed + [None] * unnamed:
            with contextlib.suppress(LockoutError):
                people.verify(photos["stranger"], name)
        alone = {name: lock for name in names for lock in people.attempts.locks([name]).values()}
        assert people.attempts.locks(names) == alone
    assert len(alone) == 1 or len(alone) == len(names)
