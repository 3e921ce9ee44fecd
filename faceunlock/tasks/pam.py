"""PAM service files: propose the line that asks for a face, and check that a file with it is safe.

Nothing here edits a service file. If users can write a gallery, any program they run can enroll another face.
So a user's own gallery may unlock only that user's screen. If an answer grants more than the user already
has, then the gallery, the program and every directory on the way to them must belong to root.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from faceunlock.errors import FaceUnlockError, PamError, SettingsError
from faceunlock.files.text import fits_a_line
from faceunlock.files.trust import distrusted, distrusted_all
from faceunlock.tasks.pam_files import DIRECTORY, MODULE, Line, module_options, quoted, read_lines
from faceunlock.tasks.pam_installation import few, installation_problems
from faceunlock.tasks.pam_options import (
    NEVER_UNASKED,
    SCREEN_LOCKERS,
    TERMINAL_SERVICES,
    CannotAskError,
    faults,
    recognised,
    understand,
    unsuitable,
)
from faceunlock.tasks.pam_sources import camera_problems, program_problems
from faceunlock.tasks.pam_stack import (
    asks,
    deciding_programs,
    foreign_modules,
    jumps_over,
    keeps_out,
    lets_everybody_in,
)

SYSTEM_HOME = Path("/var/lib/faceunlock")
HELPER = "faceunlock.pam"
INTERPRETER_WORDS = ("-I", "-m", HELPER)

_GOOD_CONTROLS = re.compile(r"sufficient|\[success=(?:done|\d+)\s+default=ignore\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A line for a service file, and what would make it unsafe.

    Attributes
    ----------
    service : str
    file : Path
        The service file.
    system : bool
        Whether it needs the system gallery.
    home : Path or None
        Directory of the gallery; None for the user's own.
    program : Path
        The interpreter.
    line : str
        The line.
    problems : tuple of str
        What makes the line unsafe on this machine now.
    options : tuple of str
        The options of `faceunlock.pam` in the line, not quoted.
    """

    service: str
    file: Path
    system: bool
    home: Path | None
    program: Path
    line: str
    problems: tuple[str, ...]
    options: tuple[str, ...]

    @property
    def require_live(self) -> bool:
        """Whether the line asks for turns of the head."""
        return "--require-live" in self.options

    @property
    def ask(self) -> bool:
        """Whether the line waits for a key."""
        return "--ask" in self.options


@dataclass(frozen=True, slots=True)
class ServiceCheck:
    """The result of checking whether a service file is safe.

    Attributes
    ----------
    service : str
    file : Path
    system : bool
        Whether it needs the system gallery.
    lines : tuple of Line
        The lines that ask faceunlock.
    problems : tuple of str
        One sentence for each problem.
    """

    service: str
    file: Path
    system: bool
    lines: tuple[Line, ...]
    problems: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether the service asks faceunlock, and does so safely."""
        return bool(self.lines) and not self.problems


def needs_system_gallery(service: str) -> bool:
    """Return whether an answer for a service grants more than the user already has.

    Raises
    ------
    PamError
        ``pam-unsuitable`` for a service where a face proves nothing.
    SettingsError
        ``usage`` for an invalid name of a service.

    Examples
    --------
    >>> needs_system_gallery("sudo"), needs_system_gallery("swaylock")
    (True, False)
    """
    require_name(service)
    reason = unsuitable(service)
    if reason is not None:
        raise PamError("pam-unsuitable", f"{service} must not ask for a face: {reason}")
    return service not in SCREEN_LOCKERS


def propose(
    service: str,
    source: str = "--camera",
    *,
    home: Path | None = None,
    timeout: float | None = None,
    require_live: bool | None = None,
    ask: bool | None = None,
) -> Proposal:
    """Return the line for a service.

    Parameters
    ----------
    service : str
        Name of a file in ``/etc/pam.d``.
    source : str
        Where the photo comes from, as an option of `faceunlock.pam`.
    home : Path, optional
        Directory of the gallery. When omitted, `SYSTEM_HOME` for services that need the system gallery, the
        user's own for others.
    timeout : float, optional
        Seconds after which to give up.
    require_live : bool, optional
        Ask for turns of the head; see `faceunlock.tasks.live`. When omitted, with a camera in front of the
        services that show what a module says (`TERMINAL_SERVICES`).
    ask : bool, optional
        Look only if Enter was pressed instead of a password. When omitted, for the same services.

    Raises
    ------
    PamError
        ``pam-unsuitable``; also without `ask` for a service in `NEVER_UNASKED`.
    SettingsError
        ``usage`` for a path that a line of a service file cannot hold.
    """
    system = needs_system_gallery(service)
    if home is None and system:
        home = SYSTEM_HOME
    program = Path(sys.executable)
    options = [f"--home={home}"] if home is not None else []
    options.append(source)
    if require_live is None:
        require_live = service in TERMINAL_SERVICES and source.partition("=")[0] == "--camera"
    if timeout is not None:
        options.append(f"--timeout={timeout:g}")
    ask = service in TERMINAL_SERVICES if ask is None else ask
    if service in NEVER_UNASKED and not ask:
        raise PamError("pam-unsuitable", f"{service} must not be answered by a glance; leave out --no-ask")
    if require_live:
        options.append("--require-live")
    if ask:
        options.append("--ask")
    try:
        understand(options)
    except CannotAskError as error:
        raise PamError("pam-unsuitable", f"{error}") from error
    for word in (str(program), *options):
        if not fits_a_line(word) or "#" in word or word.endswith("\\"):
            raise SettingsError(
                "usage",
                f"{word!r} has a line break, a # or another character that a PAM line cannot hold",
                hint="Choose a path without it.",
            )
    words = ["quiet", *(["stdout"] if require_live or ask else []), *(["expose_authtok"] if ask else [])]
    words += [*(["seteuid"] if system else []), "type=auth"]
    line = " ".join(
        ["auth sufficient", MODULE, *words, *map(quoted, [str(program), *INTERPRETER_WORDS, *options])]
    )
    problems = list(installation_problems(program)) if system else []
    if system and home is not None:
        problems += _home_problems(home)
    kind, _, device = source.partition("=")
    if kind == "--camera" and device:
        problems += camera_problems(device)
    file = DIRECTORY / service
    return Proposal(service, file, system, home, program, line, tuple(problems), tuple(options))


def services(directory: Path = DIRECTORY) -> tuple[str, ...]:
    """Return the names of the service files that ask faceunlock, directly or through an included file.

    Raises
    ------
    PamError
        ``file-unreadable``.
    """
    try:
        files = sorted(entry for entry in directory.iterdir() if entry.is_file())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise PamError("file-unreadable", f"{directory}: {error.strerror}") from error
    return tuple(file.name for file in files if any(line.is_ours for line in read_lines(file)))


def undo(service: str, file: Path | None = None) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    """Return what to take out of a service file, and of those it includes, so that it asks no face.

    Any service: what must not be set up must be removable. Parameters are as for `check`.

    Returns
    -------
    tuple of Line
        The lines to take out.
    tuple of Line
        The lines that skip one of them, and would then skip too much.

    Raises
    ------
    PamError
        ``file-unreadable``; ``pam-unsuitable`` if that is not the name of a service.
    """
    require_name(service)
    lines = list(read_lines(DIRECTORY / service if file is None else file, []))
    ours = tuple(line for line in lines if line.is_ours)
    jumping = dict.fromkeys(line for taken in ours for line in jumps_over(lines, taken) if not line.is_ours)
    return ours, tuple(jumping)


def require_name(service: str) -> None:
    """Refuse what is not the name of a service file, with ``pam-unsuitable``."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", service):
        raise PamError("pam-unsuitable", f"{service!r} is not the name of a service in {DIRECTORY}")


def check(service: str, file: Path | None = None) -> ServiceCheck:
    """Return whether a service file asks faceunlock, and does so safely.

    Parameters
    ----------
    service : str
        Name of a file in ``/etc/pam.d``.
    file : Path, optional
        Look at this file instead.

    Raises
    ------
    PamError
        ``pam-unsuitable`` or ``file-unreadable``.
    """
    system = needs_system_gallery(service)
    file = DIRECTORY / service if file is None else file
    problems: list[str] = []
    lines = list(read_lines(file, problems))
    ours = [line for line in lines if line.is_ours]
    if not ours:
        problems.append(f"{file} does not ask faceunlock")
    elif len(ours) > 1:
        problems.append(f"{file} asks faceunlock {len(ours)} times; each one counts as an attempt")
    for where in dict.fromkeys(line.file for line in lines):
        problems += distrusted(where.absolute())
    problems += foreign_modules(lines)
    problems += deciding_programs(lines)
    if ours:
        yes = lets_everybody_in(lines)
        if yes is not None:
            problems.append(
                f"a wrong face and a wrong password are let in: {yes.file}:{yes.number}: "
                f"{yes.module} says yes, and no line refuses"
            )
        if keeps_out(lines):
            problems.append("a wrong face and the right password are refused: no line says yes to them")
    for line in ours:
        at = f"{line.file}:{line.number}: "
        after = lines[lines.index(line) + 1 :]
        problems += [at + problem for problem in _line_problems(line, after, system=system)]
        if service in NEVER_UNASKED and "--ask" not in line.words:
            problems.append(f"{at}--ask is missing, and no face may answer {service} unasked")
        problems += [at + problem for problem in _program_problems(line, system=system)]
    return ServiceCheck(service, file, system, tuple(ours), tuple(dict.fromkeys(problems)))


def _line_problems(line: Line, after: list[Line], *, system: bool) -> Iterator[str]:
    if line.kind != "auth":
        yield f"a face can only answer auth, not {line.kind}"
    if not _GOOD_CONTROLS.fullmatch(line.control):
        yield (
            f"the control is {line.control}; only sufficient still allows the password when the face fails"
        )
    if not any(map(asks, after)):
        yield "no line comes after it that could ask for the password"
    options = module_options(line)
    asks_first = "--ask" in line.words
    if "expose_authtok" in options and not asks_first:
        yield "expose_authtok would give the program the password, which it needs for --ask only"
    if asks_first and "expose_authtok" not in options:
        yield "expose_authtok is missing; without it --ask waits for no key, and no face is looked at"
    if "--require-live" in line.words and "stdout" not in options:
        yield "stdout is missing; nobody would see what --require-live asks for"
    if system and "seteuid" not in options:
        yield "seteuid is missing; only root can read the system gallery"


def _program_problems(line: Line, *, system: bool) -> Iterator[str]:
    command = line.words[len(module_options(line)) :]
    program = Path(*command[:1])
    absolute = program.is_absolute()
    if not absolute:
        yield "the program needs an absolute path"
    if command[1:4] != INTERPRETER_WORDS:
        yield f"the program is not called as PYTHON {' '.join(INTERPRETER_WORDS)}"
        return
    if absolute and system:
        yield from installation_problems(program)
    elif absolute and not program.exists():
        yield f"{program} does not exist"
    yield from faults(command[4:])
    options = recognised(command[4:])  # also of options that are wrong, to find what else is
    if options.get("camera"):
        yield from camera_problems(options["camera"])
    if system and "home" not in options:
        yield f"this service needs the system gallery, --home={SYSTEM_HOME}; its user can change any other"
    if system and "photo" in options:
        yield from distrusted(Path(options["photo"]), created_later=True)
    if system and "capture" in options:
        yield from program_problems(Path(options["capture"]))
    if system and "home" in options:
        yield from _home_problems(Path(options["home"]))
    if "home" in options or os.geteuid() != 0:
        yield from _gallery_problems(options, system=system)


def _home_problems(home: Path) -> Iterator[str]:
    """Yield why somebody other than root could change the gallery, or make it where it is missing."""
    found = distrusted_all(home) if home.exists() else distrusted(home, created_later=True)
    yield from (f"the gallery must belong to root: {problem}" for problem in few(found, home))


def _gallery_problems(options: dict[str, str], *, system: bool) -> Iterator[str]:
    """Yield why a gallery or the camera cannot answer; without a home, checks the current user's gallery."""
    from faceunlock.settings import LOCAL, default_settings, load_settings, locate
    from faceunlock.tasks.models import AUTO
    from faceunlock.tasks.status import status
    from faceunlock.tasks.workspace import Workspace

    try:
        locations = locate(options.get("home"))
    except FaceUnlockError as error:
        yield error.message
        return
    try:
        settings = load_settings(locations.config, {})  # PAM runs it without the user's environment
    except FaceUnlockError as error:
        yield error.message
        settings = default_settings()  # to find what else is wrong
    if settings.gallery != LOCAL:
        yield 'the gallery is on a server, which cannot answer a login; set gallery = "local" there'
        return
    try:
        opened = Workspace(locations=locations, settings=settings)
    except FaceUnlockError as error:  # the folder of a trained model, for one
        yield error.message
        opened = Workspace(locations=locations, settings=replace(settings, model=AUTO))
    with opened as workspace:
        found = status(workspace)
    yield from found.problems
    if system and found.protection is not None and found.protection.place == "keyring":
        yield "the gallery's key is in a keyring, locked before login; run: protect rotate --key file"
    if not found.people:
        yield f"nobody is enrolled in {locations.data}; the enrolled name must be the login name"
    if "camera" in options:
        yield from _opening_problems(options["camera"] or settings.camera)


def _opening_problems(camera: str) -> Iterator[str]:
    from faceunlock.photos.camera import open_camera

    found = list(camera_problems(camera))
    yield from found
    if found:
        return
    try:
        with open_camera(camera):
            pass
    except FaceUnlockError as error:
        yield error.message


def command_line(proposal: Proposal, *words: str, root: bool = True) -> str:
    """Return a shell command that works on the gallery of a proposal, as root if the gallery is root's."""
    home = [] if proposal.home is None else [f"--home={proposal.home}"]
    sudo = ["sudo"] if proposal.system and root else []
    return shlex.join([*sudo, str(proposal.program), "-I", "-m", "faceunlock", *home, *words])
