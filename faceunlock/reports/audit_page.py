"""The page of an audit: figures, tables and pairs of faces in the common page frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from faceunlock.reports.page import render_page, shown_pair

if TYPE_CHECKING:
    from faceunlock.reports.figures import Figure
    from faceunlock.studies.audit import AuditReport, SimilarPair

MOST_FAILURES = 50
"""Maximum number of left-out photos that the page names."""


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table on the page.

    Attributes
    ----------
    caption : str
    columns : tuple of str
    rows : sequence of tuple of str
    """

    caption: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def _pair(report: AuditReport, pair: SimilarPair, file: Callable[[str], str]) -> dict[str, Any]:
    """Return a pair as the page's building block shows it."""
    faces = report.material.thumbnails
    photos = zip((pair.photo, pair.other), pair.places, strict=True)
    return shown_pair(
        pair.similarity,
        report.audit.threshold,
        [(pair.group, file(photo), faces[place] if faces else None) for photo, place in photos],
    )


def compose_page(
    report: AuditReport,
    figures: Mapping[str, Figure],
    *,
    version: str,
    headline: str,
    findings: Sequence[str],
    facts: Sequence[tuple[str, str]],
    overview: PageTable,
    comparisons: Mapping[str, PageTable],
    ratios: Mapping[str, str],
) -> str:
    """Return the page of an audit, filled with its words and figures.

    Parameters
    ----------
    report : AuditReport
    figures : mapping of str to Figure
        See `faceunlock.reports.audit_figures.draw_figures`.
    version : str
        Version of the program, for the footer of the page.
    headline : str
        The sentence that comes first.
    findings : sequence of str
        The conclusion, part by part.
    facts : sequence of (str, str)
        What was looked at, and how.
    overview : PageTable
        The table of the groups.
    comparisons : mapping of str to PageTable
        By measure; without the measures that could not be compared.
    ratios : mapping of str to str
        The ratios of ``fmr`` and ``fnmr``, in words.
    """

    def file(photo: str) -> str:
        # The location of the folder is private.
        return photo.removeprefix(report.path).lstrip("/\\")

    return render_page(
        "audit.html",
        file=file,
        report=report,
        figures=figures,
        headline=headline,
        findings=findings,
        pairs=[_pair(report, pair, file) for pair in report.audit.most_similar],
        facts=facts,
        overview=overview,
        comparisons=comparisons,
        ratios=ratios,
        left_out=report.failures[:MOST_FAILURES],
        version=version,
        created=report.created,
    )
