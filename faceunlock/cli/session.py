"""One run of one command: its console, its locations and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from faceunlock.cli.console import Console, Progress
from faceunlock.errors import SettingsError
from faceunlock.files.limits import require
from faceunlock.settings import Locations, Settings, load_settings, locate

if TYPE_CHECKING:
    from faceunlock.unlock import FaceUnlock


class Shown(Protocol):
    """What shows how far long work is."""

    def download(self, done: int, total: int) -> None:
        """Show the progress of a download, in bytes."""
        ...

    def preparation(self, network: str, done: int, steps: int) -> None:
        """Show how far a network is that is made at first use."""
        ...


@dataclass(frozen=True, slots=True)
class Session:
    """One run of one command.

    Attributes
    ----------
    console : Console
        Prints everything that the user reads.
    locations : Locations
        Where its gallery, cache and config are.
    settings : Settings
        The settings with the command line's options applied.
    """

    console: Console
    locations: Locations
    settings: Settings

    def unlock(self, progress: Shown | None = None) -> FaceUnlock:
        """Return the library's entry point; this loads NumPy, but no network."""
        from faceunlock.unlock import FaceUnlock

        shown = progress or Progress(None)
        return FaceUnlock(
            locations=self.locations,
            settings=self.settings,
            on_download=shown.download,
            on_prepare=shown.preparation,
        )


def open_session(options: Mapping[str, Any]) -> Session:
    """Return the session for the common options of a command line.

    Parameters
    ----------
    options : mapping
        ``command``, and any of ``json``, ``quiet``, ``verbose``, ``home``, ``gallery``, ``device``
        and ``model``.

    Raises
    ------
    SettingsError
        ``usage`` if both ``quiet`` and ``verbose`` are given; ``bad-setting``; ``system-limit``.
    """
    require()
    if options.get("quiet") and options.get("verbose"):
        raise SettingsError("usage", "--quiet and --verbose cannot be combined")
    locations = locate(options.get("home"))
    settings = load_settings(locations.config)
    if "gallery" in options:
        settings = replace(settings, gallery=options["gallery"])
    if "device" in options:
        settings = replace(settings, device=str(options["device"]))
    if "model" in options:
        settings = replace(settings, model=options["model"])
    console = Console(
        json=bool(options.get("json")),
        quiet=bool(options.get("quiet")),
        verbose=bool(options.get("verbose")),
        command=options["command"],
        home=locations.home,
        gallery=options.get("gallery"),
    )
    console.listen()
    return Session(console, locations, settings)
