"""Does a linear map behind an embedder tell unseen people apart better than the plain cosine?

    python benchmarks/metric_head.py [--model dlib] [--seeds 1]

The cosines of `dlib` crowd: those of strangers lie around 0.84. An affine map (a share of the mean
subtracted, a matrix near the identity learned by CosFace) is learned from labelled crops, in 5 folds over
people for each of the seeds. Share and penalty are chosen inside each fold on a fifth of the people, so
that those it is measured on had no say in it. Beside it: centring, whitening within people, discriminants.
At last one map, of the choice made most often inside the folds, is learned from everybody and measured on
LFW.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from math import inf, isinf

import numpy as np
import torch
from common import Embedded, collection, save
from lfw import against_centroids, all_pairs, on_pairs, photos, read_pairs
from metric_maps import AffineMap, Shape, centring, discriminant, learn, plain, whitening
from paired import Trial, difference, summary, trial
from train112 import LabelledEmbeddings, embed_training_crops

FOLDS = 5
MOST_PHOTOS = 20
"""Of a person that are compared, so that nobody counts for many; all are learned from."""

OFFSETS_ONLY = tuple(Shape(share, inf) for share in (0.25, 0.35, 0.5, 0.65, 0.75))
LEARNED = tuple(Shape(share, penalty) for share in (0.35, 0.5, 0.65) for penalty in (0.03, 0.1, 0.3))
CHOSEN_AT = 1
"""Position of the target at which choices are compared: an FMR of 1e-3."""

WAYS = ("all_pairs", "centroids_of_3")

Learner = Callable[[np.ndarray, np.ndarray], AffineMap]

BASELINES: dict[str, Learner] = {
    "plain": lambda embeddings, _: plain(embeddings),
    "centred": lambda embeddings, _: centring(embeddings),
    "whitened": lambda embeddings, person: whitening(embeddings, person, 0.1),
    "whitened, shrunk, half centred": lambda embeddings, person: whitening(embeddings, person, 0.9, 0.5),
    "discriminant, 100 directions": lambda embeddings, person: discriminant(embeddings, person, 0.1, 100),
    "discriminant, shrunk, 64 directions": lambda embeddings, person: discriminant(
        embeddings, person, 0.5, 64
    ),
}


def compare(embeddings: np.ndarray, person: np.ndarray, names: list[str], people: int) -> dict[str, Trial]:
    """Compare all pairs, and probes with centroids of 3 photos."""
    count = len(embeddings)
    everything = Embedded(embeddings, np.ones(count, bool), np.zeros(count, bool), np.empty(0), [])
    photos_of = np.bincount(person, minlength=people).astype(float)
    enrolled = (photos_of > 3).astype(float)
    pairs = trial(*all_pairs(everything, person), photos_of, photos_of)
    probes = photos_of - 3 * enrolled
    return {
        "all_pairs": pairs,
        "centroids_of_3": trial(*against_centroids(everything, names, person, 0), probes, enrolled),
    }


class Crops:
    """The labelled embeddings, and how well a map does on some of the people."""

    def __init__(self, data: LabelledEmbeddings) -> None:
        self.embeddings, self.person, self.names = data.embeddings, data.person, data.names
        self.people = len(data.names)
        random = np.random.default_rng(0)
        own = (random.permutation(np.flatnonzero(self.person == one)) for one in range(self.people))
        self.compared = np.isin(
            np.arange(len(self.person)), np.concatenate([some[:MOST_PHOTOS] for some in own])
        )

    def of(self, people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return embeddings and people of all photos of some people."""
        chosen = np.isin(self.person, people)
        return self.embeddings[chosen], self.person[chosen]

    def measure(self, mapping: AffineMap, people: np.ndarray) -> dict[str, Trial]:
        """Compare the photos of people, at most `MOST_PHOTOS` of each."""
        chosen = np.flatnonzero(self.compared & np.isin(self.person, people))
        names = [self.names[one] for one in self.person[chosen]]
        return compare(mapping(self.embeddings[chosen]), self.person[chosen], names, self.people)

    def folds(self, seed: int) -> list[np.ndarray]:
        """Divide the people."""
        return np.array_split(np.random.default_rng(seed).permutation(self.people), FOLDS)


def badness(found: dict[str, Trial]) -> float:
    """Return what a choice makes small: the mean FNMR at an FMR of 1e-3 of the two ways to compare."""
    return float(np.mean([found[way].outcome[CHOSEN_AT].mean() for way in WAYS]))


def choose(crops: Crops, known: np.ndarray, judged: np.ndarray, seed: int) -> dict[str, Shape]:
    """Learn from some people with every shape and return those that do best on others."""
    learned = crops.of(known)

    def best(shapes: tuple[Shape, ...]) -> Shape:
        return min(shapes, key=lambda shape: badness(crops.measure(learn(*learned, shape, seed), judged)))

    return {"offset only": best(OFFSETS_ONLY), "metric head": best(LEARNED)}


def cross_validate(crops: Crops, seeds: int) -> tuple[dict[str, dict[str, list[Trial]]], list[dict]]:
    """Measure every system on held-out people; return the trials and what was chosen in each fold."""
    systems = (*BASELINES, "offset only", "metric head")
    trials: dict[str, dict[str, list[Trial]]] = {name: {way: [] for way in WAYS} for name in systems}
    choices = []
    for seed in range(seeds):
        folds = crops.folds(seed)
        for place, held_out in enumerate(folds):
            known = np.setdiff1d(np.arange(crops.people), held_out)
            inner = folds[(place + 1) % FOLDS]  # held out from the choice, learned from after it
            chosen = choose(crops, np.setdiff1d(known, inner), inner, seed)
            learned = crops.of(known)
            maps = {name: learner(*learned) for name, learner in BASELINES.items()}
            maps |= {name: learn(*learned, shape, seed) for name, shape in chosen.items()}
            for name, mapping in maps.items():
                for way, one in crops.measure(mapping, held_out).items():
                    trials[name][way].append(one)
            choices.append({"seed": seed, "fold": place, "chosen": chosen})
            print(f"  seed {seed}, fold {place}: {chosen['metric head']}", flush=True)
    return trials, choices


def on_lfw(model: str, maps: dict[str, AffineMap]) -> dict:
    """Measure maps on the 6,000 pairs of LFW, from the same embeddings."""
    folds, pairs = read_pairs(collection() / "lfw-pairs.txt")
    files, person, embedded = photos(pairs, model)
    index = {file: i for i, file in enumerate(files)}
    result: dict = {"photos": len(files), "people": len(np.unique(person)), "systems": {}}
    for name, mapping in maps.items():
        mapped = replace(embedded, embeddings=mapping(embedded.embeddings))
        print(f" LFW, {name}")
        result["systems"][name] = protocol = on_pairs(mapped, index, folds, pairs)
        print(f"    6,000 pairs: accuracy {protocol['accuracy']:.4f} +- {protocol['standard_error']:.4f}")
    return result


def differences(trials: dict[str, dict[str, list[Trial]]], people: int) -> dict:
    """Compare what was chosen with the plain cosine, over resampled people."""
    found = {
        name: {way: difference(trials[name][way], trials["plain"][way], people) for way in WAYS}
        for name in ("offset only", "metric head")
    }
    for name, ways in found.items():
        for way, rows in ways.items():
            for row in rows:
                print(
                    f"  {name}, {way}, FMR {row['target_fmr']:.0e}: {row['old']:.4f} -> {row['new']:.4f}, "
                    f"difference {row['difference']:+.4f} ({row['lower']:+.4f} to {row['upper']:+.4f})"
                )
    return found


def tell(name: str, found: dict) -> None:
    """Print a summary."""
    for way in WAYS:
        one = found[way]
        rates = ", ".join(f"{row['value']:.4f}" for row in one["fnmr"])
        print(
            f"  {name:36s} {way:15s} EER {one['eer']:.4f}  FNMR {rates}  strangers "
            f"{one['strangers_mean']:.3f} +- {one['strangers_deviation']:.3f}, "
            f"same {one['same_person_mean']:.3f}",
            flush=True,
        )


def plainly(shape: Shape) -> dict:
    """Return a choice as JSON; no penalty is written for a matrix that is the identity."""
    return {**asdict(shape), "penalty": None if isinf(shape.penalty) else shape.penalty}


def main() -> None:
    """Run everything and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="dlib")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--without-lfw", action="store_true", help="stop before LFW and write nothing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    crops = Crops(embed_training_crops(arguments.model))
    print(f"{len(crops.person):,} crops of {crops.people} people, {int(crops.compared.sum()):,} compared")
    trials, choices = cross_validate(crops, arguments.seeds)
    systems = {name: {way: summary(ways[way]) for way in WAYS} for name, ways in trials.items()}
    for name, found in systems.items():
        tell(name, found)
    held_out = differences(trials, crops.people)
    final = {
        name: Counter(choice["chosen"][name] for choice in choices).most_common(1)[0][0]
        for name in ("offset only", "metric head")
    }
    print(f"chosen most often inside the folds: {final}")
    if arguments.without_lfw:
        return
    maps = {"plain": plain(crops.embeddings)}
    maps |= {name: learn(crops.embeddings, crops.person, shape, 0) for name, shape in final.items()}
    save(
        f"metric-head-{arguments.model}" if arguments.model != "dlib" else "metric-head",
        {
            "model": arguments.model,
            "data": "train112",
            "photos": len(crops.person),
            "compared": int(crops.compared.sum()),
            "people": crops.people,
            "folds": FOLDS,
            "seeds": arguments.seeds,
            "grid": [plainly(shape) for shape in (*OFFSETS_ONLY, *LEARNED)],
            "chosen_in_folds": [
                {
                    "seed": choice["seed"],
                    "fold": choice["fold"],
                    **{name: plainly(shape) for name, shape in choice["chosen"].items()},
                }
                for choice in choices
            ],
            "chosen": {name: plainly(shape) for name, shape in final.items()},
            "held_out_people": systems,
            "against_plain": held_out,
            "lfw": on_lfw(arguments.model, maps),
        },
    )


if __name__ == "__main__":
    main()
