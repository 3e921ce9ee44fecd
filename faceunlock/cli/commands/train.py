"""``faceunlock train``: train a model on a folder of people."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from faceunlock.cli.options import command
from faceunlock.cli.session import Session
from faceunlock.errors import SettingsError

if TYPE_CHECKING:
    from faceunlock.training.checkpoint import EpochRecord
    from faceunlock.training.recipe import TrainingRecipe
    from faceunlock.training.run import Beginning


class LossChoice(StrEnum):
    """The loss to minimise."""

    contrastive = "contrastive"
    triplet = "triplet"
    arcface = "arcface"
    cosface = "cosface"
    softmax = "softmax"
    distill = "distill"


class FacesChoice(StrEnum):
    """How photos become crops."""

    detect = "detect"
    aligned = "aligned"
    as_is = "as-is"


class AugmentChoice(StrEnum):
    """How strongly crops are augmented."""

    none = "none"
    light = "light"
    strong = "strong"


class PrecisionChoice(StrEnum):
    """The number format of the convolutions."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"


class TeacherSeesChoice(StrEnum):
    """Which picture the teacher sees."""

    same = "same"
    clean = "clean"


class StorageChoice(StrEnum):
    """How weights are stored."""

    float32 = "float32"
    int8 = "int8"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "train")(train)


def train(
    session: Session,
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Folder with a sub-folder per person.", show_default=False),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="MODEL", help="Folder to write the model to.", show_default=False
        ),
    ],
    loss: Annotated[LossChoice, typer.Option("--loss", help="Loss to minimise.", show_default=False)],
    teacher: Annotated[
        str | None,
        typer.Option(
            "--teacher", metavar="MODEL", help="Model to imitate, with any loss.", show_default=False
        ),
    ] = None,
    teacher_weight: Annotated[
        float, typer.Option("--teacher-weight", help="Weight of the imitation beside another loss.")
    ] = 1.0,
    teacher_sees: Annotated[
        TeacherSeesChoice,
        typer.Option(
            "--teacher-sees", help="The picture that the network sees, or the crop before augmentation."
        ),
    ] = TeacherSeesChoice.same,
    faces: Annotated[
        FacesChoice,
        typer.Option("--faces", help="detect finds and aligns faces; aligned and as-is use photos as crops."),
    ] = FacesChoice.detect,
    epochs: Annotated[int, typer.Option("--epochs", help="Maximum number of passes over the photos.")] = 30,
    batch: Annotated[int, typer.Option("--batch", help="Photos per step.")] = 64,
    learning_rate: Annotated[float, typer.Option("--learning-rate", help="Highest learning rate.")] = 1e-3,
    direction_rate: Annotated[
        float | None,
        typer.Option(
            "--direction-rate", help="Highest learning rate of the people's directions.", show_default=False
        ),
    ] = None,
    weight_decay: Annotated[float, typer.Option("--weight-decay", help="Weight decay of AdamW.")] = 0.05,
    average: Annotated[
        float, typer.Option("--average", help="Decay of the moving average of the weights.")
    ] = 0.999,
    augment: Annotated[
        AugmentChoice, typer.Option("--augment", help="How strongly to augment crops.")
    ] = AugmentChoice.light,
    cutmix: Annotated[
        float, typer.Option("--cutmix", help="Share of batches whose photos swap parts (softmax).")
    ] = 0.0,
    validation: Annotated[
        float, typer.Option("--validation", help="Share of the people to hold out (softmax: of the photos).")
    ] = 0.1,
    hold_out: Annotated[
        list[str] | None,
        typer.Option(
            "--hold-out",
            metavar="NAME",
            help="Hold out this person instead of a share of them; may be repeated.",
            show_default=False,
        ),
    ] = None,
    patience: Annotated[
        int,
        typer.Option("--patience", help="Stop after this many epochs without a better one; 0 never stops."),
    ] = 10,
    seed: Annotated[int, typer.Option("--seed", help="Seed of everything random.")] = 0,
    precision: Annotated[
        PrecisionChoice, typer.Option("--precision", help="Number format of the convolutions.")
    ] = PrecisionChoice.auto,
    size: Annotated[int, typer.Option("--size", help="Side of the crops in pixels.")] = 112,
    dimension: Annotated[
        int, typer.Option("--dimension", help="Length of an embedding; distill uses the teacher's.")
    ] = 128,
    widths: Annotated[
        str, typer.Option("--widths", metavar="N,N,...", help="Channels in each stage.")
    ] = "32,64,128,256",
    blocks: Annotated[
        str, typer.Option("--blocks", metavar="N,N,...", help="Residual blocks in each stage.")
    ] = "1,1,1,1",
    gray: Annotated[bool, typer.Option("--gray", help="Use only the luma of photos.")] = False,
    mirror: Annotated[
        bool, typer.Option("--mirror", help="When the model is used, average with the mirror image.")
    ] = False,
    shift: Annotated[
        int,
        typer.Option("--shift", help="Also average over the crop shifted by this many pixels."),
    ] = 0,
    start: Annotated[
        str | None,
        typer.Option(
            "--start",
            metavar="MODEL",
            help="Model to start from: a trained one's folder, or dlib.",
            show_default=False,
        ),
    ] = None,
    storage: Annotated[
        StorageChoice, typer.Option("--storage", help="Number format of the stored matrices and kernels.")
    ] = StorageChoice.float32,
    workers: Annotated[
        int, typer.Option("--workers", min=0, max=256, help="Processes that augment crops.")
    ] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an unfinished training run.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what is in the model's folder.")
    ] = False,
) -> None:
    """Train a model on a folder of people.

    Writes the model and its card to a folder, which every command takes as --model MODEL. The model is
    not calibrated: see faceunlock calibrate.
    """
    from faceunlock.cli.answers import train as answers
    from faceunlock.pipeline.models.architecture import ResidualArchitecture
    from faceunlock.training.recipe import TrainingRecipe

    try:
        architecture = ResidualArchitecture(
            input_size=size,
            gray=gray,
            mirror=mirror,
            shift=shift,
            widths=_numbers("--widths", widths),
            blocks=_numbers("--blocks", blocks),
            dimension=dimension,
        )
    except ValueError as error:
        raise SettingsError("usage", f"the network: {error}") from error
    recipe = TrainingRecipe(
        loss=loss.value,
        architecture=architecture,
        faces=faces.value,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        direction_rate=direction_rate,
        weight_decay=weight_decay,
        average=average,
        augment=augment.value,
        cutmix=cutmix,
        validation=validation,
        hold_out=tuple(hold_out or ()),
        patience=patience,
        precision=_precision(session, precision),
        seed=seed,
        teacher=teacher,
        teacher_weight=teacher_weight,
        teacher_sees=teacher_sees.value,
        storage=storage.value,
    )
    outcome = _train(
        session,
        folder,
        output,
        recipe,
        start=start,
        resume=resume,
        overwrite=overwrite,
        workers=workers,
    )
    session.console.answer(answers.trained(outcome), answers.document(outcome))


def _train(session: Session, folder: Path, output: Path, recipe: TrainingRecipe, **options: Any) -> Any:
    from faceunlock.cli.answers import train as answers
    from faceunlock.training.run import Observer

    console = session.console

    def begin(beginning: Beginning) -> None:
        console.left_out(beginning.faces.left_out)
        for line in answers.beginning(beginning):
            console.note(line)

    def epoch(record: EpochRecord) -> None:
        console.note(answers.epoch(record, recipe.epochs))

    with console.progress() as progress, session.unlock(progress) as unlock:
        return unlock.train(folder, output, recipe, Observer(begin, epoch, progress.track), **options)


def _numbers(option: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise SettingsError(
            "usage", f"{option} takes whole numbers separated by commas, not {text!r}"
        ) from error


def _precision(session: Session, choice: PrecisionChoice) -> Any:
    if choice is not PrecisionChoice.auto:
        return choice.value
    from faceunlock.training.recipe import best_precision

    if session.settings.device == "cpu":
        return best_precision("cpu")
    from faceunlock.pipeline.runtime.torch_runtime import resolve_device

    return best_precision(resolve_device(session.settings.device))
