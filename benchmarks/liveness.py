"""What the stages of --require-live make of real prints, and of heads that turn.

Run: python benchmarks/liveness.py [FOLDER-WITH-MINIFASNET]

The photo collection has, before one webcam of 2010 (NUAA): 12 sequences of printed photos of six people that
are held still, rotated and bent by hand, 72 photos of the same people and 72 of their prints. Two more
sequences show a head that turns to both sides and one that looks ahead (intel-iot-devkit/sample-videos,
CC BY 4.0).
Without the folder, MiniFASNet must have been pulled.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from common import collection, save
from PIL import Image, ImageSequence

from faceunlock.liveness.dialogue import FRONTAL_FRAMES as FRAMES
from faceunlock.liveness.measuring import Presentation, measure
from faceunlock.liveness.presentations import Source, present
from faceunlock.liveness.record import to_dict
from faceunlock.liveness.texture import Texture, load_texture
from faceunlock.liveness.turning import TURNED
from faceunlock.photos.photo import load_photo
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.pipeline.detection import load_detector
from faceunlock.pipeline.models.registry import MINIFASNET
from faceunlock.pipeline.runtime import choose_engine
from faceunlock.pipeline.weights.pull import pull
from faceunlock.settings import locate

TURNS = "head-pose-female"
"""The one of the two heads that turns; the other looks ahead all the time."""


ELSEWHERE = {
    "what": "measured separately in the same way, on pictures kept back; nothing here repeats it",
    "turn": {
        "prints": {"passed": 0, "clips": 222, "people": 15, "upper_people": 0.218},
        "phones_with_photos": {"passed": 0, "clips": 19},
        "films_of_turning_heads": {"passed": 4, "clips": 4},
        "live_turns_of_30_degrees": {"clips": 42, "reaching_.25": 0.90},
        "live_without_a_turn": {"passed": 0, "windows": 265},
        "folded_and_curved_rendered_prints": {"passed": 3, "prints": 80},
    },
    "texture": {
        "live_refused": [0.0, 0.025],
        "prints_stopped": 0.998,
        "screens_stopped_by_source": [1.00, 0.91, 0.53, 0.16],
    },
    "gone": {
        "material": {"screens": 4896, "live": 5932, "moved_prints": 7509},
        "photo_checks_auc": [0.01, 0.86],
        "parallax_auc": [0.49, 0.66],
        "parallax_without_a_score": [0.42, 0.52],
    },
}
"""What was measured of the stages, and of the checks that they replaced, on four public collections of
screens and the whole of NUAA."""


class Detected(Acquisition):
    """Finds faces, and embeds none."""

    def __init__(self, detector):
        super().__init__(detector, None)

    def _closer(self, photo, size):
        return photo


def shown(source: Source, acquisition: Acquisition, texture: Texture) -> Presentation:
    """Return the scores of a sequence."""
    return present(source, acquisition.subject, texture, map(load_photo, source.files))


def sequences(root: Path, work: Path) -> list[Source]:
    """Return the moved prints and the heads; the frames of the latter are written into `work`."""
    found = [
        Source(tuple(sorted(folder.iterdir())), folder.name.partition("-")[0], "print", folder, clip=True)
        for folder in sorted((root / "turns" / "print").iterdir())
    ]
    for film in sorted((root / "turns" / "live").glob("*.gif")):
        # The name says whether the head turns, as if it had been asked to.
        folder = work / film.stem / ("turn" if film.stem == TURNS else "still")
        folder.mkdir(parents=True)
        with Image.open(film) as picture:
            for number, frame in enumerate(ImageSequence.Iterator(picture)):
                frame.convert("RGB").save(folder / f"{number:04}.png")
        found.append(Source(tuple(sorted(folder.iterdir())), film.stem, None, folder, clip=True))
    return found


def of_photos(root: Path, acquisition: Acquisition, texture: Texture) -> tuple[list[Presentation], dict]:
    """Return every five photos of a person as a presentation, and how often one photo is misjudged at .5."""
    presentations, single = [], {}
    for kind, species in (("live", None), ("print", "print")):
        scores = []
        for folder in sorted((root / "prints" / kind).iterdir()):
            own = []
            for path in sorted(folder.iterdir()):
                photo, face = acquisition.subject(load_photo(path), "largest")
                own.append(texture.score(photo.image, face))
            for start in range(0, len(own) - FRAMES + 1, FRAMES):
                mean = sum(own[start : start + FRAMES]) / FRAMES
                presentations.append(Presentation(folder.name, species, texture=mean))
            scores += own
        wrong = [score < 0.5 if species is None else score >= 0.5 for score in scores]
        single[kind] = {"wrong_at_.5": sum(wrong), "photos": len(wrong)}
    return presentations, single


def main() -> None:
    """Measure, print, write the result file."""
    cache = locate().cache
    if len(sys.argv) > 1:
        pull(MINIFASNET, cache, file=Path(sys.argv[1]))
    engine = choose_engine("cpu", cache)
    acquisition, texture = Detected(load_detector(engine)), load_texture(engine, cache)
    root = collection()
    with tempfile.TemporaryDirectory() as work:
        found = sequences(root, Path(work))
        clips = [shown(source, acquisition, texture) for source in found]
    rows = []
    for source, clip in zip(found, clips, strict=True):
        turned = clip.turned
        rows.append(
            {
                "name": source.name.name,
                "person": clip.person,
                "species": clip.species,
                "frames": len(source.files),
                "E1": None if turned is None else round(turned.one_side, 3),
                "E2": None if turned is None else round(turned.both_sides, 3),
                "texture": None if clip.texture is None else round(clip.texture, 3),
            }
        )
        print(rows[-1])
    photos, single = of_photos(root, acquisition, texture)
    measured = {
        name: to_dict(measure(presentations, created="", data=data))
        for name, presentations, data in (
            ("turning", clips, "12 sequences of prints of 6 people; 1 head that turns, 1 that does not"),
            ("five_photos", photos, "72 photos of 6 people and 72 of their prints, five at a time"),
        )
    }
    prints = [row for row in rows if row["species"]]
    for one in measured.values():
        one["spreads"] = {
            score: {
                kind: {key: round(value, 4) for key, value in spread.items()}
                for kind, spread in kinds.items()
            }
            for score, kinds in one["spreads"].items()
        }
    result = {
        "source": "NUAA (one webcam, 2010) and intel-iot-devkit/sample-videos; a part is kept back",
        "elsewhere": ELSEWHERE,
        "turned": TURNED,
        "clips": rows,
        "prints": {
            "clips": len(prints),
            "people": len({row["person"] for row in prints}),
            "highest_E1": max(row["E1"] for row in prints if row["E1"] is not None),
            "highest_E2": max(row["E2"] for row in prints if row["E2"] is not None),
        },
        "single_photos": single,
        **{name: {"stages": one["stages"], "spreads": one["spreads"]} for name, one in measured.items()},
    }
    save("liveness", result)


if __name__ == "__main__":
    main()
