"""The journal of a bulk enrolment: private, proven where the gallery is, and whole after any kill."""

import os
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fakes import slug_of

from faceunlock.gallery.journal import FILE_NAME, Journal, discard, record_key

KEY = bytes(range(32))
RECORDS = {record_key("a model", bytes([number]) * 32): b"photo %d" % number for number in range(5)}


def write(home, key=None, records=RECORDS):
    with Journal(home, key) as journal:
        for name, content in records.items():
            journal.put(name, content)
        journal.flush()
    return home / FILE_NAME


def read(home, key=None):
    with Journal(home, key) as journal:
        return {name: journal.get(name) for name in journal.recorded()}


@pytest.mark.parametrize("key", [None, KEY])
def test_what_was_put_is_there_after_a_kill(home, key):
    file = write(home, key)
    assert read(home, key) == RECORDS
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(home.stat().st_mode) == 0o700
    with Journal(home, key) as journal:
        size = file.stat().st_size
        journal.put(next(iter(RECORDS)), b"something else")
        assert file.stat().st_size == size and len(journal) == 5, "each photo once"
        assert journal.get(b"no such key") is None
        journal.remove()
    assert not file.exists()


@pytest.mark.parametrize("key", [None, KEY])
@settings(max_examples=60, deadline=None)
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_a_torn_or_damaged_record_ends_the_journal(tmp_path_factory, key, where, bit, cut):
    home = tmp_path_factory.mktemp("j") / "home"
    file = write(home, key)
    content = bytearray(file.read_bytes())
    at = int(where * len(content))
    whole = at * 5 // len(content)  # records of equal length
    if cut:
        del content[at:]
    else:
        content[at] ^= 1 << bit
    file.write_bytes(content)
    assert read(home, key) == dict(list(RECORDS.items())[:whole])
    with Journal(home, key) as journal:
        for name, value in RECORDS.items():
            journal.put(name, value)
    assert read(home, key) == RECORDS, "what was dropped can be written again"


def test_nothing_of_a_sealed_journal_can_be_read_or_proven_without_its_key(home):
    content = write(home, KEY).read_bytes()
    assert not any(part in content for pair in RECORDS.items() for part in pair)
    assert read(home, bytes(32)) == {}
    write(home, None)
    assert read(home, KEY) == {}, "what anybody could have written proves nothing"


def test_another_model_or_setting_has_other_keys():
    digest = bytes(32)
    assert len({record_key(context, digest) for context in ("a", "b", "")}) == 3
    assert record_key("a", digest) != record_key("a", bytes([1]) * 32)


def test_two_enrolments_do_not_share_a_journal(home):
    with Journal(home, None):
        assert slug_of(Journal(home, None).__enter__) == "gallery-busy"
    assert read(home) == {}


def test_a_journal_that_others_could_change_is_refused(home):
    file = write(home)
    file.chmod(0o666)
    assert slug_of(Journal(home, None).__enter__) == "insecure-permissions"
    file.unlink()
    file.symlink_to(os.devnull)
    assert slug_of(Journal(home, None).__enter__) == "insecure-permissions"


def test_a_full_disk_is_said_and_what_was_written_stays(home, monkeypatch):
    write(home)
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: real(file, data[:7], at))
    with Journal(home, None) as journal:
        assert slug_of(journal.put, record_key("b", bytes(32)), b"new") == "gallery-unwritable"
    monkeypatch.undo()
    assert read(home) == RECORDS


def test_deleting_none_is_well(home):
    discard(home)
    file = write(home)
    discard(home)
    assert not file.exists()
