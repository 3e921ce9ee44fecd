"""Files that ship with the program: the weights of ``compact``, and the thresholds of every model.

``MODEL.json`` is for a photo against a centroid. ``benchmarks/lfw.py`` writes it: for each level of security
a threshold with its rates, as `Calibration.to_dict` gives them. If nothing was measured for a model, its file
holds a single entry that says so. ``benchmarks/lfw_pairs.py`` writes ``MODEL-pairs.json`` (a photo against a
photo), which has one threshold.
"""

from __future__ import annotations

import json
from pathlib import Path

from faceunlock.matching.calibration import Calibration
from faceunlock.settings import Security


def shipped_calibration(model: str, security: Security = "normal") -> Calibration:
    """Return the shipped calibration of a model.

    Parameters
    ----------
    model : str
        Id of the model in the registry.
    security : {"relaxed", "normal", "strict"}
        Level of security; it makes no difference for a model without a measured threshold.

    Examples
    --------
    >>> shipped_calibration("vggface2").status
    'not-calibrated'
    >>> shipped_calibration("compact", "strict").target_fmr
    1e-06
    """
    entry = json.loads(Path(__file__).with_name(f"{model}.json").read_text(encoding="utf-8"))
    return Calibration.from_dict(entry.get(security, entry))


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
