"""Group photos: are all faces found, are enrolled people named, and is no one else named?

    python benchmarks/groups.py [--model dlib] [--annotated FOLDER]

Five people are enrolled from other photos of them: four from LFW, one from a set of 112-pixel face crops.
The people on each group photo and the number of faces were counted by eye and are written down here.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from common import collection, save

from faceunlock.settings import Locations, locate
from faceunlock.unlock import FaceUnlock

SEEN = {
    "2007_007763.jpg": 7,
    "2008_001009.jpg": 2,
    "2008_001322.jpg": 3,
    "2008_002079.jpg": 6,
    "2008_002470.jpg": 6,
    "2008_002506.jpg": 3,
    "2008_004176.jpg": 7,
    "2008_007676.jpg": 7,
    "2009_004587.jpg": 2,
    "Tom_Cruise_avp_2014_4.jpg": 1,
    "bald_guys.jpg": 24,
    "dogs.jpg": 0,
    "multiface.jpg": 6,
    "two_people.jpg": 2,
}
"""Number of faces by eye, without those in pictures on the wall."""

ENROLLED = {
    "Jennifer_Aniston": "lfw/Jennifer_Aniston",
    "Joseph_Biden": "lfw/Joseph_Biden",
    "Tom_Cruise": "lfw/Tom_Cruise",
    "Bill_Clinton": "lfw/Bill_Clinton",
    "Barack_Obama": "../train112/pins/barack_obama",
}

SHOWN = {
    "multiface.jpg": {"Jennifer_Aniston"},
    "two_people.jpg": {"Barack_Obama", "Joseph_Biden"},
    "Tom_Cruise_avp_2014_4.jpg": {"Tom_Cruise"},
}
"""The enrolled people on each photo."""


def main() -> None:
    """Enroll, identify, and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="dlib")
    parser.add_argument("--annotated", type=Path, help="keep the annotated copies here")
    arguments = parser.parse_args()
    photos = collection()
    with tempfile.TemporaryDirectory() as home:
        locations = Locations(Path(home) / "data", locate().cache, Path(home) / "config.toml")
        with FaceUnlock(locations=locations, model=arguments.model) as unlock:
            enrolled = {
                name: unlock.enroll(name, photos / folder).enrolment.template.count
                for name, folder in ENROLLED.items()
            }
            found = unlock.identify(
                photos / "groups", destination=arguments.annotated, overwrite=True, threshold=None
            )
    rows = []
    for photo in found.photos:
        file = Path(photo.photo).name
        names = [face.name for face in photo.faces if face.name is not None]
        shown = SHOWN.get(file, set())
        rows.append(
            {
                "photo": file,
                "faces_by_eye": SEEN[file],
                "faces_found": len(photo.faces),
                "compared": sum(face.closest is not None for face in photo.faces),
                "named": names,
                "missed": sorted(shown - set(names)),
                "misnamed": sorted(set(names) - shown),
            }
        )
        print(f"{file:28} {len(photo.faces):3} of {SEEN[file]:3} faces  {', '.join(names)}")
    result = {
        "model": arguments.model,
        "enrolled": enrolled,
        "threshold": found.threshold,
        "false_name_bound": found.false_name_bound,
        "faces_by_eye": sum(row["faces_by_eye"] for row in rows),
        "faces_found": sum(row["faces_found"] for row in rows),
        "compared": found.compared,
        "shown": sum(map(len, SHOWN.values())),
        "named": sum(len(row["named"]) for row in rows),
        "misnamed": sum(len(row["misnamed"]) for row in rows),
        "photos": rows,
    }
    print(
        {
            key: result[key]
            for key in ("faces_by_eye", "faces_found", "compared", "shown", "named", "misnamed")
        }
    )
    save(f"groups-{arguments.model}", result)


if __name__ == "__main__":
    main()
