"""The page of an audit: figures and tables in the common page frame; it shows no face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from faceunlock.reports.page import render_page

if TYPE_CHECKING:
    from faceunlock.reports.figures import Figure
    from faceunlock.studies.audit import AuditReport

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
    """Return the page of an audit, filled with its words and figures.

    Parameters
    ----------
    report : AuditReport
    figures : mapping of str to Figure
        See `faceunlock.reports.audit_figures.draw_figures`.
    version : str
        Version of the program, for the footer of the page.
    conclusion : str
        One paragraph.
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
        conclusion=conclusion,
        facts=facts,
        overview=overview,
        comparisons=comparisons,
        ratios=ratios,
        left_out=report.failures[:MOST_FAILURES],
        version=version,
        created=report.created,
    )
