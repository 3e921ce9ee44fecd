"""The figures in docs/bulk.md are those of the result file."""

import json
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
FOUND = json.loads((PROJECT / "benchmarks" / "results" / "ray-each.json").read_text(encoding="utf-8"))
BULK = (PROJECT / "docs" / "bulk.md").read_text(encoding="utf-8")


def rows():
    seconds = FOUND["seconds"]
    yield f"| {FOUND['photos']} | {seconds['plain']:.0f} s | {seconds['ray']:.0f} s |"
    yield f"| 5 | {seconds['plain_one']:.1f} s | {seconds['ray_one']:.0f} s |"
    for machines, photos in FOUND["pays_from"].items():
        yield f"| {machines} | {photos:,} photos |"


@pytest.mark.parametrize("row", rows())
def test_every_row_is_in_the_docs(row):
    assert row in BULK


def test_the_sentences_beside_the_tables_are_true():
    assert f"{FOUND['ratio']:.1f} times as long" in BULK and FOUND["ratio"] > 1
    assert f"about {FOUND['start']:.0f} s to start" in BULK
    assert f"medians of {FOUND['runs']} runs" in BULK and FOUND["machine"]["cpu"] in BULK
    assert f"load {FOUND['load_average']:.0f}" in BULK and f"`{FOUND['model']}`" in BULK


def test_the_kills_are_those_that_were_made():
    killed = FOUND["killed"]
    assert FOUND["same_gallery"] is True and killed["journal_left"] is False
    assert 0 < killed["photos_seen_before_second_run"] < FOUND["photos"], "it was killed in the middle"
    seen = killed["photos_seen_before_second_run"]
    assert f"of {FOUND['photos']} LFW photos, when {seen} were seen" in BULK
    assert f"the same {FOUND['people']} people" in BULK
    assert (killed["nodes"], killed["workers_killed"], killed["commands_killed"]) == (2, 1, 1)


def test_from_when_it_pays_follows_from_the_times():
    start, each = FOUND["start"], FOUND["seconds_each_photo"]
    assert f"{1000 * each:.0f} ms for each photo" in BULK
    for machines, photos in FOUND["pays_from"].items():
        assert photos == pytest.approx(start / (each * (1 - 1 / int(machines))), rel=0.02)
