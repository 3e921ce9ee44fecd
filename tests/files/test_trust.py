import os

import pytest

from faceunlock.files.trust import distrust, distrust_all

pytestmark = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0, reason="only root can make files of others"
)
NOBODY = 65534


@pytest.fixture
def place(tmp_path):
    """A directory of root's, all the way."""
    for directory in (tmp_path, *tmp_path.parents):
        if directory.parent != directory and not directory.stat().st_mode & 0o1000:
            assert directory.stat().st_uid == 0
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("x")
    return tmp_path / "a"


def test_what_is_roots_is_trusted(place):
    assert distrust(place / "b" / "file") is None
    assert distrust_all(place) is None


@pytest.mark.parametrize("part", ["", "b", "b/file"])
def test_every_place_on_the_way_counts(place, part):
    target = place / "b" / "file"
    os.chown(place / part, NOBODY, 0)
    assert "uid 65534" in distrust(target)
    os.chown(place / part, 0, 0)
    (place / part).chmod(0o757)
    assert "0757" in distrust(target)


def test_the_group_of_root_may_write_and_no_other(place):
    (place / "b").chmod(0o775)
    assert distrust(place / "b") is None
    os.chown(place / "b", 0, 12345)
    assert "0775" in distrust(place / "b")


def test_a_shared_directory_is_trusted_only_on_the_way(place):
    (place / "b").chmod(0o1777)
    assert distrust(place / "b" / "file") is None
    assert distrust(place / "b") is not None


def test_links_are_followed_and_must_be_roots(place):
    (place / "link").symlink_to("b/../b/file")
    assert distrust(place / "link") is None
    os.chown(place / "link", NOBODY, 0, follow_symlinks=False)
    assert "link belongs" in distrust(place / "link")
    os.chown(place / "link", 0, 0, follow_symlinks=False)
    (place / "b").chmod(0o777)
    assert distrust(place / "link") is not None


def test_a_loop_ends(place):
    (place / "loop").symlink_to("loop")
    assert "too many" in distrust(place / "loop") or "cannot be accessed" in distrust(place / "loop")


def test_everything_below_counts(place):
    (place / "b" / "file").chmod(0o666)
    assert "file" in distrust_all(place)
    (place / "b" / "file").chmod(0o644)
    assert distrust_all(place) is None
    os.chown(place / "b", NOBODY, 0)
    assert "b belongs" in distrust_all(place)


def test_what_is_not_there_or_not_absolute(tmp_path):
    from pathlib import Path

    assert "cannot be accessed" in distrust(tmp_path / "nothing")
    assert "cannot be accessed" in distrust_all(tmp_path / "nothing")
    assert "absolute" in distrust(Path("here"))
