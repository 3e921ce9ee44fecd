"""Where things live and how they behave: locations, the config file, the environment.

Every setting has a default, a range and an environment variable ``FACEUNLOCK_<KEY>``. The
environment wins over ``config.toml``, and the command line wins over both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from faceunlock.errors import SettingsError

APP = "faceunlock"


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
        ``bad-setting`` for the home directory (``~name``) of a user who does not exist.

    Examples
    --------
    >>> locate("/srv/faces", {}).cache.as_posix()
    '/srv/faces/cache'
    """
    chosen = home or environ.get("FACEUNLOCK_HOME")
    if chosen:
        try:
            root = Path(chosen).expanduser().absolute()
        except RuntimeError as error:
            raise SettingsError(
                "bad-setting", f"{chosen}: there is no such home directory", hint="Give its full path."
            ) from error
        return Locations(root, root / "cache", root / "config.toml", home=root)
    from platformdirs import PlatformDirs

    dirs = PlatformDirs(APP, appauthor=False)
    return Locations(
        Path(dirs.user_data_dir), Path(dirs.user_cache_dir), Path(dirs.user_config_dir) / "config.toml"
    )


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
    """

    meaning: str
    default: str | int | float
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0


# Quality limits, from benchmarks/quality.py: they lose none of the 78 enrolment photos of ten phone users
# and one of 7,701 LFW photos. They refuse most photos blurred by 4 % of the face's width or more, where the
# blur alone takes the similarity to the sharp original below the threshold. Darkness costs little similarity.
SETTINGS: dict[str, Setting] = {
    "model": Setting("Model used when --model is not given; auto: the one the gallery uses.", "auto"),
    "device": Setting("Where networks run.", "auto", choices=("auto", "cpu", "cuda")),
    "runtime": Setting(
        "What runs networks; auto: ONNX Runtime on the processor, PyTorch on a GPU.",
        "auto",
        choices=("auto", "onnx", "torch"),
    ),
    "prepare_networks": Setting(
        "Whether a command may prepare networks, which takes up to a minute; never: it declines.",
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
    "target_fmr": Setting("False match rate that calibrate aims at.", 1e-3, low=1e-9, high=0.5),
    "busy_seconds": Setting("How long to wait for another command that writes.", 10.0, low=0, high=600),
    "failures_before_wait": Setting(
        "Failed attempts in a row before the next one must wait.", 5, low=1, high=10
    ),
    "wait_seconds": Setting("How long to wait before each further attempt.", 30.0, low=1, high=86400),
    "failures_before_lock": Setting(
        "Failed attempts in a row after which only unlock-attempts helps.", 50, low=1, high=1000
    ),
    "log_entries": Setting("Attempts that the log keeps; 0 keeps none.", 1000, low=0, high=100000),
    "camera": Setting("Camera used when --camera names none: a number, a device file or a video file.", "0"),
    "camera_seconds": Setting("How long to look for a good face in a camera.", 20.0, low=1, high=300),
    "camera_photos": Setting("Frames that enroll takes from a camera.", 8, low=2, high=100),
    "keyring_seconds": Setting("How long to wait for the desktop keyring.", 15.0, low=1, high=600),
    "agent_idle_minutes": Setting(
        "How many minutes the resident process stays without a request.", 15, low=1, high=10080
    ),
    "weights_mirror": Setting("Base URL to download weights from, instead of the original release.", ""),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The values in force; see `SETTINGS` for meanings and ranges."""

    model: str
    device: str
    runtime: str
    prepare_networks: str
    max_megapixels: int
    min_face_pixels: int
    min_sharpness: float
    min_brightness: int
    min_photos: int
    target_fmr: float
    busy_seconds: float
    failures_before_wait: int
    wait_seconds: float
    failures_before_lock: int
    log_entries: int
    camera: str
    camera_seconds: float
    camera_photos: int
    keyring_seconds: float
    agent_idle_minutes: int
    weights_mirror: str

    @property
    def max_pixels(self) -> int:
        """Largest number of pixels a photo may have."""
        return self.max_megapixels * 1_000_000


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
        range: a typo must not silently mean the default.
    """
    values = {key: setting.default for key, setting in SETTINGS.items()}
    for key, value in _read_toml(config).items():
        if key not in SETTINGS:
            known = ", ".join(SETTINGS)
            raise SettingsError("bad-setting", f"{config}: unknown setting {key!r}", hint=f"Known: {known}")
        values[key] = _checked(key, value, str(config))
    for key in SETTINGS:
        variable = f"FACEUNLOCK_{key.upper()}"
        if variable in environ:
            values[key] = _checked(key, _parsed(key, environ[variable], variable), variable)
    return Settings(**{field.name: values[field.name] for field in fields(Settings)})  # type: ignore[arg-type]


def _read_toml(config: Path) -> dict[str, Any]:
    try:
        if not config.exists():  # the usual case: no parser is needed
            return {}
    except OSError as error:
        raise SettingsError("bad-setting", f"{config} cannot be accessed: {error.strerror}") from error
    import tomllib

    try:
        with config.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError("bad-setting", f"{config} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError("bad-setting", f"{config} is not a TOML file: {error}") from error


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
