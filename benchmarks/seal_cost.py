"""Cost of a seal: time to list five people in a fresh process, unsealed, with a key file, with a keyring.

Run: python benchmarks/seal_cost.py [--runs 21]

Each run is a separate process that reads the gallery twice: first with all imports, then without. The keyring
is that of the tests; a real one adds the time of its answer over D-Bus.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import keyring
from common import HERE, save

from faceunlock.gallery.gallery import Gallery

TESTS = HERE.parent / "tests"
PEOPLE = 5
KINDS = {"unsealed": None, "file": "file", "keyring": "keyring"}

READING = """
import sys, time
from pathlib import Path
from faceunlock.gallery.gallery import Gallery
gallery = Gallery(Path(sys.argv[1]))
for _ in range(2):
    started = time.perf_counter()
    gallery.people()
    print(time.perf_counter() - started)
    gallery = Gallery(Path(sys.argv[1]))
"""


def main() -> None:
    """Make three galleries, read each in many processes in turn, and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=21)
    runs = parser.parse_args().runs
    sys.path.insert(0, str(TESTS))
    from support.fake_keyring import FakeKeyring
    from support.made_templates import make_template

    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        keyring.set_keyring(FakeKeyring(root / "keyring.json"))
        for kind, place in KINDS.items():
            with Gallery(root / kind) as gallery:
                for number in range(PEOPLE):
                    gallery.add(f"Person {number}", make_template([1.0 + number] * 128))
                if place is not None:
                    gallery.protect(place)
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
            "PYTHON_KEYRING_BACKEND": "support.fake_keyring.FakeKeyring",
            "FAKE_KEYRING": str(root / "keyring.json"),
        }
        seconds: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
        for _ in range(runs):
            for kind in KINDS:
                command = [sys.executable, "-c", READING, str(root / kind)]
                printed = subprocess.run(
                    command, env=environment, capture_output=True, text=True, check=True
                ).stdout
                first, second = map(float, printed.split())
                seconds[kind].append((first, second))
    result = {
        kind: {
            "milliseconds_first": round(1000 * statistics.median(first for first, _ in measured), 1),
            "milliseconds_again": round(1000 * statistics.median(again for _, again in measured), 1),
        }
        for kind, measured in seconds.items()
    }
    print(json.dumps(result, indent=1))
    save("seal-cost", {"runs": runs, "people": PEOPLE, **result})


if __name__ == "__main__":
    main()
