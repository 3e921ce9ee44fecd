"""Import: add the people of an export to the gallery, and its thresholds only if they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict

from faceunlock.tasks.calibrate import refuse_lower
from faceunlock.tasks.second_names import inspector
from faceunlock.tasks.workspace import PhotoPath, Workspace, as_path

if TYPE_CHECKING:
    from faceunlock.gallery.export import ImportSummary, OnConflict
    from faceunlock.matching.calibration import Calibration


class ImportOptions(TypedDict, total=False):
    """Options of `import_from`."""

    on_conflict: OnConflict
    calibrations: bool
    allow_lower: bool
    even_so: bool


def import_from(
    workspace: Workspace,
    file: PhotoPath,
    passphrase: str,
    *,
    on_conflict: OnConflict = "refuse",
    calibrations: bool = False,
    allow_lower: bool = False,
    even_so: bool = False,
) -> ImportSummary:
    """Add the people of an encrypted file, all or none; see `faceunlock.gallery.export.import_gallery`.

    Parameters
    ----------
    workspace : Workspace
        Its gallery is changed.
    file : path
        An export.
    passphrase : str
        The passphrase given at the export.
    on_conflict : {"refuse", "skip", "replace"}
        What to do with people who are enrolled here with a different template.
    calibrations : bool
        Take the calibrations of models that have none here.
    allow_lower : bool
        Take a threshold below the shipped one, too.
    even_so : bool
        Import people who match somebody here under another name.

    Raises
    ------
    EnrolmentError
        ``second-name`` if anyone in the file matches somebody here under another name, without `even_so`;
        nothing is written then.
    CalibrationError
        ``lower-threshold``.
    ModelError
        ``unknown-model`` for the calibration of a model that is not known here.
    TransferError, GalleryError
        As `import_gallery`.
    """
    from faceunlock.gallery.export import import_gallery

    def admit(calibration: Calibration) -> None:
        workspace.choice.spec(calibration.model)
        if not allow_lower:
            refuse_lower(
                workspace,
                calibration,
                "Leave out --calibrations, or use --allow-lower if you trust its maker.",
            )

    return import_gallery(
        workspace.gallery,
        as_path(file),
        passphrase,
        on_conflict=on_conflict,
        admit=admit if calibrations else None,
        dimensions=_dimensions(workspace),
        inspect=inspector(workspace, even_so=even_so),
    )


def _dimensions(workspace: Workspace) -> Mapping[str, int]:
    """Return the length of the embeddings of every model that is known here."""
    from faceunlock.pipeline.models.registry import MODELS

    given = workspace.choice.loader.given
    if given is not None:
        return {given.identity.model: given.identity.dimension}
    return {model: spec.dimension for model, spec in MODELS.items()}
