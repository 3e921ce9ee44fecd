"""LFW through the whole pipeline: 10-fold accuracy, FNMR at fixed FMRs, and the shipped thresholds.

Run: python benchmarks/lfw.py [--model dlib] [--write-shipped]

The threshold of a level of security is the largest of those for its FMR in ten draws of the three photos that
make a centroid, rounded to three decimals. Its rates are those of the first draw. `ALIKE` raises a threshold
that LFW alone would set too low for people who look alike.

Data: the 7,701 images of the 10-fold protocol (6,000 pairs). The subject is the face nearest to the
middle. A photo without a face matches no one: its genuine comparisons are errors.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from common import HERE, Embedded, collection, embed_photos, save, score_comparisons

from faceunlock.matching.calibration import Calibration
from faceunlock.matching.error_rates import FalseMatches, equal_error_rate, fmr_at, fnmr_at, rate_over_people
from faceunlock.matching.scores import GenuineScores, ImpostorScores, split_people
from faceunlock.matching.security import LEVELS, TARGETS, chances
from faceunlock.matching.similarity import unit
from faceunlock.matching.thresholds import threshold_at
from faceunlock.pipeline.models.registry import MODELS

NEVER = -1.0
"""Similarity of a photo without a face to any other."""

SEEDS = range(10)

ALIKE: dict[str, dict[str, float]] = {"retail-0095": {"normal": 0.59}}
"""Lowest thresholds by model and level. Two of ten people with phone photos reach 0.588 (`phone10.py`), where
`normal` must not take one for the other."""


def read_pairs(path: Path) -> tuple[int, list[tuple[str, str, bool]]]:
    """Return the number of folds and the pairs of photos in their order, each with whether it is genuine."""
    lines = path.read_text().splitlines()
    folds = int(lines[0].split()[0])
    pairs = []
    for line in lines[1:]:
        words = line.split()
        if len(words) == 3:
            pairs.append((photo(words[0], words[1]), photo(words[0], words[2]), True))
        else:
            pairs.append((photo(words[0], words[1]), photo(words[2], words[3]), False))
    return folds, pairs


def photo(person: str, number: str) -> str:
    """Return the path of a photo inside LFW."""
    return f"{person}/{person}_{int(number):04d}.jpg"


def photos(pairs: list[tuple[str, str, bool]], model: str) -> tuple[list[str], np.ndarray, Embedded]:
    """Return the photos of the protocol, the number of the person on each, and their embeddings."""
    files = sorted({file for pair in pairs for file in pair[:2]})
    person = np.array([hash_id(file) for file in files])
    return files, person, embed_photos([collection() / "lfw" / file for file in files], "lfw", model)


def folds_accuracy(scores: np.ndarray, genuine: np.ndarray, folds: int) -> np.ndarray:
    """Return the accuracy of each fold at the threshold that is best on the other folds."""
    order = np.arange(len(scores)).reshape(folds, -1)
    accuracies = []
    for held_out in order:
        rest = np.setdiff1d(order.ravel(), held_out)
        candidates = np.unique(scores[rest])
        mated, other = np.sort(scores[rest][genuine[rest]]), np.sort(scores[rest][~genuine[rest]])
        right = (len(mated) - np.searchsorted(mated, candidates)) + np.searchsorted(other, candidates)
        threshold = candidates[np.argmax(right)]
        accuracies.append(np.mean((scores[held_out] >= threshold) == genuine[held_out]))
    return np.array(accuracies)


def on_pairs(embedded: Embedded, index: dict[str, int], folds: int, pairs: list) -> dict:
    """Return accuracy and error rates on the 6,000 pairs of the protocol."""
    left, right = (np.array([index[pair[side]] for pair in pairs]) for side in (0, 1))
    genuine = np.array([pair[2] for pair in pairs])
    scores = np.einsum("ij,ij->i", embedded.embeddings[left], embedded.embeddings[right], dtype=np.float64)
    scores = np.clip(scores, -1, 1)
    scores[~(embedded.acquired[left] & embedded.acquired[right])] = NEVER
    accuracy = folds_accuracy(scores, genuine, folds)
    people = np.array([hash_id(pair[0]) for pair in pairs]), np.array([hash_id(pair[1]) for pair in pairs])
    mated = GenuineScores(scores[genuine], people[0][genuine])
    other = ImpostorScores(scores[~genuine], people[0][~genuine], people[1][~genuine])
    return {
        "pairs": len(pairs),
        "accuracy": float(accuracy.mean()),
        "standard_deviation": float(accuracy.std(ddof=1)),
        "standard_error": float(accuracy.std(ddof=1) / np.sqrt(folds)),
        "fnmr": table(mated, FalseMatches(other), (1e-2, 1e-3)),
    }


_IDS: dict[str, int] = {}


def hash_id(path: str) -> int:
    """Return a number for the person of a photo."""
    return _IDS.setdefault(path.split("/", 1)[0], len(_IDS))


def table(mated: GenuineScores, other: FalseMatches, targets: tuple[float, ...]) -> list[dict]:
    """Return and print the FNMR at each target FMR, with threshold, trials and bounds."""
    rows = []
    for target in targets:
        threshold = threshold_at(other.scores, target)
        fnmr, fmr = fnmr_at(mated, threshold), other.at(threshold)
        rows.append(
            {"target_fmr": target, "threshold": threshold, "fnmr": fnmr.to_dict(), "fmr": fmr.to_dict()}
        )
        print(
            f"    FMR {target:.0e}: threshold {threshold:.4f}, FNMR {fnmr.value:.4f} "
            f"({fnmr.errors:,} of {fnmr.trials:,}; 95 % {fnmr.lower:.4f} to {fnmr.upper:.4f}), "
            f"FMR {fmr.errors:,} of {fmr.trials:,}, at most {fmr.upper:.2e} ({fmr.method})"
        )
    return rows


def all_pairs(embedded: Embedded, person: np.ndarray) -> tuple[GenuineScores, ImpostorScores]:
    """Return the genuine and impostor scores of all 29.6 million pairs of images."""
    count = len(person)
    similarity = np.clip(embedded.embeddings @ embedded.embeddings.T, -1, 1)
    similarity[~embedded.acquired] = NEVER
    similarity[:, ~embedded.acquired] = NEVER
    row, column = np.triu_indices(count, k=1)
    same = person[row] == person[column]
    mated = GenuineScores(similarity[row[same], column[same]], person[row[same]])
    row, column = row[~same], column[~same]
    other = ImpostorScores(similarity[row, column], person[row], person[column])
    return mated, other


def on_all_pairs(embedded: Embedded, person: np.ndarray) -> dict:
    """Return the error rates on all pairs."""
    mated, other = all_pairs(embedded, person)
    return {
        "genuine": len(mated),
        "impostor": len(other),
        "fnmr": table(mated, FalseMatches(other), (1e-2, 1e-3, 1e-4, 1e-5)),
    }


def against_centroids(embedded: Embedded, names: list[str], person: np.ndarray, seed: int):
    """Return the scores of probes against centroids of 3 photos, exactly as in `calibrate --split 3`."""
    usable = np.flatnonzero(embedded.acquired)
    split = split_people([names[i] for i in usable], 3, seed)
    sums: dict[str, np.ndarray] = {}
    for position in split.templates:
        i = usable[position]
        sums[names[i]] = sums.get(names[i], 0) + embedded.embeddings[i].astype(np.float64)
    number = {name: int(person[names.index(name)]) for name in split.enrolled}
    probes = usable[list(split.probes)]
    return score_comparisons(
        embedded.embeddings[probes],
        person[probes],
        unit(np.stack([sums[name] for name in split.enrolled])),
        [number[name] for name in split.enrolled],
    )


def main() -> None:
    """Run everything and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="dlib")
    parser.add_argument(
        "--write-shipped", action="store_true", help="write faceunlock/pipeline/models/shipped/MODEL.json"
    )
    arguments = parser.parse_args()
    folds, pairs = read_pairs(collection() / "lfw-pairs.txt")
    files, person, embedded = photos(pairs, arguments.model)
    index = {file: i for i, file in enumerate(files)}
    names = [file.split("/")[0] for file in files]
    failures = rate_over_people(~embedded.acquired, person)
    print(f"{len(files):,} photos, {len(set(names)):,} people, failures to acquire {failures.errors}")
    print(f"verify would refuse {int(embedded.refused.sum()):,} of them: no face dominates")
    protocol = on_pairs(embedded, index, folds, pairs)
    print(f"  6,000 pairs: accuracy {protocol['accuracy']:.4f} +- {protocol['standard_deviation']:.4f}")
    print("  all pairs:")
    everything = on_all_pairs(embedded, person)
    print("  probes against centroids of 3 photos:")
    draws = []
    for seed in SEEDS:
        mated, other = against_centroids(embedded, names, person, seed)
        print(f"   seed {seed}: {len(mated):,} genuine, {len(other):,} impostor")
        matches = FalseMatches(other)
        draws.append({"seed": seed, "fnmr": table(mated, matches, (1e-2, 1e-3, 1e-4, 1e-5, 1e-6))})
    mated, other = against_centroids(embedded, names, person, SEEDS[0])
    levels = {}
    for level in LEVELS:
        measured = largest_of(draws, TARGETS[level])
        threshold = max(measured, ALIKE.get(arguments.model, {}).get(level, measured))
        shipped = calibration(arguments.model, threshold, TARGETS[level], embedded, mated, other, person)
        levels[level] = shipped.to_dict()
        print(f"  {level}, {threshold}: {chances(shipped)}")
    save(
        f"lfw-{arguments.model}",
        {
            "model": arguments.model,
            "photos": len(files),
            "people": len(set(names)),
            "failures_to_acquire": failures.to_dict(),
            "refused_by_verify": int(embedded.refused.sum()),
            "protocol": protocol,
            "all_pairs": everything,
            "centroids_of_3": draws,
            "shipped": levels["normal"],
            "levels": levels,
        },
    )
    if arguments.write_shipped:
        path = HERE.parent / "faceunlock" / "pipeline" / "models" / "shipped" / f"{arguments.model}.json"
        path.write_text(json.dumps(levels, indent=1) + "\n", encoding="utf-8")


def largest_of(draws: list[dict], target: float) -> float:
    """Return the largest threshold of all draws for a target, rounded to three decimals."""
    found = [row["threshold"] for draw in draws for row in draw["fnmr"] if row["target_fmr"] == target]
    return round(max(found), 3)


def calibration(model, threshold, target, embedded, mated, other, person) -> Calibration:
    """Return the threshold of a level with its measured error rates."""
    spec = MODELS[model]
    order = np.sort(other.scores)[::-1]
    reached = int(np.sum(order >= threshold))
    return Calibration(
        model=spec.id,
        weights_sha256=spec.sha256,
        preprocessing=spec.preprocessing,
        threshold=threshold,
        target_fmr=target,
        status="shipped",
        data="LFW",
        created=datetime.now(UTC).strftime("%Y-%m-%d"),
        people=len(set(person.tolist())),
        photos=len(embedded.acquired),
        failures_to_acquire=rate_over_people(~embedded.acquired, person),
        fmr=fmr_at(other, threshold),
        fnmr=fnmr_at(mated, threshold),
        eer=equal_error_rate(mated.scores, other.scores),
        tail=tuple(float(score) for score in order[: reached + 1]),
        seed=SEEDS[0],
        split=3,
    )


if __name__ == "__main__":
    main()
