"""Name five people (140 photos each, split 80/20): the tutorial's classifier, ours, and a head on ``dlib``.

    python benchmarks/five_people.py ../shared/train112/pins --rows /tmp/five.jsonl

Each run is one line of a file, so the script can be stopped and continued, and several processes can share
the work (``--only``, ``--seeds``). At the end, or immediately with ``--write``, ``results/five-people.json``
is written from the lines so far, with the number of runs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from common import save
from five_networks import named_by, train_vgg
from resumable import read_rows, run_missing

from faceunlock.matching.error_rates import rate_over_people
from faceunlock.photos.photo import PersonFolders, person_folders
from faceunlock.pipeline.embedding import load_embedder
from faceunlock.pipeline.models.architecture import ResidualArchitecture
from faceunlock.pipeline.runtime import Engine
from faceunlock.settings import locate
from faceunlock.training.face_set import FaceSet, HeldOutSplit, collect_faces, split_by_photo
from faceunlock.training.head import learn_head
from faceunlock.training.loop import Training
from faceunlock.training.recipe import TrainingRecipe, best_precision
from faceunlock.training.teacher import teaching

PEOPLE, PHOTOS, HELD_OUT, SEEDS = 5, 140, 0.2, 5
STEPS, OUR_EPOCHS = 1600, 150
NETWORKS = ("tutorial", "ours", "dlib")


def plan() -> list[dict[str, Any]]:
    """Return every run: the network, and the seed, which also sets the split."""
    return [{"network": network, "seed": seed} for seed in range(SEEDS) for network in NETWORKS]


@cache
def read(folder: Path, size: int = 112) -> FaceSet:
    """Return the first 140 photos of the five people with the most photos, scaled but otherwise unchanged."""
    found = person_folders(folder)
    chosen = sorted(found.people, key=lambda name: (-len(found.people[name]), name))[:PEOPLE]
    people = {name: found.people[name][:PHOTOS] for name in sorted(chosen)}
    return collect_faces(
        PersonFolders(people, (), 0), size, acquisition=None, max_pixels=10**7, track=lambda items, *_: items
    )


@cache
def dlib_embeddings(folder: Path) -> np.ndarray:
    """Return the ``dlib`` embeddings of all photos, shape (700, 128)."""
    engine = Engine("onnx", "cpu", locate().cache)
    embed = teaching(load_embedder("dlib", cache=engine.cache, engine=engine), ResidualArchitecture())
    return embed(read(folder).crops)


def ours(folder: Path, split: HeldOutSplit, seed: int, epochs: int, precision: str) -> np.ndarray:
    """Train our network on these photos alone and return the person it names on each held-out photo.

    Epochs, variations and CutMix were chosen on the five people with the next most photos.
    """
    recipe = TrainingRecipe(
        "softmax",
        ResidualArchitecture(input_size=64, mirror=True),
        faces="as-is",
        epochs=epochs,
        batch=32,
        augment="light",
        cutmix=0.7,
        validation=0.0,
        precision=precision,  # type: ignore[arg-type]
        seed=seed,
    )
    faces = read(folder, recipe.architecture.input_size)
    with tempfile.TemporaryDirectory() as output:
        known = HeldOutSplit(split.training, np.empty(0, dtype=np.intp))
        training = Training(faces, known, recipe, Path(output))
        training.run(lambda record: None, lambda items, total, label: items)
        learner = training.kept()
    return np.argmax(learner.embed(faces.crops[split.validation]) @ learner.directions().T, axis=1)


def run(entry: dict[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """Do one run and return its line."""
    network, seed, precision = entry["network"], entry["seed"], arguments.precision
    faces = read(arguments.folder)
    split = split_by_photo(faces.person, HELD_OUT, seed)
    known, new = split.training, split.validation
    began = time.process_time()
    if network == "tutorial":
        steps = arguments.steps or STEPS
        trained = train_vgg(
            faces.crops[known], faces.person[known], steps=steps, seed=seed, precision=precision
        )
        named = named_by(trained, faces.crops[new])
    elif network == "ours":
        epochs = OUR_EPOCHS if arguments.steps is None else -(-arguments.steps // (len(known) // 32))
        named = ours(arguments.folder, split, seed, epochs, precision)
    else:
        embeddings = dlib_embeddings(arguments.folder)
        head, _ = learn_head(embeddings[known], faces.person[known], faces.names, seed=seed)
        named = head.best(embeddings[new])
    misnamed = rate_over_people(named != faces.person[new], faces.person[new]).to_dict()
    spent = round(time.process_time() - began)
    told = {} if network == "dlib" else {"precision": precision, "cpu_seconds": spent}
    return {**entry, "misnamed": misnamed, **told}


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return mean and deviation over the seeds, and compare ours with the tutorial's on the same draws."""
    result: dict[str, Any] = {"people": PEOPLE, "photos_each": PHOTOS, "held_out": HELD_OUT}
    for network in NETWORKS:
        chosen = [row["misnamed"] for row in rows if row["network"] == network]
        right = np.array([1.0 - rate["value"] for rate in chosen])
        result[network] = {"runs": len(chosen)}
        if chosen:
            result[network] |= {
                "right": float(right.mean()),
                "right_deviation": float(right.std(ddof=1)) if len(right) > 1 else None,
                "right_lowest": float(right.min()),
                "errors": sum(rate["errors"] for rate in chosen),
                "trials": sum(rate["trials"] for rate in chosen),
            }
    errors = {(row["network"], row["seed"]): row["misnamed"]["errors"] for row in rows}
    both = [seed for seed in range(SEEDS) if {("tutorial", seed), ("ours", seed)} <= errors.keys()]
    result["same_draws"] = {
        "runs": len(both),
        **{name: sum(errors[name, seed] for seed in both) for name in ("tutorial", "ours")},
    }
    return {**result, "rows": rows}


def main() -> None:
    """Do the missing runs and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=Path, required=True, help="file with a line of JSON for each run")
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--seeds", nargs="+", type=int, help="only these seeds")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default=best_precision("cpu"))
    parser.add_argument("--steps", type=int, help="fewer steps, to try the script; writes no result")
    parser.add_argument("--write", action="store_true", help="train nothing, write the result")
    arguments = parser.parse_args()
    wanted = [
        entry
        for entry in plan()
        if entry["network"] in arguments.only and (not arguments.seeds or entry["seed"] in arguments.seeds)
    ]
    if not arguments.write:
        run_missing(arguments.rows, wanted, lambda entry: run(entry, arguments))
    if arguments.steps is None:
        rows = read_rows(arguments.rows)
        rows.sort(key=lambda row: (NETWORKS.index(row["network"]), row["seed"]))
        save("five-people", summary(rows))


if __name__ == "__main__":
    main()
