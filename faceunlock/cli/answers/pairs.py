"""The text, the JSON document and the picture of ``faceunlock compare --pairs``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.cli.answers.parts import Document, identity, left_out, threshold_status
from faceunlock.files.text import Table, printable, table
from faceunlock.matching.wording import counted, threshold_meaning
from faceunlock.tasks.compare import distance

if TYPE_CHECKING:
    from PIL import Image

    from faceunlock.tasks.pairs import PairsOutcome, PhotoPairResult

KINDS = {True: "same person", False: "two people", None: "unknown"}


def text(outcome: PairsOutcome, output: Path | None) -> list[str | Table]:
    """Return how many pairs are decided as the folders say, and a table of the pairs."""
    rows = [
        (
            f"{pair.distance:.3f}",
            f"{pair.similarity:.4f}",
            "match" if pair.match else "no match",
            KINDS[pair.same_person],
            _names(outcome, pair),
        )
        for pair in outcome.pairs
    ]
    lines: list[str | Table] = [
        summary(outcome),
        table("dissimilarity", "similarity", "verdict", "folders say", "photos", rows=rows),
        f"Threshold: {meaning(outcome)}",
    ]
    if output is not None:
        lines.append(f"Sheet: {printable(output)}")
    return lines


def summary(outcome: PairsOutcome) -> str:
    """Return the answer in one sentence."""
    count = counted(len(outcome.pairs), "pair")
    known = [pair.right for pair in outcome.pairs if pair.right is not None]
    matching = sum(pair.match for pair in outcome.pairs)
    if not known:
        return f"{matching:,} of {count} match; without a folder per person, nothing says what is right."
    return f"{sum(known):,} of {count} are decided as the folders say."


def meaning(outcome: PairsOutcome) -> str:
    """Return the threshold as dissimilarity and as similarity, and where it comes from."""
    origin = threshold_meaning(outcome.calibration, outcome.point)
    limit = f"{distance(outcome.threshold):.3f} (similarity {outcome.threshold:.4f})"
    return f"two photos match up to a dissimilarity of {limit}; {origin}"


def _names(outcome: PairsOutcome, pair: PhotoPairResult) -> str:
    one, other = (photo.removeprefix(outcome.folder).lstrip("/\\") for photo in pair.photos)
    return f"{one}  {other}"


def document(outcome: PairsOutcome, output: Path | None) -> Document:
    """Return the data of ``compare --pairs``."""
    return {
        "pairs": [
            {
                "photos": list(pair.photos),
                "people": list(pair.people),
                "same_person": pair.same_person,
                "similarity": pair.similarity,
                "distance": pair.distance,
                "match": pair.match,
            }
            for pair in outcome.pairs
        ],
        "left_out": [left_out(photo) for photo in outcome.left_out],
        "skipped": outcome.skipped,
        "threshold": outcome.threshold,
        "threshold_status": threshold_status(outcome.calibration, outcome.point),
        "seed": outcome.seed,
        "picture": None if output is None else str(output),
        "model": identity(outcome.identity),
    }


def picture(outcome: PairsOutcome) -> Image.Image:
    """Return the sheet of the pairs."""
    from faceunlock.reports.pair_sheet import SheetPair, pair_sheet

    def shown(pair: PhotoPairResult) -> SheetPair:
        verdict = "match" if pair.match else "no match"
        if pair.right is not None:
            verdict = f"{KINDS[pair.same_person]}, {verdict}: {'right' if pair.right else 'wrong'}"
        good = pair.match if pair.right is None else pair.right
        names = _names(outcome, pair).replace("  ", " | ")
        return SheetPair(pair.crops, f"dissimilarity {pair.distance:.3f}", verdict, good, names)

    lines = (
        f"Dissimilarity: Euclidean distance of the unit embeddings, 0 to 2. Model {outcome.identity.model}.",
        f"They match up to {distance(outcome.threshold):.3f} (similarity {outcome.threshold:.4f}).",
    )
    return pair_sheet(summary(outcome), lines, [shown(pair) for pair in outcome.pairs])
