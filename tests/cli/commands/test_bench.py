"""``faceunlock bench`` with painted photos."""

import json

import pytest
from support.fakes import GREY, IDENTITY, save

from faceunlock.cli.answers import bench as bench_text
from faceunlock.pipeline.runtime.machine import Machine
from faceunlock.pipeline.samples import LeftOut
from faceunlock.tasks.bench import PARTS, PartTime, Setup, Timing

TIMING = Timing(
    identity=IDENTITY,
    machine=Machine("Abacus 3000", 2, "Linux x86_64", "3.11.7"),
    runs=3,
    parts=(PartTime("load", (0.2, 0.1, 0.3)), PartTime("whole", (0.05, 0.04, 0.03))),
    one=Setup("onnx", "cpu", 1, None),
    many=Setup("torch", "cuda", 4, None),
    portraits=False,
    megapixels=(0.5, 12.0, 0.25),
    many_photos=33,
    left_out=(LeftOut("a.jpg", "no-face", "no face was found"),),
    skipped=0,
)


def test_the_table_and_what_it_was_measured_on():
    table, *lines = bench_text.text(TIMING)
    assert table.columns == ("part", "median ms", "fastest ms", "photos per second")
    assert table.rows == (
        ("open the networks", "200.00", "100.00", "-"),
        ("one photo, in total", "40.00", "30.00", "25.0"),
    )
    assert lines[:4] == [
        "model    dlib, weights ffffffffffff",
        "photos   3 photos of 0.25 to 12.00 megapixels (1 left out); 3 runs after one to warm up",
        "one      ONNX Runtime on cpu, 1 thread, threads inside a network: chosen by the runtime",
        "many     PyTorch on cuda, 4 threads, threads inside a network: chosen by the runtime, "
        "33 photos a run",
    ]
    assert lines[4].startswith("machine  Abacus 3000, 2 cores, Linux x86_64, Python 3.11.7, faceunlock ")


def test_the_document_has_the_same_numbers():
    data = bench_text.document(TIMING)
    assert data["parts"][1] == {
        "part": "whole",
        "median_ms": 40.0,
        "fastest_ms": 30.0,
        "photos_per_second": 25.0,
    }
    assert data["parts"][0]["photos_per_second"] is None
    assert data["megapixels"] == {"smallest": 0.25, "median": 0.5, "largest": 12.0}
    assert data["model"]["weights_sha256"] == "f" * 64


def test_every_part_has_a_title(faceunlock, ada):
    code, out, err = faceunlock("bench", ada, "--runs", "1")
    lines = out.splitlines()
    assert code == 0 and lines[0] == "part\tmedian ms\tfastest ms\tphotos per second"
    assert [line.split("\t")[0] for line in lines[1 : len(PARTS) + 5]] == list(bench_text.TITLES.values())
    assert [line.split()[0] for line in lines[len(PARTS) + 5 :]] == [
        "model",
        "photos",
        "one",
        "many",
        "machine",
    ]
    assert err == f"{ada}/crowd.png: several-faces: 2 faces, and none is clearly the largest\n"
    assert "5 photos of 0.02 megapixels (1 left out); 1 run after" in out
    code, _, err = faceunlock("bench", ada, "--runs", "1", "--quiet")
    assert (code, err) == (0, "")


def test_without_photos_it_uses_portraits(faceunlock):
    code, out, err = faceunlock("bench", "--runs", "1")
    assert (code, err) == (0, "") and "7 public-domain portraits of 0.02 megapixels; 1 run after" in out


def test_none_usable_names_each(faceunlock, tmp_path):
    for name in ("a", "b"):
        save(tmp_path / "grey" / f"{name}.png", GREY)
    code, out, err = faceunlock("bench", tmp_path / "grey", "--json")
    assert code == 2 and err.count(": no-face: ") == 2
    assert json.loads(out)["error"]["code"] == "no-face"


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        (("missing.jpg",), "photo-not-found"),
        (("--runs", "0"), "usage"),
        (("--runs", "1001"), "usage"),
        (("--runs", "many"), "usage"),
    ],
)
def test_what_cannot_be_done_is_said(faceunlock, words, slug):
    code, out, err = faceunlock("bench", *words)
    assert (code, out) == (2, "") and f"[{slug}]" in err
