"""``train`` and ``classify``: what they print, what they refuse, and that their models are models."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from support.cli_page import held
from support.fakes import paint, save, save_person

FAST = (
    "--faces",
    "as-is",
    "--size",
    32,
    "--widths",
    "4,8",
    "--blocks",
    "1,1",
    "--dimension",
    8,
    "--batch",
    8,
)
FAST = (*FAST, "--precision", "float32", "--epochs", 1)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def noise(tmp_path):
    """Nine people whose pictures are noise."""
    for person in range(9):
        for photo in range(3):
            pixels = np.random.default_rng((person, photo)).integers(0, 255, (40, 40, 3), dtype=np.uint8)
            save(tmp_path / "noise" / f"p{person}" / f"{photo}.png", pixels)
    return tmp_path / "noise"


@pytest.fixture
def set_of_three(tmp_path):
    for number, name in enumerate(("Ada", "Bob", "Cyd"), start=1):
        save_person(tmp_path / "set" / name, number, 6)
    return tmp_path / "set"


def test_who_is_held_out_can_be_named(faceunlock, noise, tmp_path):
    words = ("train", noise, "-o", tmp_path / "m", "--loss", "triplet", *FAST)
    code, _, err = faceunlock(*words, "--hold-out", "p3", "--hold-out", "P5")
    assert code == 0 and "held out: 6 photos, all photos of 2 people" in err
    assert "learning from 21 of 7 people" in err and "align each face" in err
    card = json.loads((tmp_path / "m" / "card.json").read_text())
    assert card["recipe"]["hold_out"] == ["p3", "P5"] and card["data"]["people_held_out"] == 2
    code, _, err = faceunlock(*words[:3], tmp_path / "n", *words[4:], "--hold-out", "nobody")
    assert code == 2 and "no usable photos of 'nobody' [usage]" in err


def test_train_tells_how_it_goes_and_leaves_a_model(faceunlock, noise, tmp_path):
    code, out, err = faceunlock("train", noise, "-o", tmp_path / "m", "--loss", "triplet", *FAST)
    assert code == 0, err
    assert "27 faces of 9 people" in err and "augmentations.png" in err
    assert "epoch 1/1" in err and "FNMR at FMR 1e-2 cannot tell" in err and "images/s" in err
    assert "not calibrated" in out and f"--model {tmp_path / 'm'}" in out
    code, out, err = faceunlock("train", noise, "-o", tmp_path / "m", "--loss", "triplet", *FAST)
    assert code == 2 and "[file-exists]" in err and not out


def test_a_start_that_is_none(faceunlock, noise, tmp_path):
    code, out, err = faceunlock(
        "train", noise, "-o", tmp_path / "m", "--loss", "triplet", "--start", "vggface2"
    )
    assert code == 2 and "[unknown-model]" in err and not out


def test_a_teacher_beside_a_loss_eight_bits_and_crops_of_the_usual_framing(faceunlock, noise, tmp_path):
    teaching = ("--teacher", "dlib", "--teacher-sees", "clean", "--teacher-weight", "5")
    options = ("--loss", "cosface", "--storage", "int8", "--direction-rate", "0.01", "--faces", "aligned")
    data = faceunlock.data("train", noise, "-o", tmp_path / "m", *FAST, *options, *teaching)
    recipe = data["recipe"]
    wanted = {"storage": "int8", "faces": "aligned", "teacher_weight": 5.0, "teacher_sees": "clean"}
    assert {name: recipe[name] for name in wanted} == wanted and recipe["teacher"].startswith("dlib ")
    code, _, err = faceunlock(
        "train",
        noise,
        "-o",
        tmp_path / "n",
        *FAST[2:],
        *options,
        "--start",
        tmp_path / "m",
        "--faces",
        "as-is",
    )
    assert code == 0 and data["model"]["sha256"] in (tmp_path / "n" / "card.md").read_text(), err


def test_json_of_train(faceunlock, noise, tmp_path):
    data = held(
        faceunlock.data("train", noise, "-o", tmp_path / "m", "--loss", "softmax", *FAST), "faceunlock train"
    )
    assert data["head"] is True and data["recipe"]["loss"] == "softmax"
    held(data["results"]["validation"]["misnamed"], "Part: rate")


@pytest.mark.parametrize(
    "words",
    [
        ("--loss", "distill"),
        ("--loss", "triplet", "--teacher-sees", "clean"),
        ("--loss", "distill", "--teacher", "dlib", "--teacher-weight", "2"),
        ("--loss", "triplet", "--start", "dlib", "--size", "200"),
        ("--loss", "triplet", "--widths", "4,x"),
        ("--loss", "triplet", "--widths", "4"),
        ("--loss", "triplet", "--epochs", "0"),
        ("--loss", "triplet", "--resume", "--overwrite"),
        ("--loss", "magic"),
        (),
    ],
)
def test_train_command_lines_that_mean_nothing(faceunlock, noise, tmp_path, words):
    code, out, err = faceunlock("train", noise, "-o", tmp_path / "m", *words)
    assert code == 2 and "[usage]" in err and not out
    assert not (tmp_path / "m" / "model.json").exists()


def test_classify_learns_and_names(faceunlock, set_of_three, tmp_path):
    head, plot = tmp_path / "head", tmp_path / "confusion.png"
    code, out, err = faceunlock("classify", "train", set_of_three, "-o", head, "--plot", plot)
    assert code == 0, err
    assert "18 of 18 held-out photos named correctly" in out and "none of these" in out
    assert f"Wrote {plot}\n" in err
    with Image.open(plot) as picture:
        assert picture.width > 200
    code, out, err = faceunlock("classify", "name", set_of_three / "Bob" / "2.png", "--head", head)
    assert code == 0 and "\tBob\t" in out
    stranger = save(tmp_path / "stranger.png", paint(9, 1))
    code, out, err = faceunlock("classify", "name", set_of_three / "Ada", stranger, "--head", head)
    assert code == 1 and any(
        line.startswith("none") and line.endswith(str(stranger)) for line in out.splitlines()
    )
    nobody = save(tmp_path / "nobody.png", np.full((50, 50, 3), 128, np.uint8))
    code, out, err = faceunlock("classify", "name", set_of_three / "Ada", nobody, "--head", head)
    assert code == 2 and "no-face" in err and "\tAda\t" in out
    code, out, err = faceunlock("classify", "name", nobody, "--head", head)
    assert code == 2 and out == "No face was named.\n" and "no-face" in err
    code, out, err = faceunlock("classify", "name", nobody, "--head", tmp_path / "nowhere")
    assert code == 2 and "[file-unreadable]" in err
    code, out, err = faceunlock("classify", "train", set_of_three, "-o", head)
    assert code == 2 and "[file-exists]" in err


def test_json_of_classify(faceunlock, set_of_three, tmp_path):
    (set_of_three / "Ada" / "broken.jpg").write_bytes(b"no photo")
    data = held(
        faceunlock.data("classify", "train", set_of_three, "-o", tmp_path / "head"),
        "faceunlock classify train",
    )
    held(data["misnamed"], "Part: rate")
    held(data["left_out"][0], "Part: photo left out")
    held(data["model"], "Part: embedding model")
    named = held(
        faceunlock.data("classify", "name", set_of_three / "Cyd", "--head", tmp_path / "head"),
        "faceunlock classify name",
    )
    assert {photo["name"] for photo in named["photos"]} == {"Cyd"}
    keys = {"photo", "name", "closest", "probability", "similarity", "threshold", "box"}
    assert set(named["photos"][0]) == keys and named["photos"][0]["box"] is None


def test_classify_names_every_face_of_a_group(faceunlock, set_of_three, tmp_path):
    head, copies = tmp_path / "head", tmp_path / "copies"
    assert faceunlock("classify", "train", set_of_three, "-o", head)[0] == 0
    group = save(tmp_path / "party" / "all.png", paint(1, 30, faces=3))
    code, _, err = faceunlock("classify", "name", group, "--head", head)
    assert code == 2 and "several-faces" in err
    document = faceunlock.data("classify", "name", group, "--head", head, "-o", copies)
    data = held(document, "faceunlock classify name")
    assert [face["name"] for face in data["photos"]] == ["Ada", "Bob", "Cyd"]
    assert [face["box"] for face in data["photos"]] == [[20 + 100 * i, 20, 60, 60] for i in range(3)]
    assert data["annotated"] == [str(copies / "all.png")] and data["unjudged"] == 0
    with Image.open(group) as before, Image.open(copies / "all.png") as after:
        changed = np.argwhere(np.any(np.asarray(before) != np.asarray(after), axis=2))
        assert before.size == after.size and len({x // 100 for _, x in changed.tolist()}) >= 3
    code, _, err = faceunlock("classify", "name", group, "--head", head, "-o", copies)
    assert code == 2 and "[file-exists]" in err
    # What is already there is not named again, and a stranger among them is none of these.
    save(tmp_path / "party" / "all.png", paint(3, 30, faces=2))
    words = ("--head", head, "-o", tmp_path / "party" / "copies", "--faces", "all")
    for overwrite in ((), ("--overwrite",)):
        code, out, err = faceunlock("classify", "name", tmp_path / "party", *words, *overwrite)
        assert code == 1 and "\nCyd\t" in out and "\nnone of these\t" in out
        assert "Wrote 1 photo to" in err
    nobody = save(tmp_path / "nobody.png", np.full((50, 50, 3), 128, np.uint8))
    code, out, err = faceunlock("classify", "name", nobody, "--head", head, "--faces", "all")
    assert code == 2 and "no-face" in err


@pytest.mark.parametrize("words", [("--overwrite",), ("-o", "copies", "--faces", "largest")])
def test_command_lines_of_classify_name_that_mean_nothing(faceunlock, tmp_path, words):
    code, _, err = faceunlock("classify", "name", tmp_path, "--head", tmp_path, *words)
    assert code == 2 and "[usage]" in err


def test_classify_needs_two_photos_of_each(faceunlock, set_of_three, tmp_path):
    save_person(set_of_three / "Dan", 4, 1)
    code, _, err = faceunlock("classify", "train", set_of_three, "-o", tmp_path / "head")
    assert code == 2 and "[bad-folder]" in err and "Dan has 1 usable photo" in err
    code, _, err = faceunlock("classify", "train", set_of_three / "Ada", "-o", tmp_path / "head")
    assert code == 2 and "[bad-folder]" in err
