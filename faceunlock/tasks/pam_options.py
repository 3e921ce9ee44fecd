"""Parser for the options of `faceunlock.pam`; imports nothing that reads the environment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

LOOKING_SECONDS = 3.0
"""How long the camera looks for a face, unless ``--timeout`` says more or less."""

ANSWER_SECONDS = 5.0
"""Part of the time limit, in seconds, that is reserved for everything but looking: the start, the answer."""

TIMEOUT_SECONDS = LOOKING_SECONDS + ANSWER_SECONDS
LIVE_TIMEOUT_SECONDS = 40.0
"""The same with ``--require-live``: somebody has to turn three times."""

TURNS_SECONDS = 29.0
"""What the turns can take of it: `faceunlock.liveness.asking.LONGEST`, and 2 seconds to compare."""

LEAST_LIVE_SECONDS = 36.0

OPTIONS = ("home", "camera", "capture", "photo", "timeout", "security", "require-live", "ask")
SWITCHES = ("require-live", "ask")
SECURITY = ("relaxed", "normal", "strict")

SCREEN_LOCKERS = frozenset(
    (
        "cinnamon-screensaver", "gtklock", "hyprlock", "i3lock", "i3lock-color", "kde", "kde-fingerprint",
        "light-locker", "mate-screensaver", "omarchy-lock-face", "physlock", "slock", "swaylock", "vlock",
        "waylock", "xfce4-screensaver", "xlock", "xscreensaver", "xsecurelock",
    )
)  # fmt: skip
"""Services that ask on behalf of the user who is already logged in."""

GREETERS = frozenset(
    (
        "cosmic-greeter", "gdm", "gdm-password", "greetd", "lightdm", "login", "lxdm", "ly", "plasmalogin",
        "sddm", "slim", "xdm",
    )
)  # fmt: skip
"""Services that ask before anybody has a session: the display managers, and ``login`` on a console."""

TERMINAL_SERVICES = frozenset(("login", "sudo", "sudo-i"))
"""Services on a terminal, which show what a module says while it runs; they wait for a key by default."""

NEVER_UNASKED = frozenset(("sudo", "sudo-i"))
"""Services that no face may answer without a key: any program could ask, for anything."""

_REMOTE = "the camera does not see who is at the other end of a connection"
_NOBODY = "nobody sits in front of the camera"
_OTHERS = "any program can ask for it, and the person before the camera would not know for what"
_PASSWORDS = "anyone who can change the password no longer needs a face"
UNSUITABLE = {
    **dict.fromkeys(
        (
            "cockpit", "dovecot", "ftp", "imap", "mosh-server", "openvpn", "pop", "pop3", "ppp", "proftpd",
            "pure-ftpd", "remote", "rexec", "rlogin", "rsh", "samba", "smtp", "sshd", "telnet", "tigervnc",
            "vncserver", "vsftpd", "webmin", "xrdp-sesman",
        ),
        _REMOTE,
    ),
    **dict.fromkeys(("atd", "cron", "crond"), _NOBODY),
    **dict.fromkeys(("polkit-1", "runuser", "runuser-l", "su", "su-l"), _OTHERS),
    **dict.fromkeys(("chfn", "chpasswd", "chsh", "passwd"), _PASSWORDS),
    "other": "it applies to every service without a file of its own",
}  # fmt: skip
_INCLUDED = "every other service includes it, sshd too"
_UNSUITABLE_BEGINNINGS = dict.fromkeys(("common-", "system-", "password-auth", "postlogin"), _INCLUDED)


def unsuitable(service: str) -> str | None:
    """Return why a face proves nothing for a service, or None.

    Examples
    --------
    >>> unsuitable("sudo") is None, unsuitable("common-auth")
    (True, 'every other service includes it, sshd too')
    """
    beginnings = (why for start, why in _UNSUITABLE_BEGINNINGS.items() if service.startswith(start))
    return UNSUITABLE.get(service) or next(beginnings, None)


class CannotAskError(Exception):
    """The PAM helper cannot ask faceunlock at all."""


def understand(arguments: Sequence[str]) -> dict[str, str]:
    """Return the options by name.

    Raises
    ------
    CannotAskError
        For an option that is unknown, repeated or has an invalid value.

    Examples
    --------
    >>> understand(["--home=/var/lib/faceunlock", "--camera"])
    {'home': '/var/lib/faceunlock', 'camera': ''}
    """
    for fault in faults(arguments):
        raise CannotAskError(fault)
    return recognised(arguments)


def faults(arguments: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with the options, each fault in a sentence; nothing if `understand` takes them.

    Examples
    --------
    >>> list(faults(["--home=relative", "--what", "--camera"]))
    ['--home needs an absolute path', '--what is not understood']
    """
    given: set[str] = set()
    for argument in arguments:
        name, _, value = argument.removeprefix("--").partition("=")
        known = argument.startswith("--") and name in OPTIONS
        if not known or name in given or value.startswith("-") or (value and name in SWITCHES):
            yield f"{argument} is not understood"
        elif name in ("home", "capture", "photo") and not value.startswith("/"):
            yield f"--{name} needs an absolute path"
        elif name == "security" and value not in SECURITY:
            yield f"--security must be one of {', '.join(SECURITY)}"
        given.add(name if known else "")
    if sum(name in given for name in ("camera", "capture", "photo")) != 1:
        yield "say where the photo comes from: --camera, --capture=PROGRAM or --photo=FILE"
    if "require-live" in given and "camera" not in given:
        yield "--require-live needs --camera: a photo cannot turn its head"
    try:
        seconds(recognised(arguments))
    except CannotAskError as error:
        yield str(error)


def recognised(arguments: Sequence[str]) -> dict[str, str]:
    """Return what can be recognised of options that `understand` refuses, to judge those as well.

    Examples
    --------
    >>> recognised(["--home=/srv", "--home=relative", "--what", "--camera"])
    {'home': '/srv', 'camera': ''}
    """
    options: dict[str, str] = {}
    for argument in arguments:
        name, _, value = argument.removeprefix("--").partition("=")
        absolute = name not in ("home", "capture", "photo") or value.startswith("/")
        if argument.startswith("--") and name in OPTIONS and absolute:
            options.setdefault(name, value)
    return options


def looking(options: dict[str, str]) -> float:
    """Return for how many seconds the camera looks for a face.

    Examples
    --------
    >>> looking({"camera": ""}), looking({"camera": "", "timeout": "20"})
    (3.0, 15.0)
    """
    if "timeout" not in options:
        return LOOKING_SECONDS
    turns = TURNS_SECONDS if "require-live" in options else 0.0
    return max(1.0, seconds(options) - ANSWER_SECONDS - turns)


def seconds(options: dict[str, str]) -> float:
    """Return the number of seconds after which to give up.

    Raises
    ------
    CannotAskError
        Unless the timeout is a number from 1 to 60, or with ``--require-live`` at least
        `LEAST_LIVE_SECONDS`.
    """
    live = "require-live" in options
    try:
        value = float(options.get("timeout", LIVE_TIMEOUT_SECONDS if live else TIMEOUT_SECONDS))
    except ValueError:
        value = 0.0
    if not 1 <= value <= 60:
        raise CannotAskError("--timeout must be a number of seconds from 1 to 60")
    if live and value < LEAST_LIVE_SECONDS:
        raise CannotAskError(
            f"--timeout must be at least {LEAST_LIVE_SECONDS:.0f} seconds with --require-live: "
            "turning the head takes time"
        )
    return value
