"""What ``pam print`` says about turns of the head."""

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
    assert any(line.endswith(f"pam print {service} --require-live") for line in said) == offered
    assert said[-1].startswith("auth sufficient pam_exec.so")
    assert all(line.startswith("#") for line in said[:-1])
