"""The machine that a timing was made on."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
"""The file in which Linux names the processor."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The properties of a computer that decide how long something takes.

    Attributes
    ----------
    processor : str
        Name of the processor, or its architecture if the system gives no name.
    cores : int
        Logical processors.
    system : str
        Operating system and architecture.
    python : str
        Version of the interpreter.
    """

    processor: str
    cores: int
    system: str
    python: str


def describe_machine(cpuinfo: Path = CPUINFO) -> Machine:
    """Return the machine that this program runs on.

    Parameters
    ----------
    cpuinfo : Path
        A file like ``/proc/cpuinfo``; it may be missing.

    Examples
    --------
    >>> describe_machine().cores >= 1
    True
    """
    processor = _processor_name(cpuinfo) or platform.processor() or platform.machine()
    return Machine(
        processor,
        os.cpu_count() or 1,
        f"{platform.system()} {platform.machine()}",
        platform.python_version(),
    )


def _processor_name(cpuinfo: Path) -> str | None:
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    names = (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name"))
    return next(names, None)
