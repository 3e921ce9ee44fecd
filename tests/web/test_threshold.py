"""The page of the threshold: comparisons are opened, looked at, judged, and a threshold is saved."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.fakes import GREY, FakeDetector, FakeEmbedder, save, save_person
from support.made_comparisons import made
from support.served import serving

from faceunlock.studies.effects import Effects
from faceunlock.studies.score_file import write_scores
from faceunlock.unlock import FaceUnlock


def answer(reply):
    assert reply.status == 200, reply
    return json.loads(reply.body)


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    file = tmp_path_factory.mktemp("scores") / "scores.npz"
    write_scores(made(people=30, strangers=30), file)
    return file


@pytest.fixture
def opened(shared, scores):
    return answer(shared("POST", "/threshold", [("source", str(scores))]))


def test_scores_are_opened_and_moved_through(shared, opened):
    effects = Effects(made(people=30, strangers=30))
    assert opened["people"] == 30 and opened["strangers"] == 30 and opened["model"] == "dlib"
    assert opened["status"] == "shipped" and len(opened["edges"]) == len(opened["genuine"]) + 1
    for threshold in (0.1, 0.5):
        found = answer(shared("POST", f"/threshold/{opened['name']}", [("threshold", str(threshold))]))
        effect = effects.at(threshold)
        assert found["fmr"]["value"] == effect.fmr.value and found["fmr"]["upper"] == effect.fmr.upper
        assert found["fnmr"]["value"] == effect.fnmr.value
        assert f"{effect.fmr.errors:,} of {effect.fmr.trials:,}" in found["fmr"]["words"]
        assert [one["photo"] for one in found["refused"]] == [one.photo for one in effect.refused]
        assert len(found["admitted"]) == len(effect.admitted)


def test_a_target_has_its_threshold_or_says_what_is_missing(shared, opened):
    path = f"/threshold/{opened['name']}/target"
    found = answer(shared("POST", path, [("target", "0.3")]))
    assert found["supported"] and found["message"] == ""
    assert (
        answer(shared("POST", f"/threshold/{opened['name']}", [("threshold", str(found["threshold"]))]))[
            "fmr"
        ]["upper"]
        <= 0.3
    )
    little = answer(shared("POST", path, [("target", "1e-5")]))
    assert not little["supported"] and "insufficient data" in little["message"] and little["hint"]


def test_a_folder_of_people_is_compared(shared, tmp_path, monkeypatch):
    for number, name in enumerate(("Ada", "Bob", "Cyd"), start=1):
        save_person(tmp_path / "people" / name, number, 5, first=40)
    save(tmp_path / "people" / "Cyd" / "empty.png", GREY)
    found = answer(shared("POST", "/threshold", [("source", str(tmp_path / "people"))]))
    assert found["people"] == 3 and sum(found["genuine"]) == pytest.approx(1)
    assert found["root"] == str(tmp_path / "people")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert answer(shared("POST", "/threshold", [("source", " ~/people/ ")]))["root"] == found["root"]
    admitted = answer(shared("POST", f"/threshold/{found['name']}", [("threshold", "-1")]))["admitted"]
    assert admitted and all(one["photo"].startswith(f"{found['root']}/") for one in admitted)


@pytest.mark.parametrize(
    ("source", "status", "slug"),
    [
        ("", 404, "no-strangers"),
        ("/no/such/file", 422, "file-unreadable"),
        ("/dev/zero", 422, None),
        ("scores.npz", 422, "photo-not-found"),
        ("~nosuchuser/scores.npz", 422, "photo-not-found"),
        ("/" + "x" * 300, 422, None),
    ],
)
def test_what_cannot_be_compared_says_so(shared, tmp_path, source, status, slug):
    reply = shared("POST", "/threshold", [("source", source or " ")])
    assert reply.status == status and (slug is None or reply.slug == slug)


def test_what_is_not_open_or_no_number_is_refused(shared, opened):
    for path, fields in (
        ("unknown", [("threshold", "0.5")]),
        (opened["name"], [("threshold", "2")]),
        (opened["name"], [("threshold", "nan")]),
        (opened["name"], []),
        (f"{opened['name']}/target", [("target", "0")]),
        (f"{opened['name']}/target", [("target", "nan")]),
        ("unknown/save", [("threshold", "0.1")]),
        (f"{opened['name']}/save", [("threshold", "1.5")]),
    ):
        reply = shared("POST", f"/threshold/{path}", fields)
        assert reply.status == 400 and reply.slug == "usage", path


def test_a_threshold_is_saved_by_the_rules_of_calibrate(served, tmp_path):
    # Similarities like those of the model: the shipped threshold of dlib is high.
    low = made(people=30, strangers=30)
    high = replace(low, similarity=0.995 + low.similarity / 300)
    names = []
    for number, comparisons in enumerate((low, high)):
        file = tmp_path / f"{number}.npz"
        write_scores(comparisons, file)
        names.append(answer(served("POST", "/threshold", [("source", str(file))]))["name"])
    refused = served("POST", f"/threshold/{names[0]}/save", [("threshold", "0.5")])
    assert refused.status == 409 and refused.slug == "lower-threshold"
    little = served("POST", f"/threshold/{names[1]}/save", [("threshold", "0.9")])
    assert little.status == 409 and little.slug == "insufficient-data"
    # Where a target puts the slider, and a little higher: both are saved as they are shown.
    found = answer(served("POST", f"/threshold/{names[1]}/target", [("target", "0.3")]))["threshold"]
    for threshold in (found, found + 1e-4):
        shown = answer(served("POST", f"/threshold/{names[1]}", [("threshold", repr(threshold))]))
        saved = answer(served("POST", f"/threshold/{names[1]}/save", [("threshold", repr(threshold))]))
        assert saved == {"threshold": threshold, "target": shown["target"]} and shown["target"] <= 0.3
        again = answer(served("POST", "/threshold", [("source", str(tmp_path / "1.npz"))]))
        assert again["status"] == "calibrated" and again["now"] == threshold > 0.99
    low = answer(served("POST", "/threshold", [("source", str(tmp_path / "0.npz"))]))
    fields = [("threshold", "0.5"), ("allow_lower", "true")]
    lower = answer(served("POST", f"/threshold/{low['name']}/save", fields))
    assert lower["threshold"] == 0.5 < low["shipped"]


@pytest.mark.parametrize("threshold", [-1.0, 0.1, 0.3, 0.5, 1.0])
def test_every_position_says_before_what_it_keeps_or_why_it_cannot_be_saved(shared, opened, threshold):
    path = f"/threshold/{opened['name']}"
    shown = answer(shared("POST", path, [("threshold", str(threshold))]))
    if shown["target"] is None:
        assert "cannot be saved" in shown["keeps"]
        refused = shared("POST", f"{path}/save", [("threshold", str(threshold)), ("allow_lower", "true")])
        assert refused.slug == "insufficient-data" and str(threshold) in refused.document["error"]["message"]
    else:
        assert f"{shown['target']:.2g}" in shown["keeps"] and shown["fmr"]["upper"] <= shown["target"]


def test_a_whole_disk_is_not_compared(shared):
    reply = shared("POST", "/threshold", [("source", "/")])
    assert reply.slug == "bad-folder" and "calibrate '/'" in reply.document["error"]["hint"]


def test_read_only_saves_nothing(tmp_path, scores):
    def unlock():
        return FaceUnlock(tmp_path / "home", detector=FakeDetector(), embedder=FakeEmbedder())

    with serving(tmp_path / "home", read_only=True, unlock=unlock) as client:
        name = answer(client("POST", "/threshold", [("source", str(scores))]))["name"]
        reply = client("POST", f"/threshold/{name}/save", [("threshold", "0.3"), ("allow_lower", "true")])
        assert reply.slug == "read-only"
        assert b'id="use"' not in client("GET", "/threshold").body
