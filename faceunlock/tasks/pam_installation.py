"""Whether an installation, all of Python and its modules, is one that only root can change."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from faceunlock.files.trust import distrusted, distrusted_all

MOST_TOLD = 10
"""How many things that others can change are named one by one for each directory."""

_PRINT_PLACES = """
import os, sys
made = [getattr(sys.modules.get(finder.__module__), "MAPPING", {}) for finder in sys.meta_path]
places = [*sys.path, *(place for mapping in made for place in mapping.values())]
sys.stdout.buffer.write(b"\\0".join(map(os.fsencode, places)))
"""
"""The search path, and where packages lie that setuptools installed as links to their source."""


def installation_problems(program: Path) -> Iterator[str]:
    """Yield why an installation is unsafe for a service that runs as root."""
    wrong = list(distrusted(program))
    yield from (f"the program must belong to root: {problem}" for problem in wrong)
    if program != Path(sys.executable) and not _same(program, Path(sys.executable)):
        if not wrong:
            yield f"another installation must check itself; run: {program} -I -m faceunlock pam check"
        return
    paths = sysconfig.get_paths()
    places = {Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    places.add(Path(__file__).parents[1])
    if not wrong:
        places.update(_code_of(program))
    elif sys.flags.isolated:
        places.update(map(Path, sys.path))
    places.update(place for folder in tuple(places) for place in _added_later(folder))
    # Python also looks for the configuration beside the program and above it, and believes what it finds.
    beside = {directory / "pyvenv.cfg" for directory in (*program.parents[:2], Path(sys.prefix))}
    for place in sorted(places | beside):
        found = distrusted_all(place) if place.is_dir() else distrusted(place, created_later=True)
        for problem in few(found, place):
            yield f"Python and its modules must belong to root: {problem}"


def _code_of(program: Path) -> Iterator[Path]:
    """Yield the places from which an isolated interpreter imports; this process may not be isolated."""
    words = [str(program), "-I", "-c", _PRINT_PLACES]
    done = subprocess.run(words, stdout=subprocess.PIPE, cwd="/", env={}, check=False)  # noqa: S603 - root's
    yield from (Path(os.fsdecode(place)) for place in done.stdout.split(b"\0") if place)


def _same(one: Path, other: Path) -> bool:
    # Do not resolve the program itself: every virtual environment links to the same interpreter.
    return one.parent.resolve() == other.parent.resolve()


def _added_later(modules: Path) -> Iterator[Path]:
    """Yield what ``*.pth`` files add to the search path, now or once it exists; see `site`."""
    for file in sorted(modules.glob("*.pth")):
        with contextlib.suppress(OSError):
            for line in file.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
                path = line.strip() and "\0" not in line
                if path and not line.startswith(("#", "import ", "import\t")):
                    yield modules / line.rstrip()


def few(problems: Iterable[str], place: Path) -> Iterator[str]:
    """Yield the first problems, and how many more there are: a directory may hold thousands of files."""
    more = 0
    for number, problem in enumerate(problems):
        if number < MOST_TOLD:
            yield problem
        else:
            more += 1
    if more:
        yield f"{more} more like these in {place}"
