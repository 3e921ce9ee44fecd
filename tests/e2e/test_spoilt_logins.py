"""``pam check`` and ``status`` on a set-up in which much is wrong at once: every spoilt thing is named."""

from __future__ import annotations

import os
import sqlite3
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from support.program import Program

import faceunlock as package

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root can make files of others"
)
NOBODY = 65534


def give_away(path):
    os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    return path


def let_write(path, user):
    """Let a user write by an access control list: owner, this user, group, mask, others."""
    entries = ((1, 7, -1), (2, 7, user), (4, 5, -1), (16, 7, -1), (32, 5, -1))
    packed = (struct.pack("<HHI", tag, allowed, who & 0xFFFFFFFF) for tag, allowed, who in entries)
    try:
        os.setxattr(path, "system.posix_acl_access", struct.pack("<I", 2) + b"".join(packed))
    except OSError as error:
        pytest.skip(f"no access control lists here: {error}")


def write(path, text="x"):
    path.write_text(text)
    return path


@pytest.fixture
def installation(tmp_path):
    """An installation of its own, and the folder of its modules; faceunlock is found by its search path."""
    folder = tmp_path / "venv"
    words = [sys.executable, "-m", "venv", "--without-pip", "--symlinks", str(folder)]
    subprocess.run(words, check=True)
    (modules,) = folder.glob("lib/python*/site-packages")
    project = Path(package.__file__).parents[1]
    packages = [place for place in sys.path if place.endswith("-packages")]
    (modules / "real.pth").write_text("\n".join([str(project), *packages]))
    return folder / "bin" / "python", modules


@pytest.fixture
def check(installation, tmp_path):
    """Write a service file, and return what the installation's own ``pam check`` says is wrong with it."""

    class Installed(Program):
        @staticmethod
        def command(*words):
            return [str(installation[0]), "-I", "-m", "faceunlock", *words]

    def look(text):
        file = tmp_path / "service"
        file.write_text(text)
        done = Installed(tmp_path / "unused")("pam", "check", "sudo", "--file", file, "--json")
        assert done.code == (0 if done.data["good"] else 1), done
        assert done.data["good"] == (not done.data["problems"])
        return done.data["problems"]

    return look


def named(problems, *things):
    """Assert that each of some things is named, and each in a sentence of its own."""
    text = "\n".join(problems)
    assert len(set(problems)) == len(problems)
    missing = [thing for thing in things if thing not in text]
    assert not missing, f"{missing}\nare not in\n{text}"


def line(installation, home, source, *, control="sufficient", module="pam_exec.so", asks=True):
    words = "quiet seteuid expose_authtok" if asks else "expose_authtok"
    program = f"{installation[0]} -I -m faceunlock.pam --home={home}" + (" --ask" if asks else "")
    return f"auth {control} {module} {words} type=auth {program} {source}\n"


def test_every_spoilt_thing_is_named(tmp_path, installation, check, enrolled):
    python, modules = installation
    home = enrolled.home
    capture = tmp_path / "capture"
    capture.write_text("#!/bin/sh\n")
    capture.chmod(0o755)
    good = line(installation, home, f"--capture={capture}") + "auth required pam_unix.so\n"
    assert check(good) == [], "what is spoilt below must be all that is wrong"

    # the installation
    let_write(python.parent, 1000)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (modules / "link").symlink_to(give_away(elsewhere))
    (modules / "module.py").symlink_to(give_away(write(tmp_path / "module.py")))
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (modules / "later.pth").write_text(f"{shared / 'later'}\n")
    give_away(python.parents[1] / "pyvenv.cfg")
    # the program that takes the photo
    interpreter = give_away(write(tmp_path / "interpreter"))
    capture.write_text(f"#!{interpreter} -x\n")
    let_write(capture, 1001)
    # the gallery
    with sqlite3.connect(home / "gallery.db") as database:
        database.execute("UPDATE people SET template = 'x'")
    database.close()
    (home / "attempts.db").write_bytes(b"no database")
    (home / "attempts.db").chmod(0o600)
    (home / "config.toml").write_text("unheard_of = 1")
    write(home / "open").chmod(0o666)
    (home / "cache" / "linked").symlink_to(elsewhere)
    # the service
    included = give_away(write(tmp_path / "included", "session optional pam_mail.so\n"))
    foreign = write(tmp_path / "pam_exec.so"), write(tmp_path / "pam_other.so")
    source = f"--capture={capture}"
    text = line(installation, home, source, control="required", module=str(foreign[0]), asks=False)
    text += f"auth optional {foreign[1]}\nauth sufficient pam_permit.so\n@include included\n"

    named(
        check(text),
        f"{python.parent} (its access control list: uid 1000)",
        f"modules must belong to root: {elsewhere} belongs",
        f"{tmp_path / 'module.py'} belongs",
        f"{shared} (mode 1777)",
        "pyvenv.cfg belongs",
        f"{interpreter} belongs",
        f"{capture} (its access control list: uid 1001)",
        "the entry for 'eileen' is damaged",
        "attempts.db is damaged",
        "unheard_of",
        f"{home / 'open'} (mode 0666)",
        f"gallery must belong to root: {elsewhere} belongs",
        f"{included} belongs",
        f"{foreign[0]} is not in a directory",
        f"{foreign[1]} is not in a directory",
        "the control is required",
        "expose_authtok",
        "seteuid is missing",
    )

    told = enrolled("status", "--json")
    assert (told.code, told.error["code"]) == (2, "bad-setting")
    (home / "config.toml").unlink()
    named(
        enrolled("status", "--json").data["problems"],
        "the entry for 'eileen' is damaged",
        "attempts.db is damaged",
        f"change {home / 'open'}",
    )


def test_every_source_that_is_no_camera_is_named(tmp_path, installation, check, enrolled):
    film = write(tmp_path / "film.avi")
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    rest = "auth required pam_permit.so\n"
    for source, thing in (
        (f"--camera={film}", f"{film} is a file, not a camera"),
        (f"--photo={shared / 'face.jpg'}", f"{shared} (mode 1777)"),
        (f"--capture={shared / 'capture'}", f"{shared / 'capture'} cannot be accessed"),
    ):
        problems = check(line(installation, enrolled.home, source) + rest)
        named(problems, thing, "that could ask for the password", "pam_permit.so says yes")
