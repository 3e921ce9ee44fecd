"""The report on a folder: its figures with captions and descriptions in words, and the page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from faceunlock.matching.templates import ModelIdentity
from faceunlock.matching.wording import MORE_ALIKE, probability, rate, threshold_origin
from faceunlock.reports import curves
from faceunlock.reports.embedding_map import COLOURED_PEOPLE, EVERY_FACE, draw_map
from faceunlock.reports.figures import Figure, render
from faceunlock.reports.heatmap import FACED, VALUED, draw_heatmap
from faceunlock.reports.page import render_page
from faceunlock.reports.selection import choose_photos
from faceunlock.studies.overview import Operation, PersonSummary, Study
from faceunlock.studies.projection import Projection
from faceunlock.studies.tally import TEMPLATE_PHOTOS, PhotoPair

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


def draw(study: Study, data: str, created: str, identity: ModelIdentity) -> dict[str, Figure]:
    """Return every figure for which there is enough data, by name."""
    samples, photos, templates = study.samples, study.pairs, study.templates
    source = (
        f"Data: {data}, {_number(len(samples), 'photo')} of {_number(len(samples.people), 'person')}; "
        f"model {identity.model}; thresholds {photos.threshold:.4f} (photo against photo) and "
        f"{templates.threshold:.4f} (photo against centroid); {created[:10]}."
    )
    drawn: list[Figure] = []
    if len(samples) >= 2:
        chosen = choose_photos(samples.person_index)
        drawn.append(
            render(
                lambda scheme: draw_heatmap(scheme, samples, chosen, photos.threshold),
                name="heatmap",
                title="Similarity of photos",
                caption=_heatmap_caption(study, chosen) + source,
                alt=_heatmap_alt(study),
                photographic=True,
            )
        )
    if (where := study.projection) is not None:
        drawn.append(
            render(
                lambda scheme: draw_map(scheme, samples, where),
                name="map",
                title="Map of the embeddings",
                caption=_map_caption(study, where) + source,
                alt=_map_alt(study, where),
                photographic=True,
            )
        )
    for name, operation, title, compared in (
        ("photo-scores", photos, "Photo against photo", "Every pair of photos once"),
        ("centroid-scores", templates, "Photo against centroid", _CENTROIDS),
    ):
        if operation.tally.genuine_trials or operation.tally.impostor_trials:
            drawn.append(
                render(
                    lambda scheme, operation=operation: curves.draw_histogram(scheme, operation),  # type: ignore[misc]
                    name=name,
                    title=title,
                    caption=f"{compared}: {_trials(operation)}. Each kind adds up to 100 %. {source}",
                    alt=_scores_alt(title, operation),
                )
            )
    if curves.has_curve(photos) or curves.has_curve(templates):
        drawn.append(
            render(
                lambda scheme: curves.draw_det(scheme, photos, templates),
                name="det",
                title="Detection error trade-off",
                caption=_det_caption(photos, templates) + source,
                alt=_det_alt(photos, templates),
            )
        )
    return {figure.name: figure for figure in drawn}


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
        figures=report.figures,
        missing=cannot_tell(study),
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


def cannot_tell(study: Study) -> dict[str, str]:
    """Return the reason for each figure that cannot be drawn from these data."""
    photos, people = len(study.samples), len(study.samples.people)
    reasons = {}
    if photos < 2:
        reasons["heatmap"] = "one photo has nothing to be compared with."
    if study.projection is None:
        reasons["map"] = f"a map needs at least three photos; there {_are(photos)}."
    if photos < 2:
        reasons["photo-scores"] = "there is no pair of photos."
    if not (study.templates.tally.genuine_trials or study.templates.tally.impostor_trials):
        reasons["centroid-scores"] = (
            f"nobody has more than {TEMPLATE_PHOTOS} photos, so there is no centroid to compare with."
        )
    if not (curves.has_curve(study.pairs) or curves.has_curve(study.templates)):
        if people < 2:
            why = "with one person there are no impostor comparisons."
        elif not study.pairs.tally.genuine_trials:
            why = "with one photo per person there are no genuine comparisons."
        else:
            why = (
                "some threshold separates all genuine from all impostor comparisons, so there is no "
                f"trade-off to show. With {_number(people, 'person')} that proves little; see the bounds "
                "above."
            )
        reasons["det"] = why
    return reasons


_CENTROIDS = (
    "Every photo against the centroid of the other photos of its person, and against the centroid of every "
    f"other person with more than {TEMPLATE_PHOTOS} photos, as in verify"
)


def _heatmap_caption(study: Study, chosen: Sequence[int] | Any) -> str:
    samples = study.samples
    shown = len({samples.person[position] for position in chosen})
    faces = " Faces are shown beside their rows where there is room." if samples.thumbnails else ""
    sample = (
        f" A sample: {len(chosen)} of {len(samples):,} photos, {shown} of {len(samples.people):,} people, "
        "chosen at random; people with several photos come first."
        if len(chosen) < len(samples)
        else ""
    )
    return (
        "Each cell compares two photos. Rows and columns are ordered by person. "
        f"The diagonal (each photo with itself) is grey.{faces}{sample} "
    )


def _heatmap_alt(study: Study) -> str:
    means = [
        f"{what} {mean:.3f}" for what, mean in mean_similarities(study.pairs).items() if mean is not None
    ]
    close = max(
        (one for one in study.people if one.nearest_similarity is not None),
        key=lambda one: one.nearest_similarity or -1.0,
        default=None,
    )
    closest = (
        f" The most similar people are {close.name} and {close.nearest}: "
        f"their centroids have a similarity of {close.nearest_similarity:.3f}."
        if close is not None
        else ""
    )
    return f"Heatmap in blocks by person. Mean similarity of photos: {', '.join(means)}.{closest}"


def mean_similarities(operation: Operation) -> dict[str, float | None]:
    """Return the mean similarity of genuine and of impostor pairs, exact to the width of a bin."""
    tally = operation.tally
    centres = (tally.edges[:-1] + tally.edges[1:]) / 2
    kinds = {"of the same person": tally.genuine, "of different people": tally.impostor}
    counts = {what: table.sum(axis=0, dtype=np.int64) for what, table in kinds.items()}
    return {what: float(row @ centres / row.sum()) if row.sum() else None for what, row in counts.items()}


def _map_caption(study: Study, where: Projection) -> str:
    shown = len(set(study.samples.colours))
    what = "group" if study.samples.group else "person"
    if where.method == "pca":
        how = (
            f"The two principal components hold {100 * sum(where.share):.1f} % of the variance of the "
            "embeddings. People who overlap here may be far apart in the other dimensions. "
        )
    else:
        how = "UMAP keeps neighbours together. The axes, and distances between clusters, mean nothing. "
    colours = (
        f"Each {what} has a colour and a marker. "
        if shown <= COLOURED_PEOPLE
        else f"{_number(shown, what)} are too many for colours of their own. "
    )
    faces = (
        "Every photo is a point. Faces are drawn where there is room; people take turns. "
        if study.samples.thumbnails
        else "Every photo is a point. "
    )
    return how + colours + faces


def _map_alt(study: Study, where: Projection) -> str:
    spread = [one.margin for one in study.people if one.margin is not None]
    apart = sum(margin > 0 for margin in spread)
    finding = (
        f"{apart:,} of {len(spread):,} people with several photos are more similar to themselves than to the "
        "nearest other person"
        if spread
        else "No person has several photos and another person to be compared with"
    )
    kind = "principal components" if where.method == "pca" else "UMAP"
    return f"Scatter plot of {len(study.samples):,} photos, {kind}. {finding} (measured in all dimensions)."


def _scores_alt(title: str, operation: Operation) -> str:
    return (
        f"Two histograms of similarity, {title.lower()}, with the threshold {operation.threshold:.4f}. "
        f"Genuine comparisons below it: {rate(operation.fnmr)}. Impostor comparisons at or above it: "
        f"{rate(operation.fmr)}."
    )


def _det_caption(photos: Operation, templates: Operation) -> str:
    banded = any(
        one.tally.det_band([0.01]) is not None for one in (photos, templates) if curves.has_curve(one)
    )
    band = (
        "The bands hold 95 % of the curves of 1,000 resamples of people. "
        if banded
        else "No band: with genuine comparisons of fewer than 20 people, resampling says little. "
    )
    return (
        "Lower left is better. Both axes are scaled so that normally distributed scores give straight "
        "lines. Circle and square: the thresholds in use, drawn on the edge if there was no such error. "
        f"Dotted line: equal error rates. {band}"
    )


def _det_alt(photos: Operation, templates: Operation) -> str:
    parts = [
        f"{what}, equal error rate {probability(one.eer)}"
        for what, one in (("photo against photo", photos), ("photo against centroid", templates))
        if one.eer is not None and curves.has_curve(one)
    ]
    return f"Curves of the false non-match rate over the false match rate: {'; '.join(parts)}."


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
        {
            "similarity": f"{pair.similarity:.4f}",
            "match": pair.similarity >= study.pairs.threshold,
            "photos": [
                {
                    "person": samples.person[position],
                    "file": _file(report, samples.photo[position]),
                    "face": b64encode(samples.thumbnails[position]).decode() if samples.thumbnails else "",
                }
                for position in (pair.first, pair.second)
            ],
        }
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


def _trials(operation: Operation) -> str:
    tally = operation.tally
    return f"{tally.genuine_trials:,} genuine and {tally.impostor_trials:,} impostor comparisons"


def _number(count: int, what: str) -> str:
    plural = {"person": "people", "photo": "photos", "group": "groups"}[what]
    return f"{count:,} {what if count == 1 else plural}"


def _are(count: int) -> str:
    return f"is {count}" if count == 1 else f"are {count:,}"
