"""Calls that fail as on file systems that lack them: fakes in this process, and a library to preload."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("crippled.c")
NO_COMPILER = shutil.which("cc") is None


def failing(number):
    """A call that fails with this error number, whatever it is given."""

    def call(*_, **__):
        raise OSError(number, os.strerror(number))

    return call


def without_locks(monkeypatch, number=errno.ENOLCK):
    for name in ("flock", "lockf"):
        monkeypatch.setattr(fcntl, name, failing(number))


def preloaded(folder: Path) -> Path:
    """Compile the library into a folder; skips the test where there is no compiler."""
    if NO_COMPILER:
        pytest.skip("needs a C compiler")
    library = folder / "crippled.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return library
