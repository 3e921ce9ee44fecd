"""Where things live and how they behave: locations, the config file, the environment.

Every setting has a default, a range and an environment variable ``FACEUNLOCK_<KEY>``. The
environment wins over ``config.toml``, and the command line wins over both. A variable that is empty counts as
not set. The limits of attempts, the level of security and ``texture`` are exceptions: a program that a user
starts inherits any environment, so a variable can only make them stricter.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast, get_args

from faceunlock.errors import SettingsError

APP = "faceunlock"

CACHE_FOLDER = "cache"
"""The folder of the cache in a home that holds everything.

Other packages are told to write there, and may be the first to create it, and the home with it.
"""

LOCAL = "local"
"""The gallery in a file of this home."""

Security = Literal["relaxed", "normal", "strict"]
"""A level of security; see `faceunlock.matching.security`."""


@dataclass(frozen=True, slots=True)
class Locations:
    """The three places faceunlock uses.

    Attributes
    ----------
    data : Path
        Directory of the gallery; private.
    cache : Path
        Directory of downloaded weights; can be deleted and fetched again.
    config : Path
        The file ``config.toml``; need not exist.
    home : Path or None
        The directory that was chosen to hold all three; None for the platform's own.
    """

    data: Path
    cache: Path
    config: Path
    home: Path | None = None

    @property
    def keys(self) -> Path:
        """Directory of the keys of sealed galleries, beside the config file; private."""
        return self.config.with_name("keys")


def locate(home: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ) -> Locations:
    """Return where data, cache and config live.

    Parameters
    ----------
    home : path, optional
        Keep everything under this directory; ``FACEUNLOCK_HOME`` when omitted; the platform's own
        per-user directories when that is not set either.
    environ : mapping
        Environment variables.

    Raises
    ------
    SettingsError
        ``bad-setting`` for the home directory (``~name``) of a user who does not exist; ``usage`` for an
        empty path; ``no-home`` if the user has no home directory and none was chosen.

    Examples
    --------
    >>> locate("/srv/faces", {}).cache.as_posix()
    '/srv/faces/cache'
    """
    if home is not None and not os.fspath(home):
        raise SettingsError("usage", "the home directory is an empty path")
    chosen = home or environ.get("FACEUNLOCK_HOME")
    if chosen:
        try:
            root = Path(chosen).expanduser().absolute()
        except RuntimeError as error:
            raise SettingsError(
                "bad-setting", f"{chosen}: there is no such home directory", hint="Give its full path."
            ) from error
        return Locations(root, root / CACHE_FOLDER, root / "config.toml", home=root)
    from platformdirs import PlatformDirs

    dirs = PlatformDirs(APP, appauthor=False)
    try:
        data, cache, config = map(Path, (dirs.user_data_dir, dirs.user_cache_dir, dirs.user_config_dir))
    except RuntimeError as error:  # newer versions of platformdirs refuse by themselves
        raise SettingsError("no-home") from error
    if not (data.is_absolute() and cache.is_absolute() and config.is_absolute()):
        # Without HOME and without an entry for the user, ``~`` stays what it is, and would be a folder here.
        raise SettingsError("no-home")
    return Locations(data, cache, config / "config.toml")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its meaning, its default and its allowed values.

    Attributes
    ----------
    meaning : str
        One sentence for the documentation.
    default : str, int or float
        The value without a config file; its type is the setting's type.
    choices : tuple of str
        Allowed values; empty where any value in the range is allowed.
    low, high : float
        The range of a number, inclusive.
    stricter : {"", "lower", "higher"}
        For what keeps strangers out, where stricter values are; an environment variable may only go there.
        Choices are listed from the least strict to the strictest.
    """

    meaning: str
    default: str | int | float
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    stricter: Literal["", "lower", "higher"] = ""


# Quality limits, from benchmarks/quality.py: they lose none of the 78 enrolment photos of ten phone users
# and one of 7,701 LFW photos. They refuse most photos blurred by 4 % of the face's width or more, where the
# blur alone takes the similarity to the sharp original below the threshold. Darkness costs little similarity.
SETTINGS: dict[str, Setting] = {
    "gallery": Setting(
        "Where people, thresholds and attempts are kept: local, a file of this home; or the address of a "
        "PostgreSQL database.",
        LOCAL,
    ),
    "model": Setting("Model used when --model is not given; auto: the one the gallery uses.", "auto"),
    "device": Setting("Where networks run.", "auto", choices=("auto", "cpu", "cuda")),
    "runtime": Setting(
        "What runs networks; auto: ONNX Runtime on the processor, PyTorch on a GPU.",
        "auto",
        choices=("auto", "onnx", "torch"),
    ),
    "prepare_networks": Setting(
        "Whether a command may prepare networks, which takes a second or two; never: it refuses with "
        "networks-not-prepared.",
        "auto",
        choices=("auto", "never"),
    ),
    "max_megapixels": Setting("Larger photos are refused.", 100, low=1, high=1000),
    "min_face_pixels": Setting(
        "Shorter side of the smallest face box used, in pixels.", 40, low=20, high=400
    ),
    "min_sharpness": Setting("Sharpness below which a photo is not enrolled.", 7.0, low=0, high=100),
    "min_brightness": Setting(
        "Brightness of a face below which a photo is not enrolled.", 30, low=0, high=255
    ),
    "min_photos": Setting("Fewest usable photos for an enrolment.", 3, low=2, high=100),
    "security": Setting(
        "How sure a yes must be; auto: normal, for identify relaxed, and for a login through PAM strict.",
        "auto",
        choices=("auto", *get_args(Security)),
        stricter="higher",
    ),
    "target_fmr": Setting("False match rate that calibrate aims at.", 1e-3, low=1e-9, high=0.5),
    "busy_seconds": Setting("How long to wait for another command that writes.", 10.0, low=0, high=600),
    "failures_before_wait": Setting(
        "Failed attempts in a row before the next one must wait.", 5, low=1, high=10, stricter="lower"
    ),
    "wait_seconds": Setting(
        "How long to wait before each further attempt.", 30.0, low=1, high=86400, stricter="higher"
    ),
    "failures_before_lock": Setting(
        "Failed attempts in a row after which only unlock-attempts helps.",
        50,
        low=1,
        high=1000,
        stricter="lower",
    ),
    "log_entries": Setting(
        "Attempts of each kind that the log keeps; 0 keeps none.", 1000, low=0, high=100000, stricter="higher"
    ),
    "camera": Setting("Camera used when --camera names none: a number, a device file or a video file.", "0"),
    "camera_films": Setting(
        "Whether a video file may take the place of a camera; never: it is refused, as for a login.",
        "auto",
        choices=("auto", "never"),
    ),
    "camera_seconds": Setting("How long to look for a good face in a camera.", 20.0, low=1, high=300),
    "camera_mirrored": Setting(
        "Whether the camera shows a mirror image; auto: as enroll --camera learnt it, or else no.",
        "auto",
        choices=("auto", "no", "yes"),
    ),
    "dialogue_sounds": Setting(
        "Whether each word of the dialogue of --require-live rings the terminal's bell.",
        "off",
        choices=("off", "bell"),
    ),
    "camera_photos": Setting("Frames that enroll takes from a camera.", 8, low=2, high=100),
    "decode_apart": Setting(
        "Whether a process without rights reads photos and frames; auto: for root's enroll and init, "
        "and for a login through PAM.",
        "auto",
        choices=("auto", "always"),
        stricter="higher",
    ),
    "texture": Setting(
        "Whether MiniFASNet may refuse a face with --require-live, where its weights are.",
        "on",
        choices=("off", "on"),
        stricter="higher",
    ),
    "keyring_seconds": Setting("How long to wait for the desktop keyring.", 15.0, low=1, high=600),
    "agent_idle_minutes": Setting(
        "How many minutes the resident process stays without a request.", 15, low=1, high=10080
    ),
    "weights_mirror": Setting(
        "Base URL to download weights and photos of strangers from, instead of the original release.", ""
    ),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The values in force; see `SETTINGS` for meanings and ranges."""

    gallery: str
    model: str
    device: str
    runtime: str
    prepare_networks: str
    max_megapixels: int
    min_face_pixels: int
    min_sharpness: float
    min_brightness: int
    min_photos: int
    security: str
    target_fmr: float
    busy_seconds: float
    failures_before_wait: int
    wait_seconds: float
    failures_before_lock: int
    log_entries: int
    camera: str
    camera_films: str
    camera_seconds: float
    camera_mirrored: str
    dialogue_sounds: str
    camera_photos: int
    decode_apart: str
    texture: str
    keyring_seconds: float
    agent_idle_minutes: int
    weights_mirror: str

    def level(self, usual: Security = "normal") -> Security:
        """Return the level of security that was chosen, or without a choice the usual one."""
        return usual if self.security == "auto" else cast("Security", self.security)

    @property
    def max_pixels(self) -> int:
        """Largest number of pixels a photo may have."""
        return self.max_megapixels * 1_000_000


def default_settings() -> Settings:
    """Return the settings that hold without a config file and without environment variables."""
    return Settings(**{key: setting.default for key, setting in SETTINGS.items()})  # type: ignore[arg-type]


def load_settings(config: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings from the config file and the environment.

    Parameters
    ----------
    config : Path
        A TOML file with keys of `SETTINGS`; a missing file means defaults.
    environ : mapping
        Environment variables.

    Raises
    ------
    SettingsError
        ``bad-setting`` for a file that is not TOML, an unknown key, a wrong type or a value out of
        range: a typo must not silently mean the default. Also for an environment variable that would make
        a limit of attempts, or the level of security, less strict. ``insecure-permissions`` if others could
        have written the file.
    """
    values = {key: setting.default for key, setting in SETTINGS.items()}
    for key, value in _read_toml(config).items():
        if key not in SETTINGS:
            known = ", ".join(SETTINGS)
            raise SettingsError("bad-setting", f"{config}: unknown setting {key!r}", hint=f"Known: {known}")
        values[key] = _checked(key, value, str(config))
    for key in SETTINGS:
        variable = f"FACEUNLOCK_{key.upper()}"
        if environ.get(variable):
            value = _checked(key, _parsed(key, environ[variable], variable), variable)
            values[key] = _stricter(key, value, values[key], variable)
    return Settings(**{field.name: values[field.name] for field in fields(Settings)})  # type: ignore[arg-type]


def _read_toml(config: Path) -> dict[str, Any]:
    try:
        if not config.exists():  # the usual case: no parser is needed
            return {}
    except OSError as error:
        raise SettingsError("bad-setting", f"{config} cannot be accessed: {error.strerror}") from error
    import tomllib

    try:
        with open(config, "rb", opener=_without_waiting) as file:
            _refuse_if_others_write(config, os.fstat(file.fileno()))
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError("bad-setting", f"{config} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # also bytes, numbers and nesting that it cannot read
        raise SettingsError("bad-setting", f"{config} is not a TOML file: {error}") from error


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe in its place must not block."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _refuse_if_others_write(config: Path, info: os.stat_result) -> None:
    """Raise an error unless only the user or root can have written the file; it decides about locks."""
    if not stat.S_ISREG(info.st_mode):
        raise SettingsError("bad-setting", f"{config} is not a regular file", hint="Put a file there.")
    if os.name != "posix":
        return
    for owner in (info.st_uid, config.lstat().st_uid):
        if owner not in (os.geteuid(), 0):
            raise SettingsError(
                "insecure-permissions",
                f"{config} belongs to another user (uid {owner})",
                hint="Replace it with a file of your own.",
            )
    if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SettingsError(
            "insecure-permissions",
            f"Other users can change {config} (mode {stat.S_IMODE(info.st_mode):04o})",
            hint=f"Run: chmod go-w '{config}'",
        )


def _stricter(
    key: str, value: str | int | float, set_otherwise: str | int | float, variable: str
) -> str | int | float:
    """Return the value of an environment variable, unless it would let a stranger in more easily."""
    setting = SETTINGS[key]
    if not setting.stricter:
        return value
    new, old = (_rank(setting, one) for one in (value, set_otherwise))
    if new > old if setting.stricter == "lower" else new < old:
        raise SettingsError(
            "bad-setting",
            f"{variable}: the environment can only make {key} stricter; it is {_shown(set_otherwise)}",
            hint="Set it in config.toml.",
        )
    return value


def _shown(value: str | int | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _rank(setting: Setting, value: str | int | float) -> float:
    """Return a number that grows with the value; ``auto`` of a level ranks as what `Settings.level` gives."""
    if not isinstance(value, str):
        return value
    is_level = value == "auto" and "normal" in setting.choices
    return setting.choices.index("normal" if is_level else value)


def _parsed(key: str, text: str, source: str) -> str | int | float:
    kind = type(SETTINGS[key].default)
    try:
        return kind(text)
    except ValueError as error:
        raise SettingsError("bad-setting", f"{source}: {text!r} is not a number") from error


def _checked(key: str, value: object, source: str) -> str | int | float:
    setting = SETTINGS[key]
    kind = type(setting.default)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind or not isinstance(value, str | int | float):
        raise SettingsError("bad-setting", f"{source}: {key} must be of type {kind.__name__}")
    if setting.choices and value not in setting.choices:
        raise SettingsError("bad-setting", f"{source}: {key} must be one of {', '.join(setting.choices)}")
    # The negated form also refuses NaN.
    if not isinstance(value, str) and not setting.low <= value <= setting.high:
        raise SettingsError(
            "bad-setting", f"{source}: {key} must be between {setting.low:g} and {setting.high:g}"
        )
    return value
