r"""The tutorial's experiment on the AT&T faces: its Siamese network against ours, trained on the same photos.

    python benchmarks/att.py ../shared/photos/att40 --rows /tmp/att.jsonl

Each run is one line of a file, so the script can be stopped and continued, and several processes can share
the work (``--only``, ``--seeds``). At the end, or immediately with ``--write``, ``results/att.json`` is
written from the lines so far, with the number of runs. Test sets: s5, s6 and s7 with five seeds, and 13 folds
that leave three people out. ``shifted`` is our network that also looks at its crops moved by some pixels;
``longer`` is our network with more epochs.

``--choose`` compares our settings on six other people, with s5, s6 and s7 left out altogether.

Two networks are separate because they also learned from other photos: ``dlib`` as it is, and ``started``,
which starts from dlib's weights and continues with these photos.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from att_networks import distances, train_siamese
from common import embed_photos, save
from resumable import read_rows, run_missing
from sklearn.metrics import roc_auc_score

from faceunlock.matching.error_rates import equal_error_rate
from faceunlock.photos.photo import PersonFolders
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.pipeline.detection import load_detector
from faceunlock.pipeline.models.architecture import Architecture, ResidualArchitecture
from faceunlock.pipeline.runtime import choose_engine
from faceunlock.settings import locate
from faceunlock.training.face_set import AlignedCrops, FaceSet, HeldOutSplit, collect_faces
from faceunlock.training.first_weights import FirstWeights, first_weights
from faceunlock.training.loop import Training
from faceunlock.training.recipe import TrainingRecipe, best_precision

TESTED = ["s5", "s6", "s7"]
CHOSEN_ON = ["s3", "s4", "s19", "s24", "s25", "s35"]
"""The people of two folds, on whom our recipe was chosen, with s5, s6 and s7 left out altogether."""

SEEDS, FOLDS = 5, 13
CANDIDATES: dict[str, dict[str, Any]] = {
    "arcface": {},
    "arcface, light augmentation": {"augment": "light"},
    "arcface, widths 32 to 256": {"widths": (32, 64, 128, 256)},
    "arcface, learning rate 3e-3": {"learning_rate": 3e-3},
    "arcface, weight decay 0.5": {"weight_decay": 0.5},
    "arcface, batches of 16": {"batch": 16},
    "arcface, 48 pixels": {"size": 48},
    "arcface, 96 pixels": {"size": 96},
    "arcface, 25 epochs": {"epochs": 25},
    "arcface, 150 epochs": {"epochs": 150},
    "arcface, shift of 3": {"shift": 3},
    "softmax": {"loss": "softmax"},
    "triplet": {"loss": "triplet"},
}
EPOCHS = {"tutorial": 100, "ours": 60, "shifted": 60, "longer": 150, "started": 4, "candidate": 50}
STARTED = {"learning_rate": 3e-5, "direction_rate": 1e-2}
"""Changes for a network that already knows faces: it learns slowly, as `compact` did."""

SHIFT = 3
NETWORKS = ("tutorial", "ours", "shifted", "longer", "started", "dlib")
OURS = ("ours", "shifted", "longer")
"""Networks that learned from the photos of the 37 people alone."""


def choice() -> list[dict[str, Any]]:
    """Return the runs by which the recipe was chosen."""
    names = list(CANDIDATES)
    return [{"network": "candidate", "candidate": name, "tested": CHOSEN_ON, "seed": 0} for name in names]


def plan() -> list[dict[str, Any]]:
    """Return every run: the network, the people tested, and the seed."""
    order = np.random.default_rng(0).permutation(np.arange(1, 41)).tolist()
    sets = [(TESTED, seed) for seed in range(SEEDS)]
    for fold in range(FOLDS):
        people = sorted(order[3 * fold : 3 * fold + 3])
        sets.append(([f"s{number}" for number in people], 100 + fold))
    return [
        {"network": network, "tested": tested, "seed": seed}
        for tested, seed in sets
        for network in NETWORKS
        if network != "dlib" or seed == 0 or tested != TESTED  # dlib has nothing random: one run
    ]


def photos_of(folder: Path) -> dict[str, list[Path]]:
    """Return the photos of the forty people."""
    people = {path.name: sorted(path.iterdir()) for path in folder.glob("t*ing/s*")}
    return {f"s{number}": people[f"s{number}"] for number in range(1, 41)}


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


@cache
def faces_of(folder: Path, architecture: Architecture, *, detect: bool = False) -> FaceSet:
    """Return the crops of all forty people, either only scaled or aligned on landmarks."""
    finder = None
    if detect:
        engine = choose_engine("cpu", locate().cache, runtime="auto", photos=400)
        finder = Acquisition(load_detector(engine), AlignedCrops(architecture))
    return collect_faces(
        PersonFolders(photos_of(folder), (), 0),
        architecture.input_size,
        acquisition=finder,
        max_pixels=10**7,
        track=lambda items, *_: items,
    )


def tutorial(folder: Path, tested: list[str], seed: int, epochs: int, precision: str) -> dict[str, float]:
    """Train the tutorial's network and return its EER and AUC on people that it has not seen."""
    faces = faces_of(folder, ResidualArchitecture(input_size=100))
    gray = (faces.crops[:, :, :, 0].astype(np.float32) / 255)[:, None]
    new = np.isin(np.array(faces.names)[faces.person], tested)
    network = train_siamese(gray[~new], faces.person[~new], epochs=epochs, seed=seed, precision=precision)
    return judged(-distances(network, gray[new]), faces.person[new])


def our_recipe(
    seed: int,
    epochs: int,
    precision: str,
    *,
    loss: str = "arcface",
    size: int = 64,
    widths: tuple[int, ...] = (16, 32, 64, 128),
    shift: int = 0,
    **changes: Any,
) -> TrainingRecipe:
    """Return the recipe that was chosen on `CHOSEN_ON`, with any changes."""
    settings = {"faces": "as-is", "batch": 32, "augment": "strong", "validation": 0.0, **changes}
    architecture = ResidualArchitecture(input_size=size, gray=True, mirror=True, shift=shift, widths=widths)
    return TrainingRecipe(
        loss,  # type: ignore[arg-type]
        architecture,
        epochs=epochs,
        precision=precision,  # type: ignore[arg-type]
        seed=seed,
        **settings,
    )


def ours(
    faces: FaceSet,
    tested: list[str],
    left_out: list[str],
    recipe: TrainingRecipe,
    first: FirstWeights | None = None,
) -> dict[str, float]:
    """Train our network, from `first` or at random; return EER and AUC on people that it has not seen."""
    names = np.array(faces.names)[faces.person]
    new, known = np.isin(names, tested), ~np.isin(names, tested + left_out)
    with tempfile.TemporaryDirectory() as output:
        split = HeldOutSplit(np.flatnonzero(known), np.empty(0, dtype=np.intp))
        training = Training(faces, split, recipe, Path(output), start=None if first is None else first.arrays)
        training.run(lambda record: None, lambda items, total, label: items)
        embeddings = training.kept().embed(faces.crops[new])
    return judged(embeddings @ embeddings.T, faces.person[new])


def dlib(folder: Path, tested: list[str]) -> dict[str, float]:
    """Return EER and AUC of ``dlib`` as it is, and how many photos were left out for lack of a face."""
    people = photos_of(folder)
    paths = [path for photos in people.values() for path in photos]
    person = np.repeat(np.arange(len(people)), [len(photos) for photos in people.values()])
    found = embed_photos(paths, "att40", "dlib")
    new = np.isin(np.array(list(people))[person], tested)
    usable = new & found.acquired
    scores = found.embeddings[usable] @ found.embeddings[usable].T
    return {**judged(scores, person[usable]), "photos_without_a_face": int((new & ~found.acquired).sum())}


def run(entry: dict[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """Do one run and return its line."""
    network, tested, seed = entry["network"], entry["tested"], entry["seed"]
    precision = arguments.precision
    changes = dict(CANDIDATES[entry["candidate"]]) if network == "candidate" else {}
    own = changes.pop("epochs", EPOCHS.get(network))
    if network == "shifted":
        changes["shift"] = SHIFT
    epochs = arguments.epochs or own
    began = time.process_time()
    if network == "dlib":
        return {**entry, **dlib(arguments.folder, tested)}
    if network == "tutorial":
        measured = tutorial(arguments.folder, tested, seed, epochs, precision)
    elif network == "started":
        first = first_weights("dlib", 112, locate().cache)
        recipe = our_recipe(seed, epochs, precision, faces="detect", **STARTED)
        recipe = replace(recipe, architecture=first.architecture, start=first.sha256)
        faces = faces_of(arguments.folder, recipe.architecture, detect=True)
        measured = ours(faces, tested, [], recipe, first)
        found = np.isin(np.array(faces.names)[faces.person], tested).sum()
        photos = photos_of(arguments.folder)
        measured["photos_without_a_face"] = sum(len(photos[name]) for name in tested) - int(found)
    else:
        recipe = our_recipe(seed, epochs, precision, **changes)
        faces = faces_of(arguments.folder, recipe.architecture)
        measured = ours(faces, tested, TESTED if network == "candidate" else [], recipe)
    spent = round(time.process_time() - began)
    return {**entry, "epochs": epochs, "precision": precision, **measured, "cpu_seconds": spent}


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return means over seeds and over folds, and compare ours with the tutorial's on the same sets."""
    chosen_by = {row["candidate"]: row for row in rows if row["network"] == "candidate"}
    rows = [row for row in rows if row["network"] != "candidate"]
    result: dict[str, Any] = {"chosen_on": CHOSEN_ON, "chosen_by": chosen_by}
    for kind in ("seeds", "folds"):
        chosen = [row for row in rows if (row["tested"] == TESTED) == (kind == "seeds")]
        result[kind] = {
            network: _means([row for row in chosen if row["network"] == network]) for network in NETWORKS
        }
        of = {name: {row["seed"]: row for row in chosen if row["network"] == name} for name in NETWORKS}
        result[kind]["same_test_sets"] = {name: _compared(of["tutorial"], of[name]) for name in OURS}
        for name in OURS:
            fresh = [row for row in of[name].values() if not set(row["tested"]) & set(CHOSEN_ON)]
            result[kind][name]["on_people_it_was_not_chosen_on"] = _means(fresh)
    return {**result, "rows": rows}


def _compared(theirs: dict[int, dict[str, Any]], own: dict[int, dict[str, Any]]) -> dict[str, Any]:
    both = sorted(theirs.keys() & own.keys())
    return {
        "runs": len(both),
        "tutorial": _means([theirs[seed] for seed in both]),
        "own": _means([own[seed] for seed in both]),
    }


def _means(rows: list[dict[str, Any]]) -> dict[str, Any]:
    if not rows:
        return {"runs": 0}
    eer = np.array([row["eer"] for row in rows])
    return {
        "runs": len(rows),
        "eer": float(eer.mean()),
        "eer_deviation": float(eer.std(ddof=1)) if len(eer) > 1 else None,
        "eer_highest": float(eer.max()),
        "auc": float(np.mean([row["auc"] for row in rows])),
        "photos_without_a_face": sum(row.get("photos_without_a_face", 0) for row in rows),
    }


def main() -> None:
    """Do the missing runs and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=Path, required=True, help="file with a line of JSON for each run")
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--seeds", nargs="+", type=int, help="only these seeds; folds count from 100")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default=best_precision("cpu"))
    parser.add_argument("--epochs", type=int, help="fewer epochs, to try the script; writes no result")
    parser.add_argument("--choose", action="store_true", help="compare our settings instead")
    parser.add_argument("--write", action="store_true", help="train nothing, write the result")
    arguments = parser.parse_args()
    wanted = (*NETWORKS, "candidate") if arguments.choose else arguments.only
    entries = [
        entry
        for entry in (choice() if arguments.choose else plan())
        if entry["network"] in wanted and (not arguments.seeds or entry["seed"] in arguments.seeds)
    ]
    if not arguments.write:
        run_missing(arguments.rows, entries, lambda entry: run(entry, arguments))
    if arguments.epochs is None:
        order = [*choice(), *plan()]
        rows = read_rows(arguments.rows)
        rows.sort(key=lambda row: next(i for i, entry in enumerate(order) if entry.items() <= row.items()))
        save("att", summary(rows))


if __name__ == "__main__":
    main()
