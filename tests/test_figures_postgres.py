"""The figures about a gallery on PostgreSQL in docs/postgres.md are those of the result file."""

import json
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
FOUND = json.loads((PROJECT / "benchmarks" / "results" / "postgres.json").read_text(encoding="utf-8"))
PAGE = (PROJECT / "docs" / "postgres.md").read_text(encoding="utf-8")


def rows():
    for size, row in FOUND["sizes"].items():
        exact, hnsw = row["exact"], row["hnsw"]
        disk = f"{exact['bytes'] / 1e6:,.0f} MB | {hnsw['bytes'] / 1e6:,.0f} MB"
        yield (
            f"| {int(size):,} | {exact['seconds']:.2f} s | {hnsw['seconds']:.2f} s | "
            f"{hnsw['found']:,} of {hnsw['probes']:,} (at least {100 * hnsw['least_recall']:.1f} %) | "
            f"{hnsw['build_seconds']:,.0f} s | {disk} |"
        )


@pytest.mark.parametrize("row", rows())
def test_every_row_is_in_the_docs(row):
    assert row in PAGE


def test_the_sentence_before_the_table_is_true():
    assert f"{FOUND['real_faces']:,} real faces" in PAGE and f"{FOUND['dimension']} numbers" in PAGE
    assert FOUND["server"] in PAGE and FOUND["machine"]["cpu"] in PAGE
