"""Numbers in words, the same on the terminal and on pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faceunlock.matching.rate import Rate

METHODS = {
    "clopper-pearson": "Clopper-Pearson over comparisons",
    "bootstrap-people": "bootstrap over people",
    "clopper-pearson-people": "Clopper-Pearson over people",
}


def counted(number: int, one: str, several: str | None = None) -> str:
    """Return how many there are of something.

    Parameters
    ----------
    number : int
    one, several : str
        What it is called; `several` is `one` with an s if omitted.

    Examples
    --------
    >>> counted(1, "thread"), counted(1200, "person", "people"), counted(0, "photo")
    ('1 thread', '1,200 people', '0 photos')
    """
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def file_size(size: int) -> str:
    """Return the size of a file, given in bytes, in kilobytes or megabytes of powers of ten.

    Examples
    --------
    >>> file_size(7_312), file_size(5_630_000), file_size(93_900_000)
    ('7 kB', '5.6 MB', '94 MB')
    """
    if size < 1_000_000:
        return f"{size / 1e3:.0f} kB"
    return f"{size / 1e6:.1f} MB" if size < 10_000_000 else f"{size / 1e6:.0f} MB"


def probability(value: float) -> str:
    """Return a rate in percent where that is readable, as a power of ten where it is not.

    Examples
    --------
    >>> probability(0.0123), probability(0.00001), probability(0.0)
    ('1.23 %', '1.0e-05', '0')
    """
    if value == 0:
        return "0"
    return f"{100 * value:.3g} %" if value >= 0.001 else f"{value:.1e}"


def rate(measured: Rate) -> str:
    """Return a rate with its trials, its people and its bound; never the rate alone."""
    if not measured.trials:
        return "cannot tell (no comparisons)"
    confidence = f"{100 * measured.confidence:.0f} %"
    bound = (
        f"at most {probability(measured.upper)} with {confidence} confidence"
        if measured.one_sided
        else f"{confidence} interval {probability(measured.lower)} to {probability(measured.upper)}"
    )
    counts = f"{measured.errors:,} of {measured.trials:,}, {measured.people:,} people"
    return f"{probability(measured.value)} ({counts}; {bound}, {METHODS[measured.method]})"
