"""Make `compact`: dlib's network for crops of 112 pixels, trained further and stored in eight bits.

Run: python benchmarks/train_compact/train.py ../shared/train112 --work /tmp/compact [--variant NAME]

The folder has one sub-folder per set and in it one per person, with aligned crops of 112 pixels. Each
variant is one run of ``faceunlock train``; a killed run continues where it stopped. A fifth of the people is
never trained on. The variants, ``dlib`` and the untrained start are measured on these people, who decide
between the variants. LFW is not used here. The result file keeps every variant that was run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from faceunlock.pipeline.embedding.networks import make_network

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import RESULTS, save, score_comparisons

from faceunlock.matching.error_rates import equal_error_rate
from faceunlock.matching.scores import GenuineScores, ImpostorScores, split_people
from faceunlock.matching.similarity import unit
from faceunlock.matching.templates import ModelIdentity
from faceunlock.matching.thresholds import fnmr_at_fmr
from faceunlock.photos.photo import person_folders
from faceunlock.pipeline.embedding import load_embedder
from faceunlock.pipeline.embedding.aligned import AlignedEmbedder
from faceunlock.pipeline.models.architecture import Architecture, ResidualArchitecture
from faceunlock.pipeline.models.folder import read_model_folder
from faceunlock.pipeline.runtime import Engine
from faceunlock.pipeline.runtime.torch_runtime import TorchNetwork, build
from faceunlock.pipeline.weights.storage import Storage, pack, unpack
from faceunlock.settings import locate
from faceunlock.training.face_set import FaceSet, collect_faces, split_by_person
from faceunlock.training.first_weights import first_weights
from faceunlock.training.teacher import teaching
from faceunlock.training.validation import all_pairs

RESULT = "train-compact"
SEED, HELD_OUT = 7, 0.2
TARGETS = (1e-2, 1e-3, 1e-4)
CENTROID_TARGETS = (*TARGETS, 1e-5)
DRAWS = 10
"""Number of draws of the three photos of each centroid."""

COMMON = (
    *("--faces", "aligned", "--seed", str(SEED), "--validation", str(HELD_OUT), "--patience", "0"),
    *("--batch", "96", "--weight-decay", "0"),
)
FROM_DLIB = ("--start", "dlib", "--teacher", "dlib", "--teacher-sees", "clean", "--storage", "int8")
GENTLE = (
    "--loss",
    "cosface",
    "--teacher-weight",
    "10",
    "--learning-rate",
    "3e-5",
    "--direction-rate",
    "0.01",
)
VARIANTS: dict[str, tuple[str, ...]] = {
    "light": (*FROM_DLIB, *GENTLE, "--epochs", "4", "--average", "0.999", "--augment", "light"),
}
"""Options of ``faceunlock train`` for each variant."""


def link_people(folder: Path, work: Path) -> Path:
    """Return one folder with links to the people of all sets; no photo is copied."""
    people = work / "people"
    people.mkdir(parents=True, exist_ok=True)
    for person in sorted(folder.glob("*/*/")):
        link = people / f"{person.parent.name}-{person.name}"
        if not link.is_symlink():
            link.symlink_to(person.resolve(), target_is_directory=True)
    return people


def train(variant: str, people: Path, work: Path) -> Path:
    """Run one variant, or the rest of it, and return the folder of its model."""
    model = work / variant
    if (model / "model.json").exists():
        return model
    going_on = ("--resume",) if (model / "checkpoint.pt").exists() else ("--overwrite",)
    command = [sys.executable, "-m", "faceunlock", "train", str(people), "-o", str(model)]
    subprocess.run([*command, *COMMON, *VARIANTS[variant], *going_on], check=True)
    return model


def held_out_faces(people: Path, architecture: Architecture) -> FaceSet:
    """Return the crops of the people whom no variant is trained on, framed for an architecture."""
    faces = collect_faces(
        person_folders(people),
        architecture.input_size,
        acquisition=None,
        framing=architecture,
        max_pixels=10**7,
        track=lambda items, *_: items,
    )
    held_out = split_by_person(faces.person, HELD_OUT, SEED).validation
    return FaceSet(faces.crops[held_out], faces.person[held_out], faces.names)


def measure(embeddings: np.ndarray, person: np.ndarray) -> dict:
    """Return EER and FNMR on all pairs, and FNMR against centroids of three photos."""
    mated, other = all_pairs(embeddings, person)
    draws = [against_centroids(embeddings, person, seed) for seed in range(DRAWS)]
    return {
        "genuine": len(mated),
        "impostor": len(other),
        "mean_genuine": float(mated.scores.mean()),
        "mean_impostor": float(other.scores.mean()),
        "eer": equal_error_rate(mated.scores, other.scores),
        "fnmr": {f"{target:g}": fnmr_at_fmr(mated, other, target).to_dict() for target in TARGETS},
        "fnmr_centroids_of_3": {
            f"{target:g}": [fnmr_at_fmr(*scores, target).value for scores in draws]
            for target in CENTROID_TARGETS
        },
    }


def against_centroids(
    embeddings: np.ndarray, person: np.ndarray, seed: int
) -> tuple[GenuineScores, ImpostorScores]:
    """Return the scores of probes against centroids of three photos, as in ``calibrate --split 3``."""
    split = split_people([str(one) for one in person], 3, seed)
    templates = np.array(split.templates)
    enrolled = np.array([int(name) for name in split.enrolled])
    centroids = np.stack(
        [embeddings[templates[person[templates] == one]].sum(axis=0, dtype=np.float64) for one in enrolled]
    )
    probes = np.array(split.probes)
    return score_comparisons(embeddings[probes], person[probes], unit(centroids), enrolled.tolist())


def dlib_row(people: Path, engine: Engine) -> dict:
    """Return the row of ``dlib`` as it is, with crops of 150 pixels."""
    architecture = ResidualArchitecture()  # leaves the frame of crops unchanged
    faces = held_out_faces(people, architecture)
    teacher = load_embedder("dlib", cache=engine.cache, engine=engine)
    return row("dlib", faces, teaching(teacher, architecture)(faces.crops))


def start_row(storage: Storage, people: Path, engine: Engine) -> dict:
    """Return the row of dlib's weights behind crops of 112 pixels, before any training."""
    first = first_weights("dlib", 112, engine.cache)
    architecture = first.architecture
    network = TorchNetwork(
        build(lambda: make_network(architecture), unpack(pack(first.arrays, storage))), "cpu"
    )
    identity = ModelIdentity("start", first.sha256, architecture.preprocessing, architecture.dimension)
    faces = held_out_faces(people, architecture)
    return row(f"start {storage}", faces, AlignedEmbedder(identity, architecture, network).embed(faces.crops))


def variant_row(variant: str, model: Path, people: Path, engine: Engine) -> dict:
    """Return the row of a trained model, as it is stored."""
    folder = read_model_folder(model)
    faces = held_out_faces(people, folder.architecture)
    embedder = load_embedder(folder.spec, cache=engine.cache, engine=engine)
    return {
        "options": [*COMMON, *VARIANTS[variant]],
        "weights_sha256": folder.spec.sha256,
        "size_bytes": folder.spec.size_bytes,
        "history": json.loads((model / "card.json").read_text())["history"],
        **row(variant, faces, embedder.embed(faces.crops)),
    }


def row(name: str, faces: FaceSet, embeddings: np.ndarray) -> dict:
    """Return the measures of the held-out people's embeddings, and print them on one line."""
    found = measure(embeddings, faces.person)
    pairs = " / ".join(f"{rate['value']:.4f}" for rate in found["fnmr"].values())
    centroids = " / ".join(f"{np.mean(draws):.4f}" for draws in found["fnmr_centroids_of_3"].values())
    print(f"{name:13} EER {found['eer']:.4f}  FNMR pairs {pairs}  centroids {centroids}", flush=True)
    return {"people": len(np.unique(faces.person)), "photos": len(faces.person), **found}


def main() -> None:
    """Train the chosen variants, measure them beside ``dlib``, and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for the models")
    parser.add_argument("--variant", choices=[*VARIANTS, "all"], default="all")
    arguments = parser.parse_args()
    people = link_people(arguments.folder, arguments.work)
    engine = Engine("onnx", "cpu", locate().cache)
    kept = RESULTS / f"{RESULT}.json"
    rows = json.loads(kept.read_text())["rows"] if kept.exists() else {}
    references = {
        "dlib": lambda: dlib_row(people, engine),
        "start": lambda: start_row("float32", people, engine),
        "start-int8": lambda: start_row("int8", people, engine),
    }
    for name, measured in references.items():
        rows[name] = rows.get(name) or measured()
    for variant in VARIANTS if arguments.variant == "all" else (arguments.variant,):
        model = train(variant, people, arguments.work)
        rows[variant] = variant_row(variant, model, people, engine)
        save(RESULT, {"held_out": HELD_OUT, "seed": SEED, "targets": TARGETS, "rows": rows})


if __name__ == "__main__":
    main()
