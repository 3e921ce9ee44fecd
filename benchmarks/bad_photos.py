"""Give damaged, odd and hostile files to `enroll` and `verify`: each must get an answer or a clear error.

Run: python benchmarks/bad_photos.py

Each file is given to the real program, one process per command. `enroll` requires two photos, so a readable
file is refused as too few, and an unreadable one is named with its reason.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common import collection, save

from faceunlock.tasks.demo import make_pictures


def main() -> None:
    """Run both commands on every file, print the list, write the result file."""
    files = sorted(path for path in (collection() / "bad").iterdir() if path.is_file())
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory) / "home"
        make_pictures(Path(directory))
        enrolled = faceunlock("enroll", "astronaut", str(Path(directory) / "photos"), home=home)
        assert enrolled["exit_code"] == 0, enrolled
        with ThreadPoolExecutor(2) as pool:
            rows = list(pool.map(lambda path: row(path, home), files))
    for entry in rows:
        print(f"{entry['file']:50} verify {entry['verify']:22} enroll {entry['enroll']}")
    tracebacks = sum(entry["traceback"] for entry in rows)
    strange = sum(entry["exit_codes"][0] not in (1, 2) or entry["exit_codes"][1] != 2 for entry in rows)
    print(f"{len(rows)} files, {tracebacks} tracebacks, {strange} unexpected exit codes")
    save(
        "bad-photos",
        {"files": len(rows), "tracebacks": tracebacks, "unexpected_exit_codes": strange, "rows": rows},
    )


def row(path: Path, home: Path) -> dict:
    """Return the answers, exit codes and tracebacks of both commands for one file."""
    faceunlock("unlock-attempts", "--all", home=home)  # each file stands for a first attempt
    verified = faceunlock("verify", str(path), home=home)
    tried = faceunlock("enroll", "somebody", str(path), "--min-photos", "2", home=home)
    return {
        "file": path.name,
        "verify": answer(verified),
        "enroll": reason(tried, path),
        "exit_codes": [verified["exit_code"], tried["exit_code"]],
        "traceback": "Traceback" in verified["stderr"] + tried["stderr"],
    }


def answer(run: dict) -> str:
    """Return "no", "yes" or the slug of the error."""
    document = json.loads(run["stdout"])
    return document["error"]["code"] if not document["ok"] else "yes" if document["data"]["match"] else "no"


def reason(run: dict, path: Path) -> str:
    """Return the reason given for the photo, or the slug of the error, such as too few photos."""
    for line in run["stderr"].splitlines():
        if line.startswith(f"{path}: "):
            return line.removeprefix(f"{path}: ").split(":")[0]
    return json.loads(run["stdout"])["error"]["code"]


def faceunlock(*arguments: str, home: Path) -> dict:
    """Run the real program and return its exit code, output and error output."""
    command = [
        sys.executable,
        "-m",
        "faceunlock",
        *arguments,
        "--json",
        "--home",
        str(home),
        "--model",
        "dlib",
    ]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=600, check=False)
    return {"exit_code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


if __name__ == "__main__":
    main()
