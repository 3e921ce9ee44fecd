"""An audit in words, the same on the terminal and on the page."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import TYPE_CHECKING

from faceunlock.files.text import Table, printable, table
from faceunlock.matching.wording import counted, probability, rate, threshold_origin

if TYPE_CHECKING:
    from faceunlock.matching.rate import Rate
    from faceunlock.reports.figures import Figure
    from faceunlock.studies.audit import AuditReport, Comparison, GroupAudit, GroupResult, MeasureName
    from faceunlock.studies.measures import Ratio
    from faceunlock.studies.permutation import Difference


TITLES: dict[MeasureName, str] = {
    "fmr": "FMR, two people of one group",
    "fnmr": "FNMR, two photos of one person",
    "distance": "mean distance, two people of one group",
    "spread": "WSS per photo (WSS: within-group sum of squares)",
}


NAME_WIDTH = 13
"""Width of the name in a line of `basis`, in columns."""


def is_measured(audit: GroupAudit, measure: MeasureName) -> bool:
    """Return whether any group has a value for a measure."""
    return any(not isnan(difference.value) for difference in audit.comparison(measure).differences)


def basis(report: AuditReport) -> list[str]:
    """Return what was looked at and how, one line for each fact."""
    audit, calibration = report.audit, report.calibration
    origin = "your own; nothing is known about it" if calibration is None else threshold_origin(calibration)
    lines = [
        f"photos       {report.photos:,} in {len(audit.groups)} groups by {printable(report.source)}",
        f"model        {report.identity.model}, {report.identity.preprocessing}",
        f"threshold    {audit.threshold:.4f}, photo against photo: {origin}",
        f"tests        {audit.permutations:,} permutations of people, seed {audit.seed}; Holm's correction "
        "over the groups",
    ]
    dropped = {
        "photos in no group": report.ungrouped,
        "duplicates": report.duplicates,
        "files that are not photos": report.skipped,
    }
    counts = [f"{count:,} {what}" for what, count in dropped.items() if count]
    return [*lines, f"left out     {', '.join(counts)}"] if counts else lines


def overview(audit: GroupAudit) -> Table:
    """Return the table of the groups."""
    rows = [
        (
            group.name,
            f"{group.people:,}",
            f"{group.photos:,}",
            _failures(group.failures_to_acquire),
            f"{group.sum_of_squares:.2f}",
            number(group.spread),
            number(group.mean_distance),
        )
        for group in audit.groups
    ]
    return table(
        "group",
        "people",
        "photos",
        "failed to acquire",
        "WSS",
        "WSS per photo",
        "mean distance",
        rows=rows,
    )


def number(value: float | None) -> str:
    """Return a distance in words; "cannot tell" if there is none.

    Examples
    --------
    >>> number(0.5), number(None)
    ('0.5000', 'cannot tell')
    """
    return "cannot tell" if value is None or isnan(value) else f"{value:.4f}"


def _failures(measured: Rate) -> str:
    if not measured.trials:
        return "cannot tell (no photos)"
    return (
        f"{measured.errors:,} of {measured.trials:,} ({probability(measured.lower)} to "
        f"{probability(measured.upper)})"
    )


def compared(audit: GroupAudit, comparison: Comparison) -> Table:
    """Return the table of one measure, with a line for each group."""
    rows = [
        (
            group.name,
            rate_of(group, comparison.measure),
            others(audit, difference, comparison.measure),
            p_value(difference.p),
            p_value(difference.p_corrected),
        )
        for group, difference in zip(audit.groups, comparison.differences, strict=True)
    ]
    return table("group", "in the group", "in the others", "p", "p, corrected", rows=rows)


def rate_of(group: GroupResult, measure: MeasureName) -> str:
    """Return one measure of one group in words; a rate comes with its evidence."""
    if measure == "fmr":
        return rate(group.fmr)
    if measure == "fnmr":
        return rate(group.fnmr)
    return number(group.mean_distance if measure == "distance" else group.spread)


def others(audit: GroupAudit, difference: Difference, measure: MeasureName) -> str:
    """Return the same measure in all other groups together; a rate comes with its counts."""
    if isnan(difference.others):
        return "cannot tell"
    if measure not in {"fmr", "fnmr"}:
        return number(difference.others)
    rates = [
        group.fmr if measure == "fmr" else group.fnmr
        for group in audit.groups
        if group.name != difference.group
    ]
    counts = f"{sum(r.errors for r in rates):,} of {sum(r.trials for r in rates):,}"
    return f"{probability(difference.others)} ({counts})"


def p_value(p: float | None) -> str:
    """Return a p-value in words; "cannot tell" if there is none.

    Examples
    --------
    >>> p_value(0.03562), p_value(0.0001), p_value(None)
    ('0.036', '1.0e-04', 'cannot tell')
    """
    if p is None:
        return "cannot tell"
    return f"{p:.2g}" if p >= 0.001 else f"{p:.1e}"


def ratios(pair: tuple[Ratio, Ratio]) -> str:
    """Return, in words, the ratios of the worst group's rate to the best group's and to the mean."""
    to_best, to_mean = pair
    if to_best.value is None or to_mean.value is None:
        return f"cannot tell: {printable(to_best.reason)}"
    return (
        f"worst ({printable(to_best.worst)}) to best {to_best.value:.2f}, "
        f"to the geometric mean {to_mean.value:.2f}"
    )


def headline(report: AuditReport) -> str:
    """Return the one sentence that a reader wants first; numbers and p-values come after it."""
    audit = report.audit
    told = [
        *_differing(audit, "fmr", "two people are taken for one"),
        *_differing(audit, "fnmr", "people are refused"),
    ]
    if told:
        said = "; ".join(told)
        return f"{said[0].upper()}{said[1:]}. That is more than chance explains."
    if len(audit.comparison("fmr").told) < 2 and len(audit.comparison("fnmr").told) < 2:
        return "These photos cannot tell whether the model errs more often in one group than in another."
    return (
        "On these photos the model does not err more often in one group than in another, as far as chance "
        "allows to tell."
    )


def _differing(audit: GroupAudit, measure: MeasureName, what: str) -> list[str]:
    """Say which groups have more errors than the others; if there is none, which ones have fewer."""
    found = audit.comparison(measure).significant
    more, fewer = ([d.group for d in found if (d.value > d.others) is wanted] for wanted in (True, False))
    if more:
        return [f"{what} more often among {_names(more)} than among the others"]
    return [f"{what} less often among {_names(fewer)} than among the others"] if fewer else []


def _names(groups: list[str]) -> str:
    names = [printable(group) for group in groups]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def conclusion(report: AuditReport) -> str:
    """Return one paragraph on what the audit shows and what it cannot show; chance is not called bias."""
    return " ".join(findings(report))


def findings(report: AuditReport) -> list[str]:
    """Return the parts of the conclusion: what was looked at, each measure, and what to keep in mind."""
    audit = report.audit
    people = sum(group.people for group in audit.groups)
    usable = sum(group.photos for group in audit.groups)
    sentences = [
        f"{counted(len(audit.groups), 'group', 'groups')} with {counted(people, 'person', 'people')} on "
        f"{counted(usable, 'usable photo', 'usable photos')}, model {report.identity.model}."
    ]
    if not report.people_known:
        sentences.append(
            "The photos are not labelled by person, so each counts as a separate person; anyone who appears "
            "twice raises the false match rate."
        )
    sentences += [_false_matches(audit), _false_non_matches(audit), _spread(audit), _acquired(report)]
    if _looks_like_people(report):
        sentences.append(
            "Most comparisons within the groups match; if each folder holds one person, these are people, "
            "not groups."
        )
    if report.calibration is not None and report.calibration.status == "not-calibrated":
        sentences.append("The threshold is not calibrated, so the rates say little about the model itself.")
    sentences.append(
        "Where groups differ, their photos may differ too (age, light, camera), and different people may "
        "give different numbers."
    )
    return sentences


def _false_matches(audit: GroupAudit) -> str:
    comparison = audit.comparison("fmr")
    if len(comparison.told) < 2:
        return (
            "There is too little data to tell whether one group has a higher false match rate: that takes "
            "two groups with two people each."
        )
    return _rates(audit, comparison, "false match rate between two people of one group", audit.fmr_ratios)


def _false_non_matches(audit: GroupAudit) -> str:
    comparison = audit.comparison("fnmr")
    if not any(group.fnmr.trials for group in audit.groups):
        return "How often people are wrongly refused (FNMR) cannot be told: nobody has two usable photos."
    if len(comparison.told) < 2:
        return (
            "There is too little data to tell whether people of one group are wrongly refused more often "
            "(FNMR): only one group has people with two usable photos."
        )
    return _rates(audit, comparison, "false non-match rate", audit.fnmr_ratios)


def _rates(audit: GroupAudit, comparison: Comparison, what: str, ratios: tuple[Ratio, Ratio]) -> str:
    rates = {
        group.name: group.fmr if comparison.measure == "fmr" else group.fnmr
        for group in audit.groups
        if (group.fmr if comparison.measure == "fmr" else group.fnmr).trials
    }
    if not any(measured.errors for measured in rates.values()):
        worst = max(rates, key=lambda name: rates[name].upper)
        return (
            f"The {what} is 0 in every group, so no difference was seen. With this few people, it may still "
            f"be up to {probability(rates[worst].upper)} in {printable(worst)}."
        )
    if comparison.significant:
        found = "; ".join(
            f"{printable(d.group)} has {_evidence(rates[d.group])}, the others together "
            f"{probability(d.others)} (corrected p = {p_value(d.p_corrected)})"
            for d in comparison.significant
        )
        said = f"The {what} differs by more than chance: {found}."
    else:
        low, high = (f(rates, key=lambda name: rates[name].value) for f in (min, max))
        smallest = min(d.p_corrected for d in comparison.told if d.p_corrected is not None)
        said = (
            f"The {what} ranges from {_evidence(rates[low])} in {printable(low)} to {_evidence(rates[high])} "
            f"in {printable(high)}. This can be chance (smallest corrected p = {p_value(smallest)}), but it "
            "does not prove equal rates."
        )
    to_best, to_mean = ratios
    if to_best.value is None or to_mean.value is None:
        return f"{said} The factor between the groups cannot be told: {printable(to_best.reason)}."
    return (
        f"{said} The worst group, {printable(to_best.worst)}, has {to_best.value:.1f} times the rate of the "
        f"best and {to_mean.value:.1f} times the geometric mean."
    )


def _evidence(measured: Rate) -> str:
    bound = f"at most {probability(measured.upper)}"
    if not measured.one_sided:
        bound = f"{probability(measured.lower)} to {probability(measured.upper)}"
    return f"{probability(measured.value)} ({measured.errors:,} of {measured.trials:,}; {bound})"


def _spread(audit: GroupAudit) -> str:
    comparison = audit.comparison("spread")
    if len(comparison.told) < 2:
        return "There is no other group with which to compare the spread of the embeddings."
    if not comparison.significant:
        smallest = min(d.p_corrected for d in comparison.told if d.p_corrected is not None)
        return (
            "The spread of the embeddings around the group's mean does not differ by more than chance "
            f"(smallest corrected p = {p_value(smallest)})."
        )
    found = "; ".join(
        f"{printable(d.group)} {d.value:.3f} per photo, the others {d.others:.3f} (corrected p = "
        f"{p_value(d.p_corrected)})"
        for d in comparison.significant
    )
    return (
        f"The sum of squares around the group's mean (WSS) differs by more than chance: {found}. A group "
        "that lies closer together is easier to confuse, but that alone is not an error."
    )


def _acquired(report: AuditReport) -> str:
    if not report.failures:
        return "A usable face was found on every photo."
    worst = max(report.audit.groups, key=lambda group: group.failures_to_acquire.upper)
    return (
        f"{counted(len(report.failures), 'photo', 'photos')} had no usable face; the worst group is "
        f"{printable(worst.name)} with {_evidence(worst.failures_to_acquire)}. "
        "This was not tested for chance."
    )


def _looks_like_people(report: AuditReport) -> bool:
    errors = sum(group.fmr.errors for group in report.audit.groups)
    trials = sum(group.fmr.trials for group in report.audit.groups)
    return not report.people_known and trials > 0 and errors > trials / 2


def page(report: AuditReport, figures: Mapping[str, Figure], version: str) -> str:
    """Return the page of an audit; `version` is the program's version, for the footer."""
    from faceunlock.reports.audit_page import PageTable, compose_page

    def page_table(caption: str, drawn: Table) -> PageTable:
        return PageTable(caption, drawn.columns, drawn.rows)

    audit = report.audit
    return compose_page(
        report,
        figures,
        version=version,
        headline=headline(report),
        findings=findings(report),
        facts=[(line[:NAME_WIDTH].strip().capitalize(), line[NAME_WIDTH:]) for line in basis(report)],
        overview=page_table("Groups; failures to acquire with their 95 % interval", overview(audit)),
        comparisons={
            measure: page_table(title[0].upper() + title[1:], compared(audit, audit.comparison(measure)))
            for measure, title in TITLES.items()
            if is_measured(audit, measure)
        },
        ratios={"fmr": ratios(audit.fmr_ratios), "fnmr": ratios(audit.fnmr_ratios)},
    )
