"""Measure a report of many photos: its time, its memory, and the size of the page.

Run: python benchmarks/report_size.py [--folder lfw] [--model dlib]

Runs the program itself, as a user would.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import collection, save


def main() -> None:
    """Write the report of a folder, print the figures and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default="lfw", help="folder of the collection, one sub-folder per person")
    parser.add_argument("--model", default="dlib")
    parser.add_argument("--page", type=Path, help="keep the page here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        page = arguments.page or Path(directory) / "report.html"
        command = [sys.executable, "-m", "faceunlock", "--model", arguments.model, "report"]
        command += [str(collection() / arguments.folder), "-o", str(page), "--faces", "central"]
        start = time.perf_counter()
        done = subprocess.run([*command, "--overwrite", "--json"], stdout=subprocess.PIPE, check=True)
        seconds = time.perf_counter() - start
        size = page.stat().st_size
    data = json.loads(done.stdout)["data"]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    pairs = data["photo_against_photo"]
    comparisons = pairs["genuine_comparisons"] + pairs["impostor_comparisons"]
    print(f"photos      {data['usable']:,} of {len(data['people']):,} people, {comparisons:,} pairs")
    print(f"time        {seconds:.0f} s")
    print(f"peak memory {peak / 2**20:.0f} MiB")
    print(f"page        {size / 1e6:.1f} MB")
    save(
        f"report-size-{arguments.model}",
        {
            "model": arguments.model,
            "data": arguments.folder,
            "photos": data["photos"],
            "usable": data["usable"],
            "people": len(data["people"]),
            "pairs": comparisons,
            "seconds": round(seconds, 1),
            "peak_bytes": peak,
            "page_bytes": size,
            "photo_against_photo": pairs,
            "photo_against_centroid": data["photo_against_centroid"],
        },
    )


if __name__ == "__main__":
    main()
