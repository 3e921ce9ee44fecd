"""The pages in docs: every one is listed, links lead somewhere, commands exist, figures are measured."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import typer
from support.fakes import FakeDetector, FakeEmbedder, paint, save, save_person

import faceunlock
from faceunlock.cli.application import MODULES, application
from faceunlock.cli.help import GROUPS
from faceunlock.errors import SLUGS
from faceunlock.matching.security import LEVELS
from faceunlock.unlock import FaceUnlock

PROJECT = Path(__file__).resolve().parents[1]
DOCS = PROJECT / "docs"
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
SHORT = ("README", "not-recognised", "photos", "thresholds", "scripts", "uninstall", "glossary")
TO_COME = {name for names in GROUPS.values() for name in names} - MODULES.keys()
PROGRAM = typer.main.get_command(application())


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", PAGES[page]):
        name, _, place = target.partition("#")
        path = DOCS / name if name else DOCS / page
        assert path.exists(), target
        if place:
            assert place in anchors(path.read_text(encoding="utf-8")), target


def anchors(text):
    """The names of the headings of a page, as GitHub makes them."""
    titles = re.findall(r"^#{1,6} (.+)$", text, re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", title.replace("`", "").lower()) for title in titles]
    return {title.strip().replace(" ", "-") for title in plain}


def test_every_page_is_listed_once():
    listed = re.findall(r"\]\(([^)/#]+)\)", PAGES["README.md"])
    there = {path.name for path in DOCS.iterdir() if path.is_file()} - {"README.md"}
    assert sorted(listed) == sorted(there)


@pytest.mark.parametrize("page", SHORT)
def test_a_short_page_stays_short(page):
    assert len(PAGES[f"{page}.md"].splitlines()) < 80


def test_the_glossary_is_in_the_order_of_the_alphabet():
    words = re.findall(r"^\| ([^|]+) \| [A-Z`]", PAGES["glossary.md"], re.MULTILINE)
    assert len(words) > 30 and words == sorted(words, key=str.lower)


FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROMPT = re.compile(r"(?:[$*/0-9 ]*|.*\bcommand:|.*[|] *)(?:if |sudo )?(?:/\S*/)?faceunlock (.*)")


def command_lines(text):
    """Every command line of the program in the code of a page, as words; what may be left out is left out."""
    fenced = [code for language, code in FENCE.findall(text) if language != "python"]
    indented = re.findall(r"^    .*$", FENCE.sub("", text), re.MULTILINE)
    code = "\n".join([*fenced, *indented]).replace("\\\n", " ")
    for line in code.splitlines():
        for part in re.split(r"&&|;|(?=[|])", line.partition(" #")[0]):
            found = PROMPT.fullmatch(re.sub(r"\[[^\]]*\]", "", part).rstrip())
            if found:
                yield shlex.split(found.group(1))


def mentioned(text):
    """Every command in the sentences of a page, as words; it may lack arguments."""
    return [shlex.split(words) for words in re.findall(r"`faceunlock ([^`|]+)", FENCE.sub("", text))]


COMMANDS = [(page, line) for page, text in PAGES.items() for line in command_lines(text)]
MENTIONED = [(page, line) for page, text in PAGES.items() for line in mentioned(text)]
SHOWN_AT_ONCE = {"--help", "-h", "--version", "--install-completion", "--show-completion"}
"""Options that do something while the command line is parsed."""


def understood(words):
    """Parse a command line as the program does, without running it."""
    context, command = None, PROGRAM
    while True:
        context = command.make_context("faceunlock", words, parent=context)
        if not getattr(command, "commands", None) or not context._protected_args:
            return
        given = [*context._protected_args, *context.args]
        name, command, words = command.resolve_command(context, given)
        assert name is not None


def test_there_are_commands_on_the_pages():
    assert len(COMMANDS) > 60
    pages = {page for page, _ in COMMANDS}
    assert {f"{page}.md" for page in SHORT if page not in ("README", "glossary")} <= pages


def can_be_tried(words):
    """What of a command line can be parsed: nothing of one without a command, or with one that is to come."""
    if "COMMAND" in words or not TO_COME.isdisjoint(words):
        return []
    return [word for word in words if word not in SHOWN_AT_ONCE]


@pytest.mark.parametrize(("page", "words"), COMMANDS)
def test_the_program_understands_the_commands_of_a_page(page, words):
    if line := can_be_tried(words):
        understood(line)


@pytest.mark.parametrize(("page", "words"), MENTIONED)
def test_the_program_has_the_commands_that_a_page_mentions(page, words):
    if line := can_be_tried(words):
        try:
            understood(line)
        except typer.BadParameter as error:
            assert error.format_message().startswith("Missing")


@pytest.mark.parametrize(
    "line", ["enrol ada photos", "verify a.jpg --who ada", "people remove ada", "verify --camer"]
)
def test_a_command_that_does_not_exist_would_be_noticed(line):
    with pytest.raises(Exception, match="No such"):
        understood(shlex.split(line))


def test_slugs_that_a_page_names_in_a_table_exist():
    rows = re.findall(r"^\| `([a-z]+(?:-[a-z]+)+)` \|", PAGES["not-recognised.md"], re.MULTILINE)
    to_come = {"face-cut-off", "face-turned"} if "explain" in TO_COME else set()
    assert len(rows) >= 7 and set(rows) - to_come <= SLUGS.keys()


# figures


def result(name):
    return json.loads((PROJECT / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))


def refused(rate):
    counts = f"{rate['errors']:,} of {rate['trials']:,}"
    return f"{100 * rate['value']:.1f} % ({counts}; {100 * rate['lower']:.1f} to {100 * rate['upper']:.1f} %)"


@pytest.mark.parametrize("model", ["retail-0095", "compact"])
@pytest.mark.parametrize(("level", "strangers"), zip(LEVELS, ("10,000", "100,000", "1,000,000"), strict=True))
def test_the_levels_are_those_that_were_measured(model, level, strangers):
    row = result(f"lfw-{model}")["levels"][level]
    fmr = row["fmr"]
    line = (
        f"| `{level}` | 1 stranger in {strangers} | {row['threshold']:.3f} | "
        f"{fmr['errors']} of {fmr['trials']:,} | {refused(row['fnmr'])} |"
    )
    assert line in PAGES["thresholds.md"]
    assert f"press photos of {fmr['people']:,} people" in PAGES["thresholds.md"]


def test_several_photos_are_better_than_one():
    measured = result("lfw-retail-0095")
    (one,) = (row for row in measured["all_pairs"]["fnmr"] if row["target_fmr"] == 1e-5)
    (three,) = (row for row in measured["centroids_of_3"][0]["fnmr"] if row["target_fmr"] == 1e-5)
    for words, row in (("one photo", one), ("three photos", three)):
        assert f"| {words} | {refused(row['fnmr'])} |" in PAGES["photos.md"]


def test_how_much_less_often_the_recommended_model_refuses():
    compact, retail = (
        result(f"lfw-{model}")["levels"]["normal"]["fnmr"]["value"] for model in ("compact", "retail-0095")
    )
    assert "about four times less often than `compact`" in PAGES["not-recognised.md"]
    assert round(compact / retail) == 4


# the man page


def man_page():
    spec = importlib.util.spec_from_file_location("man_page", PROJECT / "benchmarks" / "man_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_man_page_is_the_help_of_today():
    made = man_page()
    written = made.PAGE.read_text(encoding="utf-8")
    assert written == made.man_page(), "run: python benchmarks/man_page.py"


def test_the_man_page_names_every_command_and_option():
    written = (DOCS / "faceunlock.1").read_text(encoding="utf-8").replace(r"\-", "-")

    def each(command, words=()):
        yield words, command
        for name, below in getattr(command, "commands", {}).items():
            yield from each(below, (*words, name))

    for words, command in each(PROGRAM):
        assert not words or f'.SS "{" ".join(words)}"' in written
        for option in command.params:
            assert all(name in written for name in option.opts if name.startswith("-"))


def test_no_text_of_the_man_page_is_taken_for_a_request():
    escaped = man_page().escaped
    assert escaped(".SH me") == r"\&.SH me" and escaped("'x") == r"\&'x"
    assert escaped("a\\b--c") == r"a\eb\-\-c"


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_groff_reads_the_man_page_without_a_complaint():
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", str(DOCS / "faceunlock.1")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == "" and "FACEUNLOCK(1)" in done.stdout


# the page about Python


@pytest.fixture
def reader(tmp_path, monkeypatch, shipped):
    """A folder with the photos that the page speaks of, and a program that needs no network."""
    save_person(tmp_path / "photos" / "ada", 1, 8)
    save(tmp_path / "selfie.jpg", paint(1, 30))
    save(tmp_path / "stranger.jpg", paint(9))
    save(tmp_path / "party.jpg", paint(1, 40, faces=3))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACEUNLOCK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FACEUNLOCK_MIN_SHARPNESS", "20")
    without_networks = partial(FaceUnlock, detector=FakeDetector(), embedder=FakeEmbedder())
    monkeypatch.setattr(faceunlock, "FaceUnlock", without_networks, raising=False)
    return tmp_path


def said(text):
    """What is printed, without the digits that photos and models decide."""
    return re.sub(r"-?\d\.\d+", "0.x", text)


def test_the_code_about_python_runs_and_prints_what_it_says(reader, capsys):
    names = {}
    blocks = re.findall(r"^```python\n(.*?)^```", PAGES["python.md"], re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 6
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)
        printed = capsys.readouterr().out.splitlines()
        promised = re.findall(r"^ *print\(.*\)  # (.+)$", block, re.MULTILINE)
        assert [said(line) for line in promised] == [said(line) for line in printed][: len(promised)]
    assert isinstance(names["array"], np.ndarray)
