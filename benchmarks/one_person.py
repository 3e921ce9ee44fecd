"""Source of the rule that tells one person from several at an enrolment, and of its figures.

Run: python benchmarks/one_person.py [--model compact]

Mixtures: the enrolment photos of every pair of the ten phone users, half and half (as many of each as the one
with fewer has), 1 in 4 (six of one, two of the other) and 1 in 8 (seven of one, one of the other); the last
two in both directions, wherever a person has enough photos. The same half and half (five of each) and 1 in 4
for pairs of LFW people who are not among those alone. Single people, who should be enrolled:
the ten phone users, and 100 people drawn from those of LFW with at least five photos. Each is judged by
`faceunlock.pipeline.enrolment.enroll`, and without the refusals of several people and of a third of unlike
photos, which is what was done before.

The shares in the rule were chosen by these figures, on the same ten phone users and the same LFW people:
nothing here is held out.

For each mixture that is not refused: whether the photos of the second person were left out, and whether a
photo of that person outside the mixture is accepted by the template, and by one from the first person alone.

Second names: the templates of two halves of one person's photos, and of all pairs of different people.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import combinations, permutations
from pathlib import Path
from unittest import mock

import numpy as np
from common import collection, save

from faceunlock import FaceUnlock
from faceunlock.matching.templates import ModelIdentity
from faceunlock.photos.photo import person_folders
from faceunlock.pipeline import enrolment as gate
from faceunlock.pipeline.enrolment import Enrolment, Gates, RefusedPhotosError, enroll
from faceunlock.pipeline.groups import APART, APART_UNMEASURED, COHERENT
from faceunlock.pipeline.samples import Sample
from faceunlock.tasks.workspace import quality_gates

PEOPLE_OF_LFW = 100
PAIRS_OF_LFW = 200
FEWEST_PHOTOS = 5
SEED = 20250101

Photos = list[Sample]
Mixture = tuple[Photos, Photos, Photos]
"""Photos of the first person and of the second in the mixture, and the second person's other photos."""


def main() -> None:
    """Measure, print and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="compact")
    model = parser.parse_args().model
    draw = random.Random(SEED)
    with tempfile.TemporaryDirectory() as home, FaceUnlock(home, model=model) as unlock:
        phone = acquire(unlock, collection() / "phone10" / "enroll")
        lfw = acquire(unlock, collection() / "lfw", at_least=FEWEST_PHOTOS)
        _, identity = unlock.choice.acquisition()
        gates = quality_gates(unlock, identity)
    alone = draw.sample(sorted(lfw), PEOPLE_OF_LFW)
    # Pairs of people who are not among those alone, so that no photo counts twice.
    others = sorted(set(lfw) - set(alone))
    pairs = [tuple(draw.sample(others, 2)) for _ in range(PAIRS_OF_LFW)]
    phones = list(phone.values())
    mixtures = {
        "half": [half(a, b) for a, b in combinations(phones, 2)],
        "1 in 4": [part(a, b, 6, 2) for a, b in permutations(phones, 2) if len(a) >= 6],
        "1 in 8": [part(a, b, 7, 1) for a, b in permutations(phones, 2) if len(a) >= 7],
        "lfw half": [part(lfw[a], lfw[b], 5, 5) for a, b in pairs],
        "lfw 1 in 4": [part(lfw[a], lfw[b], 6, 2) for a, b in pairs if len(lfw[a]) >= 6],
    }
    result = {
        "model": model,
        "threshold": gates.min_similarity,
        "pair_threshold": gates.pair_similarity,
        "rule": {
            "apart": APART,
            "apart_unmeasured": APART_UNMEASURED,
            "coherent": COHERENT,
            "unlike_margin": gate.UNLIKE_MARGIN,
        },
        "mixtures": {name: judged(found, identity, gates) for name, found in mixtures.items()},
        "alone": {
            "phone10": single(phones, identity, gates),
            "lfw": single([lfw[name] for name in alone], identity, gates),
        },
        # What a model without a measured threshold for two photos gets, measured on this one.
        "unmeasured": unmeasured(mixtures, [lfw[name] for name in alone], identity, gates),
        "second_names": second_names(phones, [lfw[name] for name in alone], identity, gates),
    }
    for part_of_it in ("mixtures", "alone", "unmeasured", "second_names"):
        for name, row in result[part_of_it].items():
            print(f"{part_of_it:13s} {name:12s} {row}")
    save(f"one-person-{model}", result)


def acquire(unlock: FaceUnlock, folder: Path, at_least: int = 1) -> dict[str, Photos]:
    """Return the usable photos of each person who has at least so many photos."""
    people = {name: paths for name, paths in person_folders(folder).people.items() if len(paths) >= at_least}
    paths = [path for photos in people.values() for path in photos]
    acquisition, _ = unlock.choice.acquisition(fetch=True, photos=len(paths))
    outcomes = iter(acquisition.samples(paths))
    gathered = {name: [next(outcomes) for _ in photos] for name, photos in people.items()}
    return {
        name: [outcome for outcome in outcomes if isinstance(outcome, Sample)]
        for name, outcomes in gathered.items()
    }


def half(a: Photos, b: Photos) -> Mixture:
    """Return as many photos of both."""
    fewer = min(len(a), len(b))
    return part(a, b, fewer, fewer)


def part(a: Photos, b: Photos, of_a: int, of_b: int) -> Mixture:
    """Return the first photos of both, and the rest of the second person's."""
    return a[:of_a], b[:of_b], b[of_b:]


def judge(photos: Photos, identity: ModelIdentity, gates: Gates) -> Enrolment | str:
    """Return the enrolment, or the slug of the refusal."""
    try:
        return enroll(photos, identity, gates)
    except RefusedPhotosError as error:
        return error.slug


def before(photos: Photos, identity: ModelIdentity, gates: Gates) -> Enrolment | str:
    """Return what the enrolment gave before it looked for several people."""
    with (
        mock.patch.object(gate, "several_people", lambda *_: ()),
        mock.patch.object(gate, "MOST_UNLIKE", 1.0),
    ):
        return judge(photos, identity, gates)


def judged(mixtures: Iterable[Mixture], identity: ModelIdentity, gates: Gates) -> dict:
    """Return how many mixtures are refused, and what became of the others."""
    row: dict = dict.fromkeys(("mixtures", "refused", "refused_before", "left_out", "taken"), 0)
    row |= {"opens_for_the_second": 0, "opens_without_the_second": 0, "slugs": {}}
    for first, second, unseen in mixtures:
        outcome = judge([*first, *second], identity, gates)
        row["mixtures"] += 1
        row["refused_before"] += isinstance(before([*first, *second], identity, gates), str)
        if isinstance(outcome, str):
            row["refused"] += 1
            row["slugs"][outcome] = row["slugs"].get(outcome, 0) + 1
            continue
        taken = {photo.photo for photo in second} & set(outcome.used)
        row["taken" if taken else "left_out"] += 1
        row["opens_for_the_second"] += opens(outcome, unseen, gates)
        row["opens_without_the_second"] += opens(judge(first, identity, gates), unseen, gates)
    row["share_refused"] = row["refused"] / row["mixtures"]
    return row


def opens(outcome: Enrolment | str, photos: Photos, gates: Gates) -> bool:
    """Return whether the template accepts any of the photos."""
    return not isinstance(outcome, str) and any(
        photo.embedding @ outcome.template.centroid >= gates.min_similarity for photo in photos
    )


def single(people: Iterable[Photos], identity: ModelIdentity, gates: Gates) -> dict:
    """Return how many single people are refused now, and were before."""
    people = list(people)
    now, then, literal = (
        [how(photos, identity, gates) for photos in people] for how in (judge, before, every_photo_below)
    )
    slugs = [outcome for outcome in now if isinstance(outcome, str)]
    return {
        "people": len(people),
        "refused": len(slugs),
        "refused_before": sum(isinstance(outcome, str) for outcome in then),
        "slugs": {slug: slugs.count(slug) for slug in sorted(set(slugs))},
        # If every photo below the unlock threshold counted towards the third, not only those clearly below.
        "refused_if_all_below_the_threshold_counted": sum(isinstance(outcome, str) for outcome in literal),
    }


def every_photo_below(photos: Photos, identity: ModelIdentity, gates: Gates) -> Enrolment | str:
    """Return the outcome if a third of the photos below the unlock threshold were too many."""
    outcome = judge(photos, identity, gates)
    if isinstance(outcome, str):
        return outcome
    unlike = sum(photo.reason == "unlike-the-others" for photo in outcome.left_out)
    return "too-many-unlike" if 3 * unlike > len(outcome.used) + unlike else outcome


def unmeasured(
    mixtures: dict[str, list[Mixture]], people: list[Photos], identity: ModelIdentity, gates: Gates
) -> dict:
    """Return the same refusals as if the threshold for two photos were not known."""
    gates = replace(gates, pair_similarity=None)
    rows = {name: judged(found, identity, gates) for name, found in mixtures.items()}
    return {**rows, "alone": single(people, identity, gates)}


def second_names(phones: list[Photos], people: list[Photos], identity: ModelIdentity, gates: Gates) -> dict:
    """Return how many second names are noticed, and how many different people are taken for one."""

    def template(photos: Photos) -> np.ndarray | None:
        outcome = judge(photos, identity, gates)
        return None if isinstance(outcome, str) else outcome.template.centroid

    def rate(pairs: Iterable[tuple[Photos, Photos]]) -> dict:
        made: Callable[[Photos], np.ndarray | None] = template
        both = [(made(a), made(b)) for a, b in pairs]
        found = [bool(a @ b >= gates.min_similarity) for a, b in both if a is not None and b is not None]
        return {"pairs": len(found), "noticed": sum(found)}

    halves = [(photos[::2], photos[1::2]) for photos in [*phones, *people] if len(photos) >= 6]
    return {
        "same person": rate(halves),
        "phone10": rate(combinations(phones, 2)),
        "lfw": rate(combinations(people, 2)),
    }


if __name__ == "__main__":
    main()
