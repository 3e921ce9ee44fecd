"""A gallery on PostgreSQL as it grows to a million people: exact search and HNSW, time, recall, size on disk.

Run: nice -n 15 python benchmarks/postgres.py [--sizes 10000,100000,1000000] [--probes 1000] [--memory 2048]

The server is one of our own, from the package pgserver, reached through a socket. The templates are made up
as in ``scale.py``: unit vectors around those of real faces, each a sum over five photos. Rows are loaded in
bulk, as faceunlock would have written them. ``seconds`` is the median time from a probe to the decision with
a connection that is open: people counted, searched, candidates read, checked and compared exactly. A probe is
as similar to its person as a yes needs for that many people, in a random direction; ``found`` counts for how
many of them the index finds the person that an exact search finds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, save
from scale import made_up, real_vectors

from faceunlock.gallery.cipher import document
from faceunlock.gallery.file import PEOPLE, PHOTOS
from faceunlock.gallery.packing import pack
from faceunlock.gallery.postgres.address import parse
from faceunlock.gallery.postgres.gallery import ServerGallery
from faceunlock.gallery.postgres.vectors import as_text
from faceunlock.gallery.seal import Plain
from faceunlock.matching.people import Person
from faceunlock.matching.records import identity_to_record, person_to_record, record_to_person
from faceunlock.matching.similarity import unit
from faceunlock.matching.templates import ModelIdentity, Template
from faceunlock.settings import Locations, default_settings
from faceunlock.tasks import server as tasks
from faceunlock.tasks.workspace import Workspace

DAY = "2025-01-31T09:30:00Z"


def fill(gallery: ServerGallery, identity: ModelIdentity, sums: np.ndarray, first: int) -> None:
    """Load people in bulk, numbered from `first`."""
    plain = Plain()
    with gallery.database.maintenance() as connection:
        named = document(identity_to_record(identity))
        insert = "INSERT INTO models (identity) VALUES (%s) ON CONFLICT DO NOTHING"
        connection.execute(insert, [named])
        found = connection.execute("SELECT number FROM models WHERE identity = %s", [named]).fetchone()
        number = 1 if found is None else found[0]
        step = 5000
        for start in range(0, len(sums), step):
            people: list[Any] = []
            photos: list[Any] = []
            vectors: list[Any] = []
            for at in range(start, min(start + step, len(sums))):
                marks = frozenset(os.urandom(32).hex() for _ in range(5))
                template = Template(
                    identity, sums[at].astype(np.float64), 5, 0.93, 0.9, os.urandom(32), marks
                )
                person = Person(f"Person {first + at:07}", template, DAY, DAY)
                packed, packed_marks = pack(record_to_person(person_to_record(person)))
                key = person.name.lower()
                people.append(plain.write(PEOPLE, (key, key, person.name, DAY, DAY, packed)))
                photos.append(plain.write(PHOTOS, (key, packed_marks)))
                vectors.append((key, 0, number, as_text(unit(template.vector_sum))))
            with connection.transaction(), connection.cursor() as cursor:
                for table, rows in (("people", people), ("photos", photos), ("templates", vectors)):
                    with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                        for row in rows:
                            copy.write_row(row)
        connection.execute("VACUUM ANALYZE people")
        connection.execute("VACUUM ANALYZE templates")


def timed(gallery: ServerGallery, identity: ModelIdentity, probes: np.ndarray, limit: float) -> float:
    """Return the median seconds from a probe to a decision."""
    seconds = []
    for probe in probes:
        started = time.perf_counter()
        part = gallery.crowd().made_by(identity)
        if part is None:
            raise SystemExit("nobody is there")
        part.decide(probe, limit)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def measure(
    workspace: Workspace, identity: ModelIdentity, probes: np.ndarray, arguments: Any
) -> dict[str, Any]:
    """Return what is measured of one size, without an index and with it."""
    gallery = workspace.gallery
    assert isinstance(gallery, ServerGallery)
    plain = tasks.state(workspace)
    calibration = workspace.choice.calibration(identity, "normal")
    limit = calibration.threshold_for(plain.indexes[0].templates).threshold
    exact = timed(gallery, identity, probes, limit)
    started = time.perf_counter()
    tasks.build_index(workspace, memory=arguments.memory, probes=1)
    built = time.perf_counter() - started
    indexed = timed(gallery, identity, probes, limit)
    (state,) = tasks.measure_index(workspace, probes=arguments.probes)
    found = {
        "threshold": round(limit, 4),
        "exact": {"seconds": round(exact, 4), "bytes": plain.size},
        "hnsw": {
            "seconds": round(indexed, 4),
            "bytes": state.size,
            "build_seconds": round(built, 1),
            "found": state.found,
            "probes": state.probes,
            "recall": state.recall,
            "least_recall": round(state.least_recall or 0.0, 4),
        },
    }
    tasks.drop_index(workspace)
    return found


def main() -> None:
    """Measure every size on one server and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--probes", type=int, default=1000)
    parser.add_argument("--memory", type=int, default=2048)
    parser.add_argument("--timed", type=int, default=25)
    arguments = parser.parse_args()
    sizes = sorted(map(int, arguments.sizes.split(",")))
    real, identity = real_vectors(2000)
    random = np.random.default_rng(21)
    with tempfile.TemporaryDirectory(prefix="faceunlock-postgres-bench-") as root:
        folder = Path(root)
        folder.chmod(0o755)
        (folder / "runtime").mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(folder / "runtime")
        import pgserver

        server = pgserver.get_server(folder / "data", cleanup_mode="stop")
        url = f"postgresql://postgres@/postgres?host={folder / 'data'}"
        tasks.set_up(parse(url))
        locations = Locations(folder / "home", folder / "home" / "cache", folder / "home" / "config.toml")
        settings = replace(default_settings(), gallery=url)
        known = RESULTS / "postgres.json"
        rows: dict[str, Any] = (
            json.loads(known.read_text(encoding="utf-8"))["sizes"] if known.exists() else {}
        )
        there = 0
        with Workspace(locations=locations, settings=settings) as workspace:
            for size in sizes:
                sums = made_up(real, size)[there:]
                started = time.perf_counter()
                fill(workspace.gallery, identity, sums, there)  # type: ignore[arg-type]
                print(f"{size:,} people loaded in {time.perf_counter() - started:.0f} s", flush=True)
                there = size
                chosen = sums[random.integers(len(sums), size=arguments.timed)]
                probes = np.array([unit(one) for one in chosen])
                rows[str(size)] = measure(workspace, identity, probes, arguments)
                print(size, json.dumps(rows[str(size)]), flush=True)
                versions = tasks.state(workspace).server
                save(
                    "postgres",
                    {
                        "server": versions,
                        "dimension": identity.dimension,
                        "real_faces": len(real),
                        "sizes": rows,
                    },
                )
        server.cleanup()


if __name__ == "__main__":
    main()
