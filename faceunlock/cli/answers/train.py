"""The text and JSON document of ``faceunlock train``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from faceunlock.files.text import printable
from faceunlock.matching.wording import counted, file_size

if TYPE_CHECKING:
    from faceunlock.matching.rate import Rate
    from faceunlock.training.checkpoint import EpochRecord
    from faceunlock.training.run import Beginning, TrainingOutcome
    from faceunlock.training.validation import Validation

UNKNOWN = "cannot tell"

AS_IS = (
    "Note: the photos are used as they are, but verify and the other commands align each face before the "
    "model sees it. Unless these crops are aligned like that, the model will do worse than it learns here: "
    "use --faces aligned for crops with the usual alignment, or --faces detect."
)
"""Said before a training on crops whose alignment nobody checked."""


def beginning(known: Beginning) -> list[str]:
    """Return what is known before the first epoch, one line per fact."""
    faces, split = known.faces, known.split
    people = len({*faces.person[split.training].tolist()})
    lines = [
        f"{counted(len(faces.crops), 'face')} of {counted(len(faces.names), 'person', 'people')} "
        f"({counted(len(faces.left_out), 'photo')} left out, {counted(faces.duplicates, 'duplicate')}); "
        f"learning from {len(split.training):,} of {counted(people, 'person', 'people')}",
    ]
    if len(split.validation):
        held_out = len({*faces.person[split.validation].tolist()})
        what = "other photos of the same" if known.recipe.loss == "softmax" else "all photos of"
        who = counted(held_out, "person", "people")
        lines.append(f"held out: {counted(len(split.validation), 'photo')}, {what} {who}")
    else:
        lines.append("held out: nobody, so the model's accuracy on other people is unknown")
    lines.append(
        f"on {known.device} in {known.recipe.precision}; examples of its input: {printable(known.sheet)}"
    )
    if known.recipe.faces == "as-is":
        lines.append(AS_IS)
    if known.resumed_epoch:
        lines.append(f"resuming in epoch {known.resumed_epoch}")
    return lines


def epoch(record: EpochRecord, epochs: int) -> str:
    """Return the progress line of one epoch."""
    speed = record.images / record.seconds if record.seconds else 0.0
    parts = [f"epoch {record.epoch}/{epochs}", f"loss {record.loss:.4f}"]
    if record.validation is not None:
        parts += validation(record.validation)
    parts.append(f"{speed:,.0f} images/s")
    left = (epochs - record.epoch) * record.seconds
    if left:
        parts.append(f"about {duration(left)} left")
    return "  ".join(parts) + ("  *" if record.best else "")


def validation(found: Validation) -> list[str]:
    """Return the measures on held-out photos; every rate comes with its trials."""
    parts = []
    if found.misnamed is not None:
        parts.append(f"misnamed {_short(found.misnamed)}")
    parts.append(f"EER {UNKNOWN if found.eer is None else f'{100 * found.eer:.1f} %'}")
    parts.append(f"FNMR at FMR 1e-2 {_short(found.fnmr_1e2)}")
    parts.append(f"at 1e-3 {_short(found.fnmr_1e3)}")
    if found.teacher_cosine is not None:
        parts.append(f"cosine with the teacher {found.teacher_cosine:.3f}")
    return parts


def _short(rate: Rate | None) -> str:
    if rate is None or not rate.trials:
        return UNKNOWN
    return f"{100 * rate.value:.1f} % ({rate.errors:,} of {rate.trials:,})"


def duration(seconds: float) -> str:
    """Return a duration, given in seconds, in seconds, minutes or hours.

    Examples
    --------
    >>> duration(40), duration(600), duration(9000)
    ('40 s', '10 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def trained(outcome: TrainingOutcome) -> str:
    """Return the answer: what was trained, how good it is, and the next step."""
    card = outcome.card
    results, model, threshold = card["results"], card["model"], card["threshold"]
    folder = printable(outcome.folder)
    told = {
        "model": f"{model['id']}, {model['architecture']['dimension']} numbers, "
        f"{model['parameters']:,} parameters, {file_size(model['size_bytes'])}, in {folder}",
        "epochs": f"{results['epochs']}{', stopped early' if results['stopped_early'] else ''}; "
        f"kept after epoch {results['kept_epoch']}, loss {results['loss']:.4f}",
        **_held_out(results["validation"]),
        **({"warning": results["warning"]} if results["warning"] else {}),
        "threshold": f"{threshold['value']:.4f}, not calibrated ({threshold['data']}); "
        f"next: faceunlock calibrate FOLDER --model {folder}",
    }
    width = max(map(len, told))
    lines = [f"{label:{width}}  {text}" for label, text in told.items()]
    if outcome.head:
        lines.append(f"It also names its own people: faceunlock classify name PHOTO --head {folder}")
    return "\n".join(lines)


def _held_out(found: dict[str, Any] | None) -> dict[str, str]:
    """Return the lines about the held-out photos, by label."""
    if found is None:
        return {"held out": "nobody, so the model's accuracy on other people is unknown"}
    from faceunlock.matching.rate import Rate
    from faceunlock.matching.wording import rate

    told = {
        "held out": f"{counted(found['people'], 'person', 'people')}, {counted(found['photos'], 'photo')}: "
        f"{counted(found['genuine'], 'genuine pair')}, {counted(found['impostor'], 'impostor pair')}",
        "EER": UNKNOWN if found["eer"] is None else f"{100 * found['eer']:.2f} %",
    }
    for name, label in (("fnmr_1e2", "FNMR at FMR 1e-2"), ("fnmr_1e3", "FNMR at FMR 1e-3")):
        told[label] = UNKNOWN if found[name] is None else rate(Rate.from_dict(found[name]))
    if found["misnamed"] is not None:
        told["misnamed"] = rate(Rate.from_dict(found["misnamed"]))
    if found["teacher_cosine"] is not None:
        told["teacher"] = f"mean cosine {found['teacher_cosine']:.4f}"
    return told


def document(outcome: TrainingOutcome) -> dict[str, Any]:
    """Return the data of ``train``: the card without the epochs, which are in ``card.json``."""
    card = outcome.card
    return {
        "folder": str(outcome.folder),
        "model": card["model"],
        "created": card["created"],
        "photos": card["data"],
        "recipe": card["recipe"],
        "results": card["results"],
        "threshold": card["threshold"],
        "head": outcome.head,
    }
