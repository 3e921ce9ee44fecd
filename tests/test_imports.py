"""Imports only run down the list of rooms, and nothing imports in a circle."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import faceunlock

PACKAGE = Path(faceunlock.__file__).parent
LEVELS = (
    ("errors", "settings"),
    ("files", "matching", "photos"),
    ("pipeline", "gallery"),
    ("liveness", "training", "studies"),
    ("reports",),
    ("tasks",),
    ("unlock",),
    ("agent", "web"),
    ("cli",),
    ("__main__", "pam"),
)
"""Rooms from the lowest to the highest; those of one level may use each other, but not in a circle."""

LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(source: str, name: str, *, is_package: bool) -> Iterator[str]:
    """Yield every module of ours that a source imports: late imports and those for types, too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "faceunlock")
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = name.split(".")[
                    : None if is_package and node.level == 1 else -node.level + is_package
                ]
                base = ".".join([*parts, *filter(None, [base])])
            if base.split(".")[0] == "faceunlock":
                for alias in node.names:
                    full = f"{base}.{alias.name}"
                    yield full if full in MODULES else base


def arrows() -> Iterator[tuple[str, str]]:
    for name, path in MODULES.items():
        source = path.read_text(encoding="utf-8")
        for target in imports(source, name, is_package=path.name == "__init__.py"):
            yield name, target


ARROWS = sorted(set(arrows()))


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def runs_back_up(importer: str, imported: str) -> bool:
    """Whether an import leads to a higher room; nothing may import the package itself."""
    if room(importer) == "":
        return False
    return room(imported) == "" or LEVEL[room(imported)] > LEVEL[room(importer)]


def circle(edges: set[tuple[str, str]]) -> list[str]:
    graph = TopologicalSorter[str]()
    for importer, imported in edges:
        graph.add(importer, imported)
    try:
        graph.prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_the_rooms_are_the_ones_that_are_listed():
    assert {room(name) for name in MODULES} == {"", *LEVEL}


def test_imports_only_run_down():
    assert [f"{a} -> {b}" for a, b in ARROWS if runs_back_up(a, b)] == []


def test_no_file_imports_in_a_circle():
    assert circle({(a, b) for a, b in ARROWS if a != b}) == []


@pytest.mark.parametrize("depth", [2, 3])
def test_no_folder_imports_in_a_circle(depth):
    def folder(module: str) -> str:
        package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
        # A file that stands beside the rooms counts as one.
        return module if package == "faceunlock" else ".".join(package.split(".")[:depth])

    assert circle({(folder(a), folder(b)) for a, b in ARROWS if folder(a) != folder(b)}) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from faceunlock.files import private", ["faceunlock.files.private"]),
        ("def late():\n    from faceunlock.cli.console import Console", ["faceunlock.cli.console"]),
        ("if TYPE_CHECKING:\n    import faceunlock.pam", ["faceunlock.pam"]),
        ("from . import protocol", ["faceunlock.agent.protocol"]),
        ("from .. import pam", ["faceunlock.pam"]),
        ("from .protocol import frame", ["faceunlock.agent.protocol"]),
        ("import numpy\nfrom os import path", []),
    ],
)
def test_every_kind_of_import_is_seen(source, found):
    assert list(imports(source, "faceunlock.agent.server", is_package=False)) == found


def test_what_runs_back_up_is_noticed():
    assert runs_back_up("faceunlock.agent.server", "faceunlock.cli.console")
    assert runs_back_up("faceunlock.reports.page", "faceunlock")
    assert not runs_back_up("faceunlock.cli.console", "faceunlock.errors")
    assert circle({("a", "b"), ("b", "c"), ("c", "a")})
