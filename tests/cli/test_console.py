import io
import json
import logging
import shlex
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceunlock.cli import console as console_module
from faceunlock.cli.console import Console, Progress
from faceunlock.cli.resident import Recorder
from faceunlock.errors import SLUGS, GalleryError, PhotoError, SettingsError
from faceunlock.files.invisible import belongs, is_invisible
from faceunlock.files.text import Table, printable, quoted, table
from faceunlock.pipeline.samples import LeftOut

NASTY = "a\x1b[2J\nb\udcff\u202e"
BIDI, ESCAPE, HIDDEN = "\u202e\u2066", "\x1b]0;title\x07\x9b2J\r\x08", "\u200b\u3164\u034f\ufeff"
PERSIAN, FAMILY = "علی\u200cرضا", "👨\u200d👩\u200d👧"


@given(st.text(st.characters(exclude_categories=())))
def test_printable_text_is_one_line_that_a_terminal_only_shows(text):
    shown = printable(text)
    assert all(char.isprintable() or belongs(shown, at) for at, char in enumerate(shown))
    assert printable(shown) == shown
    shown.encode("utf-8")


@given(st.text(st.characters(categories=("L", "N", "P", "S")).filter(lambda char: not is_invisible(char))))
def test_printable_leaves_text_alone(text):
    assert printable(text) == text


def test_an_answer_is_text_or_one_document(capsys):
    Console(command="status").answer(["first", "second"], {})
    assert capsys.readouterr() == ("first\nsecond\n", "")
    Console(json=True, command="status").answer("text", {"name": NASTY, "rate": float("nan"), "all": (1, 2)})
    out = capsys.readouterr().out
    assert out.isascii() and out.count("\n") == 1 and "\x1b" not in out
    assert json.loads(out) == {
        "schema": 1,
        "command": "status",
        "ok": True,
        "data": {"name": NASTY, "rate": None, "all": [1, 2]},
    }


WRITERS = {
    "write": lambda console, text: console.write(text),
    "say": lambda console, text: console.say(text),
    "note": lambda console, text: console.note(text),
    "part": lambda console, text: console.part(text),
    "answer": lambda console, text: console.answer([text], {}),
    "table": lambda console, text: console.answer(Table(("name",), ((text,),)), {}),
    "error": lambda console, text: console.error(GalleryError("bad-name", text, hint=text)),
    "question": lambda console, text: console.ask(text),
    "left out": lambda console, text: console.left_out([LeftOut(text, text, text)]),
}


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_no_caller_must_remember_what_a_terminal_acts_on(write, terminal, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.setenv("COLUMNS", "200")
    write(Console(), f"one {BIDI}{ESCAPE}{HIDDEN} {PERSIAN} {FAMILY} end")
    written = "".join(capsys.readouterr())
    assert not set(written) & set("\x1b\x07\x9b\r\x08" + BIDI + HIDDEN)
    for shown in ("\\u202e", "\\x1b", "\\u200b", "\\u3164", PERSIAN, FAMILY, "end"):
        assert shown in written


def test_lines_and_columns_stay(capsys):
    Console().write("a\tb\nc")
    Console().say("d\ne")
    assert capsys.readouterr() == ("a\tb\nc\n", "d\ne\n")


def test_the_resident_process_writes_the_same(capsys):
    text = f"{NASTY} {HIDDEN} {PERSIAN}"
    recorder = Recorder(json=False, quiet=False, command="verify")
    for console in (recorder, Console()):
        console.write(text)
        console.say(text)
    assert recorder.parts == ["1", (said := capsys.readouterr()).out, "2", said.err]


def test_json_holds_names_as_they_are(capsys):
    Console(json=True).answer("text", {"name": PERSIAN, "family": FAMILY})
    assert json.loads(capsys.readouterr().out)["data"] == {"name": PERSIAN, "family": FAMILY}


@pytest.mark.parametrize("name", ["Ada", PERSIAN, "O'Neil $HOME `x`", "a b"])
def test_a_quoted_name_is_one_word_of_a_command(name):
    assert shlex.split(quoted(name)) == [name]
    assert printable(quoted(name)) == quoted(name)


def test_parts_of_an_answer_are_not_for_json(capsys):
    Console(json=True).part("part")
    assert capsys.readouterr().out == ""
    Console().part("part")
    assert capsys.readouterr().out == "part\n"


@pytest.mark.parametrize("slug", SLUGS)
def test_an_error_is_a_line_with_its_slug_and_a_hint(slug, capsys):
    Console(json=True, quiet=True, command="enroll").error(GalleryError(slug, f"file {NASTY}"))
    out, err = capsys.readouterr()
    assert err == f"faceunlock: file {printable(NASTY)} [{slug}]\n  {printable(SLUGS[slug].hint)}\n"
    error = json.loads(out)["error"]
    assert error == {
        "code": slug,
        "message": f"file {NASTY}",
        "hint": SLUGS[slug].hint,
        "retryable": SLUGS[slug].retryable,
    }


def test_without_json_an_error_leaves_stdout_alone(capsys):
    Console().error(PhotoError("no-face"))
    assert capsys.readouterr().out == ""


def test_quiet_silences_notes(capsys):
    for quiet in (False, True):
        Console(quiet=quiet).note("note")
    assert capsys.readouterr() == ("", "note\n")


def test_a_photo_left_out_is_one_line_and_named_once(capsys):
    photos = [LeftOut(NASTY, "no-face", "no face"), LeftOut("b.jpg", "unreadable-photo", "b.jpg: is empty")]
    Console().left_out(photos)
    assert capsys.readouterr().err.splitlines() == [
        f"{printable(NASTY)}: no-face: no face",
        "b.jpg: unreadable-photo: is empty",
    ]


@pytest.mark.parametrize(
    ("options", "heard"),
    [({}, ["warning"]), ({"quiet": True}, []), ({"verbose": True}, ["debug", "warning"])],
)
def test_the_library_is_heard_as_loud_as_asked(options, heard, capsys):
    logger = logging.getLogger("faceunlock")
    before = logger.handlers, logger.level
    try:
        Console(**options).listen()
        logger.debug("debug")
        logger.warning("warning")
        logger.warning("\x1b[2J") if heard else None
    finally:
        logger.handlers, level = before
        logger.setLevel(level)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [*heard, "\\x1b[2J"] if heard else lines == []


@pytest.mark.parametrize(
    ("reply", "answer"),
    [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", None), ("yo\n", False)],
)
def test_only_a_clear_yes_is_one(reply, answer, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO(reply))
    assert Console().ask(f"Forget {NASTY}?") is answer
    assert capsys.readouterr() == ("", f"Forget {printable(NASTY)}? [y/N]: ")


def test_tables_hold_long_rows_whole_and_no_markup(capsys):
    long = "[bold]" + "x" * 300
    Console().answer(table("name", "value", rows=[(long, 1), (NASTY, 2)]), {})
    heading, first, second = capsys.readouterr().out.splitlines()
    assert heading == "name\tvalue"
    assert first == f"{long}\t1" and second == f"{printable(NASTY)}\t2"


def test_tables_fit_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    Console().answer(table("name", rows=[("word " * 30,)]), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 4 and max(map(len, lines)) <= 40


def test_an_answer_that_cannot_be_written_is_reported(monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("builtins.print", full)
    abandoned = []
    monkeypatch.setattr(console_module, "abandon", lambda _: abandoned.append(True))
    with pytest.raises(SettingsError) as caught:
        Console().answer("text", {})
    assert caught.value.slug == "file-unwritable" and "No space left" in caught.value.message
    assert abandoned


def test_progress_without_a_terminal_draws_nothing(capsys):
    with Console().progress() as progress:
        assert list(progress.track(iter("abc"), 3, "photos")) == ["a", "b", "c"]
        progress.download(1, 2)
    assert capsys.readouterr() == ("", "")


def test_a_bar_makes_room_for_the_next():
    from rich.progress import Progress as RichProgress

    with RichProgress() as display:
        progress = Progress(lambda: display)
        for label in ("epoch 1/2", "epoch 2/2"):
            assert list(progress.track(range(3), 3, label)) == [0, 1, 2]
        assert [task.description for task in display.tasks] == ["epoch 2/2"]


def test_one_bar_moves_while_networks_are_prepared():
    from rich.progress import Progress as RichProgress

    display = RichProgress(disable=True)
    progress = Progress(lambda: display)
    seen = []
    for network, done in (("p", 0), ("e", 0), ("p", 2), ("p", 4), ("e", 1)):
        progress.preparation(network, done, 4)
        (task,) = display.tasks
        seen.append((task.completed, task.total, task.fields["done"]))
    assert seen == [
        (0, 4, "0 of 1 ready"),
        (0, 8, "0 of 2 ready"),
        (2, 8, "0 of 2 ready"),
        (4, 8, "1 of 2 ready"),
        (5, 8, "1 of 2 ready"),
    ]
    progress.preparation("e", 4, 4)
    assert not display.tasks
    progress.end()
    progress.preparation("late", 0, 4)
    assert not display.tasks


def test_nothing_is_imported_or_drawn_before_there_is_something_to_show():
    made = []
    progress = Progress(lambda: made.append(True))
    with progress.paused():
        pass
    progress.end()
    assert not made


def test_progress_on_a_terminal_goes_to_stderr(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with Console().progress() as progress:
        assert isinstance(progress, Progress)
        assert list(progress.track(range(3), 3, "photos")) == [0, 1, 2]
        for done in (0, 5_000_000):
            progress.download(done, 5_000_000)
    out, err = capsys.readouterr()
    assert out == "" and "photos" in err and "3/3" in err and "5 MB" in err
    with Console(quiet=True).progress() as progress:
        list(progress.track(range(3), 3, "photos"))
    assert capsys.readouterr().err == ""
