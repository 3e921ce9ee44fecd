"""What a confined process keeps and what it loses; what it may do is in tests/tasks/test_apart.py."""

from __future__ import annotations

import os
import platform
import signal
import struct
import subprocess
import sys
import time

import pytest

from faceunlock.files import confinement

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")

_CHILD = """
import os, sys, time
from faceunlock.files.confinement import confine
if os.fork() == 0:
    confine(5.0)
    os.write(1, b"%d\\n" % os.getpid())
    time.sleep(60)
time.sleep(60)
"""


def test_it_ends_with_its_parent():
    """A login that ran out of time is killed; what a picture took over must not stay."""
    with subprocess.Popen([sys.executable, "-c", _CHILD], stdout=subprocess.PIPE) as parent:
        child = int(parent.stdout.readline())
        parent.kill()
        for _ in range(200):
            try:
                os.kill(child, 0)
            except ProcessLookupError:
                return
            time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    pytest.fail("it is still there")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_rights_that_cannot_be_given_up_are_an_error():
    """As in a container without a user 65534."""
    code = (
        "import os; from faceunlock.files import confinement as c; c.NOBODY = 2**32 - 1\n"
        "try: c.confine(5.0)\n"
        "except c.ConfinementError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "could" in done.stdout


@pytest.mark.parametrize("column", [0, 1])
def test_every_jump_of_the_filter_stays_inside_it_and_ends_in_an_answer(column):
    """The kernel refuses another one, but is asked only on the machine that it runs on."""
    program = confinement.filter_program(column, 1)
    lines = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    assert 10 < len(lines) <= 4096
    for at, (code, yes, no, _) in enumerate(lines):
        if code & 7 == 5:
            assert at + 1 + max(yes, no) < len(lines)
    assert lines[-1][0] == 6


def _answer(column: int, number: int, *arguments: int) -> int:
    """Run the filter as the kernel would, for one call."""
    call = struct.pack("=IIQ6Q", number, 7, 0, *arguments, *[0] * (6 - len(arguments)))
    program = confinement.filter_program(column, 7)
    at = value = 0
    while True:
        code, yes, no, operand = struct.unpack_from("=HBBI", program, at * 8)
        at += 1
        if code == 0x20:
            (value,) = struct.unpack_from("=I", call, operand)
        elif code == 0x06:
            return operand
        else:
            true = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            at += yes if true else no


@pytest.mark.parametrize(
    ("column", "number", "arguments", "error"),
    [
        (0, 257, (0, 0, 0), 13), (1, 56, (0, 0, 0), 13), (0, 2, (0, 0), 13),
        (0, 56, (0,), 1), (0, 56, (0x10000,), 0), (1, 220, (0x10000,), 0), (1, 220, (17,), 1),
        (0, 302, (0, 7), 0), (0, 302, (4711, 7), 1), (1, 261, (4711, 7), 1),
        (0, 72, (3, 8, 1), 1), (0, 72, (3, 10, 1), 1), (0, 72, (3, 15, 1), 1), (0, 72, (3, 3), 0),
        (1, 25, (3, 8, 1), 1), (0, 16, (3, 0x8901), 1), (0, 16, (3, 0x5401), 0), (1, 29, (3, 0x8902), 1),
        (0, 435, (), 38), (0, 0, (), 0), (0, 1, (), 0), (1, 63, (), 0), (1, 64, (), 0), (0, 47, (), 0),
        (0, 41, (), 1), (1, 198, (), 1), (0, 234, (), 1), (1, 131, (), 1),
    ],
)  # fmt: skip
def test_what_the_filter_says_of_a_call(column, number, arguments, error):
    expected = 0x7FFF0000 if error == 0 else 0x00050000 | error
    assert _answer(column, number, *arguments) == expected


def test_a_call_of_another_architecture_ends_the_process():
    assert platform.machine()
    program = confinement.filter_program(0, 8)
    assert struct.unpack_from("=HBBI", program, 8 * 2) == (6, 0, 0, 0x80000000)
