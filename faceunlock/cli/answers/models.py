"""The text and JSON documents of ``faceunlock models`` and its subcommands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from faceunlock.cli.answers.parts import Document, threshold
from faceunlock.files.text import Table, printable, table
from faceunlock.matching.wording import file_size, threshold_origin

if TYPE_CHECKING:
    from faceunlock.tasks.models import ModelState


def models(states: Sequence[ModelState]) -> list[str | Table]:
    """Return the table of models, followed by the details that are too long for it."""
    rows = []
    details = []
    for state in states:
        spec = state.spec
        rows.append(
            (
                state.model + (" (recommended)" if spec.recommended else ""),
                state.weights.status,
                file_size(state.weights.size_bytes or spec.size_bytes),
                spec.dimension if spec.purpose == "recognition" else "-",
                "-"
                if spec.purpose == "liveness"
                else "unknown"
                if state.calibration is None
                else f"{state.calibration.threshold:.4f}",
            )
        )
        details += [
            "",
            f"{state.model}: {spec.network}",
            f"  threshold   {_origin(state)}"
            if spec.purpose == "recognition"
            else "  purpose     liveness: it may refuse a face with --require-live, and admits none",
            f"  licence     {spec.licence}",
            f"  trained on  {spec.training_data}",
        ]
    return [
        table("id", "weights", "size", "dimension", "threshold", rows=rows, details=("dimension",)),
        *details,
    ]


def models_document(states: Sequence[ModelState]) -> Document:
    """Return the data of ``models``."""
    return {"models": [model_document(state) for state in states]}


def model_document(state: ModelState) -> Document:
    """Return one model as JSON: its description, its weights and its threshold."""
    spec = state.spec
    calibration = state.calibration
    return {
        "id": state.model,
        "network": spec.network,
        "purpose": spec.purpose,
        "dimension": spec.dimension if spec.purpose == "recognition" else None,
        "recommended": spec.recommended,
        "licence": spec.licence,
        "training_data": spec.training_data,
        "weights": state.weights.status,
        "path": None if state.weights.path is None else str(state.weights.path),
        "size_bytes": state.weights.size_bytes or spec.size_bytes,
        "sha256": state.weights.sha256,
        "problem": state.weights.problem,
        "networks": state.preparation,
        "threshold": None if calibration is None else threshold(calibration),
        "unread": state.unread,
    }


def _origin(state: ModelState) -> str:
    """Return where the threshold comes from, or why it is not known."""
    if state.calibration is None:
        return f"unknown: {printable(state.unread)}"
    return threshold_origin(state.calibration)


def pulled(state: ModelState) -> str:
    """Return the answer to ``models pull``."""
    return f"{state.model}: present, SHA-256 {state.weights.sha256}, {printable(state.weights.path)}"


def verified(states: Sequence[ModelState]) -> str:
    """Return the answer to ``models verify``."""
    if not states:
        return "No weights are on this machine."
    return "\n".join(
        f"{state.model}: good, SHA-256 {state.weights.sha256}{_NETWORKS[state.preparation]}"
        + (f" (not checked: {printable(state.unread)})" if state.unread is not None else "")
        for state in states
    )


_NETWORKS = {
    "prepared": ", prepared networks good",
    "not-prepared": ", networks not prepared",
    "unproven": ", prepared networks answer like the originals, but cannot be proven",
    "wrong": ", a prepared network answers wrongly",
    None: "",
}


def prepared(made: Mapping[str, Sequence[str]]) -> str:
    """Return the answer to ``models prepare``."""
    return "\n".join(
        f"{model}: prepared {', '.join(networks) if networks else 'already'}"
        for model, networks in made.items()
    )


def prepared_document(made: Mapping[str, Sequence[str]]) -> Document:
    """Return the data of ``models prepare``."""
    return {"models": [{"id": model, "made": list(networks)} for model, networks in made.items()]}
