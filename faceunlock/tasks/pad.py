"""Measure the checks for presentation attacks on photos of people and of attacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from faceunlock.errors import SettingsError
from faceunlock.pipeline.samples import Track, untracked
from faceunlock.tasks.workspace import PhotoPath, Workspace, as_path, examiner, quality_gates

if TYPE_CHECKING:
    from faceunlock.liveness.presentations import PadReport


class PadOptions(TypedDict, total=False):
    """Options of `measure_pad`."""

    target_bpcer: float
    seed: int
    dry_run: bool
    track: Track


def measure_pad(
    workspace: Workspace,
    live: PhotoPath,
    attack: PhotoPath,
    *,
    target_bpcer: float = 0.1,
    seed: int = 0,
    dry_run: bool = False,
    track: Track = untracked,
) -> PadReport:
    """Measure the checks for presentation attacks; see `faceunlock.liveness.presentations`.

    Parameters
    ----------
    workspace : Workspace
        Stores the thresholds of the checks; its model finds the faces.
    live, attack : path
        Folders with photos and films of people, and of attacks.
    target_bpcer : float
        Share of genuine photos that all checks together may refuse, in (0, 1).
    seed : int
        Seed of the split.
    dry_run : bool
        Measure without saving the thresholds.
    track : callable
        Shows progress.

    Raises
    ------
    SettingsError
        ``usage`` for a target out of range.
    PhotoError, ModelError
        A folder, the weights or the device cannot be used.
    """
    from faceunlock.liveness.presentations import PadReport, measure_folders
    from faceunlock.liveness.record import save

    if not 0.0 < target_bpcer < 1.0:
        raise SettingsError("usage", f"the target must be a number between 0 and 1, not {target_bpcer}")
    settings = workspace.settings
    acquisition, identity = workspace.choice.acquisition()
    gates = quality_gates(workspace, identity)
    measurement, left_out = measure_folders(
        acquisition,
        lambda: examiner(acquisition, gates, settings.max_pixels),
        as_path(live),
        as_path(attack),
        target_bpcer=target_bpcer,
        seed=seed,
        seconds=settings.camera_seconds,
        max_pixels=settings.max_pixels,
        track=track,
    )
    if not dry_run:
        save(workspace.locations.data, measurement)
    return PadReport(measurement, left_out, saved=not dry_run)
