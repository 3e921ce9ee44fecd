import fcntl
import os
import pwd
import resource
import select
import shutil
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from support.made_templates import make_template

from faceunlock import pam
from faceunlock.errors import GalleryError
from faceunlock.gallery.gallery import Gallery
from faceunlock.liveness.asking import LONGEST
from faceunlock.matching.people import name_key, normalise_name
from faceunlock.tasks.pam_limits import NEEDED
from faceunlock.tasks.pam_options import (
    ANSWER_SECONDS,
    LIVE_TIMEOUT_SECONDS,
    LOOKING_SECONDS,
    TURNS_SECONDS,
    UNSUITABLE,
)

PROJECT = Path(pam.__file__).resolve().parents[1]
STUB = """
import sys
sys.path.insert(0, {project!r})
import faceunlock.__main__
def show(login=False):
    import json, os
    import resource, signal
    limits = {{name: resource.getrlimit(getattr(resource, name))[0] for name in {limits!r}}}
    ignored = signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    what = sys.argv[1:], dict(os.environ), os.getcwd(), os.read(0, 100).decode(), limits, ignored
    print(json.dumps(what), flush=True, file=sys.stderr)
    print("the answer, for nobody to read", flush=True)
    os._exit({code})
faceunlock.__main__.main = show
import faceunlock.pam
if {anywhere}:
    faceunlock.pam._require_local = lambda *_: None
faceunlock.pam.main(sys.argv[1:])
"""


def ask(*arguments, code=0, isolated=True, before=(), stdin=subprocess.DEVNULL, anywhere=True, **environment):
    """Run the helper up to the question, and return the exit code, what it would ask, and its errors."""
    script = STUB.format(project=str(PROJECT), code=code, limits=tuple(NEEDED), anywhere=anywhere)
    words = [*before, sys.executable, *(["-I"] if isolated else []), "-c", script, *arguments]
    given = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    done = subprocess.run(words, env=environment, capture_output=True, check=False, timeout=60, **given)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def asked(*arguments, **environment):
    import json

    code, out, err = ask(*arguments, **environment)
    assert code == 0, err
    assert not out, "the answer is not for everybody to read"
    return json.loads(err.splitlines()[-1])


def refused(*arguments, **environment):
    code, out, err = ask(*arguments, **environment)
    assert (code, out) == (2, "") and "Traceback" not in err
    return err


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("--camera", ["--camera"]),
        ("--camera=/dev/video2", ["/dev/video2", "--camera"]),
    ],
)
def test_the_question(source, words):
    argv, environment, cwd, *_ = asked("--home=/srv/faces", source, PAM_USER="ada", PAM_TYPE="auth")
    assert environment["FACEUNLOCK_CAMERA_FILMS"] == "never"
    assert environment.get("FACEUNLOCK_CAMERA_SECONDS") == ("3" if "camera" in source else None)
    assert (
        argv == ["--home=/srv/faces", "--quiet", "verify", *words, "--security=strict", "--as=ada"]
        and cwd == "/"
    )


def test_liveness_can_be_required():
    argv, *_ = asked("--home=/srv/faces", "--camera", "--require-live", PAM_USER="ada")
    assert argv[-3:] == ["--require-live", "--security=strict", "--as=ada"]
    assert LONGEST + 2.0 == TURNS_SECONDS, "as `verify_live` waits for frames"


def test_what_cannot_be_shown_is_not_asked():
    """Without the option stdout, pam_exec gives the null device or a log."""
    words = ("--home=/srv/faces", "--camera", "--require-live")
    for stream in ("/dev/null", "&-", "log.txt"):
        before = ("sh", "-c", f'cd /tmp; exec "$@" 2>{stream}', "sh")
        assert ask(*words, before=before, PAM_USER="ada")[0] == 2
        assert ask(*words[:2], before=before, PAM_USER="ada")[0] == 0


def test_the_time_for_turns_is_not_spent_looking():
    _, environment, *_ = asked("--home=/srv/faces", "--camera", "--require-live", PAM_USER="ada")
    assert float(environment["FACEUNLOCK_CAMERA_SECONDS"]) == LOOKING_SECONDS
    assert LIVE_TIMEOUT_SECONDS >= LOOKING_SECONDS + TURNS_SECONDS + ANSWER_SECONDS


@pytest.mark.parametrize(
    ("given", "service", "words"),
    [
        ([], "login", ["--security=strict"]),
        ([], None, ["--security=strict"]),
        ([], "swaylock", []),
        (["--security=normal"], "login", ["--security=normal"]),
        (["--security=strict"], "swaylock", ["--security=strict"]),
    ],
)
def test_a_login_is_strict_and_a_screen_locker_as_its_user_says(given, service, words):
    told = {} if service is None else {"PAM_SERVICE": service}
    argv, *_ = asked("--home=/srv/faces", "--camera", *given, PAM_USER="ada", **told)
    assert argv == ["--home=/srv/faces", "--quiet", "verify", "--camera", *words, "--as=ada"]


def test_nothing_of_the_environment_is_taken():
    _, environment, *_ = asked(
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
        "FACEUNLOCK_CAMERA_FILMS",
        "FACEUNLOCK_CAMERA_SECONDS",
        "FACEUNLOCK_DECODE_APART",
        "FACEUNLOCK_PREPARE_NETWORKS",
    }
    assert environment["HOME"] == pwd.getpwuid(os.geteuid()).pw_dir and environment["PATH"] == pam.PATH


@pytest.mark.parametrize("user", ["", "-ada", "Ada", "ada lovelace", "ada;id", "../ada", "ＡＤＡ", "ada\n"])
def test_names_that_could_mean_two_users_are_refused(user):
    assert "user named" in refused("--home=/srv/faces", "--camera", PAM_USER=user)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PAM_TYPE": "account"}, "auth"),
        ({"PAM_TYPE": "password"}, "auth"),
        ({"PAM_RHOST": "198.51.100.7"}, "connection"),
        ({"PAM_RHOST": "127.0.0.1"}, "connection"),
        ({"PAM_RHOST": "localhost"}, "connection"),
        ({"PAM_SERVICE": "sudo"}, "unasked"),
        ({"PAM_SERVICE": "su"}, "any program can ask"),
        ({"PAM_SERVICE": "sshd"}, "connection"),
    ],
)
def test_what_a_face_cannot_answer(environment, words):
    assert words in refused("--home=/srv/faces", "--camera", PAM_USER="ada", **environment)


def test_a_gallery_on_a_server_answers_no_login(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text('gallery = "postgresql://db.example/faces"\n', encoding="utf-8")
    config.chmod(0o600)
    assert "on a server" in refused(f"--home={tmp_path}", "--camera", PAM_USER="ada")
    config.write_text('gallery = "local"\n', encoding="utf-8")
    given = {"FACEUNLOCK_GALLERY": "postgresql://db.example/faces"}  # of whoever logs in
    _, environment, *_ = asked(f"--home={tmp_path}", "--camera", PAM_USER="ada", **given)
    assert "FACEUNLOCK_GALLERY" not in environment


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
        ["--photo=/srv/a.jpg", "--require-live"],
        ["--camera", "--require-live", "--timeout=35"],
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


@pytest.mark.parametrize("words", [("--camera", "--unheard-of"), ("--home=/srv", "--photo=/nonexistent")])
@pytest.mark.parametrize("stream", ["/dev/full", "&-"])
def test_a_refusal_that_cannot_be_told_is_2(words, stream):
    """PAM's log may be full, and Python would exit with 1 or 120."""
    before = ("sh", "-c", f'exec "$@" 2>{stream}', "sh")
    assert ask(*words, before=before, PAM_USER="ada")[0] == 2


def test_a_bug_before_the_question_is_2(monkeypatch):
    monkeypatch.setitem(
        globals(),
        "STUB",
        STUB.replace("faceunlock.pam.main(sys", "faceunlock.pam.prepare = None\nfaceunlock.pam.main(sys"),
    )
    code, out, err = ask("--home=/srv/faces", "--camera", PAM_USER="ada")
    assert (code, out) == (2, "") and "this is a bug" in err


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_needs_the_system_gallery():
    assert "--home" in refused("--camera", PAM_USER="root")


@pytest.mark.skipif(os.geteuid() == 0, reason="needs a user")
def test_a_user_answers_for_nobody_else():
    assert "cannot answer" in refused("--camera", PAM_USER="somebodyelse")
    account = pwd.getpwuid(os.geteuid())
    _, environment, *_ = asked("--camera", PAM_USER=account.pw_name)
    assert environment["HOME"] == account.pw_dir


def program(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def test_a_program_takes_the_photo(tmp_path):
    capture = program(tmp_path / "capture", 'printf "photo %s" "$PAM_USER$FACEUNLOCK_HOME"\n')
    argv, _, _, photo, *_ = asked("--home=/srv/faces", f"--capture={capture}", PAM_USER="ada")
    assert argv[-3:] == ["-", "--security=strict", "--as=ada"] and photo == "photo "


def test_a_program_that_takes_no_photo(tmp_path):
    capture = program(tmp_path / "capture", "exit 3\n")
    assert "took no photo" in refused("--home=/srv/faces", f"--capture={capture}", PAM_USER="ada")
    assert "took no photo" in refused("--home=/srv/faces", "--capture=/nowhere/at/all", PAM_USER="ada")


@pytest.mark.parametrize("last", ["printf photo", "sleep 60"], ids=["in time", "too late"])
def test_nothing_that_the_program_started_goes_on(tmp_path, last):
    """It would keep the camera busy for the next login, and could go on writing the photo."""
    capture = program(tmp_path / "capture", f"sleep 60 &\necho $! > {tmp_path / 'pid'}\n{last}\n")
    ask("--home=/srv/faces", f"--capture={capture}", "--timeout=3", PAM_USER="ada")
    status = Path("/proc", (tmp_path / "pid").read_text().strip(), "stat")
    for _ in range(50):
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.1)
    else:
        pytest.fail("it still runs")


def test_time_ends_whatever_happens(tmp_path):
    capture = program(tmp_path / "capture", "exec sleep 30\n")
    started = time.monotonic()
    code, out, _ = ask("--home=/srv/faces", f"--capture={capture}", "--timeout=1", PAM_USER="ada")
    assert code != 0 and not out and time.monotonic() - started < 20


@pytest.mark.parametrize("user", ["ada@corp.example", "0ada", "corp+ada", "_ada", "a.b-c_d", "a" * 64])
def test_a_login_name_is_one_name_in_the_gallery(user):
    argv, *_ = asked("--home=/srv/faces", "--camera", PAM_USER=user)
    assert argv[-1] == f"--as={user}" == f"--as={name_key(normalise_name(user))}"


def test_no_two_login_names_are_one_name_in_the_gallery():
    allowed = sorted(pam._FOLLOWING)
    names = [f"a{one}{other}" for one in allowed for other in allowed]
    assert all(pam._why_not(name) is None for name in names)
    assert [name_key(normalise_name(name)) for name in names] == names


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("CORP\\ada", "name@domain"),
        ("corp\\ada", "name@domain"),
        ("ada@CORP.EXAMPLE", "upper and lower case"),
        ("1000", "user id"),
        ("zoë", "a to z"),
        ("@corp", "at the start"),
        ("a" * 65, "64"),
    ],
)
def test_the_message_says_which_names_cannot_be(user, words):
    assert words in refused("--home=/srv/faces", "--camera", PAM_USER=user)


def test_a_name_that_the_gallery_refuses_is_refused_with_its_reason():
    for user in ("corp\\ada", "a" * 65):
        with pytest.raises(GalleryError):
            normalise_name(user)


@pytest.fixture
def photo(tmp_path):
    """A file that was written just now."""
    file = tmp_path / "face.jpg"
    file.write_bytes(b"photo of now")
    return file


def test_a_photo_of_now_is_handed_on_as_it_was_looked_at(photo):
    argv, _, _, content, *_ = asked("--home=/srv/faces", f"--photo={photo}", PAM_USER="ada")
    assert (
        argv == ["--home=/srv/faces", "--quiet", "verify", "-", "--security=strict", "--as=ada"]
        and content == "photo of now"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3 * 365 * 86400, "seconds ago"), (-11.5, "seconds ago"), (3600, "future")],
    ids=["three years", "longer than a login", "from the future"],
)
def test_a_photo_of_another_time_shows_who_sat_there_then(photo, seconds, words):
    then = time.time() + seconds
    os.utime(photo, (then, then))
    assert words in refused("--home=/srv/faces", f"--photo={photo}", PAM_USER="ada")


def test_a_photo_that_is_no_file_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "", "nothing"):
        assert str(tmp_path / name) in refused("--home=/s", f"--photo={tmp_path / name}", PAM_USER="ada")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of others")
def test_a_photo_of_another_user_is_not_looked_at(photo):
    os.chown(photo, 65534, 0)
    assert "uid 65534" in refused("--home=/srv/faces", f"--photo={photo}", PAM_USER="ada")


LOW = {
    "RLIMIT_FSIZE": 4096,
    "RLIMIT_NOFILE": 32,
    "RLIMIT_AS": 1 << 30,
    "RLIMIT_DATA": 1 << 28,
    "RLIMIT_STACK": 1 << 17,
    "RLIMIT_CPU": 30,
    "RLIMIT_NPROC": 50,
}


def limited(name, *, hard):
    """Return the words that run a program with a low limit; root must not be able to lift a hard one."""
    option = name.removeprefix("RLIMIT_").lower()
    words = ["prlimit", f"--{option}={LOW[name]}:{LOW[name] if hard else ''}"]
    if hard and os.geteuid() == 0:
        words += ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource"]
    missing = [word for word in words if word in ("prlimit", "setpriv") and shutil.which(word) is None]
    if missing:
        pytest.skip(f"needs {missing[0]}")
    return words


def test_every_limit_that_a_login_needs_is_tested():
    assert set(LOW) == set(NEEDED) and all(low < NEEDED[name][1] for name, low in LOW.items())


@pytest.mark.parametrize("name", LOW)
def test_a_low_limit_is_lifted_first(name):
    *_, limits, ignored = asked("--home=/s", "--camera", PAM_USER="ada", before=limited(name, hard=False))
    assert ignored and all(
        value == resource.RLIM_INFINITY or value >= NEEDED[limit][1] for limit, value in limits.items()
    )


@pytest.mark.parametrize("name", LOW)
def test_a_low_limit_that_stays_is_named(name):
    error = refused("--home=/s", "--camera", PAM_USER="ada", before=limited(name, hard=True))
    assert name in error and str(LOW[name]) in error and str(NEEDED[name][1]) in error


def enter(stdin):
    """What becomes of a line with ``--ask`` if this is what PAM writes into the pipe."""
    return ask("--home=/srv/faces", "--camera", "--ask", PAM_USER="ada", stdin=stdin)


@pytest.mark.parametrize("pressed", [b"", b"\0"], ids=["nothing", "the final null of some versions"])
def test_enter_alone_asks_the_camera(pressed):
    code, out, err = enter(pressed)
    assert (code, out) == (0, "") and '"verify", "--camera"' in err
    assert "Looking at the camera for up to 3 s." in err


@pytest.mark.parametrize("typed", [b"p", b"secret word", b"x" * 512])
def test_a_password_goes_on_without_a_look_or_a_word(typed):
    assert enter(typed) == (2, "", "")


def test_a_password_is_read_before_anything_could_be_slow():
    """Nothing but the first byte is taken, by a process that has imported nothing of the gallery."""
    script = (
        f"import sys, os; sys.path.insert(0, {str(PROJECT)!r})\n"
        "from faceunlock import pam\n"
        "def leave(code): print(code, 'faceunlock.settings' in sys.modules, os.read(0, 9)); os.abort()\n"
        "os._exit = leave\n"
        "pam.main(['--camera', '--ask', '--home=/s'])"
    )
    words = [sys.executable, "-u", "-I", "-c", script]
    done = subprocess.run(words, input=b"secret", capture_output=True, check=False, env={})
    assert done.stdout.decode().strip() == "2 False b'ecret'"


@pytest.mark.parametrize("pressed", [True, False], ids=["skipped", "left to look"])
def test_enter_at_the_terminal_ends_the_look_and_is_not_left_for_the_prompt(pressed):
    """A shell on a terminal of its own stands for sudo; the look takes 3 seconds here."""
    stub = STUB.replace("what = sys", "import time; time.sleep(3)\n    what = sys")
    script = stub.format(project=str(PROJECT), code=0, limits=tuple(NEEDED), anywhere=True)
    line = [sys.executable, "-I", "-c", script, "--home=/s", "--camera", "--ask"]
    ours, theirs = os.openpty()
    with subprocess.Popen(
        ["sh", "-c", '"$@"; echo ended $?', "sh", *line],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PAM_USER": "ada"},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - one thread
    ) as shell:
        shell.stdin.close()
        assert shell.stderr.readline() == (
            b"Looking at the camera for up to 3 s. To use the password instead, press Enter.\n"
        )
        if pressed:
            os.write(ours, b"\n")
        assert shell.stdout.readline() == (b"ended 2\n" if pressed else b"ended 0\n")
    assert not select.select([theirs], [], [], 0)[0], "the next prompt reads no Enter"
    os.close(ours)
    os.close(theirs)


def test_a_line_without_the_option_of_pam_exec_waits_for_no_key():
    assert enter(subprocess.DEVNULL)[0] == 2 and "expose_authtok" in enter(subprocess.DEVNULL)[2]


@pytest.mark.parametrize("service", sorted(UNSUITABLE))
def test_a_service_where_a_face_proves_nothing_is_refused_by_the_login_itself(monkeypatch, service):
    monkeypatch.setattr(pam.sys, "flags", type("Flags", (), {"isolated": 1}))
    with pytest.raises(pam.CannotAskError, match=f"{service} must not ask"):
        pam.prepare({"camera": "", "ask": ""}, {"PAM_USER": "ada", "PAM_SERVICE": service})


@pytest.mark.parametrize("place", ["line", "config"])
def test_a_film_in_the_place_of_a_camera_is_refused_by_the_login_itself(tmp_path, place):
    """Whatever checked the line before; the real answer, not the stub."""
    home, film = tmp_path / "home", tmp_path / "film.avi"
    film.write_bytes(b"RIFF")
    with Gallery(home) as gallery:
        gallery.add("ada", make_template([1.0] * 128))
    if place == "config":
        (home / "config.toml").write_text(f'camera = "{film}"\ncamera_films = "auto"\n')
        (home / "config.toml").chmod(0o600)
    source = f"--camera={film}" if place == "line" else "--camera"
    path = f"import sys; sys.path.insert(0, {str(PROJECT)!r})"
    script = f"{path}; from faceunlock import pam; pam._require_local = print; pam.main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, f"--home={home}", source, "--timeout=60"],
        env={"PAM_USER": "ada"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and f"{film} is a file, not a camera" in done.stderr
