"""What a report says in words: its conclusions, captions, descriptions, and what the data cannot tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from faceunlock.matching.rate import Rate
from faceunlock.matching.wording import counted, probability, rate
from faceunlock.reports import curves
from faceunlock.reports.embedding_map import COLOURED_PEOPLE, EVERY_FACE
from faceunlock.reports.heatmap import FACED, VALUED
from faceunlock.studies.overview import Operation, PersonSummary, Study
from faceunlock.studies.projection import Projection
from faceunlock.studies.tally import TEMPLATE_PHOTOS

FEW_PEOPLE = 20
"""With fewer people, a report says that it is a look at some photos and no measurement."""

NAMED = 3
"""Maximum number of people that a conclusion names."""


def conclusions(study: Study) -> list[str]:
    """Return what the photos say, in plain sentences, the most important first."""
    people = len(study.samples.people)
    found = [
        _judged(
            "verify",
            study.templates,
            right="people are recognised on {} of their photos",
            wrong="somebody is taken for somebody else in {}",
            never="nobody is taken for somebody else ({} comparisons)",
        ),
        _judged(
            "compare",
            study.pairs,
            right="{} of the pairs of one person match",
            wrong="{} of the pairs of two people match",
            never="no pair of two people matches ({} pairs)",
        ),
        *_alike(study.people),
        _usable(study),
    ]
    bounds = [
        f"{probability(operation.fmr.upper)} with {command}"
        for operation, command in ((study.templates, "verify"), (study.pairs, "compare"))
        if operation.fmr.trials
    ]
    could = f"Among other people like these, wrong matches could be as many as {' and '.join(bounds)}."
    if people < FEW_PEOPLE:
        found.append(f"{counted(people, 'person', 'people')} cannot measure a model.")
    if bounds:
        found.append(could)
    return [sentence for sentence in found if sentence]


def _judged(command: str, operation: Operation, *, right: str, wrong: str, never: str) -> str:
    """Return how often a command would be right; the words have a place for a share, `never` for a number."""
    fmr, fnmr = operation.fmr, operation.fnmr
    parts = []
    if fnmr.trials:
        parts.append(right.format(_share(fnmr.trials - fnmr.errors, fnmr)))
    if fmr.errors:
        parts.append(wrong.format(_share(fmr.errors, fmr)))
    elif fmr.trials:
        parts.append(never.format(f"{fmr.trials:,}"))
    return f"With {command}, {'; '.join(parts)}." if parts else ""


def _share(part: int, measured: Rate) -> str:
    return f"{probability(part / measured.trials)} ({part:,} of {measured.trials:,})"


def _alike(people: Sequence[PersonSummary]) -> list[str]:
    known = [one for one in people if one.margin is not None]
    unsure = [one.name for one in known if (one.margin or 0.0) <= 0]
    found = []
    if known:
        rest = (
            ""
            if not unsure
            else f" All but {', '.join(unsure[:NAMED])}"
            + (f" and {len(unsure) - NAMED:,} more." if len(unsure) > NAMED else ".")
        )
        found.append(
            f"{len(known) - len(unsure):,} of {len(known):,} people look more like themselves than like "
            f"anybody else.{rest}"
        )
    close = closest(people)
    if close is not None:
        found.append(
            f"The two people most alike are {close.name} and {close.nearest}: their centroids have a "
            f"similarity of {close.nearest_similarity:.3f}."
        )
    return found


def _usable(study: Study) -> str:
    samples = study.samples
    if not samples.failures:
        return "A usable face was found on every photo."
    return (
        f"{counted(len(samples.failures), 'photo')} of {samples.photos:,} had no usable face; they are named "
        "at the end."
    )


def closest(people: Sequence[PersonSummary]) -> PersonSummary | None:
    """Return the person with the most similar other person; None if there is nobody else."""
    return max(
        (one for one in people if one.nearest_similarity is not None),
        key=lambda one: one.nearest_similarity or -1.0,
        default=None,
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
                f"trade-off to show. With {counted(people, 'person', 'people')} that proves little; see the "
                "bounds above."
            )
        reasons["det"] = why
    return reasons


CENTROIDS = (
    "Every photo against the centroid of the other photos of its person, and against the centroid of every "
    f"other person with more than {TEMPLATE_PHOTOS} photos, as in verify"
)


def heatmap_caption(study: Study, chosen: Sequence[int] | Any) -> str:
    """Return the caption of the heatmap."""
    samples = study.samples
    shown = len({samples.person[position] for position in chosen})
    faces = ""
    if samples.thumbnails:
        faces = (
            " Every row and column has its face."
            if len(chosen) <= FACED
            else " Faces are shown beside their rows where there is room."
        )
    values = " What matches is bold." if len(chosen) <= VALUED else ""
    sample = (
        f" A sample: {len(chosen)} of {len(samples):,} photos, {shown} of {len(samples.people):,} people, "
        "chosen at random; people with several photos come first."
        if len(chosen) < len(samples)
        else ""
    )
    return (
        "Each cell compares two photos. Rows and columns are ordered by person. "
        f"The diagonal (each photo with itself) is grey. Blue is below the threshold, yellow at or above it; "
        f"the colours change fastest there.{values}{faces}{sample}"
    )


def heatmap_alt(study: Study) -> str:
    """Describe the heatmap."""
    means = [
        f"{what} {mean:.3f}" for what, mean in mean_similarities(study.pairs).items() if mean is not None
    ]
    close = closest(study.people)
    nearest = (
        f" The most similar people are {close.name} and {close.nearest}: "
        f"their centroids have a similarity of {close.nearest_similarity:.3f}."
        if close is not None
        else ""
    )
    return f"Heatmap in blocks by person. Mean similarity of photos: {', '.join(means)}.{nearest}"


def mean_similarities(operation: Operation) -> dict[str, float | None]:
    """Return the mean similarity of genuine and of impostor pairs, exact to the width of a bin."""
    tally = operation.tally
    centres = (tally.edges[:-1] + tally.edges[1:]) / 2
    kinds = {"of the same person": tally.genuine, "of different people": tally.impostor}
    counts = {what: table.sum(axis=0, dtype=np.int64) for what, table in kinds.items()}
    return {what: float(row @ centres / row.sum()) if row.sum() else None for what, row in counts.items()}


def map_caption(study: Study, where: Projection) -> str:
    """Return the caption of the map."""
    shown = len(set(study.samples.colours))
    what, several = ("group", "groups") if study.samples.group else ("person", "people")
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
        else f"{counted(shown, what, several)} are too many for colours of their own. "
    )
    faces = "Every photo is a point."
    if study.samples.thumbnails:
        faces = (
            "Every photo is a point with its face; where faces would overlap, a line leads from the face to "
            "its point."
            if len(study.samples) <= EVERY_FACE
            else "Every photo is a point. Faces are drawn where there is room; people take turns."
        )
    return how + colours + faces


def map_alt(study: Study, where: Projection) -> str:
    """Describe the map."""
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


def scores_alt(title: str, operation: Operation) -> str:
    """Describe the histograms of one way to compare."""
    return (
        f"Two histograms of similarity, {title.lower()}, with the threshold {operation.threshold:.4f}. "
        f"Genuine comparisons below it: {rate(operation.fnmr)}. Impostor comparisons at or above it: "
        f"{rate(operation.fmr)}."
    )


def det_caption(photos: Operation, templates: Operation) -> str:
    """Return the caption of the DET curve."""
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
        f"Dotted line: equal error rates. {band.strip()}"
    )


def det_alt(photos: Operation, templates: Operation) -> str:
    """Describe the DET curve."""
    parts = [
        f"{what}, equal error rate {probability(one.eer)}"
        for what, one in (("photo against photo", photos), ("photo against centroid", templates))
        if one.eer is not None and curves.has_curve(one)
    ]
    return f"Curves of the false non-match rate over the false match rate: {'; '.join(parts)}."


def trials(operation: Operation) -> str:
    """Return the numbers of comparisons in words."""
    tally = operation.tally
    return f"{tally.genuine_trials:,} genuine and {tally.impostor_trials:,} impostor comparisons"


def _are(count: int) -> str:
    return f"is {count}" if count == 1 else f"are {count:,}"
