"""Permissions are enforced, and a write happens whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from faceunlock.errors import GalleryError
from faceunlock.files.private import (
    LEFTOVER_SECONDS,
    TEMPORARY_PREFIX,
    TEMPORARY_SUFFIX,
    atomic_write,
    check_private_directory,
    check_private_file,
    ensure_private_directory,
    problems,
    remove_leftovers,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and owners have no meaning here")
as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root for chown")
not_as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not stop root"
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def directory_with(tmp_path: Path, permissions: int) -> Path:
    directory = tmp_path / "data"
    directory.mkdir()
    directory.chmod(permissions)
    return directory


def slug_of(action, *args, **options) -> str:
    with pytest.raises(GalleryError) as caught:
        action(*args, **options)
    return caught.value.slug


def test_every_directory_made_on_the_way_is_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        ensure_private_directory(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert mode(tmp_path / "a") == mode(tmp_path / "a" / "b") == 0o700


def test_a_missing_directory_is_no_error_and_is_not_created_by_a_check(tmp_path):
    assert not check_private_directory(tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("permissions", [0o777, 0o770, 0o702, 0o1777, 0o720])
def test_a_directory_others_can_write_is_refused_and_left_alone(tmp_path, permissions):
    directory = directory_with(tmp_path, permissions)
    with pytest.raises(GalleryError, match=str(directory)) as caught:
        ensure_private_directory(directory)
    assert caught.value.slug == "insecure-permissions"
    assert f"chmod 700 '{directory}'" in caught.value.hint
    assert mode(directory) == permissions


def test_a_home_that_another_package_created_for_its_cache_is_closed_to_others(tmp_path):
    home = tmp_path / "home"
    (home / "cache" / "matplotlib").mkdir(parents=True)
    home.chmod(0o755)
    ensure_private_directory(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    home.chmod(0o755)
    (home / "holiday.jpg").write_bytes(b"")
    assert slug_of(ensure_private_directory, home) == "insecure-permissions"


def test_a_readable_directory_is_tightened_if_it_is_evidently_ours(tmp_path):
    directory = directory_with(tmp_path, 0o755)
    assert check_private_directory(directory)
    assert mode(directory) == 0o700
    (directory / "gallery.db").touch()
    directory.chmod(0o750)
    assert check_private_directory(directory, holds=("gallery.db",))
    assert mode(directory) == 0o700


def test_a_readable_directory_with_something_else_in_it_is_refused_not_changed(tmp_path):
    directory = directory_with(tmp_path, 0o755)
    (directory / "index.html").touch()
    assert slug_of(check_private_directory, directory, holds=("gallery.db",)) == "insecure-permissions"
    assert mode(directory) == 0o755
    directory.chmod(0o700)
    assert check_private_directory(directory)


@pytest.mark.parametrize("inside", [".", "me"])
def test_the_home_directory_and_those_above_are_never_changed(tmp_path, monkeypatch, inside):
    directory = directory_with(tmp_path, 0o755)
    (directory / "gallery.db").touch()
    home = directory / inside
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    assert slug_of(check_private_directory, directory, holds=("gallery.db",)) == "insecure-permissions"
    assert mode(directory) == 0o755


def test_a_link_is_judged_by_its_target(tmp_path):
    directory = directory_with(tmp_path, 0o700)
    link = tmp_path / "link"
    link.symlink_to(directory)
    assert check_private_directory(link)
    directory.chmod(0o707)
    assert slug_of(check_private_directory, link) == "insecure-permissions"


def test_what_is_not_a_directory_is_refused(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    assert slug_of(ensure_private_directory, tmp_path / "file") == "gallery-unwritable"
    assert slug_of(ensure_private_directory, tmp_path / "file" / "below") == "gallery-unwritable"
    assert slug_of(ensure_private_directory, tmp_path / "dangling") == "gallery-unwritable"


@as_root
def test_another_owner_is_refused(tmp_path):
    directory = directory_with(tmp_path, 0o700)
    file = directory / "gallery.db"
    file.touch(0o600)
    os.chown(file, 12345, 12345)
    assert slug_of(check_private_file, file) == "insecure-permissions"
    os.chown(directory, 12345, 12345)
    assert slug_of(check_private_directory, directory) == "insecure-permissions"
    assert "uid 12345" in problems(directory)[0]


@not_as_root
def test_a_directory_that_cannot_be_made_is_an_error(tmp_path):
    directory = directory_with(tmp_path, 0o500)
    assert slug_of(ensure_private_directory, directory / "new") == "gallery-unwritable"


def test_files_others_read_are_tightened_and_files_others_write_refused(tmp_path):
    file = tmp_path / "file"
    assert not check_private_file(file)
    file.touch()
    file.chmod(0o644)
    assert check_private_file(file)
    assert mode(file) == 0o600
    file.chmod(0o620)
    assert slug_of(check_private_file, file) == "insecure-permissions"
    assert mode(file) == 0o620


def test_only_regular_files_are_private_files(tmp_path):
    (tmp_path / "file").touch(0o600)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "fifo", 0o600)
    for name in ("link", "fifo", "."):
        assert slug_of(check_private_file, tmp_path / name) == "insecure-permissions"


def test_problems_are_listed_and_nothing_is_changed(tmp_path):
    directory = directory_with(tmp_path, 0o700)
    (directory / "good").touch(0o600)
    (directory / "cache").mkdir(0o755)
    assert problems(directory) == problems(tmp_path / "none") == ()
    (directory / "good").chmod(0o644)
    directory.chmod(0o770)
    first, second = problems(directory)
    assert "change" in first and f"chmod 700 '{directory}'" in first
    assert "read" in second and "chmod 600" in second
    assert mode(directory) == 0o770 and mode(directory / "good") == 0o644


def test_a_write_is_whole_has_its_mode_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "file"
    before = os.umask(0)
    try:
        atomic_write(path, b"old")
        atomic_write(path, b"new")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"new" and mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_an_existing_file_is_kept_unless_it_may_be_replaced(tmp_path):
    path = tmp_path / "file"
    atomic_write(path, b"old", overwrite=False)
    with pytest.raises(FileExistsError):
        atomic_write(path, b"new", overwrite=False)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_without_hard_links_an_existing_file_is_kept_too(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    path = tmp_path / "file"
    atomic_write(path, b"old", overwrite=False)
    with pytest.raises(FileExistsError):
        atomic_write(path, b"new", overwrite=False)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_devices_and_directories_are_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(OSError, match="not a regular file"):
            atomic_write(path, b"content")
    assert stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)


def test_a_writer_killed_before_the_end_leaves_the_old_content(tmp_path):
    path = tmp_path / "file"
    atomic_write(path, b"old")
    script = (
        "import os, signal, sys; from pathlib import Path; from faceunlock.files import private as files\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "files.atomic_write(Path(sys.argv[1]), b'new')"
    )
    assert subprocess.run([sys.executable, "-c", script, path], check=False).returncode < 0
    assert path.read_bytes() == b"old"
    (leftover,) = set(tmp_path.iterdir()) - {path}
    assert remove_leftovers(tmp_path) == 0, "it could belong to a writer at work"
    past = time.time() - LEFTOVER_SECONDS - 1
    os.utime(leftover, (past, past))
    assert remove_leftovers(tmp_path) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_only_temporary_files_are_leftovers(tmp_path):
    past = time.time() - LEFTOVER_SECONDS - 1
    other = [
        tmp_path / "gallery.db",
        tmp_path / f"{TEMPORARY_PREFIX}notes",
        tmp_path / f"x{TEMPORARY_SUFFIX}",
    ]
    for path in other:
        path.touch()
        os.utime(path, (past, past))
    assert remove_leftovers(tmp_path) == remove_leftovers(tmp_path / "none") == 0
    assert sorted(tmp_path.iterdir()) == sorted(other)
