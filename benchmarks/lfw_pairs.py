"""Find the threshold for two single photos from all pairs of LFW; --write-shipped writes the shipped one.

    python benchmarks/lfw_pairs.py [--model dlib] [--write-shipped]

Every photo of the 10-fold protocol is compared with every other one: 29.6 million pairs. The threshold is the
plain one for an FMR of 1e-5 on these pairs, rounded up to three digits like the one for centroids. A photo
without a face matches no one. `faceunlock compare` uses this threshold.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from math import ceil

import numpy as np
from common import HERE, collection, save
from lfw import all_pairs, photos, read_pairs

from faceunlock.matching.calibration import Calibration
from faceunlock.matching.error_rates import equal_error_rate, fmr_at, fnmr_at, rate_over_people
from faceunlock.matching.security import TARGETS
from faceunlock.matching.thresholds import threshold_at
from faceunlock.pipeline.models.registry import MODELS

TARGET = TARGETS["normal"]


def main() -> None:
    """Compare all pairs and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="dlib")
    parser.add_argument(
        "--write-shipped",
        action="store_true",
        help="write faceunlock/pipeline/models/shipped/MODEL-pairs.json",
    )
    arguments = parser.parse_args()
    _, pairs = read_pairs(collection() / "lfw-pairs.txt")
    files, person, embedded = photos(pairs, arguments.model)
    mated, other = all_pairs(embedded, person)
    plain = threshold_at(other.scores, TARGET)
    threshold = ceil(1000 * plain) / 1000
    tail = np.sort(other.scores[other.scores >= threshold])[::-1].tolist()
    below = float(other.scores[other.scores < threshold].max())
    spec = MODELS[arguments.model]
    shipped = Calibration(
        model=spec.id,
        weights_sha256=spec.sha256,
        preprocessing=spec.preprocessing,
        threshold=threshold,
        target_fmr=TARGET,
        status="shipped",
        data="all pairs of LFW",
        created=datetime.now(UTC).strftime("%Y-%m-%d"),
        people=len(np.unique(person)),
        photos=len(files),
        failures_to_acquire=rate_over_people(~embedded.acquired, person),
        fmr=fmr_at(other, threshold),
        fnmr=fnmr_at(mated, threshold),
        eer=equal_error_rate(mated.scores, other.scores),
        tail=(*tail, below),
        seed=0,
    )
    fmr, fnmr = shipped.fmr, shipped.fnmr
    print(f"{len(files):,} photos, {shipped.people:,} people")
    print(f"{len(mated):,} genuine pairs, {len(other):,} impostor pairs")
    print(f"threshold for an FMR of {TARGET:.0e}: {plain:.6f}, shipped {threshold}")
    print(
        f"FMR {fmr.errors:,} of {fmr.trials:,}, at most {fmr.upper:.2e} ({fmr.method}, {fmr.people:,} people)"
    )
    print(f"FNMR {fnmr.value:.4f} ({fnmr.errors:,} of {fnmr.trials:,}; {fnmr.lower:.4f} to {fnmr.upper:.4f})")
    result = {
        "model": spec.id,
        "genuine": len(mated),
        "impostor": len(other),
        "threshold": plain,
        "shipped": shipped.to_dict(),
    }
    save(f"lfw-pairs-{spec.id}", result)
    if arguments.write_shipped:
        path = HERE.parent / "faceunlock" / "pipeline" / "models" / "shipped" / f"{spec.id}-pairs.json"
        path.write_text(json.dumps(shipped.to_dict(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
