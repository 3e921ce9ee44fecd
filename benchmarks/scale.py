"""Time and memory of single commands as a gallery grows: 10 to 100,000 people, sealed and not.

Run: nice -n 10 python benchmarks/scale.py [--before TREE] [--sizes 10,1000,10000,100000] [--runs 7]

The templates are made up: unit vectors around those of real faces, as far from each other as photos of one
person are, summed over five photos. Nobody's photo is needed. Each run is a new process, and the runs of all
galleries alternate, so that a busy moment of the machine meets all of them. The seconds are the medians of
what a command takes more than the same command in the same round with ten people.

With ``--before``, a tree of an earlier version (``git worktree add`` or ``git archive``) is measured, too: its
galleries are written by it, and those sizes are left out that it would need minutes for.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import HERE, collection, save

TREE = HERE.parent
SMALLEST = 10
PHOTOS = 5
SPREAD = 0.35
"""How far a made-up face is from the real one it was made from, and a photo from its face: angle in radians."""

WRITING = """
import os, sys
from pathlib import Path
import numpy as np
from faceunlock.gallery.gallery import Gallery
from faceunlock.matching.people import Person
from faceunlock.matching.templates import ModelIdentity, Template

home, vectors, identity, place, hashes = Path(sys.argv[1]), np.load(sys.argv[2]), sys.argv[3:7], sys.argv[7], 5
identity = ModelIdentity(*identity[:3], int(identity[3]))
gallery = Gallery(home, keys=home / "keys")
if place != "none":
    gallery.protect(place)
STEP = 5000
for start in range(0, len(vectors), STEP):
    with gallery.transaction():
        for number in range(start, min(start + STEP, len(vectors))):
            day, second = divmod(number, 86400)
            moment = f"2025-01-{day % 28 + 1:02}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
            marks = frozenset(os.urandom(32).hex() for _ in range(hashes))
            template = Template(identity, vectors[number].astype(np.float64), 5, 0.93, 0.9, os.urandom(32), marks)
            person = Person(f"Person {number:06}", template, moment, moment)
            try:
                from faceunlock.gallery.entries import write_person
            except ImportError:
                from faceunlock.gallery.seal import document
                from faceunlock.matching.people import name_key, person_to_record
                record = person_to_record(person)
                with gallery._guard.changing() as change:
                    values = (name_key(person.name), person.name, moment, moment, document(record["template"]))
                    change.write("people", values)
            else:
                with gallery._guard.changing() as change:
                    write_person(change, person.name.lower(), person)
"""
"""Writes a gallery through its store, without looking for second names: that is another question."""
