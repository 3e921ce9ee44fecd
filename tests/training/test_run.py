"""From a folder of people to a folder with a model."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import resource
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from support.crippled import without_locks
from support.fakes import slug_of
from support.made_faces import RECIPE, TINY, face_set, make_people, observer, run, started, untracked

from faceunlock.errors import CalibrationError, ModelError, SettingsError, TrainingError
from faceunlock.matching.templates import ModelIdentity
from faceunlock.photos.face import Face
from faceunlock.pipeline.embedding import load_embedder
from faceunlock.pipeline.embedding.residual_network import unit_length
from faceunlock.pipeline.models.architecture import TARGET_112, DlibArchitecture, ResidualArchitecture, scaled
from faceunlock.pipeline.models.folder import read_model_folder
from faceunlock.pipeline.models.registry import model_spec
from faceunlock.pipeline.runtime import Engine
from faceunlock.reports.training_curves import draw_curves
from faceunlock.training import loop
from faceunlock.training.checkpoint import CHECKPOINT
from faceunlock.training.face_set import HeldOutSplit, reframe, split_by_person
from faceunlock.training.first_weights import first_weights
from faceunlock.training.learner import Learner
from faceunlock.training.loop import Training
from faceunlock.training.losses import class_directions
from faceunlock.training.output import model_folder
from faceunlock.training.run import train
from faceunlock.training.teacher import teaching
from faceunlock.training.validation import first_threshold, validate


def weights_of(folder):
    return (folder / "weights.safetensors").read_bytes()


def test_a_training_leaves_a_model_with_a_card(trained):
    folder, card = trained.folder, trained.card
    assert sorted(path.name for path in folder.iterdir()) == [
        "augmentations.png",
        "card.json",
        "card.md",
        "curves.png",
        "model.json",
        "weights.safetensors",
    ]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert json.loads((folder / "card.json").read_text()) == card
    assert card["data"]["people"] == 9 and card["data"]["people_held_out"] == 2
    assert card["data"]["photos_held_out"] == 8 and card["data"]["photos_learned_from"] == 28
    assert len(card["history"]) == 3
    assert card["model"]["id"].startswith("tiny-") and card["model"]["id"] in (folder / "card.md").read_text()
    found = card["results"]["validation"]
    assert (found["genuine"], found["impostor"]) == (12, 16)
    assert card["results"]["warning"] is None or "nothing got better" in card["results"]["warning"]
    layers = card["layers"]
    assert sum(layer["parameters"] for layer in layers) == card["model"]["parameters"]
    arrays = load_file(folder / "weights.safetensors").values()
    trained_numbers = sum(array.size for array in arrays)
    # The averages of batch normalisation are stored, but are no parameters.
    assert 0 < card["model"]["parameters"] < trained_numbers
    text = (folder / "card.md").read_text()
    assert f"{card['model']['parameters']:,} parameters" in text
    assert sum(line.startswith(("| stem", "| stages", "| head")) for line in text.splitlines()) >= 8
    steps = card["step_losses"]
    assert steps["steps_each"] == 1 and len(steps["means"]) == 3 * -(-28 // RECIPE.batch)
    assert found["fnmr_1e2"] is None  # 16 pairs cannot tell about one in a hundred


def test_it_learns(people, tmp_path):
    losses = []
    run(
        people,
        tmp_path / "m",
        loss="softmax",
        epochs=8,
        augment="none",
        learning_rate=1e-2,
        told=observer(epoch=lambda record: losses.append(record.loss)),
    )
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("loss", ["contrastive", "arcface"])
def test_other_losses(people, tmp_path, loss):
    card = run(people, tmp_path / "m", loss=loss, epochs=1, precision="bfloat16").card
    assert np.isfinite(card["results"]["loss"]) and card["data"]["held_out_by"] == "person"
    # People who were not learned have no direction; photos can be compared whoever is on them.
    assert (card["results"]["validation"]["loss"] is None) == (loss == "arcface")


def test_softmax_leaves_a_head_for_its_own_people(people, tmp_path):
    from faceunlock.training.head_file import read_head

    outcome = run(people, tmp_path / "m", loss="softmax", epochs=2)
    assert outcome.head and outcome.card["data"]["held_out_by"] == "photo"
    assert outcome.card["results"]["validation"]["loss"] > 0
    kept = read_head(tmp_path / "m")
    assert kept.head.names == tuple(f"p{number}" for number in range(9))
    assert kept.model == str(tmp_path / "m") and kept.identity.model == outcome.card["model"]["id"]
    assert kept.held_out["misnamed"]["trials"] == outcome.card["data"]["photos_held_out"] == 9


class Stopped(Exception):
    """In the place of a kill: nothing after it is done."""


@pytest.mark.parametrize("options", [{"loss": "triplet"}, {"loss": "softmax", "cutmix": 0.7}])
def test_a_training_killed_three_times_ends_with_the_same_weights(people, tmp_path, monkeypatch, options):
    whole = run(people, tmp_path / "whole", **options)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)  # after every step

    def killed_after(steps):
        def track(items, total, label):
            for number, item in enumerate(items):
                if label.startswith("epoch") and number == steps:
                    raise Stopped
                yield item

        return observer(track=track)

    for steps in (2, 1, 3):
        with pytest.raises(Stopped):
            run(people, tmp_path / "killed", told=killed_after(steps), resume=True, **options)
        assert (tmp_path / "killed" / CHECKPOINT).exists()
        assert not (tmp_path / "killed" / "model.json").exists()
    began = []
    done = run(people, tmp_path / "killed", told=observer(begin=began.append), resume=True, **options)
    assert began[0].resumed_epoch > 1
    assert weights_of(tmp_path / "killed") == weights_of(tmp_path / "whole")
    losses = [[record["loss"] for record in outcome.card["history"]] for outcome in (done, whole)]
    assert losses[0] == losses[1] and done.card["step_losses"] == whole.card["step_losses"]


def test_the_number_of_workers_changes_nothing(people, trained, tmp_path):
    run(people, tmp_path / "m", workers=2)
    assert weights_of(tmp_path / "m") == weights_of(trained.folder)


def test_another_seed_gives_other_weights(people, trained, tmp_path):
    run(people, tmp_path / "m", seed=1)
    assert weights_of(tmp_path / "m") != weights_of(trained.folder)


def test_it_stops_when_nothing_gets_better(people, tmp_path):
    # Too small a rate to change anything: the first epoch stays the best.
    card = run(people, tmp_path / "m", learning_rate=1e-12, patience=2, epochs=9).card
    assert card["results"]["stopped_early"] and len(card["history"]) == 3
    assert card["results"]["kept_epoch"] == 1
    assert "nothing got better after epoch 1" in card["results"]["warning"]
    assert f"**Warning.** {card['results']['warning']}" in (tmp_path / "m" / "card.md").read_text()


def test_what_is_in_the_folder_is_not_lost(people, trained, tmp_path):
    assert slug_of(run, people, trained.folder) == "file-exists"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("years of work")
    assert slug_of(run, people, tmp_path / "other", overwrite=True) == "file-exists"
    assert slug_of(run, people, tmp_path / "x", resume=True, overwrite=True, kind=SettingsError) == "usage"
    with model_folder(tmp_path / "busy", resume=False, overwrite=False):
        assert slug_of(run, people, tmp_path / "busy") == "file-unwritable"


@pytest.mark.parametrize(
    ("number", "slug"),
    [(errno.ENOLCK, "locks-unsupported"), (errno.EBADF, "locks-unsupported"), (errno.EIO, "file-unwritable")],
)
def test_a_folder_that_cannot_be_locked_is_not_one_of_another_training(tmp_path, monkeypatch, number, slug):
    without_locks(monkeypatch, number)
    with pytest.raises(TrainingError) as caught, model_folder(tmp_path / "m", resume=False, overwrite=False):
        pass
    assert caught.value.slug == slug and "another training" not in caught.value.message
    assert not (tmp_path / "m").exists()


def interrupted(people, folder, **options):
    def epoch(record):
        raise Stopped

    with pytest.raises(Stopped):
        run(people, folder, told=observer(epoch=epoch), **options)


def test_it_goes_on_only_with_what_it_began_with(people, tmp_path):
    interrupted(people, tmp_path / "m")
    assert slug_of(run, people, tmp_path / "m") == "file-exists"
    assert slug_of(run, people, tmp_path / "m", resume=True, seed=1) == "training-mismatch"
    other = make_people(tmp_path / "other", 9, 5)
    assert slug_of(run, other, tmp_path / "m", resume=True) == "training-mismatch"
    checkpoint = tmp_path / "m" / CHECKPOINT
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    checkpoint.write_bytes(content)
    assert slug_of(run, people, tmp_path / "m", resume=True) == "checkpoint-damaged"
    checkpoint.write_bytes(b"")
    assert slug_of(run, people, tmp_path / "m", resume=True) == "checkpoint-damaged"
    run(people, tmp_path / "m", overwrite=True, epochs=1)
    assert not checkpoint.exists()


def misshapen_best(content):
    content["state"]["best"] = {"layer": torch.zeros(1)}


def misshapen_moments(content):
    for remembered in content["state"]["optimizer"]["state"].values():
        remembered["exp_avg"] = torch.zeros(3, 1)


def untyped_history(content):
    progress = json.loads(content["progress"])
    progress["history"][0]["loss"] = "low"
    content["progress"] = json.dumps(progress)


@pytest.mark.parametrize("spoil", [misshapen_best, misshapen_moments, untyped_history])
def test_a_checkpoint_that_would_fail_later_is_refused_at_once(people, tmp_path, spoil):
    interrupted(people, tmp_path / "m")
    checkpoint = tmp_path / "m" / CHECKPOINT
    content = torch.load(io.BytesIO(checkpoint.read_bytes()[32:]), weights_only=True)
    spoil(content)
    written = io.BytesIO()
    torch.save(content, written)
    checkpoint.write_bytes(hashlib.sha256(written.getvalue()).digest() + written.getvalue())
    assert slug_of(run, people, tmp_path / "m", resume=True) == "checkpoint-damaged"


@pytest.mark.parametrize("state", [{}, {"learner": 3}, {"learner": {"a": 1}, "average": {}, "optimizer": {}}])
def test_a_checkpoint_whose_state_does_not_fit_the_network(people, tmp_path, state):
    interrupted(people, tmp_path / "m")
    path = tmp_path / "m" / CHECKPOINT
    content = torch.load(io.BytesIO(path.read_bytes()[32:]), weights_only=True)
    changed = io.BytesIO()
    torch.save(content | {"state": state}, changed)
    path.write_bytes(hashlib.sha256(changed.getvalue()).digest() + changed.getvalue())
    assert slug_of(run, people, tmp_path / "m", resume=True) == "checkpoint-damaged"


def test_a_full_disk_leaves_the_last_checkpoint(people, tmp_path):
    wider = replace(TINY, widths=(16, 32))
    interrupted(people, tmp_path / "m", architecture=wider)
    before = (tmp_path / "m" / CHECKPOINT).read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    # The picture of the augmentations still fits, the checkpoint does not.
    size = (tmp_path / "m" / "augmentations.png").stat().st_size
    assert size < len(before)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        assert slug_of(run, people, tmp_path / "m", resume=True, architecture=wider) == "file-unwritable"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert (tmp_path / "m" / CHECKPOINT).read_bytes() == before
    assert {path.name for path in (tmp_path / "m").iterdir()} == {"augmentations.png", CHECKPOINT}


def test_a_training_that_cannot_begin_throws_nothing_away_and_leaves_nothing(people, trained, tmp_path):
    folder = shutil.copytree(trained.folder, tmp_path / "m")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    alone = make_people(tmp_path / "alone", 1, 3)
    assert slug_of(run, alone, folder, overwrite=True) == "bad-folder"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert slug_of(run, alone, tmp_path / "models" / "new") == "bad-folder"
    assert not (tmp_path / "models").exists()
    run(people, folder, overwrite=True, epochs=1)
    assert weights_of(folder) != before["weights.safetensors"]


def test_what_a_killed_write_left_is_removed(people, tmp_path):
    interrupted(people, tmp_path / "m")
    (tmp_path / "m" / ".faceunlock-half.tmp").write_bytes(b"half of a checkpoint")
    run(people, tmp_path / "m", resume=True)
    assert not [path.name for path in (tmp_path / "m").iterdir() if path.name.startswith(".")]


def test_the_time_of_an_epoch_is_all_of_it(people, tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(loop.time, "monotonic", lambda: clock[0])

    def slow_pictures(items, total, label):
        for item in items:
            clock[0] += 2.0
            yield item

    card = run(people, tmp_path / "m", told=observer(track=slow_pictures)).card
    steps = -(-card["data"]["photos_learned_from"] // RECIPE.batch)
    assert {record["seconds"] for record in card["history"]} == {2.0 * steps}


def test_a_loss_that_is_no_number(people, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "normalised", lambda pictures, *_: pictures.float() * float("nan"))
    assert slug_of(run, people, tmp_path / "m") == "training-diverged"


def test_folders_that_nothing_can_be_learned_from(tmp_path):
    for name, people, photos in (("one", 1, 4), ("single", 5, 1)):
        folder = make_people(tmp_path / name, people, photos)
        assert slug_of(run, folder, tmp_path / "m") == "bad-folder"
    (tmp_path / "empty" / "p").mkdir(parents=True)
    assert slug_of(run, tmp_path / "empty", tmp_path / "m") == "bad-folder"
    (tmp_path / "empty" / "p" / "broken.jpg").write_bytes(b"no photo")
    assert slug_of(run, tmp_path / "empty", tmp_path / "m") == "bad-folder"
    assert slug_of(run, tmp_path / "nowhere", tmp_path / "m") == "photo-not-found"
    assert not (tmp_path / "m" / "model.json").exists()


def test_what_is_said_of_such_folders(tmp_path):
    flat = make_people(tmp_path / "flat", 1, 3) / "p0"
    broken = tmp_path / "broken" / "p" / "broken.jpg"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"no photo")
    one = make_people(tmp_path / "one", 1, 3)
    (one / "p0" / "broken.jpg").write_bytes(b"no photo")
    for folder, sentence, hint in (
        (flat, "no photos in sub-folders, one per person: 3 lie in the folder itself", "sub-folder"),
        (tmp_path / "broken", "none of 1 photo can be used: 1 unreadable-photo", "broken.jpg"),
        (one, "3 usable photos of one person (1 left out: 1 unreadable-photo)", "sub-folder"),
    ):
        with pytest.raises(CalibrationError) as caught:
            run(folder, tmp_path / "m")
        assert sentence in caught.value.message and hint in caught.value.hint


def test_a_model_does_not_lie_among_the_people(people):
    for output in (people, people / "model", people / "p0" / ".." / "deep" / "model"):
        assert slug_of(run, people, output) == "usage"
    assert sorted(path.name for path in people.iterdir()) == [f"p{number}" for number in range(9)]


def test_unreadable_files_and_duplicates_are_counted(tmp_path):
    folder = make_people(tmp_path / "people", 3, 3)
    (folder / "p0" / "broken.jpg").write_bytes(b"no photo")
    (folder / "p0" / "notes.txt").write_text("no photo either")
    shutil.copy(folder / "p1" / "0.png", folder / "p2" / "again.png")
    card = run(folder, tmp_path / "m", epochs=1).card
    assert card["data"]["left_out"] == {"unreadable-photo": 1}
    assert card["data"]["duplicates"] == 1 and card["data"]["files_that_are_no_photos"] == 1
    assert card["data"]["people_held_out"] == 0 and card["results"]["validation"] is None
    assert "accuracy on other people is unknown" in (tmp_path / "m" / "card.md").read_text()


class MeanColours:
    """A teacher: the mean colours of the four quarters."""

    identity = ModelIdentity("dlib", "a" * 64, "quarters-1", 12)
    input_size = 16

    def crop(self, image, face):
        assert image.shape == (32, 32, 3)
        return image[:, :, :]

    def embed(self, crops):
        quarters = crops.reshape(len(crops), 2, 16, 2, 16, 3).mean(axis=(2, 4)).reshape(len(crops), 12)
        centred = quarters - 127.0
        return (centred / np.linalg.norm(centred, axis=1, keepdims=True)).astype(np.float32)


def test_distillation_imitates_the_teacher(tmp_path):
    folder = make_people(tmp_path / "people", 1, 24)
    losses = []
    outcome = train(
        folder,
        tmp_path / "m",
        replace(RECIPE, loss="distill", teacher="quarters", epochs=6, learning_rate=1e-2),
        acquisition=None,
        device="cpu",
        observer=observer(epoch=lambda record: losses.append(record.loss)),
        max_pixels=10**6,
        draw_curves=draw_curves,
        teacher=MeanColours(),
    )
    assert losses[-1] < 0.5 * losses[0]
    assert outcome.card["model"]["architecture"]["dimension"] == 12
    assert outcome.card["recipe"]["teacher"] == f"dlib {'a' * 64}"


class Quarters(MeanColours):
    """The same for a network of eight numbers."""

    identity = ModelIdentity("dlib", "a" * 64, "quarters-1", 8)

    def __init__(self):
        self.seen = []

    def embed(self, crops):
        self.seen += list(crops)
        part = super().embed(crops)[:, :8]
        return (part / np.linalg.norm(part, axis=1, keepdims=True)).astype(np.float32)


def taught(people, folder, sees, teacher=None, **options):
    recipe = {"teacher": "quarters", "teacher_sees": sees, "teacher_weight": 10.0, "epochs": 1}
    return run(people, folder, **{**recipe, **options}, teacher_=teacher or Quarters())


@pytest.mark.parametrize("loss", ["arcface", "cosface", "triplet", "softmax"])
def test_a_teacher_beside_another_loss(people, tmp_path, loss):
    """What the teacher says counts with its weight, and who is on the photos still does."""
    faces = face_set(people)
    learner = Learner(replace(RECIPE, loss=loss, teacher="q", teacher_weight=3.0), faces.names)
    outputs, person = torch.randn(36, 8), torch.from_numpy(faces.person)
    told = unit_length(torch.randn(36, 8))
    both, alone = (float(learner.objective(outputs, person, what).detach()) for what in (told, None))
    cosines = (unit_length(outputs) * told).sum(dim=1)
    assert both == pytest.approx(alone + 3.0 * float((1.0 - cosines).mean()), rel=1e-5)
    card = taught(people, tmp_path / "m", "clean", loss=loss).card
    assert card["recipe"]["teacher_weight"] == 10.0 and np.isfinite(card["results"]["loss"])


@pytest.mark.parametrize(("sees", "clean"), [("same", False), ("clean", True)])
def test_which_picture_the_teacher_sees(people, tmp_path, sees, clean):
    teacher = Quarters()
    taught(people, tmp_path / "m", sees, teacher, epochs=2)
    known = {crop.tobytes() for crop in face_set(people).crops}
    # Those that are learned from once, or in each of two epochs; before the first, the 8 held out.
    # And first of all a black one, which shows that the network is open.
    assert len(teacher.seen) == 1 + (28 if clean else 56) + 8
    seen = [crop.tobytes() in known for crop in teacher.seen[1:]]
    assert all(seen) if clean else (all(seen[:8]) and not any(seen[8:]))


@pytest.mark.parametrize("loss", ["distill", "triplet"])
def test_how_well_a_teacher_is_imitated_is_measured_on_who_is_held_out(people, tmp_path, loss):
    weight = 1.0 if loss == "distill" else 10.0
    options = {"loss": loss, "epochs": 30, "teacher_weight": weight, "learning_rate": 1e-2, "patience": 0}
    outcome = taught(people, tmp_path / "m", "same", **options)
    cosines = [record["validation"]["teacher_cosine"] for record in outcome.card["history"]]
    assert cosines[-1] > cosines[0] + 0.1
    if loss == "distill":  # what it is to imitate decides; whose the photos are need not be known
        assert outcome.card["results"]["kept_epoch"] == 1 + np.argmax(cosines)
    faces = face_set(people)
    held_out = split_by_person(faces.person, RECIPE.validation, RECIPE.seed).validation
    embedder = load_embedder(
        read_model_folder(outcome.folder).spec, cache=tmp_path, engine=Engine("torch", "cpu", tmp_path)
    )
    told = Quarters().embed(faces.crops[held_out])
    cosine = float((embedder.embed(faces.crops[held_out]) * told).sum(axis=1).mean())
    assert outcome.card["results"]["validation"]["teacher_cosine"] == pytest.approx(cosine, abs=1e-5)
    text = (outcome.folder / "card.md").read_text()
    assert f"| mean cosine with the teacher | {cosine:.4f} |" in text
    assert "It learned from 28 photos of 7 people and" in text and "1 thread;" in text


def test_the_teacher_is_open_before_the_first_weights_are_drawn(people, tmp_path, monkeypatch):
    """Its network may be made in a thread, from the generator of the process."""
    asked = []

    class Slow(Quarters):
        def embed(self, crops):
            if not asked:  # as a thread that converts the network at first use does
                asked.append(torch.rand(1000))
            return super().embed(crops)

    class Drawn(Learner):
        def __init__(self, *arguments):
            assert asked, "the first weights are drawn while the teacher's network may still be made"
            super().__init__(*arguments)

    monkeypatch.setattr(loop, "Learner", Drawn)
    taught(people, tmp_path / "m", "same", Slow())


def test_without_a_teacher_there_is_nothing_to_be_like(trained):
    assert trained.card["results"]["validation"]["teacher_cosine"] is None
    assert "teacher" not in (trained.folder / "card.md").read_text().split("## Recipe")[0]


def test_a_teacher_of_another_length_than_the_weights_to_start_with(people, trained, tmp_path):
    def call():
        run(people, tmp_path / "m", teacher="q", teacher_=MeanColours(), start=started(trained.folder))

    assert slug_of(call, kind=SettingsError) == "usage"


def test_a_teacher_aligns_the_crop_by_its_own_landmarks(people):
    seen = []

    class Watching(MeanColours):
        def crop(self, image, face):
            seen.append(face)
            return super().crop(image, face)

    teaching(Watching(), TINY)(face_set(people).crops[:2])
    assert len(seen) == 2 and isinstance(seen[0], Face)
    assert seen[0].landmarks == TINY.target


def test_starting_from_a_trained_model(people, trained, tmp_path):
    outcome = run(
        people,
        tmp_path / "m",
        loss="contrastive",
        learning_rate=1e-12,
        epochs=1,
        start=started(trained.folder),
    )
    assert outcome.card["recipe"]["start"] == trained.card["model"]["sha256"]
    assert outcome.card["model"]["architecture"] == trained.card["model"]["architecture"]
    assert slug_of(started, tmp_path / "nowhere") == "weights-missing"


@pytest.mark.parametrize("loss", ["arcface", "cosface", "softmax"])
def test_directions_begin_where_a_trained_network_sees_the_people(people, trained, tmp_path, loss):
    """Before the first step every photo lies nearer to its own person than chance would have it."""
    faces = face_set(people)
    split = HeldOutSplit(np.arange(36), np.empty(0, dtype=np.intp))
    first = started(trained.folder)
    recipe = replace(RECIPE, loss=loss, start=first.sha256)
    training = Training(faces, split, recipe, tmp_path, start=first.arrays)
    training._aim(untracked)
    learner = training._learner
    embeddings = learner.embed(faces.crops)
    directions = class_directions(learner.loss).detach().numpy()
    means = np.stack([embeddings[faces.person == one].mean(axis=0) for one in range(9)])
    wanted = means - embeddings.mean(axis=0)
    cosines = (wanted * directions).sum(axis=1)
    cosines /= np.linalg.norm(wanted, axis=1) * np.linalg.norm(directions, axis=1)
    assert cosines == pytest.approx(1.0, abs=1e-4)


def test_the_average_forgets_a_random_beginning_and_keeps_a_learned_one(people, trained, tmp_path):
    faces = face_set(people)
    split = HeldOutSplit(np.arange(36), np.empty(0, dtype=np.intp))
    first = started(trained.folder)
    kept = []
    for start in (None, first):
        recipe = replace(RECIPE, average=0.99, start=start and start.sha256)
        training = Training(faces, split, recipe, tmp_path, start=start and start.arrays)
        kept.append(float(training._averaged(torch.ones(()), torch.zeros(()), 1)))
    assert kept == pytest.approx([2 / 11, 0.99])


def test_weights_in_eight_bits_are_measured_as_they_are_stored(people, trained, tmp_path):
    outcome = run(people, tmp_path / "m", storage="int8")
    embedder = load_embedder(
        read_model_folder(outcome.folder).spec, cache=tmp_path, engine=Engine("torch", "cpu", tmp_path)
    )
    faces = face_set(people)
    held_out = split_by_person(faces.person, RECIPE.validation, RECIPE.seed).validation
    embeddings = embedder.embed(faces.crops[held_out])
    found = validate(embeddings, faces.person[held_out])
    stored = outcome.card["results"]["validation"]
    assert {**found.to_dict(), "loss": stored["loss"]} == stored and stored["loss"] is not None
    threshold = first_threshold(embeddings, faces.person[held_out])
    assert outcome.card["threshold"]["value"] == pytest.approx(threshold, abs=1e-6)
    assert outcome.card["model"]["size_bytes"] < 0.6 * trained.card["model"]["size_bytes"]
    # The same training but for the last step.
    assert outcome.card["history"][-1]["loss"] == trained.card["history"][-1]["loss"]


def test_dlibs_own_weights_in_smaller_crops_are_trained_on_and_continued(tmp_path, monkeypatch):
    folder = make_people(tmp_path / "people", 8, 2)
    first = first_weights("dlib", 32, tmp_path)
    options = {"start": first, "loss": "cosface", "precision": "bfloat16", "learning_rate": 1e-5}
    options |= {"epochs": 1, "direction_rate": 1e-2, "storage": "int8", "augment": "none", "batch": 6}
    whole = run(folder, tmp_path / "whole", **options)
    assert whole.card["recipe"]["start"] == first.sha256 == model_spec("dlib").sha256
    assert whole.card["model"]["architecture"] == DlibArchitecture(32).to_dict()
    assert whole.card["model"]["size_bytes"] < 6e6
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)

    def track(items, total, label):
        for number, item in enumerate(items):
            if label.startswith("epoch") and number == 1:
                raise Stopped
            yield item

    with pytest.raises(Stopped):
        run(folder, tmp_path / "killed", **options, told=observer(track=track))
    run(folder, tmp_path / "killed", **options, resume=True)
    assert weights_of(tmp_path / "killed") == weights_of(tmp_path / "whole")


def test_what_a_training_may_start_from(tmp_path):
    assert slug_of(first_weights, "vggface2", 112, tmp_path, kind=ModelError) == "unknown-model"
    assert slug_of(first_weights, "dlib", 151, tmp_path, kind=SettingsError) == "usage"


def test_a_crop_of_the_usual_framing_is_framed_as_the_network_wants_it(people):
    dots = np.zeros((224, 224, 3), dtype=np.uint8)
    for x, y in scaled(TARGET_112, 112, 224):
        dots[round(y) - 7 : round(y) + 8, round(x) - 7 : round(x) + 8] = 255
    crop = reframe(dots, DlibArchitecture(112))
    assert crop.shape == (112, 112, 3)
    assert all(crop[round(y), round(x)].min() > 200 for x, y in DlibArchitecture(112).target)
    picture = face_set(people, 112).crops[0]
    assert np.abs(reframe(picture, ResidualArchitecture()).astype(int) - picture).max() <= 1
    # dlib's framing reaches below the crop: there the picture is reflected, not black.
    white = np.full((112, 112, 3), 255, dtype=np.uint8)
    assert reframe(white, DlibArchitecture()).min() == 255


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_the_model_answers_like_the_network_that_was_trained(trained, tmp_path, runtime, people):
    spec = read_model_folder(trained.folder).spec
    embedder = load_embedder(spec, cache=tmp_path, engine=Engine(runtime, "cpu", tmp_path))
    faces = face_set(people)
    embeddings = embedder.embed(faces.crops)
    assert embeddings.shape == (36, 8)
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1.0, atol=1e-5)
    assert embedder.identity == ModelIdentity(spec.id, spec.sha256, "aligned-32-rgb-1", 8)
    # The same figures as in the card: it is the network of the kept epoch.
    held_out = split_by_person(faces.person, RECIPE.validation, RECIPE.seed).validation
    found = validate(embeddings[held_out], faces.person[held_out])
    assert found.eer == pytest.approx(trained.card["results"]["validation"]["eer"], abs=1e-6)
