import contextlib
import os
import sqlite3
import sys
from pathlib import Path

import pytest
from support.fakes import slug_of
from support.made_templates import make_template

from faceunlock.tasks import pam as pam_service
from faceunlock.tasks import pam_installation, pam_sources
from faceunlock.tasks.pam import check, needs_system_gallery, propose
from faceunlock.tasks.pam_files import written

UNIX = "auth required pam_unix.so"


@pytest.fixture
def trusting(monkeypatch):
    """Ownership and galleries are for other tests."""
    for module in (pam_service, pam_installation, pam_sources):
        monkeypatch.setattr(module, "distrusted", lambda path, created_later=False: iter(()))
    for module in (pam_service, pam_installation):
        monkeypatch.setattr(module, "distrusted_all", lambda path: iter(()))
    monkeypatch.setattr(pam_service, "_gallery_problems", lambda options, system: ())


@pytest.fixture
def problems(tmp_path, trusting):
    """Write a service file and return what is wrong with it."""

    def look(*lines, service="sudo"):
        file = tmp_path / service
        file.write_text("\n".join(lines) + "\n")
        report = check(service, file)
        assert report.good == (not report.problems)
        return " ".join(report.problems)

    return look


@pytest.mark.parametrize("service", ["sudo", "login", "gdm-password", "sddm", "lightdm", "my-own"])
def test_whatever_gives_more_needs_the_system_gallery(service):
    assert needs_system_gallery(service)


@pytest.mark.parametrize(
    "service",
    [
        "sshd",
        "cron",
        "common-auth",
        "system-auth",
        "password-auth",
        "other",
        "passwd",
        "a/b",
        "",
        "../x",
        "su",
        "su-l",
        "runuser",
        "runuser-l",
        "polkit-1",
        "xrdp-sesman",
        "vsftpd",
        "cockpit",
    ],
)
def test_services_for_which_a_face_proves_nothing(service):
    assert slug_of(needs_system_gallery, service) == "pam-unsuitable"


@pytest.mark.parametrize("service", ["sudo", "swaylock"])
@pytest.mark.parametrize("source", ["--camera", "--camera=/dev/null", "--photo=/srv/a [b] c.jpg"])
def test_the_line_that_is_proposed_is_good(problems, service, source):
    live = source.startswith("--camera")
    offer = propose(service, source, timeout=40, require_live=live)
    assert ("--require-live" in offer.line) == live
    assert ("quiet stdout" in offer.line) == (live or service == "sudo")
    assert ("expose_authtok" in offer.line) == ("--ask" in offer.line) == offer.ask == (service == "sudo")
    assert offer.line.split()[:3] == ["auth", "sufficient", "pam_exec.so"]
    assert ("seteuid" in offer.line) == ("--home=" in offer.line) == offer.system == (service == "sudo")
    assert problems("#%PAM-1.0", offer.line, UNIX, service=service) == ""


@pytest.mark.parametrize(
    ("service", "source", "asks"),
    [
        ("sudo", "--camera", True), ("sudo-i", "--camera=/dev/video2", True), ("login", "--camera", True),
        ("sudo", "--photo=/srv/a.jpg", False), ("gdm-password", "--camera", False),
        ("swaylock", "--camera", False),
    ],
)  # fmt: skip
def test_turns_are_asked_for_where_words_are_shown(trusting, service, source, asks):
    assert propose(service, source).require_live == asks
    assert not propose(service, source, require_live=False).require_live


@pytest.mark.parametrize("service", ["sudo", "sudo-i"])
def test_no_glance_approves_sudo(trusting, problems, service):
    assert slug_of(propose, service, ask=False) == "pam-unsuitable"
    assert not propose("login", ask=False).ask and propose("login").ask and propose("swaylock", ask=True).ask
    line = propose(service).line.replace(" --ask", "").replace(" expose_authtok", "")
    assert f"no face may answer {service} unasked" in problems(line, UNIX, service=service)


def test_the_lines_to_take_out_are_shown_as_they_stand(tmp_path):
    file = tmp_path / "su"
    (tmp_path / "common").write_text(f"\n{GOOD}  # here, too\n")
    file.write_text(f"{UNIX}\n{LINE} \\\n  --home=/srv \\\n --camera\n{UNIX}\n@include common\n")
    lines, jumping = pam_service.undo("su", file)
    assert jumping == ()
    assert [written(line) for line in lines] == [
        f"{LINE} \\\n  --home=/srv \\\n --camera",
        f"{GOOD}  # here, too",
    ]
    assert [(line.file.name, line.number) for line in lines] == [("su", 2), ("common", 2)]
    left = [text for text in file.read_text().splitlines() if text not in written(lines[0]).splitlines()]
    file.write_text("\n".join(left) + "\n")
    assert [line.file.name for line in pam_service.undo("su", file)[0]] == ["common"]
    assert slug_of(pam_service.undo, "../x") == "pam-unsuitable"


def test_a_jump_over_a_line_that_is_taken_out_must_become_shorter(tmp_path):
    file = tmp_path / "su"
    jump = "auth [success=2 default=ignore] pam_unix.so"
    short = "auth [success=1 default=ignore] pam_localuser.so"
    file.write_text(f"{short}\n{jump}\n{LINE}\nauth requisite pam_deny.so\nauth required pam_permit.so\n")
    lines, jumping = pam_service.undo("su", file)
    assert [written(line) for line in (*lines, *jumping)] == [LINE, jump]


def test_a_line_below_a_jump_that_was_counted_without_it_is_named(problems):
    jump, rest = "auth [success={} default=ignore] pam_unix.so", (GOOD, "auth requisite pam_deny.so")
    permit = "auth required pam_permit.so"
    assert "the right password are refused" in problems(jump.format(1), *rest, permit)
    assert "the right password are refused" not in problems(jump.format(2), *rest, permit)


def test_options_that_the_helper_would_refuse_are_not_proposed(trusting):
    assert slug_of(propose, "sudo", "--photo=/srv/a.jpg", require_live=True) == "pam-unsuitable"
    assert slug_of(propose, "sudo", "--photo=relative.jpg") == "pam-unsuitable"


@pytest.mark.parametrize(
    "text", ["a\nauth sufficient pam_permit.so", "a\r", "a\0", "a#b", "a\\", "a\udcff", "a\u2028"]
)
@pytest.mark.parametrize("where", ["photo", "capture", "camera", "home", "program"])
def test_a_path_that_a_pam_line_cannot_hold_is_refused(monkeypatch, text, where):
    path = f"/srv/{text}"
    if where == "program":
        monkeypatch.setattr(sys, "executable", path)
    source = f"--{where}={path}" if where in ("photo", "capture", "camera") else "--camera"
    home = Path(path) if where == "home" else None
    assert slug_of(propose, "sudo", source, home=home) == "usage"


LINE = f"auth sufficient pam_exec.so quiet seteuid type=auth {sys.executable} -I -m faceunlock.pam"
GOOD = f"{LINE} --home=/var/lib/faceunlock --camera"
ASKS = GOOD.replace("quiet", "quiet stdout expose_authtok") + " --ask"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([UNIX], "does not ask"),
        ([f"# {GOOD}", UNIX], "does not ask"),
        ([GOOD, GOOD, UNIX], "2 times"),
        ([GOOD], "no line comes after"),
        ([UNIX, GOOD], "no line comes after"),
        ([GOOD, "account required pam_unix.so"], "no line comes after"),
        ([GOOD.replace("sufficient", "required"), UNIX], "control is required"),
        ([GOOD.replace("sufficient", "[success=1 default=die]"), UNIX], "control is"),
        ([GOOD.replace("auth ", "account ", 1), UNIX], "not account"),
        ([GOOD.replace("quiet", "quiet expose_authtok"), UNIX], "expose_authtok would give"),
        ([ASKS.replace(" expose_authtok", ""), UNIX], "expose_authtok is missing"),
        ([GOOD.replace(" seteuid", ""), UNIX], "seteuid"),
        ([GOOD.replace(sys.executable, "python3"), UNIX], "absolute"),
        ([GOOD.replace(" -I", ""), UNIX], "-I -m faceunlock.pam"),
        ([GOOD.replace("-I", "-E"), UNIX], "-I -m faceunlock.pam"),
        ([GOOD.replace(sys.executable, "/bin/sh -c"), UNIX], "-I -m faceunlock.pam"),
        ([GOOD.replace("--camera", "--camera --threshold=0"), UNIX], "not understood"),
        ([GOOD.replace("--camera", ""), UNIX], "where the photo comes from"),
        ([GOOD.replace("--camera", "--camera=/srv/film.mp4"), UNIX], "not a camera"),
        ([GOOD.replace("--home=/var/lib/faceunlock", ""), UNIX], "system gallery"),
        ([f"{GOOD} --require-live", UNIX], "stdout is missing"),
        ([GOOD.replace(sys.executable, "/usr/bin/true"), UNIX], "another installation"),
        (["auth sufficient pam_exec.so /usr/local/bin/faceunlock verify /tmp/a.jpg", UNIX], "not called as"),
    ],
)
def test_everything_less_is_refused(problems, lines, words):
    assert words in problems(*lines)


@pytest.mark.parametrize(
    "lines",
    [
        [ASKS, UNIX],
        [ASKS.replace("sufficient", "[success=2 default=ignore]"), UNIX],
        [f"-{ASKS}", UNIX],
        [ASKS.replace(" -I", " \\\n   -I"), UNIX, "session required pam_unix.so"],
        [f"{ASKS}   # by hand", UNIX],
        [ASKS.replace("quiet", "log=/var/log/faceunlock quiet_log"), UNIX],
        ["auth required pam_faillock.so preauth", ASKS, UNIX],
    ],
)
def test_other_ways_to_write_it(problems, lines):
    assert problems(*lines) == ""


def test_included_files_are_read(problems, tmp_path):
    (tmp_path / "common-auth").write_text(UNIX + "\naccount required pam_unix.so\n")
    assert problems(ASKS, "@include common-auth") == ""
    assert problems(ASKS, "auth include common-auth") == ""
    assert "no line comes after" in problems(ASKS, "account include common-auth")
    assert problems(ASKS, "AUTH include common-auth") == ""
    (tmp_path / "common-face").write_text(ASKS.replace("sufficient", "required"))
    assert "common-face:1: the control" in problems("auth substack common-face", UNIX)
    (tmp_path / "loop").write_text("@include loop")
    assert slug_of(problems, ASKS, "@include loop") == "pam-unsuitable"


def test_the_services_that_ask_are_listed(tmp_path):
    assert pam_service.services(tmp_path / "none") == () == pam_service.services(tmp_path)
    (tmp_path / "sudo").write_text(f"{GOOD}\n{UNIX}\n")
    (tmp_path / "login").write_text(f"{UNIX}\n")
    (tmp_path / "su").write_text("@include sudo\n")
    assert pam_service.services(tmp_path) == ("su", "sudo")


def test_a_file_that_is_not_there(tmp_path):
    assert slug_of(check, "sudo", tmp_path / "nothing") == "file-unreadable"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of others")
def test_an_installation_of_somebody_else_is_refused(tmp_path, monkeypatch):
    program = tmp_path / "python"
    program.symlink_to(sys.executable)
    os.chown(program, 65534, 0, follow_symlinks=False)
    # To look at every file of every package takes seconds; the program is what matters here.
    monkeypatch.setattr(pam_installation, "distrusted_all", lambda place: iter(()))
    offer = propose("sudo")
    monkeypatch.setattr(sys, "executable", str(program))
    (problem,) = propose("sudo").problems
    assert "the program must belong to root" in problem and "uid 65534" in problem
    file = tmp_path / "sudo"
    file.write_text(offer.line.replace(str(offer.program), str(program)) + f"\n{UNIX}\n")
    assert any("the program must belong to root" in problem for problem in check("sudo", file).problems)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of others")
def test_what_others_can_change_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pam_service, "installation_problems", lambda program: ())
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (tmp_path / "capture").write_text("x")
    file = tmp_path / "sudo"
    line = f"{LINE} --home={home} --capture={tmp_path / 'capture'}"
    file.write_text(f"{line}\n{UNIX}\n")

    def problems():
        return " ".join(check("sudo", file).problems)

    assert "nobody is enrolled" in problems() and "uid" not in problems() and "can change" not in problems()
    for place in (file, home, tmp_path / "capture"):
        os.chown(place, 65534, 0)
        assert f"{place} belongs to a user other than root" in problems()
        os.chown(place, 0, 0)
        mode = place.stat().st_mode
        place.chmod(0o777)
        assert f"change {place}" in problems()
        place.chmod(mode)


def test_a_personal_gallery_is_enough_to_unlock_a_screen(tmp_path, trusting):
    file = tmp_path / "swaylock"
    file.write_text(f"auth sufficient pam_exec.so {sys.executable} -I -m faceunlock.pam --camera\n{UNIX}\n")
    assert check("swaylock", file).good
    (tmp_path / "sudo").write_text(file.read_text())
    assert not check("sudo", tmp_path / "sudo").good


def test_nothing_is_edited(problems, tmp_path):
    problems(GOOD, UNIX)
    assert (tmp_path / "sudo").read_text() == f"{GOOD}\n{UNIX}\n"
    assert Path("/etc/pam.d") == pam_service.DIRECTORY


def test_the_camera_of_the_config_file_is_judged_like_one_on_the_line(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (tmp_path / "film.avi").write_bytes(b"RIFF")
    (home / "config.toml").write_text(f'camera = "{tmp_path / "film.avi"}"\n')
    (home / "config.toml").chmod(0o600)
    monkeypatch.setattr(pam_service, "installation_problems", lambda program: ())
    for service in ("sudo", "swaylock"):
        file = tmp_path / service
        file.write_text(f"{LINE} --home={home} --camera\n{UNIX}\n")
        assert f"{tmp_path / 'film.avi'} is a file, not a camera" in " ".join(check(service, file).problems)


@pytest.mark.parametrize(
    "last", ["pam_permit.so", "pam_debug.so", "pam_succeed_if.so uid >= 1000", "pam_env.so"]
)
def test_a_module_that_asks_nobody_does_not_stand_in_for_the_password(problems, last):
    found = problems(GOOD, f"auth required {last}")
    assert "no line comes after" in found and "says yes, and no line refuses" in found
    assert "says yes" in problems(GOOD, "auth sufficient pam_unix.so", f"auth required {last}")


def test_a_foreign_module_is_named(problems):
    assert "bare name" in problems(GOOD.replace("pam_exec.so", "/home/ada/pam_exec.so"), UNIX)
    assert "bare name" in problems(GOOD, UNIX, "session optional /home/ada/pam_session.so")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a folder that belongs to root")
def test_a_gallery_that_anybody_could_make_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(pam_service, "installation_problems", lambda program: ())
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    for home in (shared / "home", shared / "a" / "b"):
        assert any(f"{shared} (mode 1777)" in problem for problem in propose("sudo", home=home).problems)


def test_every_spoilt_thing_is_named_whatever_else_is_wrong(tmp_path, monkeypatch):
    """A line, a config file, a gallery, a log, weights and a camera, each wrong in its own way."""
    from faceunlock.gallery.gallery import Gallery
    from faceunlock.pipeline import weights

    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    for name in ("Ada", "Bob"):
        with Gallery(home) as gallery:
            gallery.add(name, make_template([1.0] * 128))
    with contextlib.closing(sqlite3.connect(home / "gallery.db")) as database:
        database.execute("UPDATE people SET template = 'x' WHERE key = 'ada'")
        database.commit()
    (home / "attempts.db").write_bytes(b"no database")
    (home / "attempts.db").chmod(0o600)
    (home / "config.toml").write_text(f'model = "{home / "no model"}"\ncamera = "{home / "no camera"}"\n')
    (home / "config.toml").chmod(0o600)
    corrupt = weights.WeightsState("dlib", "corrupt", problem="the weights have 3 bytes")
    monkeypatch.setattr(weights, "verify", lambda spec, cache: corrupt)
    file = tmp_path / "swaylock"
    file.write_text(
        f"auth required pam_exec.so python -I -m faceunlock.pam --home={home} --camera --what --timeout=x\n"
    )
    problems = "\n".join(check("swaylock", file).problems)
    for thing in (
        "the control is required", "that could ask for the password", "needs an absolute path",
        "--what is not understood", "--timeout must be a number",
        "no model", "the entry for 'ada' is damaged", "attempts.db is damaged",
        "the weights have 3 bytes", f"{home / 'no camera'} is not a camera now",
    ):  # fmt: skip
        assert thing in problems, problems


def test_an_included_file_that_cannot_be_read_hides_nothing_else(problems):
    said = problems(GOOD, "auth include nowhere-to-be-found", "auth required pam_permit.so")
    assert (
        "nowhere-to-be-found, which is included, cannot be read" in said and "pam_permit.so says yes" in said
    )


def test_a_film_is_named_before_its_line_is_used(tmp_path):
    film = tmp_path / "film.mp4"
    film.write_bytes(b"film")
    said = propose("swaylock", f"--camera={film}").problems
    assert any(f"{film} is a file, not a camera" in problem for problem in said)
