"""The figures about grouping in docs/group.md are those of the result files."""

import json
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
RESULTS = PROJECT / "benchmarks" / "results"
PAGE = (PROJECT / "docs" / "group.md").read_text(encoding="utf-8")
MODELS = ("retail-0095", "compact")
FOUND = {model: json.loads((RESULTS / f"group-{model}.json").read_text(encoding="utf-8")) for model in MODELS}
COST = json.loads((RESULTS / "group-cost.json").read_text(encoding="utf-8"))
WAYS = {
    "group": "**average linkage**",
    "group-1e-04": "average linkage, FMR 1e-4",
    "group-1e-06": "average linkage, FMR 1e-6",
    "components": "connected components",
    "hdbscan": "HDBSCAN",
}


def percent(part):
    values = (100 * part[name] for name in ("value", "lower", "upper"))
    return "{:.1f} ({:.1f} to {:.1f})".format(*values)


def on_lfw(model, way):
    row = FOUND[model]["lfw"]["ways"][way]
    threshold = "" if row["threshold"] is None else f"{row['threshold']:.3f}"
    return (
        f"| `{model}` | {WAYS[way]} | {threshold} | {percent(row['pair_precision'])} | "
        f"{percent(row['pair_recall'])} | {percent(row['b_cubed_precision'])} | "
        f"{percent(row['b_cubed_recall'])} | {percent(row['b_cubed_f1'])} | {row['groups']:,} | "
        f"{row['people_in_largest_group']} |"
    )


def on_phones(model):
    row = FOUND[model]["phone10"]
    return (
        f"| `{model}` | {row['groups']} | {percent(row['pair_recall'])} | {percent(row['b_cubed_recall'])} | "
        f"{row['people_in_mixed_groups']} of {row['people_with_several']} (at most "
        f"{100 * row['people_in_mixed_groups_upper']:.0f} %) | "
        f"{row['others_in_a_group_of_the_ten']} of {row['other_faces']} |"
    )


def of_cost(row):
    way = "faceunlock" if row["way"] == "group" else "scikit-learn"
    return (
        f"| {row['vectors']:,} | {row['data']} | {way} | {row['seconds']:.1f} s | "
        f"{row['processor_seconds']:.1f} s | {row['mebibytes_more']:.0f} MiB |"
    )


ROWS = [
    *(on_lfw(model, way) for model in MODELS for way in WAYS),
    *map(on_phones, MODELS),
    *map(of_cost, COST["rows"]),
]


@pytest.mark.parametrize("row", ROWS)
def test_every_row_is_in_the_docs(row):
    assert row in PAGE


def test_the_sentences_are_true():
    for model in MODELS:
        lfw, phones = FOUND[model]["lfw"], FOUND[model]["phone10"]
        ways = lfw["ways"]
        assert f"{lfw['faces']:,} faces of {lfw['people']:,} people" in PAGE
        assert f"{ways['group']['people_with_several']:,} of them have several photos" in PAGE
        # A single chance match joins people where components count; on average it does not.
        assert ways["group"]["people_in_largest_group"] == 1
        assert ways["components"]["people_in_largest_group"] > 10
        assert ways["group"]["pair_precision"]["lower"] > ways["components"]["pair_precision"]["upper"]
        assert ways["group"]["pair_precision"]["lower"] > ways["hdbscan"]["pair_precision"]["upper"]
        assert phones["wrong_pairs"] == 0
        assert f"{phones['photos']} photos" in PAGE and phones["faces_of_the_ten"] > 80
    share = FOUND["compact"]["lfw"]["ways"]["group"]["pair_recall"]["value"]
    assert f"`compact` finds only {100 * share:.0f} % of the pairs" in PAGE
    better = FOUND["retail-0095"]["lfw"]["ways"]["group"]["b_cubed_f1"]
    assert better["lower"] > FOUND["retail-0095"]["lfw"]["ways"]["components"]["b_cubed_f1"]["upper"]
    assert COST["machine"]["cpu"] in PAGE


def test_memory_grows_with_the_faces_and_not_with_their_pairs():
    for data in ("many", "album"):
        rows = [row for row in COST["rows"] if (row["way"], row["data"]) == ("group", data)]
        largest = rows[-1]
        assert largest["vectors"] >= 20_000
        assert largest["mebibytes_more"] < 8 * largest["vectors"] ** 2 / 2**20 / 10
    for row in COST["rows"]:
        if row["data"] == "many":
            assert row["clusters"] == row["vectors"] // COST["per_person"]
