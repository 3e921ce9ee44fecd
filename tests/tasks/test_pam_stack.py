import pytest

from faceunlock.tasks.pam_files import read_lines
from faceunlock.tasks.pam_stack import deciding_programs, foreign_modules, keeps_out, lets_everybody_in

OURS = "auth sufficient pam_exec.so quiet /opt/python -I -m faceunlock.pam --camera"
DEBIAN = (
    "auth [success=1 default=ignore] pam_unix.so nullok",
    "auth requisite pam_deny.so",
    "auth required pam_permit.so",
    "auth optional pam_cap.so",
)
FEDORA = (
    "auth required pam_env.so",
    "auth required pam_faildelay.so delay=2000000",
    "auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular",
    "auth [default=1 ignore=ignore success=ok] pam_localuser.so",
    "auth sufficient pam_unix.so nullok",
    "auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular",
    "auth sufficient pam_sss.so forward_pass",
    "auth required pam_deny.so",
)
ARCH = (
    "auth required pam_faillock.so preauth",
    "-auth [success=3 default=ignore] pam_systemd_home.so",
    "auth [success=2 default=ignore] pam_unix.so try_first_pass nullok",
    "auth [default=die] pam_faillock.so authfail",
    "auth optional pam_permit.so",
    "auth required pam_env.so",
    "auth required pam_faillock.so authsucc",
)


@pytest.fixture
def lines(tmp_path):
    def read(*text):
        (tmp_path / "service").write_text("\n".join(text))
        return list(read_lines(tmp_path / "service"))

    return read


@pytest.mark.parametrize(
    "rest",
    [
        DEBIAN,
        FEDORA,
        ARCH,
        ("auth sufficient pam_rootok.so", *DEBIAN),
        ("auth sufficient pam_succeed_if.so user ingroup nopasswdlogin", *DEBIAN),
        ("auth requisite pam_nologin.so", "auth required pam_succeed_if.so user != root quiet", *DEBIAN),
        ("auth required pam_unix.so",),
        ("auth requisite pam_unix.so", "auth required pam_permit.so"),
        ("auth [success=ok default=bad] pam_unix.so", "auth sufficient pam_permit.so"),
        ("auth required pam_unix.so", "account required pam_permit.so", "session required pam_permit.so"),
        ("auth sufficient pam_unix.so",),
    ],
)
def test_a_stack_in_which_a_wrong_password_is_refused(lines, rest):
    assert lets_everybody_in(lines(OURS, *rest)) is None
    assert not keeps_out(lines(OURS, *rest)), "the right password is let in"


@pytest.mark.parametrize(
    "rest",
    [
        ("auth required pam_permit.so",),
        ("auth required /usr/lib/security/pam_permit.so",),
        ("auth sufficient pam_unix.so", "auth required pam_permit.so"),
        ("auth optional pam_unix.so", "auth optional pam_permit.so"),
        ("auth [success=2 default=ignore] pam_unix.so", *DEBIAN[2:]),
        ("auth [success=1 default=1] pam_unix.so", *DEBIAN[1:]),
        ("auth required pam_debug.so",),
        ("auth required pam_succeed_if.so uid >= 1000",),
        ("auth sufficient pam_unix.so", "auth required pam_env.so"),
        ("auth required pam_exec.so /bin/true",),
        ("auth [default=ok] pam_permit.so",),
        (
            "auth [default=bad] pam_unix.so",
            "auth [success=reset] pam_permit.so",
            "auth required pam_permit.so",
        ),
        ("auth sufficient pam_permit.so", "auth required pam_unix.so"),
    ],
)
def test_a_stack_in_which_nobody_needs_the_password(lines, rest):
    assert lets_everybody_in(lines(OURS, *rest)) is not None


def test_a_module_before_the_face_may_let_everybody_in_too(lines):
    found = lets_everybody_in(lines("auth sufficient pam_permit.so", OURS, *DEBIAN))
    assert (found.number, found.module) == (1, "pam_permit.so")


@pytest.mark.parametrize(
    "control", ["sufficient", "[success=done default=ignore]", "[success=2 default=ignore]"]
)
def test_another_program_whose_yes_is_enough(lines, control):
    (problem,) = deciding_programs(lines(f"auth {control} pam_exec.so quiet /usr/bin/other", OURS, *DEBIAN))
    assert "service:1: /usr/bin/other" in problem


def test_programs_that_decide_nothing_alone(lines):
    other = ("auth required pam_exec.so /bin/log", "session optional pam_exec.so /bin/log")
    assert list(deciding_programs(lines(*other, OURS, *DEBIAN))) == []


@pytest.mark.parametrize(
    "module",
    [
        "/home/ada/pam_exec.so",
        "../../../../home/ada/pam_exec.so",
        "/usr/lib/security/../../../home/ada/pam_unix.so",
        "./pam_exec.so",
        "/tmp/pam_permit.so",
    ],
)
@pytest.mark.parametrize("kind", ["auth", "account", "password", "session"])
def test_a_module_by_a_foreign_path_is_somebody_elses_program(lines, module, kind):
    (problem,) = foreign_modules(lines(f"{kind} required {module}"))
    assert "service:1: " in problem and module in problem


def test_a_module_by_its_name_or_in_the_systems_directory(lines, tmp_path, monkeypatch):
    assert list(foreign_modules(lines(*DEBIAN))) == []
    monkeypatch.setattr("faceunlock.tasks.pam_stack._MODULE_DIRECTORIES", (str(tmp_path / "security"),))
    (tmp_path / "security").mkdir()
    (tmp_path / "security" / "pam_face.so").touch()
    for name in ("pam_face.so", tmp_path / "security/pam_face.so", tmp_path / "security/$ISA/pam_face.so"):
        (tmp_path / "security" / "pam_face.so").chmod(0o644)
        assert list(foreign_modules(lines(f"auth required {name}"))) == []
        (tmp_path / "security" / "pam_face.so").chmod(0o666)
        assert any("0666" in problem for problem in foreign_modules(lines(f"auth required {name}")))
