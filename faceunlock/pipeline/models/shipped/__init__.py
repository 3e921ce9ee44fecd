"""Files that ship with the program: the weights of ``compact``, and a threshold for every model.

Each threshold is a JSON file, as `Calibration.to_dict` writes it. ``benchmarks/lfw.py`` writes ``MODEL.json``
(a photo against a centroid). ``benchmarks/lfw_pairs.py`` writes ``MODEL-pairs.json`` (a photo against a
photo). If nothing was measured, the file says so.
"""

from __future__ import annotations

import json
from pathlib import Path

from faceunlock.matching.calibration import Calibration


def shipped_calibration(model: str) -> Calibration:
    """Return the shipped calibration of a model.

    Parameters
    ----------
    model : str
        Id of the model in the registry.

    Examples
    --------
    >>> shipped_calibration("vggface2").status
    'not-calibrated'
    """
    text = Path(__file__).with_name(f"{model}.json").read_text(encoding="utf-8")
    return Calibration.from_dict(json.loads(text))


def shipped_pair_calibration(model: str) -> Calibration:
    """Return the shipped calibration of a model for two single photos.

    Two single photos of a person are less alike than a photo and a centroid, so the same FMR needs a
    different threshold. If none was measured, the threshold for centroids is used, without any claim.

    Parameters
    ----------
    model : str
        Id of the model in the registry.

    Examples
    --------
    >>> shipped_pair_calibration("dlib").threshold < shipped_calibration("dlib").threshold
    True
    >>> shipped_pair_calibration("vggface2").status
    'not-calibrated'
    """
    file = Path(__file__).with_name(f"{model}-pairs.json")
    if file.exists():
        return Calibration.from_dict(json.loads(file.read_text(encoding="utf-8")))
    centroid = shipped_calibration(model)
    return Calibration(
        model=centroid.model,
        weights_sha256=centroid.weights_sha256,
        preprocessing=centroid.preprocessing,
        threshold=centroid.threshold,
        target_fmr=None,
        status="not-calibrated",
        data="none: the threshold for a photo against a centroid, not measured for two photos",
        created=centroid.created,
    )
