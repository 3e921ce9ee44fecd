import os
import struct
from pathlib import Path

import pytest

from faceunlock.files.trust import distrusted, distrusted_all

pytestmark = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0, reason="only root can make files of others"
)
NOBODY = 65534


def distrust(path, **options):
    return next(distrusted(path, **options), None)


def distrust_all(directory):
    return next(distrusted_all(directory), None)


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
    assert "cannot be accessed" in distrust(tmp_path / "nothing")
    assert "cannot be accessed" in distrust_all(tmp_path / "nothing")
    assert "absolute" in distrust(Path("here"))


OWNER, USER, OWNING_GROUP, GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32
NOBODYS = 0xFFFFFFFF


def set_list(path, *entries, kind="access", mask=6):
    """Give a path an access control list: the usual entries and these (tag, permissions, id)."""
    usual = [(OWNER, 6, NOBODYS), (OWNING_GROUP, 4, NOBODYS), (MASK, mask, NOBODYS), (OTHER, 0, NOBODYS)]
    packed = [struct.pack("<HHI", *entry) for entry in sorted([*usual, *entries])]
    try:
        os.setxattr(path, f"system.posix_acl_{kind}", struct.pack("<I", 2) + b"".join(packed))
    except OSError as error:
        pytest.skip(f"no access control lists here: {error}")


@pytest.mark.parametrize("part", ["", "b", "b/file"])
@pytest.mark.parametrize(("entry", "who"), [((USER, 7, 1000), "uid 1000"), ((GROUP, 2, 27), "gid 27")])
def test_an_access_control_list_lets_somebody_write(place, part, entry, who):
    set_list(place / part, entry)
    assert who in distrust(place / "b" / "file") and who in distrust_all(place)


@pytest.mark.parametrize(
    ("entries", "mask"),
    [([(USER, 5, 1000)], 7), ([(USER, 7, 1000)], 5), ([(USER, 7, 0), (GROUP, 7, 0)], 7)],
    ids=["may only read", "masked", "root"],
)
def test_an_access_control_list_that_lets_nobody_write(place, entries, mask):
    set_list(place / "b" / "file", *entries, mask=mask)
    assert distrust(place / "b" / "file") is None and distrust_all(place) is None


def test_a_default_access_control_list_opens_what_is_made_later(place):
    set_list(place / "b", (USER, 6, 1000), kind="default")
    (place / "b" / "new").touch()
    assert "new files in" in distrust(place / "b") and "uid 1000" in distrust_all(place)


@pytest.mark.parametrize("target", ["folder", "folder/module.py"])
def test_links_below_lead_to_what_is_judged(place, target):
    elsewhere = place.parent / "elsewhere"
    (elsewhere / "folder").mkdir(parents=True)
    (elsewhere / "folder" / "module.py").write_text("x")
    (place / "b" / "link").symlink_to(elsewhere / target)
    (elsewhere / "folder" / "back").symlink_to(place)
    assert distrust_all(place) is None
    for part in ("folder/module.py", "folder", ""):
        os.chown(elsewhere / part, NOBODY, 0)
        assert "elsewhere" in distrust_all(place)
        os.chown(elsewhere / part, 0, 0)


def test_what_a_link_below_does_not_find_yet(place):
    (place / "b" / "link").symlink_to("/etc/faceunlock/later/module.py")
    assert distrust_all(place) is None, "only root can make it"
    (place / "shared").mkdir()
    (place / "shared").chmod(0o1777)
    (place / "b" / "other").symlink_to(place / "shared" / "module.py")
    assert "shared" in distrust_all(place)


def test_what_is_made_later_in_a_shared_folder_is_made_by_anybody(place):
    (place / "b").chmod(0o1777)
    assert distrust(place / "b" / "file") is None
    assert "1777" in distrust(place / "b" / "file", created_later=True)
    assert "1777" in distrust(place / "b" / "not" / "yet", created_later=True)


def test_what_is_made_later_in_a_folder_of_roots():
    assert distrust(Path("/etc/faceunlock/not/yet"), created_later=True) is None


def test_a_link_to_a_shared_folder_is_as_shared(place):
    (place / "b").chmod(0o1777)
    (place / "link").symlink_to("b")
    assert "1777" in distrust(place / "link")


def test_every_reason_is_told(place):
    os.chown(place, NOBODY, 0)
    (place / "b" / "file").chmod(0o666)
    (place / "b" / "link").symlink_to("file")
    os.chown(place / "b" / "link", NOBODY, 0, follow_symlinks=False)
    for found in (list(distrusted(place / "b" / "link")), list(distrusted_all(place))):
        assert len(found) == 3 == len(set(found))
        assert all(
            any(name in problem for problem in found) for name in ("a belongs", "link belongs", "0666")
        )
