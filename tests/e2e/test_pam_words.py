"""PAM itself: with the option ``stdout``, each line that a program says reaches the user at once."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import pwd
import stat
import sys
import time
from pathlib import Path

import pytest

TEXT_INFO = 4

SAYS = """#!/bin/sh
echo "Look straight at the camera." >&2
sleep 0.6
echo "Turn your head to your left." >&2
{check}
"""


class Message(ctypes.Structure):
    """``struct pam_message``."""

    _fields_ = (("style", ctypes.c_int), ("text", ctypes.c_char_p))


class Response(ctypes.Structure):
    """``struct pam_response``."""

    _fields_ = (("text", ctypes.c_char_p), ("code", ctypes.c_int))


CONVERSE = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(Message)),
    ctypes.POINTER(ctypes.POINTER(Response)),
    ctypes.c_void_p,
)


class Conversation(ctypes.Structure):
    """``struct pam_conv``."""

    _fields_ = (("converse", CONVERSE), ("data", ctypes.c_void_p))


def said(folder: Path, options: str, program: Path) -> tuple[bool, list[tuple[float, str]]]:
    """Return whether PAM says yes, and what it tells the user, with the time since the first line."""
    name = ctypes.util.find_library("pam")
    pam = ctypes.CDLL(name) if name is not None else None
    if sys.platform != "linux" or pam is None or not hasattr(pam, "pam_start_confdir"):
        pytest.skip("needs Linux-PAM 1.4")
    if not any(Path("/").glob("*lib*/**/security/pam_exec.so")):
        pytest.skip("needs pam_exec.so")
    (folder / "words").write_text(f"auth required pam_exec.so quiet {options} type=auth {program}\n")
    told: list[tuple[float, str]] = []
    libc = ctypes.CDLL(None)
    libc.calloc.restype = ctypes.c_void_p

    @CONVERSE
    def converse(count, messages, responses, _data):  # type: ignore[no-untyped-def]
        for number in range(count):
            if messages[number].contents.style == TEXT_INFO:
                told.append((time.monotonic(), messages[number].contents.text.decode()))
        made = libc.calloc(count, ctypes.sizeof(Response))
        responses[0] = ctypes.cast(made, ctypes.POINTER(Response))
        return 0

    handle = ctypes.c_void_p()
    user = pwd.getpwuid(os.geteuid()).pw_name.encode()
    conversation = Conversation(converse, None)
    started = pam.pam_start_confdir(
        b"words", user, ctypes.byref(conversation), os.fsencode(folder), ctypes.byref(handle)
    )
    assert started == 0
    answer = pam.pam_authenticate(handle, 0)
    pam.pam_end(handle, answer)
    return answer == 0, [(seconds - told[0][0], text) for seconds, text in told]


@pytest.mark.parametrize(("options", "words"), [("stdout", 2), ("", 0)])
def test_words_on_stderr_are_shown_at_once_and_only_with_stdout(tmp_path, options, words):
    program = tmp_path / "says"
    pipe = "test -p /dev/fd/2" if words else "test ! -p /dev/fd/2"
    program.write_text(SAYS.format(check=pipe))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    yes, told = said(tmp_path, options, program)
    assert yes, "faceunlock.pam tells by the kind of stream whether somebody reads it"
    assert [text for _, text in told] == [
        "Look straight at the camera.",
        "Turn your head to your left.",
    ][:words]
    assert not words or told[1][0] > 0.4, "the first line did not wait for the second"
