"""Ten people at home with a bank of strangers: what `calibrate` can say, and how near the strangers come.

Run: python benchmarks/at_home.py [--model compact] [--strangers 4281] [--home FOLDER]

The owners are the ten people of phone10, with their own phone photos. The strangers are LFW's people, one
photo each; nobody is in both by name, and LFW's are public figures. Every step is the real program. With
--home, an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from common import collection, save

FIELDS = (
    "threshold",
    "target_fmr",
    "supported",
    "people",
    "photos",
    "templates",
    "strangers",
    "genuine_comparisons",
    "impostor_comparisons",
    "fmr",
    "own_fmr",
    "strangers_fmr",
    "fnmr",
)


class Program:
    """The program, with a gallery and a model; run where the photos are, so that paths are short."""

    def __init__(self, home: Path, model: str, place: Path) -> None:
        self._home, self._common = home, ["--home", str(home), "--model", model]
        self._place = place

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command and return what it printed."""
        command = [sys.executable, "-m", "faceunlock", *self._common, *words]
        return subprocess.run(command, cwd=self._place, capture_output=True, text=True, check=False)

    def data(self, *words: str) -> dict[str, Any]:
        """Run a command with --json and return its data, or its error."""
        document = json.loads(self.run(*words, "--json").stdout)
        return document["data"] if document["ok"] else {"error": {"code": document["error"]["code"]}}

    def shown(self, *words: str) -> dict[str, Any]:
        """Run a command and return what a terminal shows, without the pairs, which name people."""
        done = self.run(*words)
        # Hints repeat where the gallery is, which differs from run to run.
        said = (done.stderr + done.stdout).replace(f" --home {shlex.quote(str(self._home))}", "")
        lines = [line for line in said.splitlines() if " against " not in line]
        return {
            "command": " ".join(("faceunlock", *words)),
            "exit_code": done.returncode,
            "lines": [line for line in lines if not line.endswith(" pairs:")],
        }


def one_photo_each(lfw: Path, folder: Path, count: int) -> Path:
    """Link the first photo of each of the first `count` people into a folder of the same layout."""
    for person in sorted(lfw.iterdir())[:count]:
        photo = min(person.glob("*.jpg"))
        (folder / person.name).mkdir(parents=True)
        (folder / person.name / photo.name).symlink_to(photo)
    return folder


def measure(arguments: argparse.Namespace, home: Path, links: Path) -> dict[str, Any]:
    """Fill the bank, enroll everyone, calibrate in three ways, and return what was said."""
    photos = collection()
    strangers = one_photo_each(photos / "lfw", links / "lfw", arguments.strangers)
    program = Program(home, arguments.model, photos / "phone10")
    owners = {person.name.casefold() for person in (photos / "phone10" / "enroll").iterdir()}
    shared = owners & {person.name.casefold() for person in strangers.iterdir()}
    if shared:
        sys.exit(f"both owner and stranger: {', '.join(shared)}")
    filled = program.data("strangers", "add", str(strangers), "--faces", "central")
    enrolled = program.data("enroll", "--each", "enroll", "--replace")
    nearest = [person["enrolment"]["nearest_stranger"] for person in enrolled["people"]]
    calibrate = ("calibrate", "test", "--dry-run")
    ways = {
        "alone": (*calibrate, "--no-strangers"),
        "with_strangers": calibrate,
        "without_photos": ("calibrate", "--dry-run"),
    }
    said = {}
    for way, words in ways.items():
        found = program.data(*words)
        kept = {name: found[name] for name in FIELDS} if "error" not in found else found
        said[way] = {"shown": program.shown(*words), **kept}
    return {
        "model": arguments.model,
        "strangers": filled["bank"]["people"],
        "failures_to_acquire": len(filled["failures"]),
        "nearest": sorted(round(near["similarity"], 4) for near in nearest),
        "shipped_threshold": nearest[0]["threshold"],
        "taken_for_an_owner": sum(near["match"] for near in nearest),
        **said,
    }


def main() -> None:
    """Measure, print and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="retail-0095")
    parser.add_argument("--strangers", type=int, default=4281)
    parser.add_argument("--home", type=Path, help="gallery to use and keep")
    arguments = parser.parse_args()
    kept = nullcontext(str(arguments.home)) if arguments.home else tempfile.TemporaryDirectory()
    with kept as home, tempfile.TemporaryDirectory() as links:
        result = measure(arguments, Path(home).absolute(), Path(links))
    for way in ("alone", "with_strangers", "without_photos"):
        shown = result[way]["shown"]
        print(f"$ {shown['command']}", *shown["lines"], "", sep="\n")
    save(f"at-home-{arguments.model}", result)


if __name__ == "__main__":
    main()
