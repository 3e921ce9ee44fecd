"""Whole processes side by side: wall-clock time and peak memory, one run of each in turn."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# The peak memory of a process starts at that of its parent: Linux keeps the value when one program replaces
# another. So the smallest possible Python process starts the program to be measured.
_MEASURE = """
import json, os, sys, time
quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
started = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, usage = os.wait4(child, 0)
seconds = time.perf_counter() - started
print(json.dumps([seconds, usage.ru_maxrss, os.waitstatus_to_exitcode(status)]))
"""


@dataclass(frozen=True, slots=True)
class Process:
    """One program to measure.

    Attributes
    ----------
    name : str
        Name in the results.
    command : sequence of str
        Full path of the program, and its arguments.
    environment : mapping of str to str
        Variables that are added to the environment of the benchmark, after all ``FACEUNLOCK_`` variables are
        removed from it.
    codes : tuple of int
        Exit codes that mean the work was done.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    codes: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class Measured:
    """Time and memory of the runs of one process.

    Attributes
    ----------
    seconds : list of float
        Wall-clock time of every run, from start to end.
    megabytes : list of float
        Peak resident memory of every run, in 10^6 bytes.
    """

    seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median of the times, in seconds."""
        return statistics.median(self.seconds)

    @property
    def memory(self) -> float:
        """Median of the peak memory, in 10^6 bytes."""
        return statistics.median(self.megabytes)

    def document(self) -> dict[str, Any]:
        """Return the content for a result file."""
        return {
            "median_s": round(self.median, 4),
            "min_s": round(min(self.seconds), 4),
            "max_s": round(max(self.seconds), 4),
            "peak_mb": round(self.memory, 1),
            "runs": len(self.seconds),
        }


def side_by_side(processes: Sequence[Process], runs: int) -> dict[str, Measured]:
    """Return the measurements of processes: one warm-up run each, then all of them in turn, `runs` times.

    They take turns so that other load on the machine affects all of them equally.
    """
    for process in processes:
        _run(process)
    measured = {process.name: Measured() for process in processes}
    for _ in range(runs):
        for process in processes:
            seconds, megabytes = _run(process)
            measured[process.name].seconds.append(seconds)
            measured[process.name].megabytes.append(megabytes)
    return measured


def _run(process: Process) -> tuple[float, float]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FACEUNLOCK_")}
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _MEASURE, *process.command],
        env={**environment, **process.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        sys.exit(f"{process.name} could not be started:\n{result.stderr}")
    seconds, kibibytes, code = json.loads(result.stdout)
    if code not in process.codes:
        sys.exit(f"{process.name} ended with {code}: {' '.join(process.command)}\n{result.stderr}")
    return seconds, kibibytes * 1024 / 1e6
