"""What comes with the program: the weights of ``compact``, and a threshold for every model.

A threshold is a JSON file, as `Calibration.to_dict` writes it: ``MODEL.json`` (a photo against a centroid)
is written by ``benchmarks/lfw.py``, ``MODEL-pairs.json`` (a photo against a photo) by
``benchmarks/lfw_pairs.py``. Where nothing was measured, it says so.
"""

from __future__ import annotations

import json
from pathlib import Path

from faceunlock.matching.calibration import Calibration


def shipped_calibration(model: str) -> Calibration:
    """Return the calibration that comes with the program.

    Parameters
    ----------
    model : str
        Id in the registry.

    Examples
    --------
    >>> shipped_calibration("vggface2").status
    'not-calibrated'
    """
    text = Path(__file__).with_name(f"{model}.json").read_text(encoding="utf-8")
    return Calibration.from_dict(json.loads(text))


def shipped_pair_calibration(model: str) -> Calibration:
    """Return the threshold for two single photos that comes with the program.

    Two single photos of a person are less alike than a photo and a centroid, so the threshold for the same
    FMR is another. Where it was not measured, the one for centroids stands in, and nothing is claimed.

    Parameters
    ----------
    model : str
        Id in the registry.

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
