"""The figures about large galleries in docs/speed.md are those of the result file."""

import json
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
FOUND = json.loads((PROJECT / "benchmarks" / "results" / "scale.json").read_text(encoding="utf-8"))
SPEED = (PROJECT / "docs" / "speed.md").read_text(encoding="utf-8")
COMMANDS = ("verify", "verify-as", "people", "people-json", "enroll")


def rows():
    for tree in ("after", "before"):
        for kind, sizes in FOUND[tree].items():
            for size, row in sizes.items():
                if size == "10":
                    continue
                seconds = " | ".join(f"{row[command]['processor_more']:+.2f} s" for command in COMMANDS)
                version = "this" if tree == "after" else "earlier"
                yield (
                    f"| {int(size):,} | {kind} | {version} | {seconds} | "
                    f"{row['verify']['mebibytes_more']:+.0f} MiB | {row['file_bytes'] / 1e6:.0f} MB |"
                )


@pytest.mark.parametrize("row", rows())
def test_every_row_is_in_the_docs(row):
    assert row in SPEED


def test_the_sentence_before_the_table_is_true():
    ten = FOUND["after"]["plain"]["10"]
    assert (
        f"{ten['verify']['processor']:.2f} s for `verify`" in SPEED
        and f"median of {FOUND['runs']} rounds" in SPEED
    )
    assert f"{FOUND['real_faces']} real faces" in SPEED and f"({FOUND['dimension']} numbers)" in SPEED
    assert FOUND["machine"]["cpu"] in SPEED


def test_what_the_clock_says_is_in_the_docs():
    more = [FOUND["after"]["plain"][size]["verify"]["seconds_more"] for size in ("10000", "100000")]
    assert (
        "`verify` took {:.2f} s longer with 10,000 people and {:.2f} s longer with 100,000".format(*more)
        in SPEED
    )


def test_what_sqlite_itself_takes_is_in_the_docs():
    reading = {kind: FOUND["after"][kind]["100000"]["reading"] for kind in ("plain", "sealed")}
    plain = reading["plain"]
    assert f"SQLite alone reads the pages of 100,000 rows in {plain['pages']:.2f} s" in SPEED
    assert f"Python has the rows after {plain['rows']:.2f} s" in SPEED
    proven = plain["crowd"], reading["sealed"]["crowd"]
    assert (
        "proven and in one array after {:.2f} s, in a sealed gallery after {:.2f} s".format(*proven) in SPEED
    )
    assert plain["pages"] < plain["rows"] < plain["crowd"]


def test_memory_stays_below_three_times_the_templates():
    for kind in ("plain", "sealed"):
        row = FOUND["after"][kind]["100000"]
        assert row["verify"]["mebibytes_more"] * 2**20 < 3 * FOUND["template_bytes"] * 100_000
