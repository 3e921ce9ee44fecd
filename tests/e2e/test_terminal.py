"""What belongs to any good program: usage, pipes, signals, permissions, completion, a quick start."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from faceunlock.cli.console import Console

HEAVY = (
    "torch",
    "torchvision",
    "facenet_pytorch",
    "onnxruntime",
    "scipy",
    "sklearn",
    "matplotlib",
    "skimage",
)


def test_without_arguments_the_help_goes_to_stderr(faceunlock):
    result = faceunlock()
    assert result.code == 2 and result.stdout == ""
    assert result.stderr == faceunlock("--help").stdout


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("enroll",),
        ("verify",),
        ("calibrate",),
        ("bench",),
        ("people",),
        ("people", "forget"),
        ("pam",),
        ("agent",),
        ("models",),
        ("protect",),
        ("classify",),
    ],
)
def test_help_is_an_answer(faceunlock, words):
    for option in ("--help", "-h"):
        result = faceunlock(*words, option)
        assert result.code == 0 and result.stderr == ""
        assert result.stdout.startswith(f"Usage: {' '.join(('faceunlock', *words))} ")
        assert "..." not in result.stdout.split("\n\n", 1)[1].replace("[ARGS]...", ""), "a text is cut"


def test_version(faceunlock):
    result = faceunlock("--version")
    assert result.code == 0 and result.stdout.startswith("faceunlock ") and result.stderr == ""


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["frobnicate"], ""),
        ([], ""),
        (["people", "frobnicate"], "people"),
        (["--home", "somewhere", "verify"], "verify"),
        (["verify", "--frobnicate", "x.jpg"], "verify"),
        (["verify", "a.jpg", "b.jpg", "--camera"], "verify"),
        (["verify", "a.jpg", "--threshold", "1.5"], "verify"),
        (["verify", "a.jpg", "--threshold", "nan"], "verify"),
        (["verify", "a.jpg", "--faces", "smallest"], "verify"),
        (["enroll", "Eileen"], "enroll"),
        (["enroll", "Eileen", "photos", "--min-photos", "1"], "enroll"),
        (["enroll", "Eileen", "photos", "--add", "--replace"], "enroll"),
        (["calibrate", "folder", "--target-fmr", "0"], "calibrate"),
        (["calibrate", "folder", "--split", "0"], "calibrate"),
        (["bench", "--runs", "0"], "bench"),
        (["bench", "--runs", "1001"], "bench"),
        (["status", "--quiet", "--verbose"], "status"),
        (["status", "--device", "tpu"], "status"),
        (["people", "rename", "Eileen"], "people rename"),
        (["models", "pull"], "models pull"),
    ],
)
def test_usage_errors_are_documents_too(faceunlock, words, command):
    for line in (["--json", *words], [*words, "--json"]):
        result = faceunlock(*line)
        assert result.code == 2
        assert result.document["command"] == command
        assert result.error["code"] == "usage" and result.error["message"]
        assert result.error["hint"] == " ".join(f"See: faceunlock {command} --help".split())
    if words:
        text = faceunlock(*words)
        assert (text.code, text.stdout, text.stderr) == (2, "", result.stderr)


def test_a_photo_called_like_an_option_is_a_photo(enrolled):
    result = enrolled("verify", "--", "--json")
    assert result.code == 2 and result.stdout == "" and "[photo-not-found]" in result.stderr


def test_errors_before_any_network(faceunlock, enrolled, pictures, tmp_path):
    photo = pictures / "unseen.jpg"
    cases = [
        (faceunlock, ["verify", photo], "nobody-enrolled"),
        (enrolled, ["verify", "x.jpg"], "photo-not-found"),
        (enrolled, ["enroll", "New", tmp_path / "missing"], "photo-not-found"),
        (enrolled, ["calibrate", tmp_path / "missing"], "photo-not-found"),
        (enrolled, ["verify", photo, "--as", "Eileen", "--model", "vggface2"], "model-mismatch"),
        (enrolled, ["enroll", "Eileen", photo, "--add", "--model", "vggface2"], "model-mismatch"),
    ]
    for program, words, slug in cases:
        result = program(*words, "--json", "--quiet")
        assert result.code == 2 and result.error["code"] == slug, result


def test_folders_of_the_wrong_shape(prepared, pictures, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    enrolment = prepared("--model", "dlib", "enroll", "E", empty, "--json")
    assert enrolment.code == 2 and enrolment.error["code"] == "too-few-photos"
    for folder in (empty, pictures / "few"):
        calibration = prepared("--model", "dlib", "calibrate", folder, "--json")
        assert calibration.code == 2 and calibration.error["code"] == "bad-folder"


def test_a_directory_that_others_can_write_is_refused(enrolled):
    enrolled.home.chmod(0o777)
    for words in (("people",), ("verify", "x.jpg"), ("people", "forget", "Eileen", "--yes")):
        result = enrolled(*words, "--json")
        assert result.code == 2 and result.error["code"] == "insecure-permissions"
        assert str(enrolled.home) in result.error["message"]


@pytest.mark.parametrize("damage", [b"", b"this is no gallery", "cut", "middle"])
def test_a_damaged_gallery_is_refused(enrolled, damage):
    gallery = enrolled.home / "gallery.db"
    whole = gallery.read_bytes()
    if damage == "cut":
        damage = whole[: len(whole) // 2]
    elif damage == "middle":
        damage = whole[:5000] + bytes(byte ^ 255 for byte in whole[5000:])
    gallery.write_bytes(damage)
    result = enrolled("people", "--json")
    assert result.code == 2 and result.error["code"] == "gallery-damaged"
    assert "gallery.db" in result.error["message"]
    assert gallery.read_bytes() == damage, "what cannot be understood is left alone"


def test_quiet_leaves_only_errors_on_stderr(enrolled):
    assert enrolled("people", "--quiet").stderr == ""
    failed = enrolled("-q", "people", "show", "Nobody")
    assert failed.code == 2 and failed.stderr.startswith("faceunlock: ") and failed.stdout == ""


def test_ctrl_c_changes_nothing(enrolled, pictures, people_of):
    before = people_of(enrolled)
    with subprocess.Popen(
        enrolled.command("-v", "--json", "enroll", "Grace", *[pictures / "photos"] * 20),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=enrolled.environment(),
    ) as process:
        # A runtime is being loaded for the networks: that is well inside. Root's is in a process of its own.
        _wait_for(lambda: _maps(process.pid, b"libtorch", b"onnxruntime"))
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate()
    assert process.returncode == 130
    assert b"[interrupted]" in stderr and b"Traceback" not in stderr
    assert stdout.count(b"\n") == 1 and b'"interrupted"' in stdout
    assert people_of(enrolled) == before


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_ctrl_c_at_a_question_is_told_once_and_on_a_line_of_its_own(enrolled):
    terminal, end = os.openpty()
    with subprocess.Popen(
        enrolled.command("log", "--clear"),
        stdin=end,
        stdout=subprocess.DEVNULL,
        stderr=end,
        env=enrolled.environment(),
    ) as process:
        os.close(end)
        said = b""
        while b"[y/N]: " not in said:
            said += os.read(terminal, 1 << 16)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):
            while part := os.read(terminal, 1 << 16):
                said += part
        assert process.wait() == 130
    os.close(terminal)
    assert b"[y/N]: \r\nfaceunlock: The command was interrupted" in said and said.count(b"faceunlock: ") == 1


def test_ctrl_c_says_what_is_there(faceunlock, pictures, tmp_path):
    faces = tmp_path / "faces"
    many = tmp_path / "many"
    for number in range(40):
        shutil.copytree(pictures / "photos", many / str(number))
    words = ["--model", "compact", "--json", "crop", many, "-o", faces]
    with subprocess.Popen(
        faceunlock.command(*words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=faceunlock.environment(),
    ) as process:
        _wait_for(lambda: any(faces.rglob("*.png")))
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate()
    assert process.returncode == 130
    error = json.loads(stdout)["error"]
    there = len(list(faces.rglob("*.png")))
    assert error["code"] == "interrupted" and "nothing" not in error["message"]
    assert f"{there} files are" in error["message"] or (there == 1 and "one file is" in error["message"])
    assert "--overwrite" in error["hint"]
    again = faceunlock(*words)
    assert again.code == 2 and again.error["code"] == "file-exists", "so --overwrite is the way on"


def _maps(pid, *libraries):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for one in (pid, *children):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            maps = Path(f"/proc/{one}/maps").read_bytes()
            if any(library in maps for library in libraries):
                return True
    return False


def _wait_for(condition):
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it never came")


@pytest.mark.parametrize(
    "words", [["models"], ["--help"], ["models", "--json"], ["people", "show", "Nobody", "--json"]]
)
def test_a_reader_that_has_gone_is_no_answer_but_no_traceback_either(enrolled, words):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        enrolled.command(*words),
        stdout=write,
        stderr=subprocess.PIPE,
        env=enrolled.environment(),
        check=False,
    )
    os.close(write)
    assert done.returncode == 2, "1 would mean no"
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_an_answer_that_cannot_be_written_is_an_error(enrolled):
    for words in (["models"], ["people", "--json"]):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                enrolled.command(*words),
                stdout=full,
                stderr=subprocess.PIPE,
                env=enrolled.environment(),
                check=False,
            )
        assert done.returncode == 2
        assert b"[file-unwritable]" in done.stderr and b"Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "words",
    [
        ["people"],
        ["people", "--json"],
        ["--help"],
        ["--version"],
        [],
        ["frobnicate", "--json"],
        ["verify", "missing.jpg"],
        ["verify", "flower.jpg"],
        ["verify", "unseen.jpg"],
    ],
)
def test_a_full_disk_behind_a_stream_is_never_a_no(enrolled, pictures, words):
    expected = enrolled(*words, cwd=pictures).code
    for full in ("stdout", "stderr", "stdout stderr"):
        with Path("/dev/full").open("wb") as disk:
            streams = {name: disk if name in full else subprocess.DEVNULL for name in ("stdout", "stderr")}
            done = subprocess.run(
                enrolled.command(*words), env=enrolled.environment(), cwd=pictures, check=False, **streams
            )
        said = expected if words == [] or "stdout" not in full else 2
        assert done.returncode == said, (words, full)


def test_a_question_that_nobody_can_see_is_not_answered(enrolled, people_of):
    with pytest.MonkeyPatch.context() as patch, Path("/dev/full").open("w") as disk:
        patch.setattr(sys, "stderr", disk)
        patch.setattr(sys, "stdin", io.StringIO("y\n"))
        assert Console().ask("Forget Eileen?") is False


@pytest.mark.parametrize(
    ("limit", "values"), [("RLIMIT_NOFILE", (5, 8, 12, 20, 40)), ("RLIMIT_AS", (20, 60, 90, 200, 300, 700))]
)
def test_a_low_limit_is_named_and_never_a_no(enrolled, pictures, limit, values):
    resource = pytest.importorskip("resource")
    for value in values:
        allowed = value << 20 if limit == "RLIMIT_AS" else value
        done = subprocess.run(
            enrolled.command("verify", "unseen.jpg"),
            cwd=pictures,
            env=enrolled.environment(),
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: resource.setrlimit(getattr(resource, limit), (allowed, allowed)),  # noqa: B023
        )
        assert done.returncode == 2 and done.stdout == "", (value, done)
        assert "[system-limit]" in done.stderr and "Traceback" not in done.stderr, (value, done)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a C library with __cxa_atexit")
def test_a_library_that_ends_the_process_is_never_a_no(enrolled, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import ctypes\nimport faceunlock.settings as s\n"
        "def broken(*_): ctypes.CDLL(None).exit(1)\ns.locate = broken\n"
    )
    done = subprocess.run(
        enrolled.command("people"),
        capture_output=True,
        env=enrolled.environment({"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}),
        check=False,
    )
    assert done.returncode == 2, done


def test_closed_streams_do_not_matter(enrolled):
    line = " ".join(["exec", sys.executable, "-m faceunlock", "$1 >&- 2>&- <&-"])
    for words, code in (("people", 0), ("verify -", 2), ("frobnicate", 2)):
        shell = ["sh", "-c", line.replace("$1", words)]
        assert subprocess.run(shell, env=enrolled.environment(), check=False).returncode == code


def test_a_bug_never_looks_like_a_no(enrolled, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import faceunlock.settings as s\ndef broken(*_): raise ZeroDivisionError\ns.locate = broken\n"
    )
    done = subprocess.run(
        enrolled.command("people"),
        capture_output=True,
        env=enrolled.environment({"PYTHONPATH": str(tmp_path)}),
        check=False,
    )
    assert done.returncode == 2
    assert b"ZeroDivisionError" in done.stderr and b"bug in faceunlock" in done.stderr


def test_completion(faceunlock):
    script = faceunlock(
        "--show-completion", "bash", env={"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    )
    assert script.code == 0 and "_FACEUNLOCK_COMPLETE=complete_bash" in script.stdout
    for shell, word in (("zsh", "#compdef"), ("fish", "complete --"), ("bash", "complete -o")):
        for words in (["--show-completion", shell], [f"--show-completion={shell}"]):
            script = faceunlock(*words)
            assert script.code == 0 and word in script.stdout
    for words in (
        ["--show-completion", "tcsh"],
        ["--show-completion=tcsh"],
        ["--install-completion", "tcsh"],
    ):
        wrong = faceunlock(*words, "--json")
        assert wrong.code == 2 and wrong.error["code"] == "usage" and "tcsh" in wrong.error["message"]
    for home, slug in (("/proc", "file-unwritable"), ("/dev/null", "file-unwritable")):
        refused = faceunlock("--install-completion", "bash", "--json", env={"HOME": home})
        assert refused.code == 2 and refused.error["code"] == slug
    assert faceunlock(env={"_FACEUNLOCK_COMPLETE": "complete_tcsh"}).code == 2
    assert faceunlock(env={"_FACEUNLOCK_COMPLETE": "nonsense"}).code == 2
    words = {"_FACEUNLOCK_COMPLETE": "complete_bash", "COMP_WORDS": "faceunlock cal", "COMP_CWORD": "1"}
    assert faceunlock(env=words).stdout.split() == ["calibrate"]
    words |= {"COMP_WORDS": "faceunlock people re", "COMP_CWORD": "2"}
    assert faceunlock(env=words).stdout.split() == ["rename"]


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["enroll", "--help"],
        ["people"],
        ["people", "show", "Nobody"],
        ["models"],
        ["frobnicate"],
        ["verify", "missing.jpg"],
        ["enroll", "New", "missing"],
        ["verify", "missing.jpg", "--as", "Nobody"],
        ["compare", "--help"],
        ["identify", "--help"],
        ["crop", "--help"],
        ["bench", "--help"],
        ["bench", "missing.jpg"],
        ["compare", "missing.jpg", "missing.jpg"],
        ["identify", "missing.jpg"],
        ["crop", "missing", "-o", "faces"],
    ],
)
def test_what_needs_no_network_loads_none(enrolled, words):
    probe = (
        "import sys; from faceunlock.cli import run; run(sys.argv[1:]);"
        "print('loaded:', *(m for m in sys.modules if '.' not in m), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, *words],
        capture_output=True,
        text=True,
        env=enrolled.environment(),
        check=False,
    )
    loaded = set(done.stderr.rpartition("loaded: ")[2].split())
    assert "faceunlock" in loaded
    assert not loaded.intersection(HEAVY)
    if "--help" in words:
        assert "numpy" not in loaded


@pytest.mark.parametrize(
    "words",
    [
        ["enroll", "New", ""],
        ["enroll", "New", "few", ""],
        ["verify", ""],
        ["verify", "unseen.jpg", "--as", ""],
        ["verify", "--camera", ""],
        ["compare", "", "unseen.jpg"],
        ["compare", "unseen.jpg", ""],
        ["compare", "unseen.jpg", "unseen.jpg", "-o", ""],
        ["identify", ""],
        ["identify", "unseen.jpg", "-o", ""],
        ["crop", "", "-o", "faces"],
        ["crop", "few", "-o", ""],
        ["calibrate", ""],
        ["calibrate", ".", "--impostors", ""],
        ["calibrate", "--scores", ""],
        ["pad-test", "--live", "", "--attack", "."],
        ["report", "", "-o", "page.html"],
        ["report", ".", "-o", ""],
        ["report", ".", "-o", "page.html", "--png", ""],
        ["audit", ""],
        ["audit", ".", "--by", ""],
        ["bench", ""],
        ["models", "pull", "compact", "--from", ""],
        ["train", "", "-o", "m", "--loss", "arcface"],
        ["classify", "train", ".", "-o", ""],
        ["classify", "name", "", "--head", "h"],
        ["classify", "name", "unseen.jpg", "--head", ""],
        ["pam", "check", "sudo", "--file", ""],
        ["export", ""],
        ["import", ""],
        ["import", "x", "--passphrase-file", ""],
        ["status", "--home", ""],
        ["--home", "", "status"],
        ["status", "--model", ""],
    ],
)
def test_an_empty_path_is_not_this_folder(enrolled, pictures, tmp_path, words, people_of):
    here = tmp_path / "here"
    shutil.copytree(pictures, here)
    before, files = people_of(enrolled), sorted(here.rglob("*"))
    result = enrolled(*words, "--json", cwd=here)
    assert result.code == 2 and result.error["code"] in ("usage", "photo-not-found"), result
    assert "empty" in result.error["message"]
    assert people_of(enrolled) == before and sorted(here.rglob("*")) == files


NOBODY = """
import pwd, tempfile
def nobody(_): raise KeyError("uid not found")
pwd.getpwuid = nobody
tempfile._candidate_tempdir_list = lambda: ["/nonexistent"]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the resident process needs Linux")
def test_a_home_on_the_command_line_is_enough(enrolled, pictures, tmp_path):
    """No HOME, no entry in the user database, no place for temporary files: as in a bare container."""
    (tmp_path / "sitecustomize.py").write_text(NOBODY)
    dropped = ("HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "TMPDIR")
    environment = enrolled.environment({"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])})
    environment = {key: value for key, value in environment.items() if key not in dropped}
    del environment["FACEUNLOCK_HOME"]
    here = tmp_path / "here"
    here.mkdir()

    def ask(*words):
        command = enrolled.command(*words, "--json")
        done = subprocess.run(command, env=environment, cwd=here, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, json.loads(done.stdout)

    photo = pictures / "unseen.jpg"
    for words in (["people"], ["verify", photo], ["agent", "start"], ["demo"], ["agent", "install"]):
        code, document = ask(*words)
        assert code == 2 and document["error"]["code"] == "no-home"
    home = ["--home", enrolled.home]
    for words in (["people"], ["status"], ["verify", photo], ["demo"], ["bench", "--runs", "1"]):
        assert ask(*home, *words)[0] == 0, words
    try:
        assert ask(*home, "agent", "start")[0] == 0
        assert ask(*home, "verify", photo)[0] == 0
    finally:
        assert ask(*home, "agent", "stop")[0] == 0
    assert list(here.iterdir()) == [], "nothing may land in the current folder"
    (enrolled.home / "cache").rename(enrolled.home / "kept")
    (enrolled.home / "cache").touch()
    code, document = ask(*home, "demo")
    assert code == 2 and document["error"]["code"] == "no-temporary-directory"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("columns", [60, 80, 140])
def test_on_a_real_terminal_no_line_is_cut_by_the_terminal(enrolled, columns):
    terminal, end = os.openpty()
    with subprocess.Popen(
        enrolled.command("models"),
        stdout=end,
        stderr=subprocess.PIPE,
        env=enrolled.environment({"COLUMNS": str(columns)}),
    ) as process:
        os.close(end)
        written = b""
        with contextlib.suppress(OSError):  # Linux's way to say that the other end is closed
            while part := os.read(terminal, 1 << 16):
                written += part
        assert process.wait() == 0
    os.close(terminal)
    lines = written.decode().splitlines()
    assert max(map(len, lines)) <= columns and lines[0].split()[:2] == ["id", "weights"]
    commands = [line for line in lines if "faceunlock " in line]
    assert all(not line.rstrip().endswith(("--home", "faceunlock")) for line in commands)
    assert ("dimension" in lines[0]) == (columns > 60)
