"""The real program in a process of its own, and pictures for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from faceunlock.tasks.demo import make_pictures

Word = str | bytes | Path


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of the program left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document, which must be the only thing on stdout and have its promised shape."""
        document = json.loads(self.stdout)
        assert document["schema"] == 1
        assert set(document) == {"schema", "command", "ok", "data" if document["ok"] else "error"}
        return document

    @property
    def data(self) -> dict[str, Any]:
        assert self.document["ok"], self
        return self.document["data"]

    @property
    def error(self) -> dict[str, Any]:
        """The error of the document, held to what stderr says."""
        assert not self.document["ok"], self
        error = self.document["error"]
        assert set(error) - {"seconds_left"} == {"code", "message", "hint", "retryable"}
        assert f"[{error['code']}]" in self.stderr
        return error


@dataclass(frozen=True, slots=True)
class Program:
    """``faceunlock`` with a home of its own."""

    home: Path

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("FACEUNLOCK_")}
        return kept | {"FACEUNLOCK_HOME": str(self.home), "COLUMNS": "80"} | dict(extra or {})

    @staticmethod
    def command(*words: Word) -> list[Word]:
        return [sys.executable, "-m", "faceunlock", *words]

    def __call__(
        self,
        *words: Word,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Result:
        done = subprocess.run(
            self.command(*words),
            input=stdin,
            capture_output=True,
            env=self.environment(env),
            cwd=cwd,
            check=False,
        )
        # Strict: what is not UTF-8 must have been escaped.
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in result.stderr, result.stderr
        assert not any(char in result.stdout + result.stderr for char in "\x1b\x07\x00")
        return result


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``few/`` photos of a person, ``more/`` with a new one; ``unseen``, ``stranger`` and ``flower``.

    ``photos/`` holds all of that person.
    """
    folder = tmp_path_factory.mktemp("pictures")
    make_pictures(folder)
    for part, names in (("few", ("original", "cropped", "darker")), ("more", ("original", "rotated"))):
        (folder / part).mkdir()
        for name in names:
            shutil.copy(folder / "photos" / f"{name}.jpg", folder / part)
    return folder


@pytest.fixture
def faceunlock(tmp_path: Path) -> Program:
    """The program with nobody enrolled."""
    return Program(tmp_path / "home")


@pytest.fixture(scope="session")
def first_enrolment(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A home in which Eileen is enrolled, and what the program said when it enrolled her."""
    program = Program(tmp_path_factory.mktemp("enrolled") / "home")
    return program.home, program("--model", "dlib", "enroll", "Eileen", "few", cwd=pictures)


@pytest.fixture(scope="session")
def shared_program(first_enrolment: tuple[Path, Result]) -> Program:
    """The program with Eileen enrolled, for commands that change nothing in its home."""
    return Program(first_enrolment[0])


@pytest.fixture
def prepared(first_enrolment: tuple[Path, Result], tmp_path: Path) -> Program:
    """The program with nobody enrolled, and the networks prepared, which takes a while the first time."""
    home = tmp_path / "prepared"
    home.mkdir(mode=0o700)
    shutil.copytree(first_enrolment[0] / "cache", home / "cache")
    return Program(home)


@pytest.fixture
def enrolled(first_enrolment: tuple[Path, Result], tmp_path: Path) -> Program:
    """The program with Eileen enrolled, in a home that a test may change."""
    home = tmp_path / "enrolled"
    shutil.copytree(first_enrolment[0], home)
    return Program(home)


@pytest.fixture(scope="session")
def people_of() -> Callable[[Program], dict[str, Any]]:
    """Everything the program tells about who is enrolled, to see that a failure changed nothing."""

    def tell(program: Program) -> dict[str, Any]:
        return program("people", "--json").data

    return tell
