"""The list of people says of each what is stored, in the time of the clock on the wall."""

from __future__ import annotations

import json
import time

import pytest
from support.made_templates import make_template

from faceunlock.cli.answers import people as answers
from faceunlock.cli.commands import people as command
from faceunlock.cli.console import Console
from faceunlock.files.text import local_time
from faceunlock.matching.people import Person

MOMENTS = ("2025-01-31T23:59:01Z", "2025-01-31T23:59:59Z", "2025-07-31T23:59:59Z", "2025-02-01T00:00:00Z")


@pytest.fixture
def enrolled():
    return tuple(
        Person(f"P{number}", make_template(count=number + 1), MOMENTS[0], moment).summary
        for number, moment in enumerate(MOMENTS)
    )


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone of a process cannot be set here")
@pytest.mark.parametrize("zone", ["UTC", "America/St_Johns", "Asia/Kathmandu"])
def test_each_date_is_that_of_its_own_minute(enrolled, zone, monkeypatch):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        rows = answers.people(enrolled).rows
        expected = [local_time(moment) for moment in MOMENTS]
    finally:
        monkeypatch.undo()
        time.tzset()
    assert [row[-1] for row in rows] == expected and len({*expected}) == 3
    assert [row[:2] for row in rows] == [("P0", "1"), ("P1", "2"), ("P2", "3"), ("P3", "4")]


class FakeSession:
    """A session whose gallery holds some people."""

    def __init__(self, enrolled, *, json):
        self.console, self._enrolled = Console(command="people", json=json, colour=False), enrolled

    def unlock(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def summaries(self):
        return self._enrolled


def test_only_what_is_printed_is_made(enrolled, monkeypatch, capsys):
    monkeypatch.setattr(answers, "people_document", lambda _: pytest.fail("a document for nobody"))
    command.list_people(FakeSession(enrolled, json=False))
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()][1:] == [
        one.name for one in enrolled
    ]
    monkeypatch.undo()
    monkeypatch.setattr(answers, "people", lambda _: pytest.fail("a table for nobody"))
    command.list_people(FakeSession(enrolled, json=True))
    listed = json.loads(capsys.readouterr().out)["data"]["people"]
    assert [(one["name"], one["photos"], one["updated"]) for one in listed] == [
        (one.name, one.photos, one.updated) for one in enrolled
    ]
