"""Ten people's own phone photos: enroll everyone, verify every test photo as everyone.

Run: python benchmarks/phone10.py [--model dlib]

Calls what the commands call (`FaceUnlock.enroll`, `FaceUnlock.verify`), in a temporary gallery.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from common import collection, save

from faceunlock import FaceUnlock, FaceUnlockError
from faceunlock.matching.error_rates import clopper_pearson_upper


def main() -> None:
    """Enroll, verify, print and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="dlib")
    arguments = parser.parse_args()
    photos = collection() / "phone10"
    with tempfile.TemporaryDirectory() as home, FaceUnlock(home, model=arguments.model) as unlock:
        people = sorted(folder.name for folder in (photos / "enroll").iterdir())
        enrolled = {name: enroll(unlock, name, photos / "enroll" / name) for name in people}
        genuine, impostor, searches = [], [], []
        for probe in sorted((photos / "test").glob("*/*")):
            for name in people:
                row = verify(unlock, probe, name)
                (genuine if name == probe.parent.name else impostor).append(row)
            searches.append(verify(unlock, probe, None))
    accepted = {kind: sum(row["match"] is True for row in rows) for kind, rows in
                (("genuine", genuine), ("impostor", impostor))}  # fmt: skip
    undecided = [row for row in genuine + impostor if row["match"] is None]
    named = sum(row["match"] is True and row["name"] == row["owner"] for row in searches)
    misnamed = sum(row["match"] is True and row["name"] != row["owner"] for row in searches)
    print(f"owners accepted     {accepted['genuine']} of {len(genuine)}")
    print(
        f"impostors accepted  {accepted['impostor']} of {len(impostor)} "
        f"({len(people)} people; 95 % bound over people {clopper_pearson_upper(0, len(people)):.2f})"
    )
    print(f"undecided           {len(undecided)}")
    print(f"search among {len(people)}: {named} of {len(searches)} named, {misnamed} misnamed")
    lowest = min(row["similarity"] for row in genuine if row["similarity"] is not None)
    highest = max(impostor, key=lambda row: row["similarity"] or -1)
    print(f"lowest genuine {lowest:.4f}, highest impostor {highest['similarity']:.4f}")
    save(
        f"phone10-{arguments.model}",
        {
            "model": arguments.model,
            "people": len(people),
            "enrolled": enrolled,
            "genuine": len(genuine),
            "genuine_accepted": accepted["genuine"],
            "impostor": len(impostor),
            "impostor_accepted": accepted["impostor"],
            "undecided": len(undecided),
            "lowest_genuine": lowest,
            "highest_impostor": highest["similarity"],
            "threshold": genuine[0]["threshold"],
            "searches": {
                "probes": len(searches),
                "named": named,
                "misnamed": misnamed,
                "threshold": searches[0]["threshold"],
            },
            "genuine_similarities": [row["similarity"] for row in genuine],
        },
    )


def enroll(unlock: FaceUnlock, name: str, folder: Path) -> dict:
    """Enroll one person and return which photos were used and left out."""
    outcome = unlock.enroll(name, folder).enrolment
    left_out = [f"{Path(photo.photo).name}: {photo.reason}: {photo.detail}" for photo in outcome.left_out]
    for line in left_out:
        print(f"  {name}: {line}")
    return {"used": len(outcome.used), "left_out": left_out, "lowest_similarity": outcome.lowest_similarity}


def verify(unlock: FaceUnlock, probe: Path, name: str | None) -> dict:
    """Return the answer for one photo; an undecided photo has no match and no similarity."""
    owner = probe.parent.name
    unlock.unlock_attempts()  # each probe stands for a first attempt
    try:
        decision = unlock.verify(probe, name).decision
    except FaceUnlockError as error:
        return {
            "owner": owner,
            "name": name,
            "match": None,
            "similarity": None,
            "threshold": None,
            "error": error.slug,
        }
    return {
        "owner": owner,
        "name": decision.name,
        "match": decision.match,
        "similarity": decision.similarity,
        "threshold": decision.threshold,
    }


if __name__ == "__main__":
    main()
