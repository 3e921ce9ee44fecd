"""Numbers in words, the same on the terminal and on pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faceunlock.files.text import local_time, printable
from faceunlock.matching.security import level_of

if TYPE_CHECKING:
    from faceunlock.matching.calibration import Calibration, OperatingPoint
    from faceunlock.matching.likeness import Likeness
    from faceunlock.matching.rate import Rate

_ALL_DIGITS = 17
"""Two different numbers of double precision differ within this many digits."""

MORE_ALIKE = (
    "These people are more alike than the strangers behind the threshold: its false match rate does not hold "
    "among them"
)

METHODS = {
    "clopper-pearson": "Clopper-Pearson over comparisons",
    "bootstrap-people": "bootstrap over people",
    "clopper-pearson-people": "Clopper-Pearson over people",
}


def counted(number: int, one: str, several: str | None = None) -> str:
    """Return a number with its noun, such as "2 photos".

    Parameters
    ----------
    number : int
    one, several : str
        The noun in the singular and the plural; `several` is `one` with an s if omitted.

    Examples
    --------
    >>> counted(1, "thread"), counted(1200, "person", "people"), counted(0, "photo")
    ('1 thread', '1,200 people', '0 photos')
    """
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def file_size(size: int) -> str:
    """Return a file size, given in bytes, as text in decimal kilobytes or megabytes.

    Examples
    --------
    >>> file_size(7_312), file_size(5_630_000), file_size(93_900_000)
    ('7 kB', '5.6 MB', '94 MB')
    """
    if size < 1_000_000:
        return f"{size / 1e3:.0f} kB"
    return f"{size / 1e6:.1f} MB" if size < 10_000_000 else f"{size / 1e6:.0f} MB"


def probability(value: float) -> str:
    """Return a rate in percent if that is readable, otherwise as a power of ten.

    Examples
    --------
    >>> probability(0.0123), probability(0.00001), probability(0.0)
    ('1.23 %', '1.0e-05', '0')
    """
    if value == 0:
        return "0"
    return f"{100 * value:.3g} %" if value >= 0.001 else f"{value:.1e}"


def rate(measured: Rate) -> str:
    """Return a rate with its trials, people and bound; never the rate alone."""
    if not measured.trials:
        return "cannot tell (no comparisons)"
    confidence = f"{100 * measured.confidence:.0f} %"
    bound = (
        f"at most {probability(measured.upper)} with {confidence} confidence"
        if measured.one_sided
        else f"{confidence} interval {probability(measured.lower)} to {probability(measured.upper)}"
    )
    people = counted(measured.people, "person", "people")
    counts = f"{measured.errors:,} of {measured.trials:,}, {people}"
    return f"{probability(measured.value)} ({counts}; {bound}, {METHODS[measured.method]})"


def needed(similarity: float, threshold: float) -> str:
    """Return a similarity and what it needed to be, with as many digits as it takes to see which is higher.

    Parameters
    ----------
    similarity, threshold : float
        Cosines, in [-1, 1].

    Examples
    --------
    >>> needed(0.97839, 0.918), needed(0.917999, 0.918), needed(0.918, 0.918)
    ('0.978 (needs 0.918)', '0.917999 (needs 0.918000)', '0.918 (needs 0.918)')
    """
    digits = 3
    while similarity < threshold and digits < _ALL_DIGITS:
        if f"{similarity:z.{digits}f}" != f"{threshold:z.{digits}f}":  # z: no minus before zeros
            break
        digits += 1
    return f"{similarity:z.{digits}f} (needs {threshold:z.{digits}f})"


def unmeasured(calibration: Calibration, point: OperatingPoint | None) -> str | None:
    """Return why nothing is known about a threshold, or None if something is known.

    Parameters
    ----------
    calibration : Calibration
        Where the threshold comes from.
    point : OperatingPoint or None
        What it means for the number of people compared; None if the caller chose the threshold.
    """
    if point is None:
        return "your own threshold, nothing is known about it"
    if calibration.status == "not-calibrated" or calibration.fmr is None:
        return "not calibrated: the error rate of this threshold is not known"
    return None


def threshold_meaning(
    calibration: Calibration, point: OperatingPoint | None, people: int | None = None
) -> str:
    """Return what is known about the meaning of a threshold, in a few words.

    Parameters
    ----------
    calibration, point
        As for `unmeasured`.
    people : int, optional
        How many people were compared, if some have several looks.
    """
    unknown = unmeasured(calibration, point)
    measured = calibration.fmr
    if unknown is not None or point is None or measured is None:
        return str(unknown)
    evidence = (
        f"{measured.errors:,} false {'match' if measured.errors == 1 else 'matches'} "
        f"in {measured.trials:,} comparisons, {counted(measured.people, 'person', 'people')}, "
        f"at most {probability(measured.upper)} with {100 * measured.confidence:.0f} % confidence"
    )
    level = level_of(calibration)
    kind = "shipped" if level in (None, "normal") else f"shipped for {level}"
    source = f"{kind}, measured on" if calibration.status == "shipped" else "calibrated on"
    if point.candidates == 1:
        return f"FMR {probability(measured.value)}: {evidence}; {source} {printable(calibration.data)}"
    among = f"among {searched(point.candidates, people)}"
    if not point.supported or point.fmr is None:
        return f"{among}: more than the {measured.trials:,} comparisons behind the threshold can support"
    return f"{among}, FMR target {probability(point.fmr)} per search; one against one: {evidence}"


def searched(templates: int, people: int | None) -> str:
    """Return how many people were searched, and how many looks they have if some have several.

    Examples
    --------
    >>> searched(3, 3), searched(3, 1), searched(3, None)
    ('3 people', '3 looks of 1 person', '3 people')
    """
    if people in (None, templates):
        return f"{templates} people"
    return f"{counted(templates, 'look')} of {counted(people or 0, 'person', 'people')}"


def likeness_warning(likeness: Likeness) -> str:
    """Return the sentence about people who are more alike than strangers are."""
    one, other = map(printable, likeness.closest)
    return (
        f"{likeness.alike:,} of {likeness.pairs:,} comparisons of people here with each other are as alike "
        f"as at most 1 in {round(1 / likeness.fmr):,} comparisons with strangers "
        f"(closest: {one} and {other}, {likeness.similarity:.4f}). "
        "The false match rate does not hold among them"
    )


def threshold_origin(calibration: Calibration) -> str:
    """Return where a threshold comes from, with the false match rate measured for it."""
    measured = calibration.fmr
    if calibration.status == "not-calibrated" or measured is None:
        return f"not calibrated ({printable(calibration.data)})"
    return (
        f"{calibration.status} {local_time(calibration.created)[:10]}, {printable(calibration.data)}: "
        f"FMR {probability(measured.value)} ({measured.errors:,} of {measured.trials:,}, "
        f"{counted(measured.people, 'person', 'people')}, at most {probability(measured.upper)})"
    )
