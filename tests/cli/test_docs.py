"""``docs/cli.md`` says what the program does: everything, and nothing else."""

from __future__ import annotations

import json
import re
from enum import EnumType
from pathlib import Path

import pytest
import typer
from support import made_presentations
from support.cli_page import fields, held, sections
from support.clips import write_clip
from support.fakes import GREY, paint, save

from faceunlock import cli
from faceunlock.cli import exits
from faceunlock.cli.application import application
from faceunlock.cli.commands.export import PASSPHRASE_VARIABLE
from faceunlock.errors import SLUGS
from faceunlock.settings import SETTINGS

# The program is asked through its own description of itself, which is what `--help` prints.


def commands(command=None, words=("faceunlock",)):
    """Every command of the application with its words."""
    command = command or typer.main.get_command(application())
    if len(words) > 1:
        yield " ".join(words), command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*words, name))


COMMANDS = dict(commands())
COMMON = sections()["Options of every command"]


def parameters(command, kind):
    return [parameter for parameter in command.params if parameter.param_type_name == kind]


def option_names(command):
    names = {
        name for option in parameters(command, "option") for name in (*option.opts, *option.secondary_opts)
    }
    return names | {"--help", "-h"}


def test_every_command_has_a_section_and_every_section_a_command():
    documented = {title for title in sections() if title.startswith("faceunlock ")}
    assert documented == set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS)
def test_options_and_arguments_of_a_command(words):
    section, command = sections()[words], COMMANDS[words]
    assert section.options() | COMMON.options() == option_names(command)
    assert not section.options() & COMMON.options()
    assert section.first_cells("argument") == [
        argument.metavar for argument in parameters(command, "argument")
    ]


@pytest.mark.parametrize("words", COMMANDS)
def test_what_the_prose_mentions_exists(words):
    section, command = sections()[words], COMMANDS[words]
    mentioned = set(re.findall(r"`(--[a-z-]+)", section.text))
    assert mentioned <= option_names(command)


@pytest.mark.parametrize("words", COMMANDS)
def test_choices_are_named(words):
    for option in parameters(COMMANDS[words], "option"):
        kind = option.type_descriptor.annotation
        choices = kind if isinstance(kind, EnumType) else ()
        texts = [
            row[1]
            for section in (sections()[words], COMMON)
            for row in section.rows("option")
            if f"`{option.opts[0]}`" in row[0]
        ]
        assert len(texts) == 1
        for choice in choices:
            assert f"`{choice}`" in texts[0]


def test_options_of_the_program_itself():
    root = typer.main.get_command(application())
    assert COMMON.options() | COMMON.options("root option") == option_names(root)


def test_exit_codes():
    codes = {exits.EXIT_DONE, exits.EXIT_NO, exits.EXIT_COULD_NOT, exits.EXIT_INTERRUPTED}
    assert sections()["Promises"].first_cells("exit code") == [str(code) for code in sorted(codes)]


def test_slugs():
    rows = {cells[0].strip("`"): cells[1:] for cells in sections()["Slugs"].rows("slug")}
    assert rows == {name: ["yes" if slug.retryable else "no", slug.meaning] for name, slug in SLUGS.items()}


def test_settings():
    rows = {cells[0].strip("`"): cells[1:] for cells in sections()["Settings"].rows("setting")}
    assert rows == {
        key: [_default(setting), _range(setting), setting.meaning] for key, setting in SETTINGS.items()
    }


def _default(setting):
    return "empty" if setting.default == "" else f"`{setting.default}`"


def _range(setting):
    if setting.choices:
        return ", ".join(f"`{choice}`" for choice in setting.choices)
    return "any text" if isinstance(setting.default, str) else f"{setting.low:g} to {setting.high:g}"


def test_environment_variables_are_those_that_the_source_names():
    source = "".join(path.read_text() for path in Path(cli.__file__).parents[1].rglob("*.py"))
    named = set(re.findall(r"[\"']FACEUNLOCK_([A-Z]+)[\"']", source))
    documented = set(sections()["Environment variables"].first_cells("variable"))
    assert documented == {f"FACEUNLOCK_{name}" for name in named}
    assert PASSPHRASE_VARIABLE in documented and "FACEUNLOCK_HOME" in documented


def test_json_of_people_and_photos(faceunlock, ada, monkeypatch, tmp_path):
    enrolment = held(faceunlock.data("enroll", "Ada", ada), "faceunlock enroll")
    held(enrolment["left_out"][0], "Part: photo left out")
    held(enrolment["model"], "Part: embedding model")
    again = faceunlock.data("enroll", "Eve", ada, "--even-so", "--dry-run")
    held(again["same_faces"][0], "Part: second name")

    verification = held(faceunlock.data("verify", ada / "0.png"), "faceunlock verify")
    held(verification["quality"], "Part: quality")

    listing = held(faceunlock.data("people"), "faceunlock people")
    held(listing["people"][0], "Part: person")
    held(faceunlock.data("people", "show", "ada"), "faceunlock people show")
    held(faceunlock.data("people", "rename", "ada", "Ada"), "faceunlock people rename")

    monkeypatch.setenv("FACEUNLOCK_PASSPHRASE", "correct horse")
    held(faceunlock.data("export", tmp_path / "moved"), "faceunlock export")
    held(faceunlock.data("import", tmp_path / "moved"), "faceunlock import")
    held(faceunlock.data("pam"), "faceunlock pam")
    held(faceunlock.data("pam", "print", "sudo"), "faceunlock pam print")
    (tmp_path / "sudo").write_text("auth required pam_unix.so\n")
    _, out, _ = faceunlock("pam", "check", "sudo", "--file", tmp_path / "sudo", "--json")
    held(json.loads(out)["data"], "faceunlock pam check")
    held(faceunlock.data("unlock-attempts", "Ada"), "faceunlock unlock-attempts")
    held(faceunlock.data("log")["entries"][0], "Part: log entry")
    held(faceunlock.data("log"), "faceunlock log")
    cleared = faceunlock.data("log", "--clear", "--yes")
    assert list(cleared) == sections()["faceunlock log"].first_cells("cleared field")
    held(faceunlock.data("people", "forget", "Ada", "--yes"), "faceunlock people forget")


def test_json_of_init(faceunlock, ada):
    data = held(faceunlock.data("init", "Ada", ada, "--yes"), "faceunlock init")
    held(data["enrolment"], "faceunlock enroll")
    held(data["verification"], "faceunlock verify")


def test_json_of_enroll_each(faceunlock, test_folder):
    people, _ = test_folder
    save(people / "loose.png", paint(1))
    save(people / "Eve" / "0.png", paint(5))
    code, out, _ = faceunlock("enroll", "--each", people, "--json")
    data = json.loads(out)["data"]
    assert code == 2 and list(data) == sections()["faceunlock enroll"].first_cells("field of everyone")
    enrolled, refused = data["people"][0], data["people"][-1]
    held(held(enrolled, "Part: sub-folder")["enrolment"], "faceunlock enroll")
    assert refused["enrolment"] is None and set(refused["error"]) == {"code", "message", "hint", "retryable"}


def test_json_of_compare(faceunlock, ada):
    data = held(faceunlock.data("compare", ada / "0.png", ada), "faceunlock compare")
    compared = held(data["others"][0], "Part: compared photo")
    held(compared["quality"], "Part: quality")
    held(data["quality"], "Part: quality")
    held(data["left_out"][0], "Part: photo left out")
    held(data["fmr"], "Part: rate")
    held(data["fnmr"], "Part: rate")


def test_json_of_identify(faceunlock, ada):
    faceunlock("enroll", "Ada", ada)
    data = held(faceunlock.data("identify", ada), "faceunlock identify")
    photo = held(data["photos"][0], "Part: identified photo")
    held(photo["faces"][0], "Part: identified face")
    held(data["fmr"], "Part: rate")


def test_json_of_group(faceunlock, ada):
    data = held(faceunlock.data("group", ada), "faceunlock group")
    one = held(data["groups"][0], "Part: group of faces")
    held(one["faces"][0], "Part: face of a group")
    held(data["alone"][0], "Part: face of a group")
    held(faceunlock.data("group", ada, "--name", f"{one['group']}=Ada")["enrolled"][0], "faceunlock enroll")


def test_json_of_crop(faceunlock, ada, tmp_path):
    sheet = held(faceunlock.data("compare", "--pairs", "2", ada), "Part: sheet of pairs")
    held(sheet["pairs"][0], "Part: compared pair")
    data = held(faceunlock.data("crop", ada, "-o", tmp_path / "faces"), "faceunlock crop")
    held(data["crops"][0], "Part: crop")
    held(data["left_out"][0], "Part: photo left out")


def test_json_of_models_and_status(faceunlock, ada):
    listing = held(faceunlock.data("models"), "faceunlock models")
    model = held(listing["models"][0], "Part: model")
    held(model["threshold"], "Part: threshold")
    held(faceunlock.data("models", "pull", "dlib"), "faceunlock models pull")
    held(faceunlock.data("models", "verify"), "faceunlock models verify")
    status = held(faceunlock.data("status"), "faceunlock status")
    held(status["protection"], "Part: protection")
    assert set(status["settings"]) == set(SETTINGS)


def test_json_of_strangers(faceunlock, ada, stranger_folder):
    filled = held(faceunlock.data("strangers", "add", stranger_folder), "faceunlock strangers add")
    assert set(filled) == fields("faceunlock strangers pull")
    held(filled["bank"], "Part: bank")
    held(filled["failures"][0], "Part: photo left out")
    for words in ((), ("list",)):
        listing = held(faceunlock.data("strangers", *words), " ".join(("faceunlock strangers", *words)))
        assert listing["banks"] == faceunlock.data("status")["strangers"] == [filled["bank"]]
    near = faceunlock.data("enroll", "Ada", ada)["nearest_stranger"]
    held(near, "Part: nearest stranger")
    held(faceunlock.data("strangers", "forget", near["name"]), "faceunlock strangers forget")


def test_json_of_protect(faceunlock, ada):
    held(faceunlock.data("protect"), "faceunlock protect")
    for words in (("on", "--key", "file"), ("rotate",), ("off",)):
        data = held(faceunlock.data("protect", *words), f"faceunlock protect {words[0]}")
        held({name: value for name, value in data.items() if name != "changed"}, "Part: protection")


def test_json_of_calibrate(faceunlock, test_folder):
    folder, strangers = test_folder
    words = ("calibrate", folder, "--impostors", strangers, "--target-fmr", "0.2", "--allow-lower")
    data = held(faceunlock.data(*words), "faceunlock calibrate")
    assert data["saved"] is True
    held(data["failures"][0], "Part: photo left out")
    held(data["fmr"], "Part: rate")
    for kind in ("lowest_genuine", "highest_impostor"):
        held(data[kind][0], "Part: pair")


def test_json_of_pad_test(faceunlock, heads_that_turn, tmp_path):
    live, attack = made_presentations.folders(tmp_path)
    save(attack / "print" / "grey.png", GREY)
    data = held(faceunlock.data("pad-test", "--live", live, "--attack", attack), "faceunlock pad-test")
    stage = held(data["stages"][0], "Part: liveness stage")
    held(stage["bpcer"], "Part: rate")
    held(stage["unasked"], "Part: rate")
    assert set(stage["apcer"]["print"]) == {"by_clip", "by_person", "no_answer"}
    held(stage["apcer"]["print"]["by_clip"], "Part: rate")
    held(data["left_out"][0], "Part: photo left out")
    (row,) = (cells[1] for cells in sections()["faceunlock pad-test"].rows("field") if "spreads" in cells[0])
    assert set(re.findall("`([a-z]+)`", row)) - {"texture"} == set(data["spreads"]["E1"]["print"])
    assert data["saved"] is True and [one["stage"] for one in data["stages"]] == ["turn"]


def test_json_of_a_recording(faceunlock, tmp_path):
    film = write_clip(tmp_path / "camera.avi", [GREY] * 4)
    words = ("pad-test", "record", "live", "Ada", "-y", "-o", tmp_path / "own", "--camera", film)
    held(faceunlock.data(*words), "faceunlock pad-test record")


def test_json_of_audit(faceunlock, test_folder):
    data = held(faceunlock.data("audit", test_folder[0].parent, "--permutations", "99"), "faceunlock audit")
    held(data["groups"][0], "Part: group")
    held(data["groups"][0]["fmr"], "Part: rate")
    held(data["differences"][0], "Part: difference")
    held(data["fmr_ratios"], "Part: ratios")
    held(data["fnmr_ratios"], "Part: ratios")
    held(data["most_similar"][0], "Part: similar photos")
    held(data["failures"][0], "Part: photo left out")


def test_json_of_bench(faceunlock, ada):
    data = held(faceunlock.data("bench", ada, "--runs", "1"), "faceunlock bench")
    for part in data["parts"]:
        held(part, "Part: timed part")
    (names,) = (cells[1] for cells in sections()["Part: timed part"].rows("field") if cells[0] == "`part`")
    assert re.findall("`(.+?)`", names) == [part["part"] for part in data["parts"]]
    held(data["one"], "Part: setup of networks")
    held(data["many"], "Part: setup of networks")
    held(data["machine"], "Part: machine")
    held(data["left_out"][0], "Part: photo left out")
    assert set(data["megapixels"]) == {"smallest", "median", "largest"}


def test_json_of_demo(faceunlock):
    data = held(faceunlock.data("demo"), "faceunlock demo")
    assert [set(step) for step in data["steps"]] == [{"command", "exit_code", "data"}] * 4
    assert [step["exit_code"] for step in data["steps"]] == [0, 0, 1, 2]
    assert set(data["steps"][-1]["data"]) == {"code", "message"}
