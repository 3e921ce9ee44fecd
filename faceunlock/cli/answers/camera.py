"""The text and JSON documents of ``faceunlock camera`` and its subcommands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.cli.answers.parts import Document
from faceunlock.files.text import printable

if TYPE_CHECKING:
    from faceunlock.photos.devices import CameraDevice
    from faceunlock.tasks.camera import CameraTrial

NONE = "No camera. Connect one; if it is connected, unplug it once, or see: dmesg"


def cameras(found: Sequence[CameraDevice]) -> str:
    """Return a paragraph for each camera."""
    return "\n".join(line for one in found for line in _lines(one)) if found else NONE


def _lines(one: CameraDevice) -> list[str]:
    kind = " (virtual: its pictures come from a program)" if one.virtual else ""
    lines = [f"{printable(one.path)}  {printable(one.name)}{kind}"]
    if one.stable is not None:
        lines.append(f"  always     {printable(one.stable)}")
    may = "you may use it" if one.usable else "you may not use it; join its group, then log in again"
    lines.append(f"  access     {one.mode}: {may}")
    if one.captures is False:
        lines.append("  formats    none: it gives no pictures; one camera often has several devices")
    elif one.formats is None:
        lines.append("  formats    unknown: it cannot be asked")
    else:
        lines.append(f"  formats    {', '.join(map(printable, one.formats)) or 'none'}")
    held = ", ".join(f"{printable(holder.name)} (pid {holder.process})" for holder in one.holders)
    lines.append(f"  in use by  {held or 'nobody that you may see'}")
    return lines


def cameras_document(found: Sequence[CameraDevice]) -> Document:
    """Return the data of ``camera list``."""
    return {
        "cameras": [
            {
                "device": str(one.path),
                "stable": None if one.stable is None else str(one.stable),
                "name": one.name,
                "virtual": one.virtual,
                "mode": one.mode,
                "usable": one.usable,
                "captures": one.captures,
                "formats": None if one.formats is None else list(one.formats),
                "holders": [asdict(holder) for holder in one.holders],
            }
            for one in found
        ]
    }


def trial(found: CameraTrial, problems: Sequence[str]) -> str:
    """Return what a camera gave, and what is wrong with it."""
    size = f"{found.size[0]}x{found.size[1]}"
    lines = [
        f"camera      {printable(found.camera)}, {size}",
        f"frames      {found.frames} in {found.seconds:.1f} s: {found.rate:.1f} a second",
        f"brightness  {found.brightness:.0f} of 255",
        f"black       {found.black} frames",
        f"frozen      {found.frozen} frames",
        f"face        found in {found.faces} of {found.searched} frames searched",
    ]
    if found.quality is not None:
        best = found.quality
        lines.append(
            f"best face   {best.size:.0f} pixels wide, sharpness {best.sharpness:.1f}, "
            f"brightness {best.brightness:.0f}"
        )
    if not problems:
        return "\n".join([*lines, "good: it can recognise you"])
    return "\n".join([*lines, "problems", *(f"  {printable(problem)}" for problem in problems)])


def trial_document(found: CameraTrial, problems: Sequence[str]) -> Document:
    """Return the data of ``camera test``."""
    return {
        "camera": found.camera,
        "size": list(found.size),
        "frames": found.frames,
        "seconds": found.seconds,
        "rate": found.rate,
        "brightness": found.brightness,
        "black": found.black,
        "frozen": found.frozen,
        "searched": found.searched,
        "faces": found.faces,
        "quality": None if found.quality is None else asdict(found.quality),
        "problems": list(problems),
        "good": not problems,
    }


def chosen(camera: str, config: Path) -> str:
    """Return the answer to ``camera choose``."""
    return f"--camera now means {printable(camera)} (in {printable(config)})"
