"""The report on a folder: its figures with captions and descriptions in words, and the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from faceunlock.matching.templates import ModelIdentity
from faceunlock.matching.wording import MORE_ALIKE, counted, probability, rate, threshold_origin
from faceunlock.reports import curves
from faceunlock.reports import report_words as words
from faceunlock.reports.embedding_map import draw_map
from faceunlock.reports.figures import Figure, render
from faceunlock.reports.heatmap import draw_heatmap
from faceunlock.reports.page import render_page, shown_pair
from faceunlock.reports.selection import choose_photos
from faceunlock.studies.overview import PersonSummary, Study
from faceunlock.studies.tally import PhotoPair

FIGURES = ("heatmap", "map", "photo-scores", "centroid-scores", "det")
"""Names of the figures, also used for the files of ``--png``."""

TABLE_PEOPLE = 100
"""Maximum rows in the table of people; beyond that, those most easily confused with others are shown."""

LEFT_OUT = 100
"""Maximum number of left-out photos that the page names."""


@dataclass(frozen=True, slots=True)
class Report:
    """The results of a study of a folder, and how they were made.

    Attributes
    ----------
    folder : str
        Path of the folder, as the user gave it.
    data : str
        Name of the folder, without its path.
    created : str
        Time in ISO 8601.
    identity : ModelIdentity
        The model that made the embeddings.
    skipped : int
        Files that are not photos or belong to no person.
    own_threshold : bool
        Whether the user chose the threshold for photo against photo.
    study : Study
    figures : dict of str to Figure
        By name; without the figures for which there is too little data.
    """

    folder: str
    data: str
    created: str
    identity: ModelIdentity
    skipped: int
    own_threshold: bool
    study: Study
    figures: dict[str, Figure] = field(repr=False)

    @property
    def people(self) -> int:
        """Number of people with a usable photo."""
        return len(self.study.samples.people)


def draw(study: Study) -> dict[str, Figure]:
    """Return every figure for which there is enough data, by name."""
    samples, photos, templates = study.samples, study.pairs, study.templates
    drawn: list[Figure] = []
    if len(samples) >= 2:
        chosen = choose_photos(samples.person_index)
        drawn.append(
            render(
                lambda scheme: draw_heatmap(scheme, samples, chosen, photos.threshold),
                name="heatmap",
                title="Similarity of photos",
                caption=words.heatmap_caption(study, chosen),
                alt=words.heatmap_alt(study),
                photographic=True,
            )
        )
    if (where := study.projection) is not None:
        drawn.append(
            render(
                lambda scheme: draw_map(scheme, samples, where),
                name="map",
                title="Map of the embeddings",
                caption=words.map_caption(study, where),
                alt=words.map_alt(study, where),
                photographic=True,
            )
        )
    for name, operation, title, compared in (
        ("photo-scores", photos, "Photo against photo", "Every pair of photos once"),
        ("centroid-scores", templates, "Photo against centroid", words.CENTROIDS),
    ):
        if operation.tally.genuine_trials or operation.tally.impostor_trials:
            drawn.append(
                render(
                    lambda scheme, operation=operation: curves.draw_histogram(scheme, operation),  # type: ignore[misc]
                    name=name,
                    title=title,
                    caption=f"{compared}: {words.trials(operation)}. Each kind adds up to 100 %.",
                    alt=words.scores_alt(title, operation),
                )
            )
    if curves.has_curve(photos) or curves.has_curve(templates):
        drawn.append(
            render(
                lambda scheme: curves.draw_det(scheme, photos, templates),
                name="det",
                title="Detection error trade-off",
                caption=words.det_caption(photos, templates),
                alt=words.det_alt(photos, templates),
            )
        )
    return {figure.name: figure for figure in drawn}


def source_line(report: Report) -> str:
    """Return the line under which all figures stand: data, model, thresholds and day."""
    study, samples = report.study, report.study.samples
    return (
        f"All figures: {report.data}, {counted(len(samples), 'photo')} of "
        f"{counted(len(samples.people), 'person', 'people')}; model {report.identity.model}; thresholds "
        f"{study.pairs.threshold:.4f} (photo against photo) and {study.templates.threshold:.4f} (photo "
        f"against centroid); {report.created[:10]}."
    )


def compose(report: Report, version: str) -> str:
    """Return the page of a report."""
    study, samples = report.study, report.study.samples
    shown = _people_shown(study.people)
    return render_page(
        "report.html",
        report=report,
        study=study,
        samples=samples,
        faces=bool(samples.thumbnails),
        conclusions=words.conclusions(study),
        source=source_line(report),
        figures=report.figures,
        missing=words.cannot_tell(study),
        facts=_facts(report),
        operations=[_operation_facts(report, name) for name in ("photo", "centroid")],
        lowest=_pairs(report, study.lowest_genuine),
        highest=_pairs(report, study.highest_impostor),
        people_rows=[_person_row(one) for one in shown],
        people_caption=_people_caption(len(shown), len(study.people)),
        left_out=[
            (_file(report, photo.photo), photo.reason, photo.detail) for photo in samples.failures[:LEFT_OUT]
        ],
        version=version,
        created=report.created,
    )


def _facts(report: Report) -> list[tuple[str, str]]:
    samples = report.study.samples
    left = {
        "duplicates": samples.duplicates,
        "files that are not photos or belong to no person": report.skipped,
    }
    dropped = ", ".join(f"{count:,} {what}" for what, count in left.items() if count)
    return [
        ("People", f"{report.people:,}"),
        (
            "Photos",
            f"{len(samples):,} usable of {samples.photos:,}" + (f"; dropped: {dropped}" if dropped else ""),
        ),
        ("Failures to acquire", rate(samples.failures_to_acquire)),
        ("Model", f"{report.identity.model}, weights {report.identity.weights_sha256[:12]}…"),
    ]


def _operation_facts(report: Report, against: str) -> tuple[str, list[tuple[str, str]]]:
    operation = report.study.pairs if against == "photo" else report.study.templates
    own = against == "photo" and report.own_threshold
    source = "your own" if own else threshold_origin(operation.calibration)
    eer = "cannot tell" if operation.eer is None else f"{probability(operation.eer)} (point estimate)"
    warning = f". {MORE_ALIKE}" if operation.more_alike else ""
    return f"Photo against {against}", [
        ("Threshold", f"{operation.threshold:.4f}: {source}"),
        ("False match rate, FMR", rate(operation.fmr) + warning),
        ("False non-match rate, FNMR", rate(operation.fnmr)),
        ("Equal error rate, EER", eer),
    ]


def _file(report: Report, photo: str) -> str:
    """Return a photo's path inside the folder, because the location of the folder is private."""
    return photo.removeprefix(report.folder).lstrip("/\\")


def _pairs(report: Report, pairs: Sequence[PhotoPair]) -> list[dict[str, Any]]:
    study, samples = report.study, report.study.samples
    return [
        shown_pair(
            pair.similarity,
            study.pairs.threshold,
            [
                (
                    samples.person[position],
                    _file(report, samples.photo[position]),
                    samples.thumbnails[position] if samples.thumbnails else None,
                )
                for position in (pair.first, pair.second)
            ],
        )
        for pair in pairs
    ]


def _people_shown(people: Sequence[PersonSummary]) -> list[PersonSummary]:
    if len(people) <= TABLE_PEOPLE:
        return list(people)

    def trouble(one: PersonSummary) -> tuple[bool, float]:
        return one.margin is None, one.margin if one.margin is not None else -(one.nearest_similarity or 0.0)

    return sorted(people, key=trouble)[:TABLE_PEOPLE]


def _people_caption(shown: int, everybody: int) -> str:
    if shown == everybody:
        return "Everyone, in the order of the folder."
    return (
        f"{shown} of {everybody:,} people, those most easily confused: their own photos are the least "
        "similar compared with the nearest other person. For all people, use --json."
    )


def _person_row(one: PersonSummary) -> tuple[str, ...]:
    def number(value: float | None) -> str:
        return "cannot tell" if value is None else f"{value:.3f}"

    return (
        one.name,
        f"{one.photos:,}",
        f"{one.failures:,}",
        number(one.consistency),
        number(one.lowest),
        one.nearest or "nobody else",
        number(one.nearest_similarity),
    )
