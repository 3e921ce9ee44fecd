"""The model card: what a model was trained on, how, with which results, and what it cannot do."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from faceunlock.files.packages import installed_version, own_version
from faceunlock.matching.rate import Rate
from faceunlock.matching.wording import counted
from faceunlock.training.checkpoint import EpochRecord, StepLosses
from faceunlock.training.face_set import FaceSet, HeldOutSplit
from faceunlock.training.recipe import TrainingRecipe
from faceunlock.training.validation import Validation

if TYPE_CHECKING:
    from faceunlock.training.learner import NetworkLayer

PACKAGES = ("torch", "torchvision", "pytorch-metric-learning", "numpy", "onnxruntime")


def card(
    *,
    model: dict[str, Any],
    faces: FaceSet,
    split: HeldOutSplit,
    recipe: TrainingRecipe,
    history: Sequence[EpochRecord],
    steps: StepLosses,
    layers: Sequence[NetworkLayer],
    validation: Validation | None,
    device: str,
    threads: int,
    stopped_early: bool,
    created: str,
) -> dict[str, Any]:
    """Return the card as plain JSON values.

    Parameters
    ----------
    model : dict
        The content of ``model.json``.
    faces, split, recipe, history, steps
        The data, the recipe, the epochs and the steps of the training.
    layers : sequence of NetworkLayer
        The parts of the network that have weights.
    validation : Validation or None
        Results of the weights as they are stored.
    device : str
    threads : int
        Number of torch threads: the last digit of sums depends on it.
    stopped_early : bool
    created : str
        When the model was created, in ISO 8601, UTC.
    """
    kept = next((record for record in reversed(history) if record.best), history[-1])
    return {
        "model": {
            **{name: model[name] for name in ("id", "sha256", "size_bytes", "architecture")},
            "parameters": sum(layer.parameters for layer in layers),
        },
        "created": created,
        "data": {
            "people": len(faces.names),
            "photos": len(faces.crops),
            "photos_learned_from": len(split.training),
            "people_learned_from": len(set(faces.person[split.training].tolist())),
            "photos_held_out": len(split.validation),
            "people_held_out": len(set(faces.person[split.validation].tolist())),
            "held_out_by": "photo" if recipe.loss == "softmax" else "person",
            "left_out": dict(sorted(Counter(photo.reason for photo in faces.left_out).items())),
            "duplicates": faces.duplicates,
            "files_that_are_no_photos": faces.skipped,
            "sha256": faces.sha256,
        },
        "recipe": recipe.to_dict(),
        "results": {
            "epochs": len(history),
            "kept_epoch": kept.epoch,
            "stopped_early": stopped_early,
            "loss": kept.loss,
            "validation": None if validation is None else validation.to_dict(),
            "warning": never_better(history),
            "seconds": round(sum(record.seconds for record in history), 1),
        },
        "threshold": {
            "value": model["calibration"]["threshold"],
            "status": "not-calibrated",
            "data": model["calibration"]["data"],
        },
        "layers": [{**asdict(layer), "output": list(layer.output)} for layer in layers],
        "step_losses": {"steps_each": steps.each, "means": steps.means},
        "history": [record.to_dict() for record in history],
        "machine": {"device": device, "threads": threads, "system": platform.platform(terse=True)},
        "versions": {
            "python": platform.python_version(),
            "faceunlock": own_version(),
            **{name: installed_version(name) for name in PACKAGES},
        },
    }


def never_better(history: Sequence[EpochRecord]) -> str | None:
    """Return a warning if the results on held-out photos never got better after the first epoch."""
    known = [record for record in history if record.validation is not None]
    if len(known) < 2 or not known[0].best or any(record.best for record in known[1:]):
        return None
    return (
        f"On the held-out photos nothing got better after epoch {known[0].epoch}: the network learns its own "
        "people by heart, or its learning rate is too high. Try more people, --augment strong, or a lower "
        "--learning-rate."
    )


def card_text(content: dict[str, Any]) -> str:
    """Return the card as Markdown."""
    data, recipe, results = content["data"], content["recipe"], content["results"]
    left_out = ", ".join(f"{count} {reason}" for reason, count in data["left_out"].items()) or "none"
    teacher = f"; teacher {recipe['teacher']}" if recipe["teacher"] else ""
    start = f"; starting from the weights {recipe['start']}" if recipe["start"] else ""
    side = recipe["architecture"]["input_size"]
    lines = [
        f"# {content['model']['id']}",
        "",
        f"A face embedding of {recipe['architecture']['dimension']} numbers, trained with "
        f"`faceunlock train --loss {recipe['loss']}` on {content['created'][:10]}{teacher}{start}.",
        "",
        "**Not calibrated.** Its threshold is a first guess "
        f"({content['threshold']['value']:.4f}: {content['threshold']['data']}). Before you rely on it, "
        "run `faceunlock calibrate FOLDER --model THIS_FOLDER` with photos of other people.",
        "",
        f"It learned from {counted(data['photos_learned_from'], 'photo')} of "
        f"{counted(data['people_learned_from'], 'person', 'people')} and works for faces like theirs. "
        "It cannot tell a face from a photo of a face. `augmentations.png` shows photos it was trained on, "
        "so be careful who gets this folder.",
        "",
        "## Data",
        "",
        f"{counted(data['photos'], 'photo')} of {counted(data['people'], 'person', 'people')}: trained on "
        f"{data['photos_learned_from']:,} of {data['people_learned_from']:,}, held out "
        f"{data['photos_held_out']:,} of {data['people_held_out']:,} (chosen by {data['held_out_by']}). "
        f"Left out: {left_out}; duplicates: {data['duplicates']}; files that are not photos: "
        f"{data['files_that_are_no_photos']}.",
        "",
        "## Results",
        "",
        f"{results['epochs']} of at most {counted(recipe['epochs'], 'epoch')}"
        f"{', stopped early' if results['stopped_early'] else ''}; the averaged weights after epoch "
        f"{results['kept_epoch']} are kept. Loss {results['loss']:.4f}. See `curves.png`.",
        "",
        *([f"**Warning.** {results['warning']}", ""] if results["warning"] else []),
        *_validation_lines(results["validation"]),
        "",
        "## Network",
        "",
        f"{content['model']['parameters']:,} parameters. Input: 3 x {side} x {side}.",
        "",
        "| layer | kind | output | parameters |",
        "|---|---|---|---|",
        *(
            f"| {layer['name'] or '(the network itself)'} | {layer['kind']} | "
            f"{' x '.join(map(str, layer['output']))} | {layer['parameters']:,} |"
            for layer in content["layers"]
        ),
        "",
        "## Recipe",
        "",
        "| setting | value |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in recipe.items() if name != "architecture"),
        *(f"| {name} | {value} |" for name, value in recipe["architecture"].items()),
        "",
        "## Reproducing it",
        "",
        f"SHA-256 of the weights: {content['model']['sha256']}; of crops and labels: {data['sha256']}. "
        f"Device {content['machine']['device']}, {counted(content['machine']['threads'], 'thread')}; "
        + ", ".join(f"{name} {number}" for name, number in content["versions"].items())
        + ". The same photos, recipe, versions and machine give the same weights.",
        "",
    ]
    return "\n".join(lines)


def _validation_lines(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return ["Nobody was held out, so its accuracy on other people is unknown."]
    eer = "cannot tell" if found["eer"] is None else f"{100 * found['eer']:.2f} %"
    lines = [
        f"Every held-out photo is compared with every other: {found['genuine']:,} genuine and "
        f"{found['impostor']:,} impostor pairs. The same photos chose the epoch, so these figures are "
        "slightly optimistic.",
        "",
        "| measure | value |",
        "|---|---|",
        f"| EER | {eer} |",
    ]
    if found["loss"] is not None:
        lines.append(f"| loss | {found['loss']:.4f} |")
    for name, label in (("fnmr_1e2", "FNMR at FMR 1e-2"), ("fnmr_1e3", "FNMR at FMR 1e-3")):
        lines.append(f"| {label} | {_rate(found[name])} |")
    if found["teacher_cosine"] is not None:
        lines.append(f"| mean cosine with the teacher | {found['teacher_cosine']:.4f} |")
    if found["misnamed"] is not None:
        lines.append(f"| photos misnamed | {_rate(found['misnamed'])} |")
    return lines


def _rate(plain: dict[str, Any] | None) -> str:
    if plain is None:
        return "cannot tell: too few impostor pairs"
    rate = Rate.from_dict(plain)
    return (
        f"{100 * rate.value:.2f} % ({rate.errors:,} of {rate.trials:,}, "
        f"{counted(rate.people, 'person', 'people')}; "
        f"{100 * rate.confidence:.0f} % interval {100 * rate.lower:.2f} to {100 * rate.upper:.2f} %)"
    )
