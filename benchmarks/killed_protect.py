"""Kill ``protect rotate``, ``on`` and ``off``, and ``enroll``, at random moments in sealed galleries.

Run: python benchmarks/killed_protect.py rotate|toggle|enroll [--kills 200] [--seed 0]

Every run is the real program, killed with SIGKILL at a random moment of the time that an undisturbed run
takes. Half of the kills fall where the gallery is written. One gallery has its key in a file, one in a
keyring. It is the keyring of the tests, a file that processes share: we test our code, not the desktop's
daemon.
After every kill the gallery must open and prove itself. It must hold exactly the people from before: no one
is lost, no one is added except the person being enrolled, and a person reported as enrolled is there. After
the next undisturbed change only one key may be left. Each run writes its own part of the result file.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keyring
from common import HERE, RESULTS, save

from faceunlock import FaceUnlock
from faceunlock.matching.records import person_to_record
from faceunlock.tasks.demo import make_pictures

TESTS = HERE.parent / "tests"
NAME = "killed-protect"


@dataclass
class Home:
    """One gallery, and the states found in it so far."""

    path: Path
    photos: Path
    place: str
    rng: random.Random
    seen: Counter[str] = field(default_factory=Counter)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that make the keyring of the tests the desktop's."""
        return os.environ | {
            "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
            "PYTHON_KEYRING_BACKEND": "support.fake_keyring.FakeKeyring",
            "FAKE_KEYRING": str(self.path.parent / "keyring.json"),
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start the real program."""
        command = [sys.executable, "-m", "faceunlock", *words, "--home", str(self.path), "--json"]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self.environment
        )

    def finish(self, *words: str) -> float:
        """Run to the end and return the seconds it took."""
        started = time.monotonic()
        process = self.start(*words)
        output, _ = process.communicate()
        assert process.returncode == 0, output
        return time.monotonic() - started

    def killed(self, moment: float, *words: str) -> bool:
        """Run, kill after `moment` seconds, and return whether success had been reported by then."""
        process = self.start(*words)
        try:
            output, _ = process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            output, _ = process.communicate()
        self.seen["reported"] += (done := '"ok": true' in output)
        return done

    def moment(self, duration: float, number: int) -> float:
        """Return the second of the kill: any, or, for even numbers, one when the gallery is written."""
        return duration * (self.rng.uniform(0, 1.05) if number % 2 else self.rng.uniform(0.6, 1.05))

    def people(self) -> dict[str, Any]:
        """Open the gallery, prove it, count what the kill left, and return the record of each person."""
        with FaceUnlock(self.path, model="dlib") as unlock:
            found = {person.name: person_to_record(person) for person in unlock.people()}
            status = unlock.status()
            # Under another key, networks have to be prepared again; that is said, and no fault.
            problems = [problem for problem in status.problems if "are not prepared" not in problem]
            assert not problems, problems
        stages = sorted(path.suffix for path in (self.path / "keys").glob("*.*") if path.suffix != ".tmp")
        sealed = status.protection is not None and status.protection.sealed
        self.seen[f"{'sealed' if sealed else 'not sealed'}, keys {' '.join(stages) or 'none'}"] += 1
        self.seen["journal left"] += (self.path / "gallery.db-journal").exists()
        return found

    def keys_left(self) -> list[str]:
        """Make one more change and return the suffixes of the key files that are left."""
        self.finish("people", "rename", "first", "first")
        return sorted(path.suffix for path in (self.path / "keys").iterdir())


def rotate(home: Home, kills: int) -> None:
    """Kill rotations: the people must stay the same, under the old key or the new one."""
    truth = home.people()
    duration = home.finish("protect", "rotate")
    for number in range(kills):
        home.killed(home.moment(duration, number), "protect", "rotate")
        assert home.people() == truth


def toggle(home: Home, kills: int) -> None:
    """Kill ``protect on`` and ``protect off`` in turn: the people must stay the same, sealed or not."""
    truth = home.people()
    duration = home.finish("protect", "rotate")
    for number in range(kills):
        words = ("protect", "on", "--key", home.place) if number % 2 else ("protect", "off")
        home.killed(home.moment(duration, number // 2), *words)
        assert home.people() == truth
    home.finish("protect", "on", "--key", home.place)


def enroll(home: Home, kills: int) -> None:
    """Kill enrolments: no one is lost, everyone reported as enrolled is there, and no one else is new."""
    # Everybody has the same photos, which is refused otherwise.
    words = ("enroll", str(home.photos), "--model", "dlib", "--even-so")
    duration = home.finish(words[0], "second", *words[1:])
    before = home.people()
    for number in range(kills):
        name = f"person{number}"
        done = home.killed(home.moment(duration, number), words[0], name, *words[1:])
        after = home.people()
        new = set(after) - set(before)
        assert new == {name} if done else new <= {name}, (new, done)
        assert {who: after[who] for who in before} == before
        home.seen["enrolled though not reported"] += bool(new) and not done
        before = after


PARTS = {"rotate": rotate, "toggle": toggle, "enroll": enroll}


def main() -> None:
    """Kill, check, and write one part of the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        make_pictures(root)
        homes = [
            Home(root / place / "home", root / "photos", place, random.Random(f"{arguments.seed} {place}"))
            for place in ("file", "keyring")
        ]
        prepare(homes)
        each = arguments.kills // len(homes)
        with ThreadPoolExecutor(len(homes)) as pool:
            list(pool.map(lambda home: PARTS[arguments.part](home, each), homes))
        result = {
            home.place: {
                "kills": each,
                **dict(sorted(home.seen.items())),
                "keys at the end": home.keys_left(),
            }
            for home in homes
        }
    path = RESULTS / f"{NAME}.json"
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    parts = {part: earlier[part] for part in PARTS if part in earlier} | {arguments.part: result}
    print(json.dumps(result, indent=1))
    save(NAME, parts)


def prepare(homes: list[Home]) -> None:
    """Enroll one person in each gallery and seal it; networks are converted only once."""
    sys.path.insert(0, str(TESTS))
    from support.fake_keyring import FakeKeyring

    for home in homes:
        home.path.mkdir(parents=True, mode=0o700)
        if home is not homes[0]:
            shutil.copytree(homes[0].path / "cache", home.path / "cache")
        home.finish("enroll", "first", str(home.photos), "--model", "dlib")
        home.finish("protect", "on", "--key", home.place)
    # For the checks in this process; only one of the galleries uses it.
    keyring.set_keyring(FakeKeyring(homes[-1].path.parent / "keyring.json"))


if __name__ == "__main__":
    main()
