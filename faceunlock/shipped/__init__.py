"""The thresholds that come with the program: one JSON file per model, as `Calibration.to_dict` writes it.

``dlib.json`` is written by ``benchmarks/lfw.py``; the others are no measurements and say so.
"""

from __future__ import annotations

import json
from pathlib import Path

from faceunlock.calibration import Calibration


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
