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

# The peak memory of a process begins with that of the process it is started from: Linux takes it over when a
# program is replaced by another. So a process as small as Python can be stands in between.
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
    """One contestant.

    Attributes
    ----------
    name : str
        What to call it.
    command : sequence of str
        The program by its full path, and its arguments.
    environment : mapping of str to str
        What is different from the environment of the benchmark, from which all ``FACEUNLOCK_`` variables are
        taken out.
    codes : tuple of int
        Exit codes that mean the work was done.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    codes: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class Measured:
    """What the runs of one process took.

    Attributes
    ----------
    seconds : list of float
        Wall-clock time from start to end of every run.
    megabytes : list of float
        Largest resident set of every run, in 10^6 bytes.
    """

    seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median of the times, in seconds."""
        return statistics.median(self.seconds)

    @property
    def memory(self) -> float:
        """Median of the peaks, in 10^6 bytes."""
        return statistics.median(self.megabytes)

    def document(self) -> dict[str, Any]:
        """Return everything for a result file."""
        return {
            "median_s": round(self.median, 4),
            "min_s": round(min(self.seconds), 4),
            "max_s": round(max(self.seconds), 4),
            "peak_mb": round(self.memory, 1),
            "runs": len(self.seconds),
        }


def side_by_side(processes: Sequence[Process], runs: int) -> dict[str, Measured]:
    """Run every process once for warming up, then all of them in turn, `runs` times.

    In turn, so that whatever else the machine does hits all of them alike.
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
        sys.exit(f"{process.name} cannot be started:\n{result.stderr}")
    seconds, kibibytes, code = json.loads(result.stdout)
    if code not in process.codes:
        sys.exit(f"{process.name} ended with {code}: {' '.join(process.command)}\n{result.stderr}")
    return seconds, kibibytes * 1024 / 1e6
