"""Audit three groups of cropped portraits and compare with a tutorial's published figures.

Run: python benchmarks/audit_utk98.py [--model dlib]

The file names give the groups.

The tutorial (Neuromatch Academy, Deep Learning, W2D3 Tutorial 2) compares the within-group sums of squares of
the 49 photos `??_1_1_*` and the 49 `??_1_0_*` with VGGFace2 weights, 150-pixel crops and a margin of 32. With
those weights in the cache, `--model vggface2 --crop 150 --margin 32` repeats its measurement.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from common import collection, save

from faceunlock import FaceUnlock
from faceunlock.reports.audit_words import conclusion
from faceunlock.studies.audit import AuditReport

GROUPS = r"pattern:^\d+_(?P<group>\d_\d)_"
TWO_GROUPS = r"pattern:^\d+_(?P<group>1_\d)_"
PUBLISHED = {"1_1": 34.21, "1_0": 44.59}


def main() -> None:
    """Audit, print and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="dlib")
    parser.add_argument("--crop", type=int)
    parser.add_argument("--margin", type=int)
    arguments = parser.parse_args()
    crop = None if arguments.crop is None else (arguments.crop, arguments.margin)
    photos = collection() / "utk98"
    with FaceUnlock(model=arguments.model) as unlock:
        audits = {
            name: unlock.audit(photos, by, faces="largest", crop=crop)
            for name, by in (("three", GROUPS), ("two", TWO_GROUPS))
        }
    name = f"audit-utk98-{arguments.model}"
    if crop is not None:
        name += f"-{crop[0]}-{crop[1]}"
    for report in audits.values():
        show(report)
    save(
        name,
        {
            "model": arguments.model,
            "preprocessing": audits["three"].identity.preprocessing,
            "published": {
                "sums_of_squares": PUBLISHED,
                "model": "vggface2",
                "crop": 150,
                "margin": 32,
                "source": "Neuromatch Academy, Deep Learning, W2D3 Tutorial 2",
            },
            **{key: summary(report) for key, report in audits.items()},
        },
    )


def show(report: AuditReport) -> None:
    """Print the groups and the conclusion."""
    for group in report.audit.groups:
        print(
            f"{group.name}: sum of squares {group.sum_of_squares:.2f} of {group.photos} photos, "
            f"FMR {group.fmr.errors} of {group.fmr.trials} (at most {group.fmr.upper:.4f}), "
            f"not acquired {group.failures_to_acquire.errors}"
        )
    print(conclusion(report))


def summary(report: AuditReport) -> dict:
    """Return the content of the result file; of the photos, only the names of the most similar pairs."""
    audit = report.audit
    return {
        "photos": report.photos,
        "threshold": audit.threshold,
        "threshold_status": report.calibration.status,
        "permutations": audit.permutations,
        "seed": audit.seed,
        "conclusion": conclusion(report),
        "groups": {
            group.name: {
                "people": group.people,
                "photos": group.photos,
                "failures_to_acquire": group.failures_to_acquire.to_dict(),
                "sum_of_squares": group.sum_of_squares,
                "mean_distance": group.mean_distance,
                "fmr": group.fmr.to_dict(),
            }
            for group in audit.groups
        },
        "differences": [
            {"measure": c.measure, "group": d.group, "p": d.p, "p_corrected": d.p_corrected}
            for c in audit.comparisons
            for d in c.told
        ],
        "most_similar": [
            {"group": pair.group, "photos": [Path(pair.photo).name, Path(pair.other).name],
             "similarity": float(np.round(pair.similarity, 4))}
            for pair in audit.most_similar
        ],
    }  # fmt: skip


if __name__ == "__main__":
    main()
