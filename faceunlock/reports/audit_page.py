"""The page of an audit: figures and tables in the frame of all pages; it shows no face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from faceunlock.reports.page import render_page

if TYPE_CHECKING:
    from faceunlock.reports.figures import Figure
    from faceunlock.studies.audit import AuditReport

MOST_FAILURES = 50
"""Photos left out that are named on the page."""


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table of the page.

    Attributes
    ----------
    caption : str
    columns : tuple of str
    rows : sequence of tuple of str
    """

    caption: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def compose_page(
    report: AuditReport,
    figures: Mapping[str, Figure],
    *,
    version: str,
    conclusion: str,
    facts: Sequence[tuple[str, str]],
    overview: PageTable,
    comparisons: Mapping[str, PageTable],
    ratios: Mapping[str, str],
) -> str:
    """Put the words and figures of an audit into the page.

    Parameters
    ----------
    report : AuditReport
    figures : mapping of str to Figure
        See `faceunlock.reports.audit_figures.draw_figures`.
    version : str
        Of the program, for the foot of the page.
    conclusion : str
        One paragraph.
    facts : sequence of (str, str)
        What was looked at, and how.
    overview : PageTable
        The groups.
    comparisons : mapping of str to PageTable
        By measure; those that could not be made are not there.
    ratios : mapping of str to str
        Of ``fmr`` and ``fnmr``, in words.
    """

    def file(photo: str) -> str:
        # Where the folder lies is nobody's business.
        return photo.removeprefix(report.path).lstrip("/\\")

    return render_page(
        "audit.html",
        file=file,
        report=report,
        figures=figures,
        conclusion=conclusion,
        facts=facts,
        overview=overview,
        comparisons=comparisons,
        ratios=ratios,
        left_out=report.failures[:MOST_FAILURES],
        version=version,
        created=report.created,
    )
