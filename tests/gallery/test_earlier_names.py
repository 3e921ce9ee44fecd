"""People whose names an earlier version took can be read, verified, renamed and forgotten."""

from __future__ import annotations

import pytest
from support.fakes import slug_of
from support.made_templates import make_template

from faceunlock.gallery.entries import write_person
from faceunlock.matching.people import Person, name_key

INVISIBLE, DOUBLE = "\u3164", "Ada\ufe0f"
MOMENT = "2025-01-31T09:30:00Z"


def as_before(name):
    """Return the key that an earlier version gave a name."""
    return name.casefold().replace("\u3164", "\u1160")


def store(gallery, name, template=None):
    """Write a row as an earlier version did."""
    person = Person(name, template or make_template(), MOMENT, MOMENT)
    with gallery._guard.changing() as change:
        write_person(change, as_before(name), person)


@pytest.fixture(params=["plain", "sealed"])
def earlier(request, unlock):
    """A gallery of an earlier version with two people whose names could not be given today."""
    gallery = unlock.gallery
    if request.param == "sealed":
        gallery.add("Somebody", make_template())
        gallery.protect("file")
        gallery.forget("Somebody")
    for name in (INVISIBLE, DOUBLE):
        assert slug_of(gallery.add, name, make_template()) == "bad-name"
        store(gallery, name)
    return unlock


@pytest.mark.parametrize("name", [INVISIBLE, DOUBLE])
def test_they_are_listed_and_found(earlier, name):
    assert name in [person.name for person in earlier.people()]
    assert earlier.person(name).name == name
    assert earlier.gallery.problems() == ()


def test_they_are_found_by_what_can_be_seen(earlier):
    assert earlier.person("ada").name == DOUBLE


@pytest.mark.parametrize("name", [INVISIBLE, DOUBLE])
def test_they_are_renamed_and_forgotten(earlier, name):
    assert earlier.rename(name, "Grace").name == "Grace"
    assert slug_of(earlier.person, name) == "not-enrolled" and len(earlier.people()) == 2
    store(earlier.gallery, name)
    earlier.forget(name)
    assert slug_of(earlier.person, name) == "not-enrolled" and len(earlier.people()) == 2


def test_a_change_of_such_a_person_makes_no_second_one(earlier):
    earlier.gallery.update(DOUBLE, lambda template: make_template(count=9))
    earlier.gallery.update("Ada", lambda template: make_template(count=template.count + 1))
    earlier.gallery.replace("Ada", make_template(count=11))
    assert [(p.name, p.template.count) for p in earlier.people() if name_key(p.name) == "ada"] == [
        (DOUBLE, 11)
    ]
    assert earlier.rename("ada", "Ada").name == "Ada"
    assert sorted(p.name for p in earlier.people()) == ["Ada", INVISIBLE]


def test_their_visible_name_is_taken(earlier):
    assert slug_of(earlier.gallery.add, "Ada", make_template()) == "already-enrolled"
    earlier.gallery.add("Grace", make_template())
    assert slug_of(earlier.rename, "Grace", "aDa") == "already-enrolled"


def test_two_people_of_one_visible_name_are_kept_apart(earlier):
    store(earlier.gallery, "Ada", make_template(count=7))
    assert earlier.person("Ada").template.count == 7 and earlier.person(DOUBLE).template.count == 5
    assert slug_of(earlier.rename, DOUBLE, "Ada") == "already-enrolled"
    earlier.forget(DOUBLE)
    assert sorted(person.name for person in earlier.people()) == ["Ada", INVISIBLE]


def fail(unlock, photo, name):
    assert not unlock.verify(photo, name).decision.match


def test_they_are_verified_and_their_failures_go_with_them(unlock, ada, bob):
    unlock.enroll("Ada", ada)
    template = unlock.person("Ada").template
    unlock.forget("Ada")
    store(unlock.gallery, DOUBLE, template)
    assert unlock.verify(ada / "0.png", DOUBLE).decision.match
    fail(unlock, bob / "0.png", DOUBLE)
    # What an earlier version counted is under its key.
    with unlock.attempts._file.transaction() as connection:
        for failures in unlock.attempts._counts.under(name_key(DOUBLE)):
            unlock.attempts._counts.store(connection, as_before(DOUBLE), failures)
        connection.execute("UPDATE log SET key = ? WHERE key = ?", (as_before(DOUBLE), name_key(DOUBLE)))
    assert len(unlock.attempts_log(DOUBLE)) == 2
    unlock.rename("ada", "Ada")
    assert {entry.person for entry in unlock.attempts_log("Ada")} == {"Ada"}
    assert len(unlock.attempts_log("Ada")) == 2
    assert unlock.unlock_attempts("Ada") == 2
    fail(unlock, bob / "0.png", "Ada")
    unlock.forget("Ada")
    assert unlock.attempts_log() == () and unlock.attempts.release(None) == 0


def test_a_name_with_joiners_has_one_count_however_it_is_typed(unlock, ada, bob):
    unlock.enroll("علی\u200cرضا", ada)
    fail(unlock, bob / "0.png", "علیرضا")
    fail(unlock, bob / "0.png", "علی\u200cرضا")
    assert [entry.person for entry in unlock.attempts_log("علیرضا")] == ["علی\u200cرضا"] * 2
    assert slug_of(unlock.enroll, "علیرضا", ada) == "already-enrolled"
    assert unlock.unlock_attempts("علیرضا") == 2
