"""Grouping without names: is each group one person, and is each person one group? And what does it cost?

    python benchmarks/group.py [--model compact] [--only people|cost]

LFW: every photo of the 10-fold protocol, its central face, grouped by `faceunlock.matching.clusters.cluster`
at the shipped threshold for two photos, as `faceunlock group` does. Beside it: the connected components of
matching pairs, which is what DBSCAN with min_samples=2 gives; HDBSCAN, which needs no threshold; and average
linkage at the thresholds of other false match rates. The threshold was measured on LFW, so nothing here is
held out for it. The people of the phone photos are other people.

Phone photos: `FaceUnlock.group` on a folder of links to the photos of ten people and to the group photos. The
largest face of a phone photo is the person's of its folder; all other faces are those of other people.

Pairwise: of all pairs of faces in one group, the share of one person (precision); of all pairs of faces of
one person, the share in one group (recall). B-cubed (Bagga and Baldwin 1998): the same for each face with the
faces of its group, or of its person, itself included; the mean over faces. Intervals: people are drawn with
replacement, with all their faces; a wrong pair counts as often as both its people were drawn. Ten people are
few, so beside it: how many people share a group with another one, with the Clopper-Pearson bound over people.

Cost: made-up unit vectors of 128 numbers, grouped in a process of their own: seconds of the clock and of the
processor, and how much the memory of the process grew. `many` people: 20 vectors around each of n / 20
directions. An `album`: 10 people, and faces of very different quality, which join a growing group one by one.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import collection, save
from lfw import all_pairs, photos, read_pairs

from faceunlock import FaceUnlock
from faceunlock.matching.clusters import cluster
from faceunlock.matching.error_rates import clopper_pearson_upper
from faceunlock.matching.similarity import unit
from faceunlock.matching.thresholds import threshold_at
from faceunlock.pipeline.models.shipped import shipped_pair_calibration
from faceunlock.settings import Locations, locate

RESAMPLES = 2000
SEED = 20261129
SIZES = (1_000, 5_000, 20_000, 50_000)
MOST_WITH_A_MATRIX, MOST_IN_AN_ALBUM = 5_000, 20_000
DIMENSION, PER_PERSON, SPREAD, COST_THRESHOLD = 128, 20, 0.04, 0.6
PEOPLE_OF_AN_ALBUM, ALBUM_SPREAD = 10, (2.0, 0.03)
OTHER_RATES = (1e-4, 1e-6)


def main() -> None:
    """Measure and write the result files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--only", choices=("people", "cost"))
    parser.add_argument("--one", nargs=3, metavar=("WAY", "DATA", "N"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        way, data, n = arguments.one
        print(json.dumps(one_cost(way, made_up(data, int(n)))))
        return
    if arguments.only != "cost":
        save(
            f"group-{arguments.model}",
            {"model": arguments.model, "lfw": lfw(arguments.model), "phone10": phones(arguments.model)},
        )
    if arguments.only != "people":
        save("group-cost", cost())


def lfw(model: str) -> dict[str, Any]:
    """Return the figures on LFW, for each way of grouping."""
    _, pairs = read_pairs(collection() / "lfw-pairs.txt")
    files, person, embedded = photos(pairs, model)
    vectors, person = embedded.embeddings[embedded.acquired], np.asarray(person)[embedded.acquired]
    threshold = shipped_pair_calibration(model).threshold
    _, other = all_pairs(embedded, person)
    ways = {
        "group": cluster(vectors, threshold),
        "components": components(vectors, threshold),
        "hdbscan": hdbscan(vectors),
    }
    thresholds = {"group": threshold, "components": threshold, "hdbscan": None}
    for rate in OTHER_RATES:
        name = f"group-{rate:.0e}"
        thresholds[name] = float(threshold_at(other.scores, rate))
        ways[name] = cluster(vectors, thresholds[name])
    found = {
        name: {"threshold": thresholds[name], **figures(labels, person)} for name, labels in ways.items()
    }
    for name, row in found.items():
        print(name, row, flush=True)
    return {"photos": len(files), "faces": len(vectors), "people": len(np.unique(person)), "ways": found}


def components(vectors: np.ndarray, threshold: float) -> np.ndarray:
    """Return the connected component of each vector, where two at or above the threshold are connected."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    rows, columns = np.nonzero(vectors @ vectors.T >= threshold)
    links = coo_matrix((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(len(vectors), len(vectors)))
    labels: np.ndarray = connected_components(links, directed=False)[1]
    return labels


def hdbscan(vectors: np.ndarray) -> np.ndarray:
    """Return the cluster of each vector; those that HDBSCAN calls noise are alone."""
    from sklearn.cluster import HDBSCAN

    labels = HDBSCAN(min_cluster_size=2, copy=True).fit(vectors.astype(np.float64)).labels_
    return np.where(labels < 0, len(labels) + np.arange(len(labels)), labels)


def figures(labels: np.ndarray, person: np.ndarray) -> dict[str, Any]:
    """Return precision and recall, over pairs and B-cubed, with intervals over people."""
    _, group, group_size = np.unique(labels, return_inverse=True, return_counts=True)
    _, owner, owned = np.unique(person, return_inverse=True, return_counts=True)
    cells, cell, shared = np.unique(np.stack([group, owner]), axis=1, return_inverse=True, return_counts=True)
    cell = cell.ravel()
    people = len(owned)
    right = np.bincount(cells[1], shared * (shared - 1) / 2, people)
    possible = owned * (owned - 1) / 2
    one, two, wrong = wrong_pairs(cells, shared)
    b_precision = np.bincount(owner, shared[cell] / group_size[group], people)
    b_recall = np.bincount(owner, shared[cell] / owned[owner], people)

    def measured(weight: np.ndarray) -> dict[str, float]:
        true, false = float(weight @ right), float((weight[one] * weight[two]) @ wrong)
        faces = float(weight @ owned)
        precision, recall = float(weight @ b_precision) / faces, float(weight @ b_recall) / faces
        return {
            "pair_precision": true / (true + false) if true + false else 1.0,
            "pair_recall": true / float(weight @ possible),
            "b_cubed_precision": precision,
            "b_cubed_recall": recall,
            "b_cubed_f1": 2 * precision * recall / (precision + recall),
        }

    values = measured(np.ones(people))
    mixed = len(np.unique([one, two]))
    draw = np.random.default_rng(SEED)
    drawn = [
        measured(np.bincount(draw.integers(0, people, people), minlength=people).astype(float))
        for _ in range(RESAMPLES)
    ]
    return {
        "groups": int((group_size > 1).sum()),
        "alone": int((group_size == 1).sum()),
        "people_with_several": int((owned > 1).sum()),
        "people_with_one": int((owned == 1).sum()),
        "pairs_of_one_person": int(possible.sum()),
        "right_pairs": int(right.sum()),
        "wrong_pairs": int(wrong.sum()),
        "largest_group": int(group_size.max()),
        "people_in_largest_group": int((cells[0] == group_size.argmax()).sum()),
        "people_in_mixed_groups": mixed,
        "people_in_mixed_groups_upper": clopper_pearson_upper(mixed, people),
        **{
            name: {
                "value": value,
                "lower": float(np.quantile([row[name] for row in drawn], 0.025)),
                "upper": float(np.quantile([row[name] for row in drawn], 0.975)),
            }
            for name, value in values.items()
        },
    }


def wrong_pairs(cells: np.ndarray, shared: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return every two people who share a group, and how many pairs of faces that makes."""
    one, two, count = [], [], []
    starts = np.flatnonzero(np.diff(cells[0], prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(shared)], strict=True):
        first, second = np.triu_indices(end - start, 1)
        one.append(cells[1, start + first])
        two.append(cells[1, start + second])
        count.append(shared[start + first] * shared[start + second])
    return tuple(np.concatenate(part) for part in (one, two, count))  # type: ignore[return-value]


def phones(model: str) -> dict[str, Any]:
    """Return the figures for the photos of ten people, together with the group photos."""
    photos = collection()
    with tempfile.TemporaryDirectory() as place:
        folder, home = Path(place) / "photos", Path(place) / "home"
        folder.mkdir()
        for name, target in (
            ("enroll", photos / "phone10/enroll"),
            ("test", photos / "phone10/test"),
            ("groups", photos / "groups"),
        ):
            (folder / name).symlink_to(target)
        locations = Locations(home, locate().cache, Path(place) / "config.toml")
        with FaceUnlock(locations=locations, model=model) as unlock:
            started = time.monotonic()
            found = unlock.group(folder)
            seconds = time.monotonic() - started
    every = [(number, face) for number, one in enumerate(found.groups) for face in one.faces]
    every += [(-1 - number, face) for number, face in enumerate(found.alone)]
    largest: dict[str, float] = {}
    for _, face in every:
        largest[face.photo] = max(largest.get(face.photo, 0.0), face.face.area)
    owner: list[str | None] = []
    for _, face in every:
        kind, name = Path(face.photo).relative_to(folder).parts[:2]
        owner.append(name if kind != "groups" and face.face.area == largest[face.photo] else None)
    named = [(group, name) for (group, _), name in zip(every, owner, strict=True) if name is not None]
    people_groups = {group for group, _ in named if group >= 0}
    others = [group for (group, _), name in zip(every, owner, strict=True) if name is None]
    result = {
        "photos": found.photos,
        "seconds": seconds,
        "threshold": found.threshold,
        "faces": found.faces,
        "faces_left_out": len(found.faces_left_out),
        "faces_of_the_ten": len(named),
        "other_faces": len(others),
        "others_in_a_group_of_the_ten": sum(group in people_groups for group in others),
        "groups_of_others": len({group for group in others if group >= 0} - people_groups),
        "unsure": sum(one.unsure for one in found.groups),
        **figures(np.array([group for group, _ in named]), np.array([name for _, name in named])),
    }
    print("phone10", result, flush=True)
    return result


def cost() -> dict[str, Any]:
    """Return seconds and memory for each number of vectors, each in a process of its own."""
    rows = []
    for way, data, most in (
        ("group", "many", max(SIZES)),
        ("group", "album", MOST_IN_AN_ALBUM),
        ("scikit-learn", "many", MOST_WITH_A_MATRIX),
    ):
        for n in (size for size in SIZES if size <= most):
            words = [sys.executable, __file__, "--one", way, data, str(n)]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            rows.append({"way": way, "data": data, "vectors": n, **json.loads(done.stdout)})
            print(rows[-1], flush=True)
    return {"dimension": DIMENSION, "per_person": PER_PERSON, "threshold": COST_THRESHOLD, "rows": rows}


def memory(what: str) -> float:
    """Return the resident memory of this process, or its peak, in MiB."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(what))
    return int(line.split()[1]) / 1024


def made_up(data: str, n: int) -> np.ndarray:
    """Return so many made-up vectors."""
    draw = np.random.default_rng(SEED)
    people = PEOPLE_OF_AN_ALBUM if data == "album" else n // PER_PERSON
    spread = draw.gamma(*ALBUM_SPREAD, size=(n, 1)) if data == "album" else SPREAD
    centres = unit(draw.normal(size=(people, DIMENSION)))
    whom = draw.permutation(np.repeat(np.arange(people), n // people))
    return unit(centres[whom] + spread * draw.normal(size=(n, DIMENSION))).astype(np.float32)


def one_cost(way: str, vectors: np.ndarray) -> dict[str, Any]:
    """Return what grouping vectors costs this process."""
    if way == "scikit-learn":
        from sklearn.cluster import AgglomerativeClustering

        theirs = AgglomerativeClustering(
            n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - COST_THRESHOLD
        )
    before, resident = resource.getrusage(resource.RUSAGE_SELF), memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far came from making the vectors
    started = time.monotonic()
    labels = cluster(vectors, COST_THRESHOLD) if way == "group" else theirs.fit_predict(vectors)
    seconds = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": seconds,
        "processor_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "mebibytes_more": memory("VmHWM") - resident,
        "clusters": len(np.unique(labels)),
    }


if __name__ == "__main__":
    main()
