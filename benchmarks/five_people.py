"""Five people, 140 photos each, 80/20: the tutorial's classifier, ours beside it, and a head on ``dlib``.

    python benchmarks/five_people.py ../shared/train112/pins --rows /tmp/five.jsonl

Each run is one line of a file, so that this can be stopped and continued; the summary is written to
``results/five-people.json`` when all are there.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from five_networks import named_by, train_vgg

from faceunlock.classification import learn_head
from faceunlock.embedders import load_embedder
from faceunlock.embedders.architecture import ResidualArchitecture
from faceunlock.error_rates import rate_over_people
from faceunlock.photos import PersonFolders, person_folders
from faceunlock.runtime import Engine
from faceunlock.settings import locate
from faceunlock.training.face_set import FaceSet, collect_faces, split_by_photo
from faceunlock.training.loop import Training
from faceunlock.training.recipe import TrainingRecipe
from faceunlock.training.teaching import teaching

RESULT = Path(__file__).parent / "results" / "five-people.json"
PEOPLE, PHOTOS, SEEDS = 5, 140, 5


def read(folder: Path) -> FaceSet:
    """Return the first 140 photos of the five people with the most."""
    found = person_folders(folder)
    chosen = sorted(found.people, key=lambda name: (-len(found.people[name]), name))[:PEOPLE]
    people = {name: found.people[name][:PHOTOS] for name in sorted(chosen)}
    return collect_faces(
        PersonFolders(people, (), 0), 112, acquisition=None, max_pixels=10**7, track=lambda items, *_: items
    )


def named(network: str, faces: FaceSet, seed: int, steps: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return whom a network takes the held-out photos for, and who they are."""
    split = split_by_photo(faces.person, 0.2, seed)
    new, known = split.validation, split.training
    if network == "tutorial":
        trained = train_vgg(faces.crops[known], faces.person[known], steps=steps or 1600, seed=seed)
        return named_by(trained, faces.crops[new]), faces.person[new]
    if network == "dlib":
        engine = Engine("onnx", "cpu", locate().cache)
        embed = teaching(load_embedder("dlib", cache=engine.cache, engine=engine), ResidualArchitecture())
        chosen = known if steps is None else known[::14]
        head, _ = learn_head(embed(faces.crops[chosen]), faces.person[chosen], faces.names, seed=seed)
        return head.best(embed(faces.crops[new])), faces.person[new]
    per_epoch = -(-len(known) // 32)
    recipe = TrainingRecipe(
        "softmax",
        faces="as-is",
        epochs=max(1, (steps or 3200) // per_epoch),
        batch=32,
        augment="strong",
        validation=0.0,
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as output:
        nothing = type(split)(known, np.empty(0, dtype=np.intp))
        training = Training(faces, nothing, recipe, Path(output))
        training.run(lambda record: None, lambda items, total, label: items)
        learner = training.kept()
        return np.argmax(learner.embed(faces.crops[new]) @ learner.directions().T, axis=1), faces.person[new]


def main() -> None:
    """Do the runs that are still to be done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=Path, required=True, help="a line of JSON for each run")
    parser.add_argument("--steps", type=int, help="fewer, to try the script; writes no result")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    arguments = parser.parse_args()
    lines = arguments.rows.read_text().splitlines() if arguments.rows.exists() else []
    rows = [json.loads(line) for line in lines]
    done = {(row["network"], row["seed"]) for row in rows}
    faces = read(arguments.folder)
    for seed in range(arguments.seeds):
        for network in ("tutorial", "ours", "dlib"):
            if (network, seed) in done:
                continue
            answers, person = named(network, faces, seed, arguments.steps)
            misnamed = rate_over_people(answers != person, person).to_dict()
            rows.append({"network": network, "seed": seed, "misnamed": misnamed})
            with arguments.rows.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
            print(json.dumps(rows[-1]), flush=True)
    if arguments.steps is None and arguments.seeds == SEEDS:
        RESULT.write_text(json.dumps({"torch": torch.__version__, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
