import os
import pwd
import subprocess
import sys
import time
from pathlib import Path

import pytest

from faceunlock import pam

PROJECT = Path(pam.__file__).resolve().parents[1]
STUB = """
import sys
sys.path.insert(0, {project!r})
import faceunlock.__main__
def show():
    import json, os
    print(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd(), os.read(0, 100).decode()]))
    sys.stdout.flush()
    os._exit({code})
faceunlock.__main__.main = show
from faceunlock.pam import main
main(sys.argv[1:])
"""


def ask(*arguments, code=0, isolated=True, **environment):
    """Run the helper up to the question, and return the exit code, what it would ask, and its errors."""
    script = STUB.format(project=str(PROJECT), code=code)
    words = [sys.executable, *(["-I"] if isolated else []), "-c", script, *arguments]
    done = subprocess.run(
        words, env=environment, capture_output=True, stdin=subprocess.DEVNULL, check=False, timeout=60
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def asked(*arguments, **environment):
    import json

    code, out, err = ask(*arguments, **environment)
    assert code == 0, err
    return json.loads(out)


def refused(*arguments, **environment):
    code, out, err = ask(*arguments, **environment)
    assert (code, out) == (2, "") and "Traceback" not in err
    return err


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("--camera", ["--camera"]),
        ("--camera=/dev/video2", ["/dev/video2", "--camera"]),
        ("--photo=/srv/face.jpg", ["/srv/face.jpg"]),
    ],
)
def test_the_question(source, words):
    argv, environment, cwd, _ = asked("--home=/srv/faces", source, PAM_USER="ada", PAM_TYPE="auth")
    assert environment.get("FACEUNLOCK_CAMERA_SECONDS") == ("8" if "camera" in source else None)
    assert argv == ["--home=/srv/faces", "--quiet", "verify", *words, "--as=ada"] and cwd == "/"


def test_liveness_can_be_required():
    argv, _, _, _ = asked("--home=/srv/faces", "--camera", "--require-live", PAM_USER="ada")
    assert argv[-2:] == ["--require-live", "--as=ada"]


def test_nothing_of_the_environment_is_taken():
    _, environment, _, _ = asked(
        "--home=/srv/faces",
        "--camera",
        PAM_USER="ada",
        FACEUNLOCK_HOME="/tmp/evil",
        FACEUNLOCK_FAILURES_BEFORE_WAIT="10",
        PYTHONPATH="/tmp/evil",
        XDG_DATA_HOME="/tmp/evil",
        HOME="/tmp/evil",
    )
    assert set(environment) <= {
        "PATH",
        "HOME",
        "LC_CTYPE",
        "FACEUNLOCK_CAMERA_SECONDS",
        "FACEUNLOCK_PREPARE_NETWORKS",
    }
    assert environment["HOME"] == pwd.getpwuid(os.geteuid()).pw_dir and environment["PATH"] == pam.PATH


@pytest.mark.parametrize(
    "user", ["", "-ada", "Ada", "ada lovelace", "ada;id", "../ada", "ＡＤＡ", "ada\n", "0ada"]
)
def test_names_that_could_mean_two_users_are_refused(user):
    assert "user named" in refused("--home=/srv/faces", "--camera", PAM_USER=user)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PAM_TYPE": "account"}, "auth"),
        ({"PAM_TYPE": "password"}, "auth"),
        ({"PAM_RHOST": "198.51.100.7"}, "connection"),
    ],
)
def test_what_a_face_cannot_answer(environment, words):
    assert words in refused("--home=/srv/faces", "--camera", PAM_USER="ada", **environment)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--camera", "--photo=/a.jpg"],
        ["--camera", "--camera"],
        ["--photo=a.jpg"],
        ["--home=faces", "--camera"],
        ["--home", "--camera"],
        ["--camera", "--timeout=0"],
        ["--camera", "--timeout=61"],
        ["--camera", "--timeout=nan"],
        ["--camera", "--timeout=x"],
        ["--camera=--threshold=-1"],
        ["--threshold=-1", "--camera"],
        ["--camera", "--require-live=no"],
        ["camera"],
    ],
)
def test_options_that_are_not_understood(arguments):
    assert refused(*arguments, PAM_USER="ada")


def test_python_must_be_isolated():
    assert "-I" in ask("--camera", isolated=False, PAM_USER="ada")[2]
    assert ask("--camera", isolated=False, PAM_USER="ada")[0] == 2


@pytest.mark.parametrize("code", [0, 1, 2])
def test_the_exit_code_is_that_of_the_answer(code):
    assert ask("--home=/srv/faces", "--camera", code=code, PAM_USER="ada")[0] == code


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_needs_the_system_gallery():
    assert "--home" in refused("--camera", PAM_USER="root")


@pytest.mark.skipif(os.geteuid() == 0, reason="needs a user")
def test_a_user_answers_for_nobody_else():
    assert "cannot answer" in refused("--camera", PAM_USER="somebodyelse")
    account = pwd.getpwuid(os.geteuid())
    _, environment, _, _ = asked("--camera", PAM_USER=account.pw_name)
    assert environment["HOME"] == account.pw_dir


def program(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def test_a_program_takes_the_photo(tmp_path):
    capture = program(tmp_path / "capture", 'printf "photo %s" "$PAM_USER$FACEUNLOCK_HOME"\n')
    argv, _, _, photo = asked("--home=/srv/faces", f"--capture={capture}", PAM_USER="ada")
    assert argv[-2:] == ["-", "--as=ada"] and photo == "photo "


def test_a_program_that_takes_no_photo(tmp_path):
    capture = program(tmp_path / "capture", "exit 3\n")
    assert "took no photo" in refused("--home=/srv/faces", f"--capture={capture}", PAM_USER="ada")
    assert "took no photo" in refused("--home=/srv/faces", "--capture=/nowhere/at/all", PAM_USER="ada")


def test_time_ends_whatever_happens(tmp_path):
    capture = program(tmp_path / "capture", "exec sleep 30\n")
    started = time.monotonic()
    code, out, _ = ask("--home=/srv/faces", f"--capture={capture}", "--timeout=1", PAM_USER="ada")
    assert code != 0 and not out and time.monotonic() - started < 20
