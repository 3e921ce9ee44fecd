"""Every sentence and table that a user reads, made from the library's results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from faceunlock.files.text import Table, printable, table
from faceunlock.matching.wording import file_size
from faceunlock.matching.wording import probability as probability  # noqa: PLC0414  (part of what is said here)
from faceunlock.matching.wording import rate as rate  # noqa: PLC0414

if TYPE_CHECKING:
    from pathlib import Path

    from faceunlock.gallery.export import ExportSummary, ImportSummary
    from faceunlock.matching.calibration import Calibration, OperatingPoint
    from faceunlock.matching.people import Person
    from faceunlock.studies.calibration_report import CalibrationReport, Pair
    from faceunlock.tasks.enroll import EnrolmentOutcome
    from faceunlock.tasks.models import ModelState
    from faceunlock.tasks.status import Status
    from faceunlock.tasks.verify import Verification

RECOMMENDED_PHOTOS = 5


def threshold_meaning(calibration: Calibration, point: OperatingPoint | None) -> str:
    """Return in a few words what a threshold is known to mean."""
    if point is None:
        return "your own threshold, nothing is known about it"
    if calibration.status == "not-calibrated" or calibration.fmr is None:
        return "not calibrated: the error rate of this threshold is not known"
    measured = calibration.fmr
    evidence = (
        f"{measured.errors:,} false {'match' if measured.errors == 1 else 'matches'} "
        f"in {measured.trials:,} comparisons, {measured.people:,} people, "
        f"at most {probability(measured.upper)} with {100 * measured.confidence:.0f} % confidence"
    )
    source = "shipped, measured on" if calibration.status == "shipped" else "calibrated on"
    if point.candidates == 1:
        return f"FMR {probability(measured.value)}: {evidence}; {source} {printable(calibration.data)}"
    among = f"among {point.candidates} people"
    if not point.supported or point.fmr is None:
        return f"{among}: more than the {measured.trials:,} comparisons behind the threshold can support"
    return f"{among}, FMR target {probability(point.fmr)} per search; one against one: {evidence}"


def enrolment(outcome: EnrolmentOutcome) -> str:
    """Return the summary of an enrolment."""
    result = outcome.enrolment
    verb = "enrolled" if outcome.saved else "would be enrolled"
    parts = [
        f"{outcome.name} {verb}: used {len(result.used)} of {outcome.looked_at} photos, "
        f"similarity to the others mean {result.mean_similarity:.3f}, lowest {result.lowest_similarity:.3f}, "
        f"model {result.template.identity.model}."
    ]
    if result.template.count != len(result.used):
        parts.append(f"The template now holds {result.template.count} photos.")
    if outcome.skipped:
        parts.append(
            "1 file is no photo." if outcome.skipped == 1 else f"{outcome.skipped} files are no photos."
        )
    if result.template.count < RECOMMENDED_PHOTOS:
        parts.append(f"{RECOMMENDED_PHOTOS} or more photos are recommended.")
    return " ".join(parts)


def verification(answer: Verification) -> str:
    """Return the one line that answers a verification."""
    decision = answer.decision
    sign, word = (">=", "yes") if decision.match else ("<", "no")
    best = "" if decision.match or decision.candidates == 1 else "closest "
    meaning = threshold_meaning(answer.calibration, answer.point)
    return (
        f"{word}: {best}{decision.name}, similarity {decision.similarity:.4f} {sign} "
        f"threshold {decision.threshold:.4f} ({meaning})"
    )


def verification_notes(answer: Verification, min_sharpness: float, min_brightness: float) -> list[str]:
    """Return what else is worth knowing: why it may have failed, and who was not compared."""
    notes = []
    if answer.not_compared:
        names = ", ".join(answer.not_compared)
        notes.append(
            f"Not compared, because enrolled with something else than {answer.identity.model}: {names}"
        )
    if answer.locked_out:
        names = ", ".join(answer.locked_out)
        notes.append(f"Not compared, because locked out after failed attempts: {names}")
    if not answer.decision.match and answer.quality.brightness < min_brightness:
        notes.append("The face is dark; more light may help.")
    if not answer.decision.match and answer.quality.sharpness < min_sharpness:
        notes.append("The face is blurred; a sharper photo may help.")
    return notes


def calibration(report: CalibrationReport, *, saved: bool = False) -> str:
    """Return everything that a calibration found, a line each."""
    choice = report.choice
    lines = [
        f"people {report.people:,}, photos {report.photos:,}, templates {report.templates:,}"
        + (
            f", strangers {report.strangers:,} ({report.stranger_photos:,} photos)"
            if report.strangers
            else ""
        ),
        f"failures to acquire  {rate(report.failures_to_acquire)}",
        f"comparisons          {report.genuine:,} genuine, {report.impostor:,} impostor",
        f"threshold            {choice.threshold:.4f} for FMR {probability(choice.target)}"
        + ("" if choice.supported else " (not supported by the data, for information)"),
        f"FMR there            {rate(choice.fmr)}",
    ]
    if choice.strangers_fmr is not None:
        lines.append(f"  strangers          {rate(choice.strangers_fmr)}")
        if choice.own_fmr is not None:
            lines.append(f"  own people         {rate(choice.own_fmr)}")
    lines.append(f"FNMR there           {rate(report.fnmr)}")
    lines.append(
        "EER                  cannot tell"
        if report.eer is None
        else f"EER                  {probability(report.eer)} ({report.genuine:,} genuine, "
        f"{report.impostor:,} impostor comparisons; point estimate)"
    )
    dropped = {
        "files that are no photos or belong to nobody": report.skipped,
        "duplicates": report.duplicates,
        "photos that built a template": report.own_photos,
    }
    counts = [f"{count:,} {what}" for what, count in dropped.items() if count]
    if counts:
        lines.append(f"left out             {', '.join(counts)}")
    lines += _pairs("least similar genuine pairs:", report.lowest_genuine)
    lines += _pairs("most similar impostor pairs:", report.highest_impostor)
    if choice.supported:
        lines.append(
            f"Saved: {report.identity.model} now uses this threshold." if saved else "No threshold was saved."
        )
    return "\n".join(lines)


def scores_kept(file: Path) -> str:
    """Return the note that says where the comparisons are."""
    return f"The scores are in {printable(file)}; to judge them again: faceunlock calibrate --scores FILE"


def _pairs(title: str, pairs: Sequence[Pair]) -> list[str]:
    if not pairs:
        return []
    return [
        title,
        *(f"  {p.similarity:.4f}  {printable(p.photo)}  against  {printable(p.person)}" for p in pairs),
    ]


def people(enrolled: Sequence[Person]) -> str | Table:
    """Return the table of enrolled people."""
    if not enrolled:
        return "Nobody is enrolled."
    rows = [
        (
            person.name,
            person.template.count,
            f"{person.template.mean_similarity:.3f}",
            f"{person.template.lowest_similarity:.3f}",
            person.template.identity.model,
            person.updated,
        )
        for person in enrolled
    ]
    return table("name", "photos", "mean", "lowest", "model", "updated", rows=rows)


def person(enrolled: Person) -> str:
    """Return all that is stored of one person."""
    template = enrolled.template
    identity = template.identity
    return "\n".join(
        (
            f"name           {enrolled.name}",
            f"photos         {template.count} (not kept, only a sum of embeddings and keyed hashes)",
            f"similarity     mean {template.mean_similarity:.4f}, lowest {template.lowest_similarity:.4f}"
            " to the centroid of the others",
            f"model          {identity.model}, {identity.dimension} numbers, {identity.preprocessing}",
            f"weights        SHA-256 {identity.weights_sha256}",
            f"enrolled       {enrolled.created}",
            f"updated        {enrolled.updated}",
        )
    )


def models(states: Sequence[ModelState]) -> list[str | Table]:
    """Return the table of models, and below it what is too long for a table."""
    rows = []
    details = []
    for state in states:
        spec = state.spec
        rows.append(
            (
                state.model + (" (recommended)" if spec.recommended else ""),
                state.weights.status,
                file_size(state.weights.size_bytes or spec.size_bytes),
                spec.dimension,
                f"{state.calibration.threshold:.4f}",
            )
        )
        details += [
            "",
            f"{state.model}: {spec.network}",
            f"  threshold  {_origin(state.calibration)}",
            f"  licence    {spec.licence}",
            f"  trained on {spec.training_data}",
        ]
    return [table("id", "weights", "size", "dimension", "threshold", rows=rows), *details]


def _origin(calibration: Calibration) -> str:
    if calibration.status == "not-calibrated" or calibration.fmr is None:
        return f"not calibrated ({calibration.data})"
    measured = calibration.fmr
    return (
        f"{calibration.status} {calibration.created[:10]}, {calibration.data}: "
        f"FMR {probability(measured.value)} "
        f"({measured.errors:,} of {measured.trials:,}, at most {probability(measured.upper)})"
    )


def pulled(state: ModelState) -> str:
    """Return the answer to a pull."""
    return f"{state.model}: present, SHA-256 {state.weights.sha256}, {printable(state.weights.path)}"


def verified(states: Sequence[ModelState]) -> str:
    """Return the answer to a check of weights."""
    if not states:
        return "No weights are on this machine."
    return "\n".join(f"{state.model}: good, SHA-256 {state.weights.sha256}" for state in states)


def status(state: Status) -> str:
    """Return where everything is, a line each, problems last."""
    from faceunlock.cli.answers import protect as protect_text
    from faceunlock.pipeline.models.registry import EMBEDDED_DEFAULT, RECOMMENDED

    settings = state.settings
    device = settings.device + (
        " (an NVIDIA driver is present)" if state.gpu else " (no NVIDIA driver found)"
    )
    config = printable(state.locations.config) + (
        "" if state.locations.config.exists() else " (none, defaults)"
    )
    lines = [
        f"data        {printable(state.locations.data)}",
        f"cache       {printable(state.locations.cache)}",
        f"config      {config}",
        f"device      {device}",
    ]
    if state.model is None and state.people:
        lines.append("model       auto: which one it is cannot be told, see the problems")
    elif state.model is None:
        lines.append(
            f"model       auto: {RECOMMENDED} if it can be fetched at the first enrolment, "
            f"otherwise {EMBEDDED_DEFAULT}"
        )
    else:
        measured = state.model.calibration
        lines.append(f"model       {state.model.model} ({state.model.weights.status})")
        lines.append(f"threshold   {measured.threshold:.4f}, {_origin(measured)}")
        if measured.fnmr is not None:
            lines.append(f"FNMR there  {rate(measured.fnmr)}")
        if len(state.people) > 1:
            point = measured.threshold_for(len(state.people))
            lines.append(
                f"            {point.threshold:.4f} when {point.candidates} people are searched"
                + ("" if point.supported else " (more than the data support)")
            )
    lines.append(
        f"people      {len(state.people)}" + (f": {', '.join(state.people)}" if state.people else "")
    )
    if state.protection is not None:
        lines.append(f"protection  {protect_text.sentence(state.protection)}")
    if state.problems:
        lines.append("problems")
        lines += [f"  {printable(problem)}" for problem in state.problems]
    else:
        lines.append("problems    none")
    return "\n".join(lines)


def exported(summary: ExportSummary) -> str:
    """Return the answer to an export."""
    who = "1 person" if len(summary.people) == 1 else f"{len(summary.people)} people"
    return f"Exported {who} to {printable(summary.file)} ({summary.size:,} bytes, encrypted)."


def imported(summary: ImportSummary) -> str:
    """Return the answer to an import."""
    parts = [
        f"{word} {', '.join(names)}"
        for word, names in (
            ("added", summary.added),
            ("replaced", summary.replaced),
            ("kept yours of", summary.skipped),
            ("already here:", summary.identical),
        )
        if names
    ]
    parts += [f"took the calibration of {identity.model}" for identity in summary.calibrations_added]
    parts += [f"kept your calibration of {identity.model}" for identity in summary.calibrations_kept]
    return f"Import: {'; '.join(parts) or 'the file holds nothing new'}."
