"""AT&T faces as in the tutorial: its Siamese network as the baseline, ours from the same photos beside it.

    python benchmarks/att.py ../shared/photos/att40 --rows /tmp/att.jsonl

Each run is one line of a file, so that this can be stopped and continued; the summary is written to
``results/att.json`` when all are there. Test sets: s5, s6 and s7 with five seeds, and 13 folds that leave
three people out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from att_networks import distances, train_siamese
from PIL import Image
from sklearn.metrics import roc_auc_score

from faceunlock.embedders.architecture import ResidualArchitecture
from faceunlock.error_rates import equal_error_rate
from faceunlock.photos import load_photo
from faceunlock.training.face_set import FaceSet, Split
from faceunlock.training.loop import Training
from faceunlock.training.recipe import TrainingRecipe

RESULT = Path(__file__).parent / "results" / "att.json"
TESTED = (5, 6, 7)
SEEDS, FOLDS = 5, 13


def read(folder: Path, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return all photos, shape (400, size, size, 3), and the number of each one's person."""
    photos, person = [], []
    for number in range(1, 41):
        part = "testing" if number in TESTED else "training"
        for path in sorted((folder / part / f"s{number}").iterdir()):
            image = Image.fromarray(load_photo(path).view().image)
            photos.append(np.asarray(image.resize((size, size), Image.Resampling.BILINEAR)))
            person.append(number)
    return np.stack(photos), np.array(person)


def judged(similarities: np.ndarray, person: np.ndarray) -> dict[str, float]:
    """Return EER and AUC over all pairs of photos."""
    row, column = np.triu_indices(len(person), k=1)
    scores, mated = similarities[row, column], person[row] == person[column]
    return {
        "eer": equal_error_rate(scores[mated], scores[~mated]),
        "auc": float(roc_auc_score(mated, scores)),
        "genuine": int(mated.sum()),
        "impostor": int((~mated).sum()),
    }


def plan(seeds: int, folds: int) -> list[dict[str, object]]:
    """Return every run: which network, which people are tested, which seed."""
    others = np.random.default_rng(0).permutation(np.arange(1, 41)).tolist()
    sets = [(list(TESTED), seed) for seed in range(seeds)]
    sets += [(sorted(others[3 * fold : 3 * fold + 3]), 100 + fold) for fold in range(folds)]
    return [
        {"network": network, "tested": tested, "seed": seed}
        for tested, seed in sets
        for network in ("tutorial", "ours")
    ]


def run(entry: dict[str, object], folder: Path, epochs: int | None) -> dict[str, object]:
    """Train one network and measure it on people that it has not seen."""
    seed = int(str(entry["seed"]))
    if entry["network"] == "tutorial":
        photos, person = read(folder, 100)
        gray = (photos[:, :, :, 0].astype(np.float32) / 255)[:, None]
        new = np.isin(person, entry["tested"])
        network = train_siamese(gray[~new], person[~new], epochs=epochs or 100, seed=seed)
        return {**entry, **judged(-distances(network, gray[new]), person[new])}
    recipe = TrainingRecipe(
        "arcface",
        ResidualArchitecture(gray=True, widths=(16, 32, 64, 128)),
        faces="as-is",
        epochs=epochs or 100,
        batch=32,
        augment="strong",
        validation=0.0,
        seed=seed,
    )
    photos, person = read(folder, recipe.architecture.input_size)
    new = np.isin(person, entry["tested"])
    names, code = np.unique(person, return_inverse=True)
    faces = FaceSet(photos, code, tuple(f"s{name}" for name in names))
    split = Split(np.flatnonzero(~new), np.empty(0, dtype=np.intp))
    with tempfile.TemporaryDirectory() as output:
        training = Training(faces, split, recipe, Path(output))
        training.run(lambda record: None, lambda items, total, label: items)
        embeddings = training.kept().embed(faces.crops[new])
    return {**entry, **judged(embeddings @ embeddings.T, person[new])}


def summary(rows: list[dict[str, object]]) -> dict[str, object]:
    """Return means over the seeds and over the folds."""
    result: dict[str, object] = {"rows": rows, "torch": torch.__version__}
    for network in ("tutorial", "ours"):
        for kind in ("seeds", "folds"):
            chosen = [
                row
                for row in rows
                if row["network"] == network and (row["tested"] == list(TESTED)) == (kind == "seeds")
            ]
            result[f"{network}_{kind}"] = {
                "runs": len(chosen),
                **{name: float(np.mean([row[name] for row in chosen])) for name in ("eer", "auc") if chosen},
            }
    return result


def main() -> None:
    """Do the runs that are still to be done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=Path, required=True, help="a line of JSON for each run")
    parser.add_argument("--epochs", type=int, help="fewer, to try the script; writes no result")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--folds", type=int, default=FOLDS)
    arguments = parser.parse_args()
    lines = arguments.rows.read_text().splitlines() if arguments.rows.exists() else []
    rows = [json.loads(line) for line in lines]
    done = [(row["network"], row["tested"], row["seed"]) for row in rows]
    for entry in plan(arguments.seeds, arguments.folds):
        if (entry["network"], entry["tested"], entry["seed"]) in done:
            continue
        rows.append(run(entry, arguments.folder, arguments.epochs))
        with arguments.rows.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        print(json.dumps(rows[-1]), flush=True)
    result = summary(rows)
    print(json.dumps({key: value for key, value in result.items() if key != "rows"}, indent=2))
    if arguments.epochs is None and (arguments.seeds, arguments.folds) == (SEEDS, FOLDS):
        RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
