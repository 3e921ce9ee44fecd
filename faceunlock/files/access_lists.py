"""Who apart from root an access control list lets write: POSIX, NFSv4, or one that cannot be understood."""

from __future__ import annotations

import errno
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
NFS4 = "system.nfs4_acl"

HIDDEN = "system.cifs_acl"
"""The list of a file on a share of Windows or Samba, which is there though no list of attributes names it."""

_USER, _OWNING_GROUP, _GROUP, _MASK, _OTHER = 0x02, 0x04, 0x08, 0x10, 0x20
_WRITE = 0x02

_ALLOW, _MOST_ENTRIES = 0, 10_000
_NFS4_WRITE = 0x02 | 0x04 | 0x40 | 0x10000 | 0x40000 | 0x80000
"""Write, append, delete inside, delete, change the list, change the owner (RFC 7530, section 6.2.1.3.1)."""

Entries = list[tuple[int, int, int]]


def posix_list(place: Path, kind: str) -> Entries:
    """Return the entries (tag, permissions, id) of a POSIX access control list; empty if there is none.

    They are read as ``acl(5)`` and Linux store them: a version, then two 16-bit numbers and a 32-bit id for
    each entry, little-endian.

    Raises
    ------
    OSError
        If the list is there and cannot be read.
    """
    stored = _attribute(place, kind)
    return [] if stored is None else list(struct.iter_unpack("<HHI", stored[4:]))


def posix_writers(entries: Entries, info: os.stat_result) -> Iterator[str]:
    """Yield who apart from root a POSIX access control list lets write."""
    mask = next((allowed for tag, allowed, _ in entries if tag == _MASK), _WRITE)
    for tag, allowed, number in entries:
        if not allowed & _WRITE or (tag != _OTHER and not mask & _WRITE):
            continue
        if tag == _USER and number != 0:
            yield f"uid {number}"
        elif tag == _GROUP and number != 0:
            yield f"gid {number}"
        elif tag == _OWNING_GROUP and info.st_gid != 0:
            yield f"gid {info.st_gid}"
        elif tag == _OTHER:
            yield "others"


def other_lists(place: Path, info: os.stat_result) -> Iterator[str]:
    """Yield what access control lists of other kinds allow, or that they cannot be understood.

    Every attribute that a file system or a server gives a name with "acl" counts as one.

    Yields
    ------
    str
        A part of a sentence about `place`.

    Raises
    ------
    OSError
        If a list is there and cannot be read.
    """
    for name in _names(place):
        stored = _attribute(place, name)
        if stored is None:
            continue
        if name != NFS4:
            yield f"has an access control list that cannot be understood ({name})"
            continue
        try:
            entries = _nfs4_entries(stored)
        except (ValueError, struct.error):
            yield f"has an access control list that cannot be understood ({name})"
            continue
        # Denials are passed over: what they take away again is not worth being wrong about.
        for kind, allowed, who in entries:
            if kind == _ALLOW and allowed & _NFS4_WRITE and not _is_root(who, info):
                yield f"can be changed by users other than root (its NFSv4 access control list: {who})"


def _names(place: Path) -> list[str]:
    if sys.platform != "linux":
        return []
    try:
        listed = os.listxattr(place, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENOSYS):
            return []
        raise
    ours = (name for name in listed if "acl" in name.lower() and not name.startswith("user."))
    return sorted({*ours, HIDDEN} - {ACCESS, DEFAULT})


def _attribute(place: Path, name: str) -> bytes | None:
    if sys.platform != "linux":
        return None
    try:
        return os.getxattr(place, name, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP, errno.ENOSYS):
            return None
        raise


def _nfs4_entries(stored: bytes) -> list[tuple[int, int, str]]:
    """Return the entries (type, permissions, who) of an NFSv4 list, as Linux's client passes it on: XDR.

    Raises
    ------
    ValueError
        If it is not such a list; or `struct.error`.
    """
    (count,) = struct.unpack_from(">I", stored)
    if count > _MOST_ENTRIES:
        raise ValueError("too many entries")
    entries, at = [], 4
    for _ in range(count):
        kind, _flags, allowed, length = struct.unpack_from(">IIII", stored, at)
        who = stored[at + 16 : at + 16 + length]
        if len(who) != length:
            raise ValueError("an entry is cut off")
        entries.append((kind, allowed, who.decode("utf-8")))
        at += 16 + length + -length % 4
    if at != len(stored):
        raise ValueError("something comes after the last entry")
    return entries


def _is_root(who: str, info: os.stat_result) -> bool:
    name = who.partition("@")[0]
    if who == "OWNER@":
        return info.st_uid == 0
    return info.st_gid == 0 if who == "GROUP@" else name in ("root", "0")
