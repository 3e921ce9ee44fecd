"""The real program in a process of its own, and pictures for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.program import Program, Result

from faceunlock.tasks.demo import make_pictures


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
