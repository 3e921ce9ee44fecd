"""Run ``faceunlock verify`` once its command line is understood; this needs no Typer."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from faceunlock.agent.client import understand
from faceunlock.cli.exits import EXIT_DONE, EXIT_NO
from faceunlock.cli.session import Session, open_session
from faceunlock.errors import SettingsError

if TYPE_CHECKING:
    from faceunlock.liveness.asking import Word
    from faceunlock.photos.capture import Capture
    from faceunlock.photos.face import SubjectRule
    from faceunlock.settings import Security
    from faceunlock.tasks.verify import Verification


def verify_plainly(arguments: Sequence[str], understood: dict[str, Any]) -> int | None:
    """Run an unambiguous ``verify`` command without Typer.

    Parameters
    ----------
    arguments : sequence of str
        The command line without the program's name.
    understood : dict
        Receives the common options and the command, for error reports.

    Returns
    -------
    int or None
        The exit code; None for any other command line.
    """
    said = understand(arguments)
    if said is None or os.path.isdir(said["photo"]):  # noqa: PTH112
        return None
    threshold = float(said["--threshold"]) if "--threshold" in said else None
    if threshold is not None and not -1.0 <= threshold <= 1.0:
        return None
    understood["command"] = "verify"
    understood.update({option: True for option in ("json", "quiet") if option in said})
    understood.update({key: said[f"--{key}"] for key in ("home", "model", "device") if f"--{key}" in said})
    matched = run_verify(
        open_session(understood),
        said["photo"],
        said.get("--as"),
        threshold=threshold,
        security=cast("Security | None", said.get("--security")),
        faces=cast("SubjectRule", said.get("--faces", "dominant")),
    )
    return EXIT_DONE if matched else EXIT_NO


def run_verify(
    session: Session,
    photo: str | None,
    name: str | None,
    *,
    camera: bool = False,
    threshold: float | None = None,
    security: Security | None = None,
    faces: SubjectRule = "dominant",
    require_live: bool = False,
    count: bool = True,
) -> bool:
    """Verify a photo, print the result, and return whether it is a yes.

    Parameters
    ----------
    session : Session
    photo : str or None
        A path, or ``-`` for standard input; with `camera`, the name of the camera.
    name : str or None
        The claimed person.
    camera, threshold, security, faces, require_live, count
        As for `faceunlock.unlock.FaceUnlock.verify` and ``take``; with `camera` and `require_live`, as for
        ``verify_live``.
    """
    if camera and require_live and faces != "dominant":
        raise SettingsError("usage", "--require-live follows one person alone; leave out --faces")
    with session.console.progress() as progress, session.unlock(progress) as unlock:
        source: str | BinaryIO | Capture
        if camera and require_live:
            verification = unlock.verify_live(
                photo, name, threshold=threshold, security=security, tell=teller(session), count=count
            )
        else:
            if camera:
                source = unlock.take(photo, name, faces=faces, count=count)
            else:
                source = sys.stdin.buffer if photo == "-" else str(photo)
            verification = unlock.verify(
                source,
                name,
                threshold=threshold,
                security=security,
                faces=faces,
                require_live=require_live,
                count=count,
            )
        progress.end()
        file = None if camera else photo
        matched = answer(session, verification, chosen=security is not None, photo=file)
        if session.console.verbose:
            from faceunlock.cli.answers import verify as answers

            for note in answers.details(verification, unlock.likeness(verification.identity)):
                session.console.note(note)
    return matched


def teller(session: Session) -> Callable[[Word], None]:
    """Return the function that says words on stderr at once, even if the console is quiet.

    Nobody can follow a dialogue unheard. The bell rings only if the setting ``dialogue_sounds`` says so.
    """
    from faceunlock.cli.answers.live import WORDS

    bell = session.settings.dialogue_sounds == "bell"

    def tell(word: Word) -> None:
        session.console.say(WORDS[word])
        if bell:
            session.console.ring()

    return tell


def answer(
    session: Session, verification: Verification, *, chosen: bool = False, photo: str | None = None
) -> bool:
    """Print the result of a verification and return whether it is a yes.

    Parameters
    ----------
    session : Session
    verification : Verification
    chosen : bool
        Whether the command line names a level of security.
    photo : str, optional
        The photo as the command line names it; ``-`` is standard input.
    """
    from faceunlock.cli.answers import verify as answers

    session.console.answer(answers.text(verification), answers.document(verification))
    settings = session.settings
    file = None if photo == "-" else photo
    for note in answers.notes(verification, settings.min_sharpness, settings.min_brightness, file):
        session.console.note(note)
    if chosen and verification.calibration.status == "calibrated":
        session.console.note(
            "--security changes nothing: this gallery has a threshold of its own (calibrate)."
        )
    if verification.liveness is not None:
        from faceunlock.cli.answers import live

        session.console.note(live.note(verification.liveness))
    return verification.decision.match
