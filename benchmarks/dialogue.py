"""The dialogue of ``verify --camera --require-live``: films played blindly, and what a frame costs.

    python benchmarks/dialogue.py

Two films of heads (CC BY 4.0, intel-iot-devkit/sample-videos) are followed as a camera's frames are. The
landmarks of the one that turns to both sides are then played to 10,000 dialogues, as a film of the right
person that knows nothing of the words: still for a moment, then to and fro. Another 10,000 see a film
cut for the dialogue: it turns three times, in an order drawn without knowing the one asked for. Whether the
face is the right one is not asked; a film shows it. Printed photos moved by hand are played the same way, and
one photo of each of ten people is turned as asked, on a flat sheet.
The cost is the processor time of one core.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from common import HERE, collection, read_photo, save
from PIL import Image, ImageSequence

from faceunlock.errors import PhotoError
from faceunlock.liveness.asking import PAUSES, Word, random_pauses, random_turns
from faceunlock.liveness.dialogue import Dialogue
from faceunlock.liveness.turning import TURNED, excursions, offset_of
from faceunlock.matching.error_rates import clopper_pearson_interval
from faceunlock.photos.face import Face
from faceunlock.pipeline.detection import load_detector
from faceunlock.pipeline.detection.following import FollowingDetector
from faceunlock.pipeline.runtime import choose_engine
from faceunlock.settings import locate

sys.path.insert(0, str(HERE.parent / "tests"))
from support.made_prints import held_up

TRIALS = 10_000
LONGEST = 50.0
"""Seconds after which a dialogue with a film is given up."""

DIALOGUES = 50
"""Dialogues with each print and each photo."""

STEP = 4
"""Degrees from one view of a photo to the next."""

PRINT_RATE = 20.0
"""Frames a second of the printed photos, of which about every sixth is kept."""

RATE = 12.0
"""Frames a second of the camera that sees the film, about those of the films."""

Track = list[tuple[float, list[Face]]]
"""Faces of each frame, with its time in seconds."""


def frames(path: Path) -> list[tuple[float, np.ndarray]]:
    """Return the frames of a film with their times."""
    seconds, found = 0.0, []
    for frame in ImageSequence.Iterator(Image.open(path)):
        found.append((seconds, np.asarray(frame.convert("RGB"))))
        seconds += frame.info.get("duration", 100) / 1000
    return found


def follow(detector: Any, film: list[tuple[float, np.ndarray]]) -> Track:
    """Return the faces of a film, as a camera's frames are searched."""
    following = FollowingDetector(detector)
    return [(seconds, following.detect(image, seconds)) for seconds, image in film]


def blind(track: Track, random: Random) -> Iterator[list[Face]]:
    """Yield a recorded film as a camera sees it: still for a moment, then to and fro at one speed."""
    start, speed, still = _ahead(track), random.uniform(0.5, 1.2), random.uniform(1.0, 3.0)
    order = [*range(start, len(track)), *range(len(track) - 2, 0, -1), *range(start)]
    if random.random() < 0.5:
        order = [start, *order[:0:-1]]
    for number in range(int(LONGEST * RATE)):
        passed = max(0.0, number / RATE - still) * speed * _rate(track)
        yield track[order[int(passed) % len(order)]][1]


def cut(track: Track, random: Random) -> Iterator[list[Face]]:
    """Yield a film that was cut for this dialogue: still, then turns in an order of its own, with pauses."""
    start = _ahead(track)
    offsets = [offset_of(faces[0]) or 0.0 for _, faces in track]
    first, last = (
        min(range(start), key=offsets.__getitem__),
        max(range(start, len(track)), key=offsets.__getitem__),
    )
    sides = {"left": [*range(start, last), *range(last, start, -1)], "right": []}
    sides["right"] = [*range(start, first, -1), *range(first, start)]
    order = [start] * int(RATE * 1.5)
    for side in random_turns(random):
        order += sides[side] + [start] * int(RATE * (PAUSES[1] + 0.5))
    for number in range(int(LONGEST * RATE)):
        yield track[order[min(number, len(order) - 1)]][1]


def _ahead(track: Track) -> int:
    """Return the frame that looks ahead most exactly."""
    return min(range(len(track)), key=lambda index: abs(offset_of(track[index][1][0]) or 0.0))


def _rate(track: Track) -> float:
    return (len(track) - 1) / (track[-1][0] - track[0][0])


def answers(film: Iterator[list[Face]], random: Random) -> tuple[str, int | None]:
    """Return how a dialogue with a film ends, and how many turns it answered; None before the first."""
    dialogue = Dialogue(random_turns(random), random_pauses(random))
    for number, faces in enumerate(film):
        try:
            step = dialogue.see(number / RATE, faces)
        except PhotoError as error:
            return error.slug, dialogue.made
        if step.state == "ready":
            dialogue.begin(number / RATE)
        if step.state == "done":
            return "yes", dialogue.made
    return dialogue.ended().slug, dialogue.made


def played(track: Track, play: Callable[[Track, Random], Iterator[list[Face]]]) -> dict[str, Any]:
    """Return how often a film answers a whole dialogue, and one and two turns of it."""
    random = Random(20261128)
    ends = [answers(play(track, random), random) for _ in range(TRIALS)]
    outcomes = Counter(outcome for outcome, _ in ends)
    begun = [turns for _, turns in ends if turns is not None]
    return {
        "trials": TRIALS,
        "began_a_turn": len(begun),
        "answered_at_least": {str(n): sum(turns >= n for turns in begun) for n in (1, 2, 3)},
        "outcomes": dict(sorted(outcomes.items())),
        "yes": outcomes["yes"],
        "rate": outcomes["yes"] / TRIALS,
        "upper_95": clopper_pearson_interval(outcomes["yes"], TRIALS)[1],
    }


def obeying(track: dict[int, list[Face]], steepest: int, random: Random) -> str:
    """Return how a dialogue ends with a photo that is turned by hand as asked, `steepest` degrees far."""
    dialogue = Dialogue(random_turns(random), random_pauses(random), patience=5)
    angle, wanted = 0.0, 0.0
    sides = {Word.LEFT: steepest, Word.RIGHT: -steepest, Word.BACK: 0}
    for number in range(int(LONGEST * RATE)):
        angle += max(-90 / RATE, min(90 / RATE, wanted - angle))
        try:
            step = dialogue.see(number / RATE, track[STEP * round(angle / STEP)])
        except PhotoError as error:
            return error.slug
        words = list(step.words)
        if step.state == "ready":
            words.append(dialogue.begin(number / RATE))
        if step.state == "done":
            return "yes"
        for word in words:
            wanted = sides.get(word, wanted)
    return dialogue.ended().slug


def photos_turned_by_hand(detector: Any) -> dict[str, Any]:
    """Return how dialogues end with photos on flat sheets that are turned as asked, to 40 and 60 degrees."""
    random, found = Random(20261128), {}
    paths = sorted((collection() / "phone10" / "enroll").glob("*/*"))
    chosen = [
        next(path for path in paths if path.parent.name == name)
        for name in sorted({path.parent.name for path in paths})
    ]
    tracks = []
    for path in chosen:
        photo = read_photo(path).image
        tracks.append({angle: detector.detect(held_up(photo, angle)) for angle in range(-60, 61, STEP)})
    for steepest in (40, 60):
        ends = Counter(obeying(track, steepest, random) for track in tracks for _ in range(DIALOGUES))
        found[f"to_{steepest}_degrees"] = _ended(ends, people=len(tracks))
    return found


def prints_moved(detector: Any) -> dict[str, Any]:
    """Return how dialogues end with printed photos rotated and bent by hand, played to and fro."""
    random, ends = Random(20261128), Counter[str]()
    folders = sorted((collection() / "turns" / "print").iterdir())
    for folder in folders:
        paths = sorted(folder.iterdir())
        film = [(int(path.stem) / PRINT_RATE, read_photo(path).image) for path in paths]
        track = between([(seconds, detector.detect(image)) for seconds, image in film])
        order = [*range(len(track)), *range(len(track) - 2, 0, -1)]
        for _ in range(DIALOGUES):
            start = random.randrange(len(order))
            shown = (track[order[(start + n) % len(order)]] for n in range(int(LONGEST * RATE)))
            ends[answers(shown, random)[0]] += 1
    return _ended(ends, people=len({folder.name[:4] for folder in folders})) | {"sequences": len(folders)}


def between(track: Track) -> list[list[Face]]:
    """Return the faces at `RATE` frames a second; between two pictures, their numbers go straight."""
    seen = [(seconds, faces[0]) for seconds, faces in track if faces]
    times = np.array([seconds for seconds, _ in seen])
    numbers = np.array([[*one.box, *np.ravel(one.landmarks), one.confidence] for _, one in seen])
    found = []
    for moment in np.arange(times[0], times[-1], 1 / RATE):
        there = [float(np.interp(moment, times, column)) for column in numbers.T]
        points = tuple(zip(there[4:14:2], there[5:14:2], strict=True))
        found.append([Face((there[0], there[1], there[2], there[3]), points, there[14])])
    return found


def _ended(ends: Counter[str], people: int) -> dict[str, Any]:
    """Return the ends; the bound counts people, because one person's dialogues succeed together."""
    return {
        "dialogues": ends.total(),
        "people": people,
        "outcomes": dict(sorted(ends.items())),
        "yes": ends["yes"],
        "people_upper_95": clopper_pearson_interval(0, people)[1] if not ends["yes"] else None,
    }


def cost(detector: Any, film: list[tuple[float, np.ndarray]], size: tuple[int, int]) -> dict[str, float]:
    """Return the processor time of a frame in milliseconds, on pictures of this size."""
    shown = [(s, np.asarray(Image.fromarray(image).resize(size))) for s, image in film]
    spent = []
    for _ in range(3):
        following, dialogue = FollowingDetector(detector), Dialogue(("left", "right", "left"), patience=99)
        for number, (_, image) in enumerate(shown):
            before = time.thread_time()
            try:
                step = dialogue.see(number / 12, following.detect(image, number / 12))
                if step.state == "ready":
                    dialogue.begin(number / 12)
            except PhotoError:
                dialogue = Dialogue(("left", "right", "left"), patience=99)
            spent.append(1000 * (time.thread_time() - before))
    return {
        "frames": len(spent),
        "mean": float(np.mean(spent)),
        "median": float(np.median(spent)),
        "p95": float(np.percentile(spent, 95)),
        "whole_picture": float(np.mean([_once(detector, image) for _, image in shown[:20]])),
    }


def _once(detector: Any, image: np.ndarray) -> float:
    before = time.thread_time()
    detector.detect(image)
    return 1000 * (time.thread_time() - before)


def main() -> None:
    """Measure, print and save."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    detector = load_detector(choose_engine("cpu", locate().cache, photos=1))
    films = {path.stem: frames(path) for path in sorted((collection() / "turns" / "live").glob("*.gif"))}
    tracks = {name: follow(detector, film) for name, film in films.items()}
    turned, turning = {}, {}
    for name, track in tracks.items():
        found = excursions([offset_of(faces[0]) if faces else None for _, faces in track])
        turned[name] = None if found is None else {"left": found.left, "right": found.right}
        print(name, len(track), "frames", turned[name])
        if found is not None and found.both_sides >= TURNED:
            turning[name] = track
    films_played = {
        name: {"blindly": played(track, blind), "cut_for_the_dialogue": played(track, cut)}
        for name, track in turning.items()
    }
    print(films_played)
    prints, photos = prints_moved(detector), photos_turned_by_hand(detector)
    print(prints, photos)
    sizes = {
        f"{w}x{h}": cost(detector, films["head-pose-male"], (w, h)) for w, h in ((640, 480), (1280, 720))
    }
    print(sizes)
    save(
        "dialogue",
        {
            "excursions": turned,
            "films": films_played,
            "prints_moved_by_hand": prints,
            "photos_turned_as_asked": photos,
            "milliseconds_a_frame_on_one_core": sizes,
        },
    )


if __name__ == "__main__":
    main()
