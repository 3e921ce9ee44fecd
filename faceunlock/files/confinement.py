"""A process gives up what it does not need before it reads the bytes of strangers; Linux only.

A photo is a program for a decoder. What such a program could do is decided here: nothing but compute, and
answer on what is already open.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys

NOBODY = 65534
"""User and group without rights; the kernel's own overflow id."""

MEMORY = 3 << 30
"""Bytes of memory that a confined process may have: several times what a photo of 100 megapixels takes."""

_PR_SET_DEATH_SIGNAL, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVILEGES = 1, 4, 38
_SET_FILTER, _ALL_THREADS = 1, 1
_KILL, _ERROR, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_NOT_PERMITTED, _DENIED, _NO_SUCH_CALL = 1, 13, 38
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_CLONE_THREAD = 0x10000
_FOREIGN_NUMBERS = 0x40000000
"""From here on, the numbers of x86-64 mean its 32-bit variant."""

# Numbers of x86-64 and of aarch64, from the kernel's tables: arch/x86/entry/syscalls/syscall_64.tbl and
# include/uapi/asm-generic/unistd.h.
_REFUSED = {
    # talk to anybody but the process at the other end of what is open
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
    "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242),
    # start, stop or read another program
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438), "kcmp": (312, 272), "process_madvise": (440, 440),
    "move_pages": (279, 239), "migrate_pages": (256, 238), "setpriority": (141, 140),
    "ioprio_set": (251, 30), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195),
    "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187),
    "semget": (64, 190), "semop": (65, 193), "semtimedop": (220, 192), "semctl": (66, 191),
    "mq_open": (240, 180), "mq_unlink": (241, 181),
    # stay when its parent is gone, or be read by others
    "prctl": (157, 167),
    # change a file or a directory
    "creat": (85, None), "truncate": (76, 45), "rename": (82, None),
    "renameat": (264, 38), "renameat2": (316, 276), "mkdir": (83, None), "mkdirat": (258, 34),
    "rmdir": (84, None), "link": (86, None), "linkat": (265, 37), "unlink": (87, None), "unlinkat": (263, 35),
    "symlink": (88, None), "symlinkat": (266, 36), "mknod": (133, None), "mknodat": (259, 33),
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "fremovexattr": (199, 16), "setxattrat": (463, 463),
    "removexattrat": (466, 466), "file_setattr": (469, 469), "utimensat": (280, 88),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None),
    # change the system, or reach parts of the kernel that no decoder needs
    "mount": (165, 40), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fspick": (433, 433), "mount_setattr": (442, 442), "umount2": (166, 39), "chroot": (161, 51),
    "pivot_root": (155, 41), "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280),
    "perf_event_open": (298, 241), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "syslog": (103, 116), "init_module": (175, 105),
    "finit_module": (313, 273), "kexec_load": (246, 104), "reboot": (169, 142),
}  # fmt: skip
_MACHINES = {"x86_64": (0, 0xC000003E, 317), "aarch64": (1, 0xC00000B7, 277)}
"""Column of the table above, the kernel's name of the architecture, and the number of ``seccomp``."""

_OPENING = ((2, None), (257, 56), (437, 437), (304, 265))
"""``open``, ``openat``, ``openat2`` and ``open_by_handle_at``."""

_CLONE, _CLONE3, _LIMIT, _CONTROL, _DEVICE = (56, 220), (435, 435), (302, 261), (72, 25), (16, 29)
_OWNERS = {_CONTROL: (8, 10, 15), _DEVICE: (0x8901, 0x8902)}
"""What of ``fcntl`` and ``ioctl`` names a process that the kernel then sends a signal; see fcntl(2)."""


class ConfinementError(Exception):
    """What must be given up could not be given up."""


def confine(seconds: float) -> None:
    """Give up every right that decoding a photo does not need; what is open stays open.

    Root becomes nobody. No file can be opened, no process, connection or file made or changed, and nobody
    sent a signal any more, in all threads, where the kernel has seccomp (x86-64 and aarch64); nothing can be
    written to any file on every kernel. Memory, processor time and core files are limited. The process ends
    with its parent.

    Parameters
    ----------
    seconds : float
        Processor time, from now on.

    Raises
    ------
    ConfinementError
        If root's rights, or the limits, could not be given up. Then nothing must be decoded.
    """
    library = ctypes.CDLL(None, use_errno=True)
    try:
        used = resource.getrusage(resource.RUSAGE_SELF)
        spent = int(used.ru_utime + used.ru_stime + seconds) + 1
        for limit, most in (
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_DATA, MEMORY),
            (resource.RLIMIT_CPU, spent),
        ):
            hard = resource.getrlimit(limit)[1]
            value = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(limit, (value, value))
        if os.geteuid() == 0 or os.getuid() == 0:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    except (OSError, ValueError) as error:
        raise ConfinementError(f"rights could not be given up: {error}") from error
    if _can_be_root_again():
        raise ConfinementError("root's rights could be taken back")
    library.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    library.prctl(_PR_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)  # forgotten when the user changes
    if library.prctl(_PR_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0:
        _install_filter(library)


def _can_be_root_again() -> bool:
    if 0 in os.getresuid():
        return True
    try:
        os.setuid(0)
    except OSError:
        return False
    return True


def _install_filter(library: ctypes.CDLL) -> bool:
    """Refuse the calls of `_REFUSED` in all threads, and return whether the kernel does."""
    found = _MACHINES.get(platform.machine()) if sys.maxsize > 1 << 32 else None
    if found is None:
        return False
    program = filter_program(found[0], found[1])
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    answer: int = library.syscall(found[2], _SET_FILTER, _ALL_THREADS, header)
    return answer == 0


def filter_program(column: int, architecture: int) -> bytes:
    """Return the filter as the kernel reads it: eight bytes for each instruction; see seccomp(2).

    Parameters
    ----------
    column : int
        Which numbers of the table count.
    architecture : int
        Calls of any other one end the process.
    """
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if column == 0:
        lines += [(_AT_LEAST, 0, 1, _FOREIGN_NUMBERS), (_RETURN, 0, 0, _KILL)]
    for numbers in _REFUSED.values():
        lines += _on_call(numbers[column], [_refusal(_NOT_PERMITTED)])
    for numbers in _OPENING:
        lines += _on_call(numbers[column], [_refusal(_DENIED)])
    # The C library then makes its threads with `clone`, whose flags can be seen.
    lines += _on_call(_CLONE3[column], [_refusal(_NO_SUCH_CALL)])
    lines += _on_call(_CLONE[column], _only_if(0, _ANY_BIT, _CLONE_THREAD))
    lines += _on_call(_LIMIT[column], _only_if(0, _EQUAL, 0))  # limits of this process only
    for numbers, commands in _OWNERS.items():
        lines += _on_call(numbers[column], _unless(1, commands))
    lines.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


_Lines = list[tuple[int, int, int, int]]


def _on_call(number: int | None, then: _Lines) -> _Lines:
    return [] if number is None else [(_EQUAL, 0, len(then), number), *then]


def _refusal(error: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, _ERROR | error)


def _only_if(argument: int, test: int, value: int) -> _Lines:
    """Return the end of a call: refused unless an argument is a value, or has its bits."""
    return [_load(argument), (test, 1, 0, value), _refusal(_NOT_PERMITTED), (_RETURN, 0, 0, _ALLOW)]


def _unless(argument: int, values: tuple[int, ...]) -> _Lines:
    """Return the end of a call: refused if an argument is one of some values."""
    tests = [(_EQUAL, len(values) - at, 0, value) for at, value in enumerate(values)]
    return [_load(argument), *tests, (_RETURN, 0, 0, _ALLOW), _refusal(_NOT_PERMITTED)]


def _load(argument: int) -> tuple[int, int, int, int]:
    """Return the instruction that loads the lower half of an argument, where all flags are."""
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * argument)
