"""The text and JSON documents of ``faceunlock pam`` and its subcommands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from faceunlock.files.text import printable
from faceunlock.tasks.pam import command_line
from faceunlock.tasks.pam_files import written
from faceunlock.tasks.pam_options import GREETERS, NEVER_UNASKED

if TYPE_CHECKING:
    from faceunlock.tasks.pam import Proposal, ServiceCheck
    from faceunlock.tasks.pam_files import Line

TRY = {
    "gdm-password": "lock the screen (Super+L), and unlock it",
    "hyprlock": "hyprlock",
    "i3lock": "i3lock",
    "lightdm": "dm-tool lock",
    "login": "go to another console (Ctrl+Alt+F3), and log in there",
    "sddm": "log out, and log in",
    "sudo": "sudo -k; sudo true",
    "swaylock": "swaylock",
    "xscreensaver": "xscreensaver-command -lock",
}
"""How to try each service; any other with pamtester."""

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
        *_meaning(offer),
        *(LIVE_WARNING if offer.require_live else WARNING),
        *_turns_offered(offer),
        "",
        f"Put the last line above the first auth line of {offer.file}; faceunlock does not edit it.",
        "A recognised face is enough. After anything else (no match, nobody enrolled, no camera,",
        "locked out, too slow) the lines below decide, that is, the password.",
        *_asking(offer),
        "Keep a root shell open until you have seen the password work.",
        "",
        f"To test it: {TRY.get(offer.service, f'pamtester {offer.service} LOGIN authenticate')}",
        f"To undo it, take out the lines that this shows: {_own_command(offer, 'undo')}",
        "",
        "First enroll under the login name, and check.",
        f"  {command_line(offer, 'enroll', 'LOGIN', 'PHOTOS')}",
        *([f"  {command_line(offer, 'protect', 'on', '--key', 'file')}"] if offer.system else []),
        f"  {_own_command(offer, 'check')}",
    ]
    if offer.system:
        comments += [
            "",
            "This service grants more rights than its user has, so gallery, key and program belong to root.",
            "No keyring is open before login, so the key is a file that belongs to root; it protects a",
            "gallery that is copied without it.",
        ]
    return "\n".join([*(f"# {printable(comment)}".rstrip() for comment in comments), offer.line])


def _meaning(offer: Proposal) -> list[str]:
    """Say what a face in front of a service means, where people expect something else."""
    if offer.service in NEVER_UNASKED:
        return [
            "Whoever sits here, looks like you and presses Enter becomes root, for the command that any",
            "program of yours may have typed.",
        ]
    if offer.service in GREETERS:
        return ["Your keyring stays locked after a login with a face: only the password opens it."]
    return []


def _turns_offered(offer: Proposal) -> list[str]:
    """Say how to ask for turns of the head, where a camera could and the line does not."""
    camera = next((word for word in offer.options if word.partition("=")[0] == "--camera"), None)
    if offer.require_live or camera is None:
        return []
    device = camera.partition("=")[2]
    words = ["pam", "print", offer.service, *(["--camera", device] if device else []), "--require-live"]
    return [
        "If it shows text while it asks, it can ask for turns of the head, which a photo cannot do:",
        f"  {command_line(offer, *words, root=False)}",
    ]


def _asking(offer: Proposal) -> list[str]:
    """Say what one prompt for both means, and how to say it at the prompt itself."""
    if not offer.ask:
        return []
    lines = [
        "At the password prompt, Enter alone asks the camera. A password goes straight on to the lines",
        "below, and no camera is started. expose_authtok lets PAM ask first, and pass on what was typed;",
        "the program takes one byte of it, to see that there is something, and keeps none.",
    ]
    if offer.service in ("sudo", "sudo-i"):
        lines.append(
            'To say so at the prompt, in visudo: Defaults passprompt="Password, or Enter for a face: "'
        )
    else:
        lines.append("To say so before the prompt: auth optional pam_echo.so Enter alone asks the camera.")
    return lines


def _own_command(offer: Proposal, word: str) -> str:
    root = "sudo " if offer.system else ""
    return f"{root}{offer.program} -I -m faceunlock pam {word} {offer.service}"


def undone(service: str, lines: Sequence[Line], jumping: Sequence[Line]) -> str:
    """Return the answer to ``pam undo``: each line to take out, below the place where it is."""
    if not lines:
        return f"{printable(service)} does not ask for a face; there is nothing to take out."
    places = [f"{_place(line)}: take out\n{printable_lines(written(line))}" for line in lines]
    places += [
        f"{_place(line)}: it skips a line that you take out, so make its number smaller by one\n"
        f"{printable_lines(written(line))}"
        for line in jumping
    ]
    return "\n".join(
        [
            *places,
            "If you added a pam_echo line or a passprompt about Enter, take that out, too.",
            "Nothing else was changed. Then a password is asked as before.",
        ]
    )


def _place(line: Line) -> str:
    return f"{printable(line.file)}:{line.number}"


def printable_lines(text: str) -> str:
    """Return several lines, each as `printable` text."""
    return "\n".join(map(printable, text.splitlines()))


def undone_document(service: str, lines: Sequence[Line], jumping: Sequence[Line]) -> dict[str, Any]:
    """Return the data of ``pam undo``."""
    return {"service": service, "lines": _documents(lines), "jumps": _documents(jumping)}


def _documents(lines: Sequence[Line]) -> list[dict[str, Any]]:
    return [{"file": str(line.file), "number": line.number, "text": written(line)} for line in lines]


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
        "ask": offer.ask,
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
