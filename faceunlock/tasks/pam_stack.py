"""What the lines of a PAM service decide together when neither the face nor the password is right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from faceunlock.files.trust import distrusted
from faceunlock.tasks.pam_files import MODULE, Line, module_options

ALWAYS_YES = frozenset(("pam_permit", "pam_debug"))

CONDITIONS = frozenset(
    (
        "pam_access", "pam_cap", "pam_echo", "pam_env", "pam_faildelay", "pam_faillock", "pam_ftp",
        "pam_gnome_keyring", "pam_group", "pam_issue", "pam_keyinit", "pam_kwallet", "pam_kwallet5",
        "pam_lastlog", "pam_limits", "pam_listfile", "pam_localuser", "pam_loginuid", "pam_mail",
        "pam_mkhomedir", "pam_motd", "pam_namespace", "pam_nologin", "pam_rhosts", "pam_rootok",
        "pam_securetty", "pam_selinux", "pam_selinux_permit", "pam_sepermit", "pam_shells",
        "pam_succeed_if", "pam_systemd", "pam_tally", "pam_tally2", "pam_time", "pam_timestamp",
        "pam_tty_audit", "pam_umask", "pam_usertype", "pam_warn", "pam_wheel", "pam_xauth",
    )
)  # fmt: skip
"""Modules that ask nobody for anything: they say yes or no to circumstances."""

REFUSES = "pam_deny"

_KEYWORDS = {
    "required": {"success": "ok", "ignore": "ignore", "default": "bad"},
    "requisite": {"success": "ok", "ignore": "ignore", "default": "die"},
    "sufficient": {"success": "done", "ignore": "ignore", "default": "ignore"},
    "optional": {"success": "ok", "ignore": "ignore", "default": "ignore"},
}

_MODULE_DIRECTORIES = (
    "/lib/security", "/lib64/security", "/usr/lib/security", "/usr/lib64/security", "/usr/lib/pam",
    "/usr/lib64/pam",
)  # fmt: skip


def asks(line: Line) -> bool:
    """Return whether a line could ask for a password, or for anything else that not everybody has."""
    return line.kind == "auth" and not line.is_ours and not _is_condition(line) and _name(line) != REFUSES


def lets_everybody_in(lines: Sequence[Line]) -> Line | None:
    """Return the line by which a login succeeds though every question was answered wrongly, or None.

    The lines are run as `pam.conf(5)` says. A line that asks fails, ours too. A condition is met, except
    where being met would end the questions or skip some: there, the administrator names an exception for a
    few users, such as the members of a group.

    Parameters
    ----------
    lines : sequence of Line
        All lines of a service, in the order in which PAM applies them.
    """
    return _success(lines, right=False)


def keeps_out(lines: Sequence[Line]) -> bool:
    """Return whether a login fails though only the face is wrong, and every password is right.

    So it is where a line was put below a jump that was counted without it. Parameters are as for
    `lets_everybody_in`.
    """
    return _success(lines, right=True) is None


def jumps_over(lines: Sequence[Line], taken: Line) -> Iterator[Line]:
    """Yield the lines that skip a line: without it, each would skip one line too many."""
    stack = [line for line in lines if line.kind == taken.kind]
    end = stack.index(taken)
    for at, line in enumerate(stack[:end]):
        if any(action.isdigit() and at + int(action) >= end for action in _actions(line.control).values()):
            yield line


def _success(lines: Sequence[Line], *, right: bool) -> Line | None:
    """Return the line by which a login with a wrong face and a wrong or right password succeeds, or None."""
    stack = [line for line in lines if line.kind == "auth"]
    yes: Line | None = None  # the line that a success would rest on
    refused = False
    at = 0
    while at < len(stack):
        line = stack[at]
        action = _action(line, right=right)
        at += 1
        if action.isdigit():
            at += int(action)
        elif action == "die":
            return None
        elif action == "bad":
            refused = True
        elif action == "reset":
            yes, refused = None, False
        elif action in ("ok", "done"):
            yes = line if yes is None or _name(line) in ALWAYS_YES else yes
            if action == "done" and not refused:
                return yes
    return None if refused else yes


def deciding_programs(lines: Sequence[Line]) -> Iterator[str]:
    """Yield the programs besides ours whose yes ends the questions, so that neither face nor password counts.

    What such a program asks of whom cannot be told from the file.
    """
    for line in lines:
        if line.kind == "auth" and not line.is_ours and _name(line) == Path(MODULE).stem:
            actions = _actions(line.control)
            met = actions.get("success", actions.get("default", "bad"))
            if met == "done" or met.isdigit():
                program = next((word for word in line.words if word.startswith("/")), "a program")
                yield f"{line.file}:{line.number}: {program} can let somebody in without face and password"


def foreign_modules(lines: Sequence[Line]) -> Iterator[str]:
    """Yield why somebody other than root could choose what a module of a service does."""
    for line in lines:
        for problem in _foreign(line.module):
            yield f"{line.file}:{line.number}: {problem}"


def _foreign(module: str) -> Iterator[str]:
    if "/" not in module:
        found = [place for place in _directories() if (place / module).exists()]
        yield from (problem for place in found for problem in distrusted(place / module))
        return
    place = Path(module.replace("/$ISA", ""))
    if ".." in place.parts or place.parent not in _directories():
        yield f"{module} is not in a directory of PAM's modules; give its bare name, {place.name}"
        return
    yield from distrusted(place)


def _directories() -> list[Path]:
    """Return the directories in which distributions keep PAM's modules."""
    found = [Path(name) for name in _MODULE_DIRECTORIES]
    return [
        *found,
        *sorted(path for root in ("/lib", "/usr/lib") for path in Path(root).glob("*-*/security")),
    ]


def _action(line: Line, *, right: bool) -> str:
    """Return what PAM does after a line, with a wrong face and a wrong or right password."""
    actions = _actions(line.control)
    otherwise = actions.get("default", "bad")
    if _name(line) in ALWAYS_YES or (right and asks(line)):
        return actions.get("success", otherwise)
    if _is_condition(line) and not line.is_ours:
        met = actions.get("success", otherwise)
        if met != "done" and not met.isdigit():
            return met
    failed = actions.get("auth_err", otherwise)
    return "bad" if failed in ("ok", "done") else failed  # a failure that becomes the result stays one


def _is_condition(line: Line) -> bool:
    name = _name(line)
    # A program has no way to ask for anything; it can only check the password that an earlier line asked for.
    program = name == Path(MODULE).stem and "expose_authtok" not in module_options(line)
    return name in CONDITIONS or name in ALWAYS_YES or program


def _name(line: Line) -> str:
    return Path(line.module).stem


def _actions(control: str) -> dict[str, str]:
    """Return what PAM does for each result of a module.

    Examples
    --------
    >>> _actions("[success=1 default=ignore]")
    {'success': '1', 'default': 'ignore'}
    """
    if not control.startswith("["):
        return _KEYWORDS.get(control.lower(), _KEYWORDS["required"])
    return dict(re.findall(r"(\w+)\s*=\s*(\w+)", control.lower()))
