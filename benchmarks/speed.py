"""Time and memory of whole processes, against other programs that do the same job.

Run: python benchmarks/speed.py [SECTION ...] [--runs 7] [--photos 1000]

Sections (all of them if none is named; with 7 runs or more, new figures replace the old in the result file):

verify-1mp, verify-14mp
    One photo in a separate process: read, find the face, embed, compare with one enrolled person.
enroll
    78 phone photos of ten people in one process; our program also as users run it, as ten commands.
calibrate
    LFW photos of people with more than three photos: embed all, compare all.
start
    ``--help`` and ``people``, against a bare import of the command-line framework.
parts
    Where the time of our ``verify`` goes; see parts.py.

Contestants: the program as installed; the same with PyTorch instead of ONNX Runtime; the script from the
README of facenet-pytorch (opponents/straightforward.py); the command ``face_recognition`` with dlib, in its
own virtual environment. InceptionResnetV1 has random weights in ours and in the script, since the time does
not depend on them. The enrolled person is not on the photo, so the threshold is -1: the answer is "yes" and
costs the same. ``face_recognition`` keeps no templates and also looks at a photo of the known person: one of
250 x 250 pixels, its best case.

Every process runs once for warming up, then all processes of a section take turns; times are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from common import HERE, RESULTS, WORK, collection, machine, save
from parts import measure, show
from processes import Measured, Process, side_by_side

from faceunlock import FaceUnlock

SCRIPT = HERE / "opponents" / "straightforward.py"
PROGRAM = Path(sys.executable).parent / "faceunlock"
FACE_RECOGNITION = WORK / "venv-face-recognition"
PACKAGES = (
    "face_recognition",
    "dlib-bin",
    "face_recognition_models",
    "click",
    "numpy",
    "pillow",
    "setuptools<81",
)

IDLE = 0.5
"""Load of an idle machine, in processes that run or wait to run."""

MODELS = ("casia-webface", "dlib", "compact", "retail-0095")
KNOWN = "known"
DECIDED = (0, 1)
DONE_OR_INSUFFICIENT = (0, 2)
"""Exit codes of a calibration: with random weights it finds, after all the work, that they are useless."""

STRAIGHTFORWARD, DLIB_COMMAND = "facenet-pytorch script", "face_recognition"

ENROLL_EVERYBODY = """
import sys
from pathlib import Path
from faceunlock import FaceUnlock
home, model, folder = sys.argv[1:]
with FaceUnlock(home, model=model) as unlock:
    for person in sorted(Path(folder).iterdir()):
        unlock.enroll(person.name, person, dry_run=True)
"""


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal for how many times as much time (or memory) the opponent takes.

    Attributes
    ----------
    section, ours, opponent : str
        The section and the names of the two processes that are compared.
    factor : float
        Lowest ratio of the opponent to ours that reaches the goal.
    memory : bool
        Whether peak memory is compared instead of time.
    """

    section: str
    ours: str
    opponent: str
    factor: float
    memory: bool = False

    def reached(self, measured: dict[str, Measured]) -> float:
        """Return the measured ratio of the opponent to ours."""
        ours, opponent = measured[self.ours], measured[self.opponent]
        return opponent.memory / ours.memory if self.memory else opponent.median / ours.median


ANYBODY = "--threshold=-1"
"""Option for a constant yes, which costs as much as a no: after five times no, verify would be locked out."""

FACENET, DLIB = "faceunlock casia-webface", "faceunlock dlib"
RETAIL, COMPACT = "faceunlock retail-0095", "faceunlock compact"
GOALS = (
    Goal("verify-1mp", FACENET, STRAIGHTFORWARD, 10),
    Goal("verify-1mp", DLIB, DLIB_COMMAND, 4),
    Goal("verify-1mp", FACENET, STRAIGHTFORWARD, 3, memory=True),
    Goal("verify-14mp", FACENET, STRAIGHTFORWARD, 12),
    Goal("verify-14mp", FACENET, STRAIGHTFORWARD, 3, memory=True),
    Goal("enroll", FACENET, STRAIGHTFORWARD, 8),
    Goal("calibrate", FACENET, STRAIGHTFORWARD, 8),
    Goal("defaults", RETAIL, COMPACT, 1 / 1.15),
    Goal("calibrate-default", RETAIL, STRAIGHTFORWARD, 5),
    Goal("start", "faceunlock --help", "import typer", 0.5),
    Goal("start", "faceunlock people", "import typer", 0.5),
)


def main() -> None:
    """Measure the chosen sections, print and write the result."""
    sections: dict[str, Callable[[Path, int], list[Process]]] = {
        "verify-1mp": lambda photos, _: verify(photos / "timing" / "1mp.jpg", photos),
        "verify-14mp": lambda photos, _: verify(photos / "timing" / "14mp.jpg", photos),
        "enroll": lambda photos, _: enroll(photos / "phone10" / "enroll"),
        "calibrate": lambda photos, count: calibrate(lfw_subset(photos / "lfw", count)),
        "defaults": lambda photos, _: defaults(photos / "timing" / "1mp.jpg"),
        "calibrate-default": lambda photos, count: calibrate_default(lfw_subset(photos / "lfw", count)),
        "start": lambda _photos, _count: start(),
    }
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--photos", type=int, default=500, help="number of LFW photos for calibrate")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    if load > IDLE:
        print(f"warning: the load is {load:.1f}; PyTorch suffers most, since its threads wait for each other")
    wanted = arguments.sections or [*sections, "parts"]
    if unknown := set(wanted) - {*sections, "parts"}:
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    photos = collection()
    # In another process, so that the measured ones do not share the machine with a gigabyte of PyTorch.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as elsewhere:
        elsewhere.submit(prepare, photos).result()
    result: dict[str, Any] = {}
    for section in wanted:
        if section == "parts":
            result[section] = parts(photos / "timing", arguments.runs)
            continue
        measured = side_by_side(sections[section](photos, arguments.photos), arguments.runs)
        counts = {"enroll": count_files(photos / "phone10" / "enroll")}
        counts |= dict.fromkeys(("calibrate", "calibrate-default"), arguments.photos)
        count = counts.get(section, 1)
        result[section] = report(section, measured, count)
    if arguments.runs < 7:
        print("\nnot written: a result needs at least 7 runs")
        return
    earlier = RESULTS / "speed.json"
    kept = json.loads(earlier.read_text(encoding="utf-8"))["sections"] if earlier.exists() else {}
    here = {"machine": machine(), "load_before": round(load, 2)}  # other sections may be of another machine
    fresh = {name: {**here, "rows": rows} for name, rows in result.items()}
    save("speed", {"runs": arguments.runs, "sections": {**kept, **fresh}})


# preparing


def prepare(photos: Path) -> None:
    """Prepare the contestants: galleries, converted networks, a vector, a virtual environment."""
    WORK.mkdir(exist_ok=True)
    person = sorted((photos / "phone10" / "enroll").iterdir())[0]
    random = random_weights()  # before a gallery is opened: it would have PyTorch make its folder there
    for model in MODELS:
        with FaceUnlock(home(model), model=model) as unlock:
            if model == "casia-webface":
                unlock.pull(model, file=random)
            if model == "retail-0095":
                unlock.pull(model, file=photos.parent / "weights" / model)
            unlock.enroll(KNOWN, person, replace=True)
    stored_vector()
    if not (FACE_RECOGNITION / "bin" / "face_recognition").exists():
        venv.create(FACE_RECOGNITION, with_pip=True, clear=True)
        pip = [str(FACE_RECOGNITION / "bin" / "pip"), "install", "--quiet", "--no-deps", *PACKAGES]
        subprocess.run(pip, check=True)
    known = WORK / "speed-known"
    known.mkdir(exist_ok=True)
    face = lfw_people(photos / "lfw")[0][0]
    link(known / face.name, face)


def home(model: str) -> Path:
    """Return the home of a model's gallery; it is kept between runs, so networks are converted only once."""
    return WORK / f"speed-{model}"


def random_weights() -> Path:
    """Return a file of random weights in the published format; it is written once, with a fixed seed."""
    import torch
    from facenet_pytorch import InceptionResnetV1

    path = WORK / "speed-random.pt"
    if not path.exists():
        torch.manual_seed(0)
        torch.save(InceptionResnetV1(pretrained=None).state_dict(), path)
    return path


def stored_vector() -> Path:
    """Return the file of the vector that the straightforward script compares with; it is written once."""
    import torch

    path = WORK / "speed-stored.pt"
    if not path.exists():
        torch.manual_seed(0)
        torch.save(torch.nn.functional.normalize(torch.randn(512), dim=0), path)
    return path


def lfw_people(lfw: Path) -> list[list[Path]]:
    """Return the photos of each person with more than three, in the order of their names."""
    people = [sorted(folder.iterdir()) for folder in sorted(lfw.iterdir()) if folder.is_dir()]
    return [photos for photos in people if len(photos) > 3]


def lfw_subset(lfw: Path, count: int) -> Path:
    """Return a folder of links to the first `count` photos of people with more than three photos."""
    chosen = [photo for photos in lfw_people(lfw) for photo in photos][:count]
    if len(chosen) < count:
        sys.exit(f"{lfw} has only {len(chosen)} photos of people with more than three")
    folder = WORK / f"speed-lfw-{count}"
    for photo in chosen:
        (folder / photo.parent.name).mkdir(parents=True, exist_ok=True)
        link(folder / photo.parent.name / photo.name, photo)
    return folder


def link(path: Path, target: Path) -> None:
    """Make a link unless it exists."""
    if not path.is_symlink():
        path.symlink_to(target)


def count_files(folder: Path) -> int:
    """Return the number of photos in all sub-folders of a folder."""
    return sum(1 for _ in folder.glob("*/*"))


# contestants


def ours(model: str, arguments: list[str], codes: tuple[int, ...] = (0,)) -> list[Process]:
    """Return our program as two contestants, one for each runtime."""
    command = [str(PROGRAM), "--quiet", "--home", str(home(model)), "--model", model, *arguments]
    return [
        Process(f"faceunlock {model}", command, codes=codes),
        Process(f"faceunlock {model}, PyTorch", command, {"FACEUNLOCK_RUNTIME": "torch"}, codes),
    ]


def straightforward(*arguments: str) -> Process:
    """Return the contestant that follows the README of facenet-pytorch."""
    return Process(STRAIGHTFORWARD, [sys.executable, str(SCRIPT), *arguments])


def verify(photo: Path, photos: Path) -> list[Process]:
    """Return the contestants that verify one photo."""
    command = [str(FACE_RECOGNITION / "bin" / "face_recognition"), str(WORK / "speed-known"), str(photo)]
    return [
        *(
            process
            for model in ("casia-webface", "dlib", "compact")
            for process in ours(model, ["verify", str(photo), "--as", KNOWN, ANYBODY], DECIDED)
            if model != "compact" or "PyTorch" not in process.name
        ),
        straightforward("verify", str(photo), str(stored_vector())),
        Process(DLIB_COMMAND, command),
    ]


def enroll(folder: Path) -> list[Process]:
    """Return the contestants that enroll ten people, in one process and as ten commands."""

    def in_one(model: str, runtime: str = "") -> Process:
        command = [sys.executable, "-c", ENROLL_EVERYBODY, str(home(model)), model, str(folder)]
        return Process(
            f"faceunlock {model}{runtime and ', PyTorch'}", command, {"FACEUNLOCK_RUNTIME": runtime or "auto"}
        )

    loop = (
        f'for person in "{folder}"/*; do "{PROGRAM}" --quiet --home "{home("casia-webface")}" '
        '--model casia-webface enroll "$(basename "$person")" "$person" --dry-run || exit; done'
    )
    return [
        in_one("casia-webface"),
        Process("faceunlock casia-webface, ten commands", ["/bin/sh", "-c", loop]),
        in_one("casia-webface", "torch"),
        in_one("dlib"),
        straightforward("enroll", str(folder)),
    ]


def calibration(folder: Path) -> list[str]:
    """Return the words of the calibration with the photos of a folder."""
    options = ["--split", "3", "--faces", "central", "--dry-run", "--target-fmr", "0.01"]
    return ["calibrate", str(folder), *options]


def defaults(photo: Path) -> list[Process]:
    """Return the two models that are chosen by themselves, verifying one photo."""
    words = ["verify", str(photo), "--as", KNOWN, ANYBODY]
    return [ours(model, words, DECIDED)[0] for model in ("retail-0095", "compact")]


def calibrate_default(folder: Path) -> list[Process]:
    """Return the recommended model and the script, comparing all photos of a folder."""
    ours_ = ours("retail-0095", calibration(folder), DONE_OR_INSUFFICIENT)[0]
    return [ours_, straightforward("calibrate", str(folder))]


def calibrate(folder: Path) -> list[Process]:
    """Return the contestants that compare all photos of a folder."""
    options = calibration(folder)
    return [
        *ours("casia-webface", options, DONE_OR_INSUFFICIENT),
        ours("dlib", options, DONE_OR_INSUFFICIENT)[0],
        straightforward("calibrate", str(folder)),
    ]


def start() -> list[Process]:
    """Return the contestants that need no network."""
    common = [str(PROGRAM), "--home", str(home("dlib"))]
    return [
        Process("faceunlock --help", [str(PROGRAM), "--help"]),
        Process("faceunlock people", [*common, "people"]),
        Process("import typer", [sys.executable, "-c", "import typer"]),
        Process("python", [sys.executable, "-c", ""]),
    ]


def parts(timing: Path, runs: int) -> dict[str, dict[str, float]]:
    """Return the time of each part of our own run, for every model and both photos."""
    found = {}
    for model in MODELS:
        for photo in ("1mp.jpg", "14mp.jpg"):
            command = [
                "--home",
                str(home(model)),
                "--model",
                model,
                "verify",
                str(timing / photo),
                "--as",
                KNOWN,
                ANYBODY,
            ]
            title = f"{model}, {photo}"
            found[title] = {part: round(seconds, 4) for part, seconds in measure(command, runs).items()}
            show(title, found[title])
    return found


# reporting


def report(section: str, measured: dict[str, Measured], photos: int) -> dict[str, Any]:
    """Print a section and return its content for the result file."""
    runs = len(next(iter(measured.values())).seconds)
    print(f"\n{section}: {photos} photo{'s' if photos > 1 else ''}, {runs} run{'s' if runs > 1 else ''}")
    print(f"  {'':<38} {'median s':>9} {'min':>8} {'max':>8} {'photos/s':>9} {'peak MB':>8}")
    for name, one in measured.items():
        print(
            f"  {name:<38} {one.median:>9.3f} {min(one.seconds):>8.3f} {max(one.seconds):>8.3f} "
            f"{photos / one.median:>9.1f} {one.memory:>8.0f}"
        )
    goals = []
    for goal in (goal for goal in GOALS if goal.section == section):
        factor = goal.reached(measured)
        kind = "memory" if goal.memory else "time"
        verdict = "reached" if factor >= goal.factor else "NOT reached"
        print(f"  {kind} of {goal.opponent} / {goal.ours}: {factor:.2f} (goal {goal.factor:g}: {verdict})")
        goals.append(
            {
                "ours": goal.ours,
                "opponent": goal.opponent,
                "of": kind,
                "goal": goal.factor,
                "factor": round(factor, 2),
            }
        )
    return {
        "photos": photos,
        "contestants": {name: one.document() for name, one in measured.items()},
        "goals": goals,
    }


if __name__ == "__main__":
    main()
