"""The commands about attempts: what they say, and with which exit code."""

import json

import pytest
from support.fakes import paint, save


@pytest.fixture
def stranger(tmp_path):
    return save(tmp_path / "stranger.png", paint(9))


@pytest.fixture
def enrolled(faceunlock, ada):
    assert faceunlock("enroll", "Ada", ada)[0] == 0
    return faceunlock


def test_five_times_no_and_then_could_not(enrolled, ada, stranger):
    for _ in range(5):
        assert enrolled("verify", stranger, "--as", "Ada")[0] == 1
    code, out, err = enrolled("verify", ada / "0.png", "--as", "Ada")
    assert (code, out) == (2, "") and "[locked-out]" in err and "try again in 30 s" in err
    code, out, _ = enrolled("verify", ada / "0.png", "--as", "Ada", "--json")
    error = json.loads(out)["error"]
    assert (code, error["code"], error["retryable"]) == (2, "locked-out", True)
    assert 0 < error["seconds_left"] <= 30
    assert "Ada is locked out" in enrolled("status")[1]
    assert (
        enrolled("unlock-attempts", "ada")[1] == "ada can try again: 5 failed attempts in a row forgiven.\n"
    )
    assert enrolled("verify", ada / "0.png", "--as", "Ada")[0] == 0
    assert "no failed attempts to forgive" in enrolled("unlock-attempts", "--all")[1]


def test_a_lock_that_waiting_does_not_end(enrolled, ada, stranger, monkeypatch):
    monkeypatch.setenv("FACEUNLOCK_FAILURES_BEFORE_LOCK", "2")
    for _ in range(2):
        enrolled("verify", stranger)
    _, out, err = enrolled("verify", ada / "0.png", "--json")
    error = json.loads(out)["error"]
    assert not error["retryable"] and "seconds_left" not in error
    assert "unlock-attempts --all" in err
    assert enrolled("unlock-attempts", "--all")[0] == 0
    assert enrolled("verify", ada / "0.png")[0] == 0


def test_people_who_were_not_compared_are_named(enrolled, ada, stranger, tmp_path):
    from support.fakes import save_person

    save_person(tmp_path / "bob", 2, 5)
    enrolled("enroll", "Bob", tmp_path / "bob")
    for _ in range(5):
        enrolled("verify", stranger, "--as", "Ada")
    code, _, err = enrolled("verify", ada / "0.png")
    assert code == 1 and "locked out after failed attempts: Ada" in err


def test_the_log_as_a_table(enrolled, ada, stranger):
    assert enrolled("log")[1] == "No attempts are logged.\n"
    enrolled("verify", ada / "0.png", "--as", "Ada")
    enrolled("verify", stranger)
    enrolled("verify", stranger, "--as", "Nobody")
    heading, yes, no, nobody = (line.split("\t") for line in enrolled("log")[1].splitlines())
    assert heading == ["time", "outcome", "person", "similarity", "source", "model"]
    assert yes[1:3] == ["yes", "Ada"] and yes[4:] == [str(ada / "0.png"), "dlib"]
    assert no[1:3] == ["no", "-"] and nobody[1:4] == ["not-enrolled", "-", "-"] and nobody[5] == "-"
    assert len(enrolled("log", "--as", "ada")[1].splitlines()) == 2


def test_clearing_asks(enrolled, ada, monkeypatch):
    enrolled("verify", ada / "0.png")
    code, _, err = enrolled("log", "--clear")
    assert code == 2 and "[aborted]" in err
    assert enrolled("log", "--clear", "--yes")[1] == "Deleted: 1 entry.\n"
    assert enrolled.data("log") == {"entries": []}


def test_whom_to_release_must_be_said(enrolled):
    for words in ([], ["Ada", "--all"]):
        assert enrolled("unlock-attempts", *words)[0] == 2
    assert "[not-enrolled]" in enrolled("unlock-attempts", "Bob")[2]
