"""``people``, ``export`` and ``import``: what is stored, and moving it."""

from __future__ import annotations

import os
import pty
import select
import subprocess

import pytest


def test_a_gallery_without_anybody(faceunlock):
    result = faceunlock("people")
    assert (result.code, result.stdout, result.stderr) == (0, "Nobody is enrolled.\n", "")
    assert faceunlock("people", "--json").data == {"people": []}
    assert not faceunlock.home.exists(), "asking creates nothing"


def test_the_list_is_a_table_that_pipes_keep_whole(enrolled):
    result = enrolled("people")
    assert result.code == 0
    heading, row = result.stdout.splitlines()
    assert heading.split("\t") == ["name", "photos", "mean", "lowest", "model", "updated"]
    assert row.split("\t")[:2] == ["Eileen", "3"]


def test_show_finds_a_person_however_the_name_is_written(enrolled):
    result = enrolled("people", "show", "eILEEN")
    assert result.code == 0 and result.stdout.startswith("name           Eileen\nphotos         3 ")
    shown = enrolled("people", "show", "Eileen", "--json").data
    [listed] = enrolled("people", "--json").data["people"]
    assert shown == listed


@pytest.mark.parametrize(
    "words",
    [
        ("people", "show"),
        ("people", "rename", "--", "Nobody"),
        ("people", "forget", "--yes"),
        ("verify", "-", "--as"),
    ],
)
def test_an_unknown_name_is_not_enrolled(enrolled, words):
    command = [word for word in words if word != "Nobody"]
    result = enrolled("--json", *command, *(["Nobody", "New"] if "rename" in words else ["Nobody"]))
    assert result.code == 2
    assert result.error["code"] == "not-enrolled" and "'Nobody'" in result.error["message"]
    assert enrolled("people", "--json").data["people"][0]["name"] == "Eileen"


def test_rename_keeps_spaces_and_scripts(enrolled):
    result = enrolled("people", "rename", "eileen", "Zoë  van 王", "--json")
    assert result.code == 0
    assert result.document["command"] == "people rename"
    [person] = enrolled("people", "--json").data["people"]
    assert person["name"] == result.data["name"]
    assert "王" in enrolled("people").stdout


@pytest.mark.parametrize("name", ["", "a/b", "a\nb", "\x1b[31mred", "x" * 65, b"\xff\xfe", "."])
def test_bad_names_are_refused_before_any_photo_is_looked_at(enrolled, pictures, name):
    for words in (("enroll", name, pictures / "few"), ("people", "rename", "Eileen", name)):
        result = enrolled(*words, "--json")
        assert result.code == 2 and result.error["code"] == "bad-name", result


def test_an_existing_name_is_not_overwritten(enrolled, pictures):
    result = enrolled("enroll", "EILEEN", pictures / "few", "--json")
    assert result.code == 2 and result.error["code"] == "already-enrolled"
    assert "--add" in result.error["hint"] and "--replace" in result.error["hint"]


def test_forgetting_needs_a_yes(enrolled, people_of):
    before = people_of(enrolled)
    for who in ("Eileen", "--all"):
        result = enrolled("people", "forget", who, "--json")
        assert result.code == 2 and result.error["code"] == "aborted"
    assert people_of(enrolled) == before


@pytest.mark.parametrize(("reply", "code", "left"), [(b"n\n", 2, 1), (b"y\n", 0, 0)])
def test_forgetting_asks_on_a_terminal(enrolled, reply, code, left):
    result_code, shown, answer = _on_a_terminal(enrolled, ["people", "forget", "Eileen"], reply)
    assert result_code == code
    assert "Forget Eileen for good?" in shown
    assert answer == ("Forgotten: Eileen.\n" if code == 0 else "")
    assert len(enrolled("people", "--json").data["people"]) == left


def _on_a_terminal(program, words, reply):
    """Run with stdin and stderr on a terminal and stdout in a pipe; type the reply to the question."""
    terminal, end = pty.openpty()
    with subprocess.Popen(
        program.command(*words), stdin=end, stderr=end, stdout=subprocess.PIPE, env=program.environment()
    ) as process:
        os.close(end)
        shown = b""
        while b"?" not in shown:
            ready, _, _ = select.select([terminal], [], [], 60)
            assert ready, "no question was asked"
            shown += os.read(terminal, 1000)
        os.write(terminal, reply)
        answer = process.stdout.read().decode()
        code = process.wait()
    os.close(terminal)
    return code, shown.decode(), answer


def test_forgetting_one_and_all(enrolled):
    result = enrolled("people", "forget", "eileen", "--yes", "--json")
    assert (result.code, result.data["forgotten"]) == (0, 1)
    empty = enrolled("people", "forget", "--all", "-y", "--json")
    assert (empty.code, empty.data) == (0, {"name": None, "look": None, "forgotten": 0})


def test_forgetting_wants_a_name_or_all(enrolled):
    for words in ((), ("Eileen", "--all")):
        result = enrolled("people", "forget", "--yes", *words, "--json")
        assert result.code == 2 and result.error["code"] == "usage"
        assert result.error["hint"] == "See: faceunlock people forget --help"


def test_a_gallery_moves_under_a_passphrase(enrolled, faceunlock, tmp_path):
    secret = tmp_path / "passphrase"
    secret.write_text("correct horse battery staple\nsecond line\n")
    secret.chmod(0o600)
    moved = tmp_path / "moved.faceunlock"
    result = enrolled("export", moved, "--passphrase-file", secret, "--json")
    assert result.code == 0 and result.data["people"] == ["Eileen"]
    assert result.data["size_bytes"] == moved.stat().st_size
    assert b"Eileen" not in moved.read_bytes()

    wrong = faceunlock("import", moved, env={"FACEUNLOCK_PASSPHRASE": "correct horse battery"})
    assert wrong.code == 2 and "[bad-passphrase]" in wrong.stderr
    none = faceunlock("import", moved, "--json")
    assert none.code == 2 and "FACEUNLOCK_PASSPHRASE" in none.error["hint"]
    assert faceunlock("people", "--json").data == {"people": []}

    known = {"FACEUNLOCK_PASSPHRASE": "correct horse battery staple"}
    assert faceunlock("import", moved, env=known).stdout == "Import: added Eileen.\n"
    there, here = (program("people", "--json").data for program in (enrolled, faceunlock))
    assert there == here

    again = enrolled("export", moved, env=known)
    assert again.code == 2 and "[file-exists]" in again.stderr
    assert enrolled("export", moved, "--overwrite", env=known).code == 0


def test_an_import_overwrites_nobody_unasked(enrolled, pictures, tmp_path, people_of):
    known = {"FACEUNLOCK_PASSPHRASE": "correct horse"}
    moved = tmp_path / "moved.faceunlock"
    assert enrolled("export", moved, env=known).code == 0
    changed = enrolled("enroll", "Eileen", "more", "--add", cwd=pictures)
    assert changed.code == 0
    before = people_of(enrolled)
    conflict = enrolled("import", moved, "--json", env=known)
    assert conflict.code == 2 and conflict.error["code"] == "import-conflict"
    skipped = enrolled("import", moved, "--skip-existing", "--json", env=known)
    assert skipped.code == 0 and skipped.data["skipped"] == ["Eileen"]
    assert people_of(enrolled) == before
    both = enrolled("import", moved, "--skip-existing", "--replace", "--json", env=known)
    assert both.error["code"] == "usage"
    replaced = enrolled("import", moved, "--replace", "--json", env=known)
    assert replaced.code == 0 and replaced.data["replaced"] == ["Eileen"]
    assert people_of(enrolled)["people"][0]["photos"] == 3


def test_a_damaged_export_is_refused(enrolled, faceunlock, tmp_path):
    known = {"FACEUNLOCK_PASSPHRASE": "correct horse"}
    moved = tmp_path / "moved.faceunlock"
    enrolled("export", moved, env=known)
    moved.write_bytes(moved.read_bytes()[:100])
    result = faceunlock("import", moved, "--json", env=known)
    assert result.code == 2 and result.error["code"] in {"export-damaged", "bad-passphrase"}
    missing = faceunlock("import", tmp_path / "missing", "--json", env=known)
    assert missing.code == 2 and missing.error["code"] == "file-unreadable"
