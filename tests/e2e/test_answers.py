"""Photos in, answers out: ``enroll``, ``verify``, ``calibrate`` and ``demo`` with real networks."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image


def test_enrolling_says_what_was_used(first_enrolment):
    _, result = first_enrolment
    assert result.code == 0
    assert result.stdout.startswith("Eileen enrolled: used 3 of 3 photos, similarity to the others mean 0.")
    assert "model dlib. 5 or more photos are recommended.\n" in result.stdout
    (note,) = result.stderr.splitlines()
    assert note.startswith("Note: the 3 photos look like copies of one picture"), "as they are"


def test_verify_says_yes(enrolled, pictures, people_of):
    before = people_of(enrolled)
    result = enrolled("verify", pictures / "unseen.jpg")
    assert result.code == 0
    assert result.stdout.startswith("yes  Eileen  0.") and result.stdout.count("\n") == 1
    assert " (needs 0." in result.stdout and result.stderr == ""
    assert people_of(enrolled) == before, "a query changed the gallery"


def test_verify_says_no_and_json_keeps_the_code(enrolled, pictures):
    result = enrolled("verify", pictures / "stranger.jpg", "--as", "EILEEN", "--json")
    assert result.code == 1
    assert result.data["match"] is False and result.data["name"] == "Eileen"
    assert result.data["similarity"] < result.data["threshold"]
    assert result.document["command"] == "verify"
    text = enrolled("verify", pictures / "stranger.jpg", "--as", "eileen")
    assert text.code == 1 and text.stdout.startswith("no   not Eileen  ")


def test_verify_cannot_decide_without_a_face(enrolled, pictures):
    result = enrolled("--json", "verify", "-", stdin=(pictures / "flower.jpg").read_bytes())
    assert result.code == 2
    assert result.error["code"] == "no-face" and result.error["retryable"] is True


def test_verify_reads_standard_input_and_takes_a_threshold(enrolled, pictures):
    photo = (pictures / "unseen.jpg").read_bytes()
    result = enrolled("verify", "-", "--threshold", "1", "--json", "--quiet", stdin=photo)
    assert result.code == 1 and result.stderr == ""
    assert result.data["threshold"] == 1.0 and result.data["threshold_status"] == "override"
    assert result.data["fmr"] is None, "nothing is known about a threshold somebody made up"


def test_verify_refuses_two_people_unless_told_which(enrolled, pictures, tmp_path):
    both = _side_by_side(pictures / "photos" / "original.jpg", pictures / "stranger.jpg", tmp_path)
    refused = enrolled("verify", both)
    assert refused.code == 2 and "[several-faces]" in refused.stderr and refused.stdout == ""
    largest = enrolled("verify", both, "--faces", "largest")
    assert largest.code == 0 and largest.stdout.startswith("yes  Eileen")


def _side_by_side(first: Path, second: Path, folder: Path) -> Path:
    left, right = Image.open(first), Image.open(second)
    # Alike in size, but not so much that the larger face would be a matter of chance.
    right = right.resize((224, 262))
    canvas = Image.new("RGB", (left.width + right.width, max(left.height, right.height)))
    canvas.paste(left, (0, 0))
    canvas.paste(right, (left.width, 0))
    path = folder / "both.png"
    canvas.save(path)
    return path


def test_what_cannot_be_used_is_named_whatever_its_file_is_called(prepared, pictures, tmp_path):
    folder = os.fsencode(tmp_path / "odd")
    shutil.copytree(pictures / "few", folder.decode())
    shutil.copy(os.fsencode(pictures / "flower.jpg"), folder + b"/fl\now\x1b[31mer\xfe.jpg")
    (tmp_path / "odd" / "half.jpg").write_bytes((pictures / "unseen.jpg").read_bytes()[:3000])
    (tmp_path / "odd" / "notes.txt").write_text("not a photo")
    result = prepared("--model", "dlib", "enroll", "Zoë 王", b"odd", "--json", cwd=tmp_path)
    assert result.code == 0
    assert result.data["name"] == "Zoë 王" and result.data["saved"] is True
    assert len(result.data["used"]) == 3 and result.data["skipped"] == 1
    reasons = {photo["photo"]: photo["reason"] for photo in result.data["left_out"]}
    assert reasons == {
        "odd/fl\now\x1b[31mer\\udcfe.jpg": "no-face",
        "odd/half.jpg": "unreadable-photo",
    }
    assert result.data["one_look"] is True
    # A line each, with nothing that a terminal would act on.
    assert sorted(line.split(": ")[0] for line in result.stderr.splitlines()) == [
        "Note",
        "odd/fl\\now\\x1b[31mer\\udcfe.jpg",
        "odd/half.jpg",
    ]


def test_too_few_photos_are_refused_and_nothing_is_stored(prepared, pictures, people_of):
    result = prepared("--model", "dlib", "enroll", "E", "few", "--min-photos", "4", "--json", cwd=pictures)
    assert result.code == 2 and result.error["code"] == "too-few-photos"
    assert "4" in result.error["message"]
    assert people_of(prepared) == {"people": []}


def test_adding_takes_only_new_photos(enrolled, pictures):
    result = enrolled("enroll", "eileen", "more", "--add", "--json", "--quiet", cwd=pictures)
    assert result.code == 0 and result.stderr == ""
    assert result.data["name"] == "Eileen", "the name stays as it was enrolled"
    assert result.data["used"] == ["more/rotated.jpg"]
    assert [(p["photo"], p["reason"]) for p in result.data["left_out"]] == [
        ("more/original.jpg", "duplicate")
    ]
    assert result.data["template_photos"] == 4
    assert enrolled("people", "show", "Eileen", "--json").data["photos"] == 4


def test_a_rehearsed_replacement_changes_nothing(enrolled, pictures, people_of):
    before = people_of(enrolled)
    result = enrolled("enroll", "Eileen", "few", "--replace", "--dry-run", cwd=pictures)
    assert result.code == 0 and "Eileen would be enrolled: used" in result.stdout
    assert people_of(enrolled) == before


def test_replacing_starts_again(enrolled, pictures, people_of):
    result = enrolled("enroll", "Eileen", "few", "more", "--replace", "--json", cwd=pictures)
    assert result.code == 0
    [person] = people_of(enrolled)["people"]
    assert person["photos"] == len(result.data["used"]) == 4


@pytest.fixture
def two_people(pictures, hopper_path, tmp_path):
    """A folder with few photos of two people."""
    folder = tmp_path / "people"
    shutil.copytree(pictures / "few", folder / "Eileen")
    shutil.copytree(pictures / "more", folder / "Eileen", dirs_exist_ok=True)
    (folder / "Grace").mkdir(parents=True)
    portrait = Image.open(hopper_path).convert("RGB")
    for degrees in range(5):
        portrait.rotate(degrees, expand=True).save(folder / "Grace" / f"{degrees}.jpg")
    return folder


def test_calibrating_with_too_little_says_so_and_saves_nothing(prepared, two_people):
    folder = two_people
    result = prepared("--model", "dlib", "calibrate", folder, "--json")
    assert result.code == 2
    assert result.error["code"] == "insufficient-data"
    for line in (
        "genuine",
        "impostor",
        "threshold",
        "FMR there",
        "FNMR there",
        "most similar impostor pairs",
    ):
        assert line in result.stderr, "what was measured is told although it does not suffice"
    status = prepared("--model", "dlib", "status", "--json").data
    assert status["model"]["threshold"]["status"] != "calibrated"


def test_kept_scores_are_judged_without_the_photos_and_without_a_network(prepared, two_people, tmp_path):
    scores = tmp_path / "kept.npz"
    words = ("--model", "dlib", "calibrate", "--json")
    first = prepared(*words, two_people, "--save-scores", scores)
    assert first.error["code"] == "insufficient-data" and scores.stat().st_mode & 0o777 == 0o600
    from_photos = prepared(*words, two_people, "--target-fmr", "0.9", "--dry-run").data
    shutil.rmtree(two_people)
    kept = (*words, "--scores", scores, "--target-fmr", "0.9")
    again = prepared(*kept, "--dry-run", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert {**again.data, "created": None} == {**from_photos, "created": None}
    # The interpreter lists what it imports, one module a line.
    imported = {line.split("|")[-1].strip() for line in again.stderr.splitlines()}
    assert "faceunlock.studies.score_file" in imported and not imported & {
        "torch",
        "torchvision",
        "onnxruntime",
    }
    assert prepared(*kept, "--allow-lower").data["saved"] is True
    assert (
        prepared("--model", "dlib", "status", "--json").data["model"]["threshold"]["value"]
        == (from_photos["threshold"])
    )
    scores.write_bytes(scores.read_bytes()[:-100])
    assert prepared(*kept).error["code"] == "scores-damaged"


def test_demo_shows_a_yes_a_no_and_a_cannot_tell(prepared, tmp_path):
    result = prepared("demo", env={"TMPDIR": str(tmp_path)})
    assert result.code == 0
    codes = [line for line in result.stdout.splitlines() if line.startswith("(exit code ")]
    assert codes == ["(exit code 0)", "(exit code 0)", "(exit code 1)", "(exit code 2)"]
    *_, works, then = result.stdout.splitlines()
    assert works == "The installation works: model compact, all 4 answers as expected."
    assert then.startswith("Now your own face: faceunlock ") and then.endswith(" init")
    assert not (prepared.home / "gallery.db").exists() and not list(tmp_path.glob("faceunlock-demo-*"))


def test_a_set_up_from_a_folder_ends_with_an_answer(prepared, pictures):
    done = prepared("init", "Eileen", pictures / "photos", "--yes", "--model", "compact", "--json")
    assert done.code == 0 and done.data["verification"]["match"], done
    assert done.data["held_back"] not in done.data["enrolment"]["used"]
    assert done.data["enrolment"]["template_photos"] == len(done.data["enrolment"]["used"]) == 7


def test_people_of_the_collection_are_told_apart(prepared, collection):
    enroll, probes = collection / "phone10" / "enroll", collection / "phone10" / "test"
    owner, other = sorted(folder.name for folder in probes.iterdir() if folder.is_dir())[:2]
    for name in (owner, other):
        photos = sorted(path for path in (enroll / name).iterdir() if path.is_file())[:4]
        result = prepared("--model", "dlib", "enroll", name, *photos)
        assert result.code == 0, result.stderr
    photo = min(p for p in (probes / owner).iterdir() if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
    assert prepared("verify", photo, "--json").data["name"] == owner
    assert prepared("verify", photo, "--as", other).code == 1
