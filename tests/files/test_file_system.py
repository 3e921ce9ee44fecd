"""What a file system cannot do is no failure where nothing depends on it, and else is named."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from support.crippled import failing, preloaded, without_locks
from support.fakes import slug_of
from support.made_templates import make_template

from faceunlock.errors import GalleryError, ModelError, TrainingError
from faceunlock.files import file_system
from faceunlock.files.file_system import lacks_locks, lacks_sync, set_mode
from faceunlock.files.private import (
    atomic_write,
    check_private_directory,
    check_private_file,
    ensure_private_directory,
)
from faceunlock.gallery.gallery import Gallery

UNSUPPORTED = [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS]
NO_LOCKS = [*UNSUPPORTED, errno.ENOLCK]


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def forgetful():
    for cached in (file_system._cannot_sync, file_system._is_unusual):
        cached.cache_clear()


# chmod


@pytest.mark.parametrize("number", [errno.EPERM, *UNSUPPORTED])
def test_a_chmod_that_would_change_nothing_is_not_needed(tmp_path, monkeypatch, number):
    monkeypatch.setattr(Path, "chmod", failing(number))
    atomic_write(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new" and mode(tmp_path / "file") == 0o600
    ensure_private_directory(tmp_path / "data")
    with Gallery(tmp_path / "data") as gallery:
        gallery.add("Ada", make_template())
        assert gallery.get("ada").name == "Ada"


@pytest.mark.parametrize("number", [errno.EPERM, *UNSUPPORTED])
def test_a_file_for_the_user_has_the_mode_of_the_mount_where_there_is_no_other(tmp_path, monkeypatch, number):
    monkeypatch.setattr(Path, "chmod", failing(number))
    atomic_write(tmp_path / "file", b"new", mode=0o644)
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.EACCES])
def test_a_chmod_that_fails_for_another_reason_is_an_error(tmp_path, monkeypatch, number):
    monkeypatch.setattr(Path, "chmod", failing(number))
    with pytest.raises(OSError, match=os.strerror(number)):
        atomic_write(tmp_path / "file", b"new", mode=0o644)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("chmod", [failing(errno.EPERM), lambda *_, **__: None], ids=["refused", "ignored"])
def test_what_stays_readable_for_others_is_not_called_private(tmp_path, monkeypatch, chmod):
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "file").touch(0o644)
    (tmp_path / "file").chmod(0o644)
    monkeypatch.setattr(Path, "chmod", chmod)
    for check, path in ((check_private_directory, "data"), (check_private_file, "file")):
        with pytest.raises(GalleryError) as caught:
            check(tmp_path / path)
        assert caught.value.slug == "insecure-permissions"
        assert "keeps no permissions" in caught.value.message and "0600" in caught.value.hint


def test_a_mode_that_is_there_already_is_not_set(tmp_path, monkeypatch):
    (tmp_path / "file").touch(0o600)
    monkeypatch.setattr(Path, "chmod", failing(errno.EIO))
    set_mode(tmp_path / "file", 0o600)


# fsync


@pytest.mark.parametrize("number", UNSUPPORTED)
def test_an_fsync_that_is_not_there_is_no_failure(tmp_path, monkeypatch, number):
    monkeypatch.setattr(os, "fsync", failing(number))
    atomic_write(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_an_fsync_that_fails_is_a_failure(tmp_path, monkeypatch, number):
    atomic_write(tmp_path / "file", b"old")
    monkeypatch.setattr(os, "fsync", failing(number))
    with pytest.raises(OSError, match=os.strerror(number)):
        atomic_write(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("number", "lacking"), [(errno.EINVAL, True), (errno.ENOTSUP, True), (errno.EIO, False)]
)
def test_an_unusual_file_system_is_tried_once(tmp_path, monkeypatch, number, lacking):
    tried = []
    monkeypatch.setattr(file_system, "_is_unusual", lambda device: True)
    monkeypatch.setattr(os, "fsync", lambda descriptor: (tried.append(1), failing(number)())[1])
    assert [lacks_sync(tmp_path) for _ in range(3)] == [lacking] * 3 and tried == [1]


def test_which_file_systems_are_unusual(tmp_path, monkeypatch):
    mounts = {0: "fuse.sshfs", 1: "cifs", 2: "tmpfs", 3: "nfs4", 4: "9p"}
    (tmp_path / "mounts").write_text(
        "".join(f"{n} 1 0:{n} / /m/{n} rw,relatime shared:1 - {kind} none rw\n" for n, kind in mounts.items())
    )
    monkeypatch.setattr(file_system, "_MOUNTS", tmp_path / "mounts")
    unusual = {kind for n, kind in mounts.items() if file_system._is_unusual(os.makedev(0, n))}
    assert unusual == {"fuse.sshfs", "cifs", "9p"}
    assert not file_system._is_unusual(os.makedev(8, 0)) and not file_system._is_unusual(os.makedev(0, 99))
    monkeypatch.setattr(file_system, "_MOUNTS", tmp_path / "none")
    file_system._is_unusual.cache_clear()
    assert not file_system._is_unusual(os.makedev(0, 0))


# locks


def test_a_lock_of_another_process_is_not_a_lack_of_locks(tmp_path):
    first, second = (os.open(tmp_path, os.O_RDONLY) for _ in range(2))
    try:
        assert file_system.lock(first, tmp_path, TrainingError, wait=False)
        assert not file_system.lock(second, tmp_path, TrainingError, wait=False)
        assert lacks_locks(tmp_path) is None
    finally:
        os.close(first)
        os.close(second)


@pytest.mark.parametrize("number", NO_LOCKS)
def test_a_lack_of_locks_is_named(tmp_path, monkeypatch, number):
    without_locks(monkeypatch, number)
    with pytest.raises(ModelError) as caught:
        file_system.lock(1, tmp_path, ModelError, wait=True)
    assert caught.value.slug == "locks-unsupported" and os.strerror(number) in caught.value.message
    assert "another" not in caught.value.message.lower()


def test_another_reason_not_to_lock_is_none_of_ours(tmp_path, monkeypatch):
    without_locks(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        file_system.lock(1, tmp_path, ModelError, wait=True)
    assert lacks_locks(tmp_path) is None and lacks_locks(tmp_path / "none") is None


@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR_LOCK, sqlite3.SQLITE_IOERR_RDLOCK]
)
@pytest.mark.parametrize("number", NO_LOCKS)
def test_a_database_without_locks_is_not_a_busy_one(tmp_path, monkeypatch, code, number):
    with Gallery(tmp_path / "data", busy_timeout=0.1) as gallery:
        gallery.add("Ada", make_template())

        class Connection(sqlite3.Connection):
            def execute(self, *_):
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = code
                raise error

        gallery._file._connection = sqlite3.connect(":memory:", factory=Connection)
        busy = "gallery-busy" if code == sqlite3.SQLITE_BUSY else "gallery-unwritable"
        assert slug_of(gallery.people) == busy
        without_locks(monkeypatch, number)
        assert slug_of(gallery.people) == "locks-unsupported"


# the real calls, in a process of its own

CHANGES = """
import sys
from pathlib import Path
from faceunlock.errors import FaceUnlockError
from faceunlock.files import file_system
from faceunlock.gallery.gallery import Gallery
from support.made_templates import make_template
file_system._is_unusual = lambda device: True
try:
    with Gallery(Path(sys.argv[1]), busy_timeout=0.1) as gallery:
        gallery.add("Ada", make_template())
        gallery.protect("file")
        gallery.rename("ada", "Eve")
        print(gallery.get("eve").name)
except FaceUnlockError as error:
    print(error.slug)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return preloaded(tmp_path_factory.mktemp("library"))


@pytest.mark.parametrize(
    ("crippled", "said"),
    [
        ("", "Eve"),
        ("fsync", "Eve"),
        ("chmod-refused", "Eve"),
        ("chmod-ignored", "Eve"),
        ("fsync chmod-refused", "Eve"),
        ("locks", "locks-unsupported"),
    ],
)
def test_a_gallery_on_a_file_system_that_lacks_something(library, tmp_path, crippled, said):
    paths = os.pathsep.join(map(str, (Path(file_system.__file__).parents[2], Path(__file__).parents[1])))
    environment = os.environ | {"LD_PRELOAD": str(library), "CRIPPLED": crippled, "PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, "-c", CHANGES, tmp_path / "data"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{said}\n", done.stderr
