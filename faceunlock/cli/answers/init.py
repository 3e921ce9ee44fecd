"""What ``faceunlock init`` says, and its JSON document."""

from __future__ import annotations

import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.cli.answers import enroll, verify
from faceunlock.cli.answers.parts import Document, refusal
from faceunlock.files.text import Verdict
from faceunlock.matching.security import chances
from faceunlock.matching.wording import counted

if TYPE_CHECKING:
    from faceunlock.errors import FaceUnlockError
    from faceunlock.tasks.init import FirstEnrolment
    from faceunlock.tasks.verify import Verification

WIDTH = 79
"""Columns of the paragraphs: they fit into every terminal."""

WELCOME = (
    "This sets up face unlock: it learns your face, and tries to know it again.\n"
    "Nothing leaves this machine, and no photo is kept."
)

SITTING = "Sit as you usually do, and look at the camera. This takes about half a minute."

AGAIN = "Now the test: look at the camera once more."


@dataclass(frozen=True, slots=True)
class Setup:
    """What came of a set-up.

    Attributes
    ----------
    first : FirstEnrolment
    verification : Verification or None
        The test; None if there was no photo for it, or it could not be decided.
    error : FaceUnlockError or None
        Why the test could not be decided.
    """

    first: FirstEnrolment
    verification: Verification | None
    error: FaceUnlockError | None = None


def learned(first: FirstEnrolment) -> str:
    """Return the sentence about the enrolment."""
    outcome = first.outcome
    used = len(outcome.enrolment.used)
    kept = "" if first.held_back is None else ", one kept back for the test"
    said = f"{outcome.name} is enrolled: {used} of {counted(outcome.looked_at, 'photo')} used{kept}."
    return _filled(" ".join([said, *enroll.notes(outcome)]))


def tested(setup: Setup, home: Path | None = None) -> list[Verdict | str]:
    """Return the test that was decided, what its score means, and what to do after a no."""
    found, who = setup.verification, shlex.quote(setup.first.outcome.name)
    if found is None:
        return [
            _leading_to(
                "All photos were needed to learn from, so none is left for a test. Take another, and run:",
                f"{_program(home)} verify PHOTO --as {who}",
            )
        ]
    decision = found.decision
    meaning = (
        f"The score, {decision.similarity:.3f}, says how alike this face and the learned one are: 1 would be "
        f"the same picture, and from {decision.threshold:.3f} on the answer is yes."
    )
    known = chances(found.calibration)
    if known is None:
        meaning += " How often strangers reach that was not measured for this model."
    else:
        meaning += f" In our tests with that limit, {known}."
    parts: list[Verdict | str] = [verify.text(found), _filled(meaning)]
    if not decision.match:
        parts.append(
            _leading_to(
                "A no for a photo of yourself: add photos with other light, and with and without glasses:",
                f"{_program(home)} enroll {who} PHOTOS --add",
            )
        )
    return parts


def steps(name: str, home: Path | None) -> list[tuple[str, str]]:
    """Return what somebody may want to do next: in words, and the command for it, which names the home."""
    who, program = shlex.quote(name), _program(home)
    return [
        ("Try another photo", f"{program} verify PHOTO --as {who}"),
        ("Teach it glasses, or a beard", f"{program} enroll {who} PHOTOS --look glasses"),
        ("Screen lock: see what there is", f"{program} pam"),
        ("Screen lock: what to write where", f"{program} pam print SERVICE"),
        ("Encrypt what was learned", f"{program} protect on"),
        ("Answer in a blink", f"{program} agent start"),
    ]


def text(setup: Setup, home: Path | None = None) -> str:
    """Return what comes next."""
    found = steps(setup.first.outcome.name, home)
    wide = max(len(words) for words, _ in found)
    warning = _leading_to(
        "A printed photo of you may get a yes. With a camera, this asks you to turn your head, too:",
        f"{_program(home)} verify --camera --require-live",
    )
    lines = [f"  {words:{wide}}  {command}" for words, command in found]
    if max(map(len, lines)) > WIDTH:  # a command that is broken in two cannot be copied
        lines = [f"  {words}\n    {command}" for words, command in found]
    return "\n".join(["", "What next?", *lines, "", warning])


def document(setup: Setup, home: Path | None = None) -> Document:
    """Return the data of ``init``."""
    held_back = setup.first.held_back
    return {
        "enrolment": enroll.document(setup.first.outcome),
        "held_back": None if held_back is None else str(held_back),
        "verification": None if setup.verification is None else verify.document(setup.verification),
        "error": None if setup.error is None else refusal(setup.error),
        "next": [command for _, command in steps(setup.first.outcome.name, home)],
    }


def _program(home: Path | None) -> str:
    """Return how a command begins that works on the gallery of this set-up."""
    return "faceunlock" if home is None else f"faceunlock --home {shlex.quote(str(home))}"


def _leading_to(paragraph: str, command: str) -> str:
    """Return a paragraph, and the command it ends in on a line of its own, which can be copied."""
    return f"{_filled(paragraph)}\n  {command}"


def _filled(paragraph: str) -> str:
    return textwrap.fill(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False)
