"""What ``pam print`` says about turns of the head."""

import shlex
from pathlib import Path

import pytest

from faceunlock.cli.answers import pam as answers
from faceunlock.tasks.pam import propose


@pytest.mark.parametrize(
    ("service", "source", "options", "offered"),
    [
        ("swaylock", "--camera", {}, True),
        ("swaylock", "--camera=/dev/video2", {}, True),
        ("sudo", "--camera", {"require_live": False}, True),
        ("sudo", "--camera", {}, False),
        ("swaylock", "--photo=/srv/a.jpg", {}, False),
    ],
)
def test_turns_are_offered_where_a_camera_could_ask_for_them(service, source, options, offered):
    said = answers.proposal(propose(service, source, **options)).splitlines()
    device = source.partition("=")[2] if source.startswith("--camera=") else ""
    words = f"pam print {service}{f' --camera {device}' if device else ''} --require-live"
    assert any(line.endswith(words) for line in said) == offered
    assert said[-1].startswith("auth sufficient pam_exec.so")
    assert all(line.startswith("#") for line in said[:-1])


SERVICES = (
    "sudo", "login", "gdm-password", "sddm", "lightdm", "swaylock", "hyprlock", "i3lock", "xscreensaver",
    "omarchy-lock-face",
)  # fmt: skip


@pytest.mark.parametrize("service", SERVICES)
def test_each_line_comes_with_its_file_its_undo_and_a_test(monkeypatch, service):
    monkeypatch.setattr("faceunlock.tasks.pam.installation_problems", lambda _: ())
    said = answers.proposal(propose(service))
    for words in (f"/etc/pam.d/{service};", f"faceunlock pam undo {service}", "To test it: "):
        assert words in said
    assert ("Enter alone asks" in said) == (service in ("sudo", "login"))
    own_gallery = service in SERVICES[5:]
    assert ("--home=/var/lib/faceunlock" in said) != own_gallery


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_face_means_is_said_before_the_line(monkeypatch, service):
    monkeypatch.setattr("faceunlock.tasks.pam.installation_problems", lambda _: ())
    said = answers.proposal(propose(service))
    assert ("becomes root" in said) == (service == "sudo")
    greets = service in ("login", "gdm-password", "sddm", "lightdm")
    assert ("keyring stays locked" in said) == greets


def test_the_offered_command_keeps_the_home_and_the_camera():
    home = Path("/srv/my faces")
    said = answers.proposal(propose("swaylock", "--camera=0", home=home)).splitlines()
    (offer,) = (line for line in said if line.endswith("--require-live"))
    words = shlex.split(offer.removeprefix("# "))
    assert words[1:] == [
        *("-I", "-m", "faceunlock", f"--home={home}"),
        *("pam", "print", "swaylock", "--camera", "0", "--require-live"),
    ]
