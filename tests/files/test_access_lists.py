"""Lists that no file system of this machine has: what they allow, or that they cannot be understood."""

from __future__ import annotations

import errno
import os
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceunlock.files import access_lists
from faceunlock.files.access_lists import HIDDEN, NFS4
from faceunlock.files.trust import distrusted, distrusted_all

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="attributes of files are Linux's")
ROOTS = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs files of root's")

READ, WRITE, APPEND, DELETE_CHILD, WRITE_LIST = 0x1, 0x2, 0x4, 0x40, 0x40000
ALLOW, DENY = 0, 1


def nfs4(*entries):
    """The list as Linux's client passes it on."""
    packed = struct.pack(">I", len(entries))
    for kind, allowed, who in entries:
        name = who.encode()
        packed += struct.pack(">IIII", kind, 0, allowed, len(name)) + name + bytes(-len(name) % 4)
    return packed


USUAL = [(ALLOW, READ | WRITE | WRITE_LIST, "OWNER@"), (ALLOW, READ, "GROUP@"), (ALLOW, READ, "EVERYONE@")]


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """Give one file attributes that this machine's file system does not have."""
    path = tmp_path / "file"
    path.touch()
    held = {}
    real = os.getxattr

    def listxattr(place, *, follow_symlinks):
        return [name for name in held if name != HIDDEN] if place == path else []

    def getxattr(place, name, *, follow_symlinks):
        if place == path and name in held:
            return held[name]
        if name in (NFS4, HIDDEN):
            raise OSError(errno.ENOTSUP, "not supported")
        return real(place, name, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(access_lists.os, "listxattr", listxattr)
    monkeypatch.setattr(access_lists.os, "getxattr", getxattr)
    return path, held


def found(path):
    return " ".join(access_lists.other_lists(path, path.stat()))


@pytest.mark.parametrize(
    ("entry", "who"),
    [
        ((ALLOW, WRITE, "ada@corp.example"), "ada@corp.example"),
        ((ALLOW, APPEND, "EVERYONE@"), "EVERYONE@"),
        ((ALLOW, DELETE_CHILD, "staff@corp.example"), "staff@"),
        ((ALLOW, WRITE_LIST, "1000"), "1000"),
        ((ALLOW, READ, "ada@corp.example"), None),
        ((DENY, WRITE, "ada@corp.example"), None),
        ((ALLOW, WRITE, "root@corp.example"), None),
        ((ALLOW, WRITE, "0"), None),
    ],
)
@ROOTS
def test_a_list_of_nfs_is_judged(listed, entry, who):
    path, held = listed
    held[NFS4] = nfs4(*USUAL, entry)
    assert (found(path) == "") if who is None else (who in found(path))


@ROOTS
def test_the_group_of_root_may_write_and_no_other(listed):
    path, held = listed
    held[NFS4] = nfs4((ALLOW, WRITE, "GROUP@"))
    assert found(path) == ""
    os.chown(path, 0, 1000)
    assert "GROUP@" in found(path)
    os.chown(path, 1000, 0)
    held[NFS4] = nfs4((ALLOW, WRITE, "OWNER@"))
    assert "OWNER@" in found(path)


@pytest.mark.parametrize("name", ["security.NTACL", "system.richacl", HIDDEN, "trusted.SGI_ACL_FILE"])
@ROOTS
def test_a_list_that_cannot_be_understood_is_not_trusted(listed, name):
    path, held = listed
    held[name] = b"\x04\x00"
    assert "cannot be understood" in found(path) and name in found(path)
    assert any(name in problem for problem in distrusted(path))
    assert any(name in problem for problem in distrusted_all(path.parent))


def test_other_attributes_are_no_lists(listed):
    path, held = listed
    held |= {"user.my-acl": b"x", "security.selinux": b"system_u", "security.capability": b"x"}
    assert found(path) == ""


@given(st.binary(max_size=60))
def test_no_content_is_taken_for_a_list_that_it_is_not(content):
    try:
        entries = access_lists._nfs4_entries(content)
    except (ValueError, struct.error):
        return
    assert len(nfs4(*entries)) == len(content)


@pytest.mark.parametrize(
    "content",
    [b"", nfs4(*USUAL)[:-1], nfs4(*USUAL) + b"x", b"\xff" * 8, nfs4((ALLOW, 1, "x"))[:-4] + b"\xff"],
)
def test_a_list_of_nfs_that_is_damaged_is_not_trusted(listed, content):
    path, held = listed
    held[NFS4] = content
    assert "cannot be understood" in found(path)


def test_a_list_that_cannot_be_read_is_an_error(listed, monkeypatch):
    path, _ = listed

    def refuse(place, *, follow_symlinks):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(place))

    monkeypatch.setattr(access_lists.os, "listxattr", refuse)
    with pytest.raises(PermissionError):
        found(path)
    if os.geteuid() == 0:
        assert any("cannot be accessed" in problem for problem in distrusted(path))
