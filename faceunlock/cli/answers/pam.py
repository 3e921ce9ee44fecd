"""The text and JSON documents of ``faceunlock pam`` and its subcommands."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from faceunlock.files.text import printable
from faceunlock.tasks.pam import command_line

if TYPE_CHECKING:
    from faceunlock.tasks.pam import Proposal, ServiceCheck

WARNING = (
    "A printed photo of you may open this, and so may a picture on a screen: nothing checks that a living",
    "person is in front of the camera. Where that matters, do not use a face at all.",
)
LIVE_WARNING = (
    "It asks for three turns of the head. A photo that is only held up and moved did not open it in our",
    "tests; a film of you on a phone may. Where that matters, do not use a face at all.",
)


def services(names: Sequence[str]) -> str:
    """Return the answer to ``pam``."""
    return "\n".join(map(printable, names)) if names else "No service asks for a face."


def proposal(offer: Proposal) -> str:
    """Return the PAM line with explanations as comments, so that all of it can be pasted."""
    comments = [
        *(LIVE_WARNING if offer.require_live else WARNING),
        *_turns_offered(offer),
        "",
        f"Put the last line above the first auth line of {offer.file}; faceunlock does not edit it.",
        "A recognised face is enough. After anything else (no match, nobody enrolled, no camera,",
        "locked out, too slow) the lines below decide, that is, the password.",
        "To undo it, remove the line. Keep a root shell open until you have seen the password work.",
        "",
        "First enroll under the login name, and check.",
        f"  {command_line(offer, 'enroll', 'LOGIN', 'PHOTOS')}",
        *([f"  {command_line(offer, 'protect', 'on', '--key', 'file')}"] if offer.system else []),
        f"  {_check_command(offer)}",
    ]
    if offer.system:
        comments += [
            "",
            "This service grants more rights than its user has, so gallery, key and program belong to root.",
            "No keyring is open before login, so the key is a file that belongs to root; it protects a",
            "gallery that is copied without it.",
        ]
    return "\n".join([*(f"# {printable(comment)}".rstrip() for comment in comments), offer.line])


def _turns_offered(offer: Proposal) -> list[str]:
    """Say how to ask for turns of the head, where a camera could and the line does not."""
    camera = next((word for word in offer.options if word.partition("=")[0] == "--camera"), None)
    if offer.require_live or camera is None:
        return []
    home = [] if offer.home is None else [f"--home={offer.home}"]
    device = camera.partition("=")[2]
    words = ["pam", "print", offer.service, *(["--camera", device] if device else []), "--require-live"]
    command = shlex.join([str(offer.program), "-I", "-m", "faceunlock", *home, *words])
    return [
        "If it shows text while it asks, it can ask for turns of the head, which a photo cannot do:",
        f"  {command}",
    ]


def _check_command(offer: Proposal) -> str:
    root = "sudo " if offer.system else ""
    return f"{root}{offer.program} -I -m faceunlock pam check {offer.service}"


def proposal_document(offer: Proposal) -> dict[str, Any]:
    """Return the data of ``pam print``."""
    return {
        "service": offer.service,
        "file": str(offer.file),
        "line": offer.line,
        "system_gallery": offer.system,
        "home": None if offer.home is None else str(offer.home),
        "problems": list(offer.problems),
        "require_live": offer.require_live,
        "warning": " ".join(LIVE_WARNING if offer.require_live else WARNING),
    }


def report(found: ServiceCheck) -> str:
    """Return the answer to ``pam check``."""
    where = [f"{printable(line.file)}:{line.number}: calls faceunlock" for line in found.lines]
    if found.good:
        asks = all("--require-live" in line.words for line in found.lines)
        what = "a film of you may open it" if asks else "a printed photo may open it"
        return "\n".join([*where, f"{found.service}: good. Remember that {what}."])
    problems = [f"  {printable(problem)}" for problem in found.problems]
    return "\n".join([*where, f"{found.service}: not safe, or not set up", *problems])


def report_document(found: ServiceCheck) -> dict[str, Any]:
    """Return the data of ``pam check``."""
    return {
        "service": found.service,
        "file": str(found.file),
        "good": found.good,
        "system_gallery": found.system,
        "lines": [{"file": str(line.file), "number": line.number} for line in found.lines],
        "problems": list(found.problems),
    }
