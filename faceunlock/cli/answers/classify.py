"""The text, JSON documents and plot of ``faceunlock classify``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceunlock.files.dependencies import before_others_write
from faceunlock.files.text import Table, printable, table

if TYPE_CHECKING:
    from faceunlock.pipeline.samples import LeftOut
    from faceunlock.tasks.classify import LearnedHead, NamedPhoto

NONE = "none of these"
MOST_ROWS = 20
"""Most rows of a confusion matrix that is shown in full; of a larger one, only the confusions are listed."""


def learned(result: LearnedHead, folder: Path) -> list[str | Table]:
    """Return the answer to ``classify train``: the rates and the confusion matrix."""
    from faceunlock.matching.wording import counted, rate

    held_out, names = result.held_out, result.head.names
    right = held_out.misnamed
    lines = [
        f"classifier   {counted(len(names), 'person', 'people')}, {sum(result.photos):,} photos, "
        f"over {result.identity.model}, in {printable(folder)}",
        f"accuracy     {right.trials - right.errors:,} of {right.trials:,} held-out photos named correctly "
        f"({held_out.how})",
        f"misnamed     {rate(right)}",
        f"{NONE}: below similarity {result.head.threshold:.4f}",
        f"  own people refused   {rate(held_out.refused)}",
        f"  strangers named      {rate(held_out.strangers)}",
        "",
    ]
    confusion = held_out.confusion
    if len(names) > MOST_ROWS:
        rows = [
            (names[i], (*names, NONE)[j], confusion[i, j])
            for i in range(len(names))
            for j in range(len(names) + 1)
            if i != j and confusion[i, j]
        ]
        return ["\n".join(lines), table("person", "taken for", "photos", rows=rows)]
    counts = [(name, *row) for name, row in zip(names, confusion.tolist(), strict=True)]
    return ["\n".join(lines), table("person \\ taken for", *map(printable, names), NONE, rows=counts)]


def learned_document(result: LearnedHead, folder: Path) -> dict[str, Any]:
    """Return the data of ``classify train``."""
    from faceunlock.cli.answers.parts import identity, left_out

    held_out = result.held_out
    return {
        "folder": str(folder),
        "people": [
            {"name": name, "photos": count}
            for name, count in zip(result.head.names, result.photos, strict=True)
        ],
        "threshold": result.head.threshold,
        "misnamed": held_out.misnamed.to_dict(),
        "refused": held_out.refused.to_dict(),
        "strangers": held_out.strangers.to_dict(),
        "confusion": held_out.confusion.tolist(),
        "how": held_out.how,
        "left_out": [left_out(photo) for photo in result.left_out],
        "duplicates": result.duplicates,
        "skipped": result.skipped,
        "model": identity(result.identity),
    }


def named(answers: Sequence[NamedPhoto]) -> list[str | Table]:
    """Return the table of ``classify name``, one row per face."""
    rows = [
        (
            NONE if face.name is None else face.name,
            f"{face.similarity:.4f} {'<' if face.name is None else '>='} {face.threshold:.4f}",
            face.closest,
            f"{face.probability:.3f}",
            number,
            answer.photo,
        )
        for answer in answers
        for number, face in enumerate(answer.faces, start=1)
    ]
    titles = ("person", "similarity", "closest", "probability", "face", "photo")
    return [table(*titles, rows=rows, paths=("photo",))] if rows else ["No face was named."]


def notes(answers: Sequence[NamedPhoto], output: Path | None) -> list[str]:
    """Return the notes below the answer: faces not judged and copies written."""
    said = []
    small = sum(answer.unjudged for answer in answers)
    if small:
        said.append(f"Not judged, because too small: {small:,} {'face' if small == 1 else 'faces'}")
    if output is not None:
        count = len(answers)
        said.append(f"Wrote {count:,} {'photo' if count == 1 else 'photos'} to {printable(output)}")
    return said


def named_document(answers: Sequence[NamedPhoto], unusable: Sequence[LeftOut]) -> dict[str, Any]:
    """Return the data of ``classify name``."""
    from faceunlock.cli.answers.parts import left_out

    return {
        "photos": [
            {
                "photo": answer.photo,
                "name": face.name,
                "closest": face.closest,
                "probability": face.probability,
                "similarity": face.similarity,
                "threshold": face.threshold,
                "box": None if face.place is None else list(face.place),
            }
            for answer in answers
            for face in answer.faces
        ],
        "annotated": [str(answer.annotated) for answer in answers if answer.annotated is not None],
        "unjudged": sum(answer.unjudged for answer in answers),
        "left_out": [left_out(photo) for photo in unusable],
    }


def write_plot(path: Path, result: LearnedHead) -> None:
    """Write the confusion matrix to a PNG file.

    Raises
    ------
    TrainingError
        ``file-unwritable``.
    """
    import io

    before_others_write()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from faceunlock.errors import TrainingError
    from faceunlock.files.outputs import write_output

    names, confusion = result.head.names, result.held_out.confusion
    side = min(24.0, 3.0 + 0.55 * len(names))
    figure = Figure(figsize=(side + 1.5, side), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    shares = confusion / confusion.sum(axis=1, keepdims=True).clip(min=1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    # A dollar sign in a name would start a formula.
    labels = [printable(name).replace("$", r"\$") for name in names]
    axes.set_xticks(range(len(names) + 1), [*labels, NONE], rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), labels)
    if len(names) <= MOST_ROWS:
        for (row, column), count in _cells(confusion):
            colour = "white" if shares[row, column] > 0.6 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour)
    axes.set_xlabel("taken for")
    axes.set_ylabel("person")
    axes.set_title(f"{int(confusion.sum())} held-out photos ({result.held_out.how})", fontsize="medium")
    figure.colorbar(image, ax=axes, label="share of the person's photos", shrink=0.8)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    write_output(path, content.getvalue(), overwrite=True, kind=TrainingError)


def _cells(confusion: Any) -> list[tuple[tuple[int, int], int]]:
    return [
        ((row, column), int(count))
        for row, counts in enumerate(confusion.tolist())
        for column, count in enumerate(counts)
        if count
    ]
