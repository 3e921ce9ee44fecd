"""A head stored in a folder, without pickle: ``head.json`` and ``head.safetensors``."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from faceunlock.errors import ModelError, TrainingError
from faceunlock.files.outputs import check_destination, noted
from faceunlock.files.private import atomic_write, make_private_directories
from faceunlock.files.reading import LARGE, SMALL, parse_json, read_file
from faceunlock.files.trust import refuse_if_others_write
from faceunlock.matching.templates import ModelIdentity
from faceunlock.training.head import Head, HeldOut

HEAD, ARRAYS = "head.json", "head.safetensors"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class KeptHead:
    """A stored head, and the model that its embeddings must come from.

    Attributes
    ----------
    head : Head
    identity : ModelIdentity
        Identity of that model; the head cannot use embeddings of any other.
    model : str
        Name of that model: an id, or the path of a folder.
    held_out : dict
        Results of the head, as returned by `HeldOut.to_dict`.
    """

    head: Head
    identity: ModelIdentity
    model: str
    held_out: dict[str, Any] = field(repr=False)


def write_head(
    folder: Path, head: Head, held_out: HeldOut, identity: ModelIdentity, model: str, *, overwrite: bool
) -> None:
    """Write a head to a folder, which is created if it does not exist.

    Parameters
    ----------
    folder : Path
    head, held_out : Head, HeldOut
    identity, model
        As in `KeptHead`; an empty `model` means the folder of the head itself.
    overwrite : bool
        Whether an existing head may be replaced.

    Raises
    ------
    TrainingError
        ``file-exists`` or ``file-unwritable``.
    """
    from safetensors.numpy import save

    content = save(
        {
            "weights": np.ascontiguousarray(head.weights),
            "offsets": np.ascontiguousarray(head.offsets),
            "centroids": np.ascontiguousarray(head.centroids),
        }
    )
    record = {
        "format": FORMAT,
        "names": list(head.names),
        "threshold": head.threshold,
        "identity": asdict(identity),
        "model": model,
        "sha256": hashlib.sha256(content).hexdigest(),
        "held_out": held_out.to_dict(),
    }
    try:
        make_private_directories(folder.absolute())
        check_head(folder, overwrite=overwrite)
        atomic_write(folder / ARRAYS, content)
        # Written last: it holds the checksum of the arrays.
        with noted(folder / HEAD):
            atomic_write(folder / HEAD, (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())
    except OSError as error:
        raise TrainingError("file-unwritable", f"{folder} cannot be written: {error.strerror}") from error


def check_head(folder: Path, *, overwrite: bool) -> None:
    """Check that a head may be written to a folder; see `faceunlock.files.outputs.check_destination`.

    Raises
    ------
    TrainingError
        ``file-exists`` or ``file-unwritable``.
    """
    check_destination(folder / HEAD, overwrite=overwrite, kind=TrainingError, in_new_folder=True)


def read_head(folder: Path) -> KeptHead:
    """Return the head that `write_head` wrote, after checking it.

    Raises
    ------
    TrainingError
        ``head-damaged``, ``file-unreadable``.
    ModelError
        ``insecure-permissions``.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    folder = folder.absolute()
    try:
        for path in (folder, folder / HEAD, folder / ARRAYS):
            refuse_if_others_write(path)
        record = parse_json(read_file(folder / HEAD, SMALL))
        content = read_file(folder / ARRAYS, LARGE)
        _require(record["format"] == FORMAT and hashlib.sha256(content).hexdigest() == record["sha256"])
        arrays = load(content)
        names, identity = tuple(record["names"]), ModelIdentity(**record["identity"])
        shape = (len(names), identity.dimension)
        _require(len(names) >= 2 and all(isinstance(name, str) for name in names))
        _require(arrays["weights"].shape == shape == arrays["centroids"].shape)
        _require(arrays["offsets"].shape == shape[:1] and -1.0 <= record["threshold"] <= 1.0)
        _require(all(np.isfinite(array).all() for array in arrays.values()))
        head = Head(names, arrays["weights"], arrays["offsets"], arrays["centroids"], record["threshold"])
        return KeptHead(head, identity, str(record["model"]) or str(folder), dict(record["held_out"]))
    except (FileNotFoundError, NotADirectoryError) as error:
        hint = "Name a folder that faceunlock classify train wrote."
        raise TrainingError("file-unreadable", f"{folder} holds no classifier", hint=hint) from error
    except OSError as error:
        raise TrainingError("file-unreadable", f"{folder} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise TrainingError("head-damaged", f"{folder} is not a complete classifier") from error


def check_identity(kept: KeptHead, identity: ModelIdentity) -> None:
    """Check that embeddings come from the model that a head was trained with.

    Raises
    ------
    ModelError
        ``model-mismatch``.
    """
    if kept.identity != identity:
        raise ModelError(
            "model-mismatch",
            f"the classifier was trained on embeddings of {kept.identity.model}, "
            f"not of these weights of {identity.model}",
            hint="Train it again: faceunlock classify train FOLDER -o HEAD --overwrite",
        )


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError("not as it was written")
