"""Lockouts: failures in a row, the limits, and a clock that nobody can set.

The numbers come from NIST SP 800-63B-4, section 3.2.3: after 5 failures in a row, at least 30 seconds before
each further attempt; after 50, no further attempt at all. Time is counted from boot, including time in
suspend, so changing the wall clock does not end a lockout.
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
        After this many failures in a row, each further attempt must wait.
    wait_seconds : float
        How long to wait after the last failure, in seconds.
    before_lock : int
        After this many failures in a row, no attempt is allowed until the lockout is ended by hand.
    """

    before_wait: int
    wait_seconds: float
    before_lock: int


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment on the machine's clock, which starts at boot.

    Attributes
    ----------
    boot : str
        Id of the boot; empty if the system does not provide one.
    seconds : float
        Seconds since that boot.
    """

    boot: str
    seconds: float

    def since(self, earlier: Moment) -> float:
        """Return how many seconds have certainly passed.

        If the machine was rebooted in between, that is the time since boot. The time before it is unknown,
        so the wait starts over.

        Examples
        --------
        >>> Moment("b", 12.0).since(Moment("b", 2.0)), Moment("c", 1.0).since(Moment("b", 900.0))
        (10.0, 1.0)
        """
        if self.boot != earlier.boot or (not self.boot and self.seconds < earlier.seconds):
            return self.seconds
        return max(0.0, self.seconds - earlier.seconds)


def moment() -> Moment:
    """Return the current moment."""
    try:
        boot = BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        boot = ""
    # Without CLOCK_BOOTTIME, use the monotonic clock: it also starts at boot.
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
        When the last failure happened.
    """

    count: int
    last: Moment


@dataclass(frozen=True, slots=True)
class Lock:
    """Why an attempt is refused.

    Attributes
    ----------
    failures : int
        Failures in a row.
    seconds_left : float or None
        Seconds until the next attempt; None if only ``faceunlock unlock-attempts`` allows one.
    """

    failures: int
    seconds_left: float | None


def lock(records: Iterable[Failures], limits: Limits, now: Moment) -> Lock | None:
    """Return why an attempt is refused now, or None if it is not.

    Parameters
    ----------
    records : iterable of Failures
        All records that count against this attempt. Their counts add up, and the wait starts at the latest
        failure.

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
