"""A model in a folder, as ``faceunlock train`` writes it: ``model.json`` and ``weights.safetensors``.

The record holds the architecture, the checksum of the weights and a threshold. The weights file repeats the
architecture, so the one checksum that templates store covers both.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceunlock.errors import ModelError
from faceunlock.pipeline.models.architecture import Architecture, read_architecture
from faceunlock.pipeline.models.registry import MODELS, ModelSpec, Trained

if TYPE_CHECKING:
    from faceunlock.matching.calibration import Calibration

RECORD, WEIGHTS = "model.json", "weights.safetensors"
FORMAT = 1
LARGEST = 1 << 30
"""Bytes; a larger file cannot be a model of this program."""

TRAIN_AGAIN = "Train it again: faceunlock train FOLDER -o MODEL — or copy the folder again from its source."


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A trained model, as its folder describes it.

    Attributes
    ----------
    spec : ModelSpec
        Id, dimension, preprocessing and checksum of the weights.
    architecture : Architecture
        Architecture of the network.
    calibration : Calibration
        The threshold that training produced; its status is ``not-calibrated``.
    """

    spec: ModelSpec
    architecture: Architecture
    calibration: Calibration = field(repr=False)


def names_folder(model: str) -> bool:
    """Return whether the model that a user names is a folder rather than an id.

    It is a folder if it is not an id and either such a folder exists or the name looks like a path.

    Examples
    --------
    >>> names_folder("dlib"), names_folder("./mine/"), names_folder("vggfase")
    (False, True, False)
    """
    separators = {os.sep, os.altsep or os.sep}
    return model not in MODELS and (
        any(separator in model for separator in separators) or model in (".", "..") or Path(model).is_dir()
    )


def make_id(name: str, sha256: str) -> str:
    """Return the id of a model: its folder's name in plain letters and the start of the weights checksum.

    Examples
    --------
    >>> make_id("Our Faces!", "0123456789abcdef")
    'our-faces-01234567'
    """
    plain = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-")
    return f"{plain or 'model'}-{sha256[:8]}"


def read_model_folder(folder: Path) -> ModelFolder:
    """Return the model that a folder describes; reads no weights.

    Parameters
    ----------
    folder : Path
        A folder that ``faceunlock train`` wrote; ``~`` is the home directory.

    Raises
    ------
    ModelError
        ``weights-missing`` if the folder holds no model, ``weights-corrupt`` if this program did not write
        its record, ``insecure-permissions`` if other users could have changed it.
    """
    from faceunlock.files.reading import SMALL, parse_json, read_file
    from faceunlock.files.trust import refuse_if_others_write
    from faceunlock.matching.calibration import Calibration

    folder = Path(os.path.expanduser(folder)).absolute()  # noqa: PTH111 - without an error for ~nobody
    path = folder / RECORD
    try:
        for trusted in (folder, path):
            refuse_if_others_write(trusted)
        content = parse_json(read_file(path, SMALL))
        _require(set(content) == set(record({}, {}, "", "", 0, "")) and content["format"] == FORMAT)
        architecture = read_architecture(content["architecture"])
        calibration = Calibration.from_dict(content["calibration"])
        identity = (content["id"], content["sha256"], architecture.preprocessing)
        _require(
            bool(re.fullmatch("[a-z0-9-]{1,60}", content["id"]))
            and content["id"] not in MODELS
            and identity == (calibration.model, calibration.weights_sha256, calibration.preprocessing)
            and calibration.status == "not-calibrated"
            and type(content["size_bytes"]) is int
            and 0 < content["size_bytes"] <= LARGEST
            and isinstance(content["training_data"], str)
        )
    except (FileNotFoundError, NotADirectoryError) as error:
        unfinished = (folder / "checkpoint.pt").exists()
        raise ModelError(
            "weights-missing",
            f"{folder}: this model's training has not finished"
            if unfinished
            else f"{folder} does not contain a model",
            hint="Continue the training: faceunlock train FOLDER -o MODEL --resume"
            if unfinished
            else "Give a folder that faceunlock train wrote.",
        ) from error
    except OSError as error:
        raise ModelError(
            "weights-missing", f"{path} cannot be read: {error.strerror}", hint=TRAIN_AGAIN
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(
            "weights-corrupt", f"{path} is not a valid model record", hint=TRAIN_AGAIN
        ) from error
    spec = ModelSpec(
        id=content["id"],
        network=architecture.description,
        dimension=architecture.dimension,
        input_size=architecture.input_size,
        preprocessing=architecture.preprocessing,
        licence="depends on its training data",
        training_data=content["training_data"],
        weights=Trained(folder),
        size_bytes=content["size_bytes"],
        sha256=content["sha256"],
        architecture=architecture,
    )
    return ModelFolder(spec, architecture, calibration)


def record(
    architecture: Mapping[str, Any],
    calibration: Mapping[str, Any],
    model: str,
    sha256: str,
    size_bytes: int,
    training_data: str,
) -> dict[str, Any]:
    """Return the content of ``model.json``."""
    return {
        "format": FORMAT,
        "id": model,
        "sha256": sha256,
        "size_bytes": size_bytes,
        "architecture": dict(architecture),
        "training_data": training_data,
        "calibration": dict(calibration),
    }


def weights_file(spec: ModelSpec) -> Path:
    """Return the path of a trained model's weights.

    Raises
    ------
    TypeError
        If the model is not in a folder that ``faceunlock train`` wrote.
    """
    if not isinstance(spec.weights, Trained):
        raise TypeError(f"{spec.id} is not a model in a folder")
    return spec.weights.folder / WEIGHTS


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError("not a record that faceunlock wrote")
