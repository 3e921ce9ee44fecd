"""The help: groups, the order of options, examples, and what is said to a command that does not exist."""

from __future__ import annotations

import shlex

import pytest
import typer

from faceunlock.cli import run
from faceunlock.cli.application import MODULES, application
from faceunlock.cli.help import EXAMPLES, GROUPS, INSTEAD, between

TO_COME: set[str] = set()
"""Commands that have their place before they are there."""


def commands(group, words=()):
    """Yield every command with its words."""
    yield words, group
    for name, below in getattr(group, "commands", {}).items():
        yield from commands(below, (*words, name))


PROGRAM = typer.main.get_command(application())
ALL = dict(commands(PROGRAM))


def test_every_command_stands_in_exactly_one_group():
    grouped = [name for names in GROUPS.values() for name in names]
    assert len(grouped) == len(set(grouped))
    assert set(MODULES) <= set(grouped) <= set(MODULES) | TO_COME


def test_the_groups_are_shown_and_nothing_that_is_not_there(capfd):
    assert run(["--help"]) == 0
    out = capfd.readouterr().out
    places = [out.index(f"\n{title}:\n") for title in GROUPS]
    assert places == sorted(places)
    for name in {name for names in GROUPS.values() for name in names} | TO_COME:
        assert (f"\n  {name} " in out) == (name in MODULES)


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_help_ends_with_an_example_that_is_understood(words, monkeypatch):
    program, *given = shlex.split(EXAMPLES[" ".join(words)])
    assert program == "faceunlock" and (not words or given[0] == words[0])
    context, command = None, PROGRAM
    while True:
        context = command.make_context("faceunlock", given, parent=context)
        if not getattr(command, "commands", None) or not context._protected_args:
            break
        name, command, given = command.resolve_command(context, [*context._protected_args, *context.args])
        assert name is not None


@pytest.mark.parametrize("columns", [60, 80, 132])
@pytest.mark.parametrize(
    "words", [(), ("compare",), ("calibrate",), ("people",), ("pam", "print"), ("train",)]
)
def test_help_fits_the_terminal_and_uses_a_wide_one(words, columns, capfd, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert run([*words, "--help"]) == 0
    out = capfd.readouterr().out
    lines = [line for line in out.splitlines() if not line.startswith("Example: ")]  # which is to be copied
    assert max(map(len, lines)) <= columns
    assert "list[" not in out and "range>" not in out and "<path>" not in out and "{" not in out
    if columns == 132 and words == ("calibrate",):
        assert max(map(len, out.splitlines())) > 100
    assert f"\nExample: {EXAMPLES[' '.join(words)]}\n" in out


@pytest.mark.parametrize("words", ["enroll", "verify", "compare", "train", "people forget"])
def test_own_options_come_before_the_common_ones(words, capfd):
    assert run([*words.split(), "--help"]) == 0
    own, _, common = capfd.readouterr().out.partition("\nCommon options:\n")
    assert "\nOptions:\n" in own
    for option in ("--json", "--quiet", "--verbose", "--home", "--device", "--model", "--help"):
        assert f"  {option} " in common or f", {option} " in common, option
        assert f"  {option} " not in own.partition("Options:")[2]


def test_choices_ranges_and_defaults_are_said_in_words(capfd):
    run(["compare", "--help"])
    out = capfd.readouterr().out
    assert "--faces dominant|largest" in out and "[default dominant]" in out
    assert "--threshold N" in out and "[-1 to 1]" in out and "Usage: faceunlock compare PHOTO [OTHER]" in out
    run(["train", "--help"])
    out = " ".join(capfd.readouterr().out.split())
    assert "[required]" in out and "--workers N Processes that augment crops. [0 to 256; default 0]" in out
    assert between(None, 3) == "at most 3"


@pytest.mark.parametrize("words", sorted(INSTEAD))
def test_a_command_of_another_name_leads_to_the_right_one(words, capfd):
    assert run(words.split()) == 2
    out, err = capfd.readouterr()
    instead, purpose = INSTEAD[words]
    assert out == "" and "[usage]" in err and f"To {purpose}: faceunlock {instead}\n" in err
    assert "Did you mean" not in err, "a guess by the letters contradicts the hint"
    there = [word for word in instead.split() if word.islower() and not word.startswith("-")]
    assert tuple(there) in ALL, instead


def test_where_the_user_has_a_home_the_command_names_it(capfd, tmp_path):
    assert run(["--home", str(tmp_path), "list"]) == 2
    assert f"faceunlock --home {tmp_path} people\n" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("calibrate x --split 0", "'0' is not a whole number of at least 1"),
        ("calibrate x --split many", "'many' is not a whole number of at least 1"),
        ("verify x --threshold 3", "'3' is not a number from -1 to 1"),
        ("verify x --faces all", "'all' is not dominant or largest"),
        ("train x -o y --epochs 1.5 --loss arcface", "'1.5' is not a whole number"),
        ("train x -o y --loss best", "is not contrastive, triplet, arcface, cosface, softmax or distill"),
        ("train x -o y", "Missing option '--loss'. Choose from: contrastive, triplet, "),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(words, said, capfd):
    assert run(words.split()) == 2
    err = capfd.readouterr().err
    assert said in err and "[usage]" in err and err.count("\n") == 2
    assert "Input should" not in err and "\t" not in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("log me too", "This is more than the command takes: me too [usage]"),
        ("compare a b c", "This is more than the command takes: c [usage]"),
        ("verify --az Ada x", "No such option: --az. Did you mean --as? [usage]"),
        ("--vresion", "No such option: --vresion. Did you mean --json or --version? [usage]"),
        ("crop", "Missing argument 'FOLDER' [usage]"),
        ("veryfy", "No such command 'veryfy'. Did you mean 'verify'? [usage]"),
    ],
)
def test_a_slip_is_told_in_plain_words(words, said, capfd):
    assert run(words.split()) == 2
    assert capfd.readouterr().err.startswith(f"faceunlock: {said}\n")
