"""When somebody must wait: failures in a row, the limits, and a clock that nobody can set.

The numbers are those of NIST SP 800-63B-4, section 3.2.3: after 5 failures in a row at least 30 seconds
before each further attempt, after 50 no attempt at all. Time is counted from the start of the machine,
suspended time included, so that setting the clock of the wall opens nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Limits:
    """How many failures in a row are allowed.

    Attributes
    ----------
    before_wait : int
        From this many on, each further attempt must wait.
    wait_seconds : float
        How long, from the last failure on.
    before_lock : int
        From this many on, there is no further attempt until somebody says so.
    """

    before_wait: int
    wait_seconds: float
    before_lock: int


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment in the life of a machine.

    Attributes
    ----------
    boot : str
        Which start of the machine; empty where the system does not tell.
    seconds : float
        Since that start.
    """

    boot: str
    seconds: float

    def since(self, earlier: Moment) -> float:
        """Return how many seconds have passed for certain.

        If the machine was started again in between, those are the seconds since the start: what passed
        before is unknown, so waiting begins anew.

        Examples
        --------
        >>> Moment("b", 12.0).since(Moment("b", 2.0)), Moment("c", 1.0).since(Moment("b", 900.0))
        (10.0, 1.0)
        """
        if self.boot != earlier.boot or (not self.boot and self.seconds < earlier.seconds):
            return self.seconds
        return max(0.0, self.seconds - earlier.seconds)


def moment() -> Moment:
    """Return the present moment."""
    try:
        boot = BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        boot = ""
    # Where there is no CLOCK_BOOTTIME, the monotonic clock: it starts with the machine, too.
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return Moment(boot, time.monotonic() if clock is None else time.clock_gettime(clock))


@dataclass(frozen=True, slots=True)
class Failures:
    """Failures in a row.

    Attributes
    ----------
    count : int
        At least 1.
    last : Moment
        When the last one was.
    """

    count: int
    last: Moment


@dataclass(frozen=True, slots=True)
class Lock:
    """Why an attempt is refused.

    Attributes
    ----------
    failures : int
        In a row.
    seconds_left : float or None
        Until the next attempt; None if only ``faceunlock unlock-attempts`` allows one.
    """

    failures: int
    seconds_left: float | None


def lock(records: Iterable[Failures], limits: Limits, now: Moment) -> Lock | None:
    """Return why an attempt is refused now, or None if it is not.

    Parameters
    ----------
    records : iterable of Failures
        Everything that counts for this attempt: the counts add up, and the latest failure is waited for.

    Examples
    --------
    >>> limits = Limits(before_wait=5, wait_seconds=30.0, before_lock=50)
    >>> own, shared = Failures(3, Moment("b", 100.0)), Failures(2, Moment("b", 90.0))
    >>> lock([own, shared], limits, Moment("b", 110.0))
    Lock(failures=5, seconds_left=20.0)
    >>> lock([own, shared], limits, Moment("b", 130.0)) is None
    True
    """
    records = tuple(records)
    failures = sum(record.count for record in records)
    if not records or failures < min(limits.before_wait, limits.before_lock):
        return None
    if failures >= limits.before_lock:
        return Lock(failures, None)
    left = limits.wait_seconds - min(now.since(record.last) for record in records)
    return Lock(failures, left) if left > 0 else None
