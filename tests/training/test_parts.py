"""Splits, batches, variations, losses and the record of steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fakes import slug_of
from support.made_faces import RECIPE, face_set

from faceunlock.errors import SettingsError
from faceunlock.training import checkpoint
from faceunlock.training.augmentation import AugmentedFaces, contact_sheet, exchange_parts
from faceunlock.training.batches import epoch_batches
from faceunlock.training.card import never_better
from faceunlock.training.checkpoint import EpochRecord, StepLosses
from faceunlock.training.face_set import split_by_name, split_by_person, split_by_photo
from faceunlock.training.losses import make_loss
from faceunlock.training.recipe import TrainingRecipe, best_precision
from faceunlock.training.validation import Validation, first_threshold, validate

whose = st.lists(st.integers(0, 14), min_size=1, max_size=120).map(
    lambda people: np.unique(people, return_inverse=True)[1]
)


@given(whose, st.floats(0, 0.9), st.integers(0, 9))
def test_no_person_is_on_both_sides(person, share, seed):
    split = split_by_person(person, share, seed)
    assert sorted([*split.training, *split.validation]) == list(range(len(person)))
    assert not set(person[split.training]) & set(person[split.validation])
    held_out = np.bincount(person[split.validation]) if len(split.validation) else np.array([2])
    assert all(count >= 2 for count in held_out if count)


@given(whose, st.floats(0, 0.9), st.integers(0, 9))
def test_by_photo_everybody_keeps_two(person, share, seed):
    split = split_by_photo(person, share, seed)
    assert sorted([*split.training, *split.validation]) == list(range(len(person)))
    left, all_photos = np.bincount(person[split.training], minlength=15), np.bincount(person, minlength=15)
    assert np.all(left >= np.minimum(2, all_photos))


@settings(max_examples=40)
@given(whose, st.sampled_from(["triplet", "softmax"]), st.integers(4, 40), st.integers(1, 5))
def test_an_epoch_sees_every_photo_once(person, loss, batch, epoch):
    recipe = TrainingRecipe(loss, batch=batch)
    batches = epoch_batches(person, recipe, epoch)
    assert sorted(index for one in batches for index in one) == list(range(len(person)))
    assert all(2 <= len(one) <= batch + 1 for one in batches) or len(person) == 1
    assert batches == epoch_batches(person, recipe, epoch)


def test_photos_of_a_person_come_together_where_they_are_compared():
    person = np.repeat(np.arange(20), 8)
    batches = epoch_batches(person, TrainingRecipe("triplet", batch=16), 1)
    assert all(np.bincount(person[batch]).max() >= 4 for batch in batches)
    assert batches != epoch_batches(person, TrainingRecipe("triplet", batch=16), 2)


def test_a_variation_depends_on_its_place_alone(people):
    crops = face_set(people).crops
    faces = AugmentedFaces(crops, "strong", seed=3, epoch=2)
    state = torch.get_rng_state()
    there, back = [faces[index] for index in range(5)], [faces[index] for index in reversed(range(5))]
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(there, reversed(back), strict=True))
    assert there[0].shape == (3, 32, 32) and there[0].dtype == torch.uint8
    others = (AugmentedFaces(crops, "strong", 4, 2)[0], AugmentedFaces(crops, "strong", 3, 1)[0])
    assert not any(torch.equal(there[0], other) for other in others)
    plain = AugmentedFaces(crops, "none", 3, 2)[0]
    assert np.array_equal(plain.permute(1, 2, 0).numpy(), crops[0])


def test_the_sheet_shows_the_photo_and_its_variations(people):
    crops = face_set(people).crops
    sheet = np.asarray(contact_sheet(crops, "light", 0))
    assert np.array_equal(sheet[18:50, 4:36], crops[0])
    varied = AugmentedFaces(crops, "light", 0, 1)[0].permute(1, 2, 0).numpy()
    assert np.array_equal(sheet[18:50, 48:80], varied)
    mixed = np.asarray(contact_sheet(crops, "light", 0, cutmix=1.0))
    assert np.array_equal(mixed[:, :40], sheet[:, :40]) and not np.array_equal(mixed, sheet)


@pytest.mark.parametrize("seed", range(5))
def test_photos_that_exchange_parts_are_told_how_much_of_whom_is_on_them(seed):
    person = torch.tensor([0, 1, 2, 3])
    pictures = person.to(torch.uint8).reshape(4, 1, 1, 1).expand(4, 3, 32, 32).contiguous()
    state = torch.get_rng_state()
    mixed, parts = exchange_parts(pictures, person, people=5, share=1.0, seed=seed)
    assert torch.equal(torch.get_rng_state(), state)
    assert mixed.dtype == torch.uint8 and parts.shape == (4, 5)
    for picture, of_each in zip(mixed, parts, strict=True):
        pixels = torch.bincount(picture.flatten().long(), minlength=5) / picture.numel()
        assert torch.allclose(pixels, of_each, atol=1e-6)
    again = exchange_parts(pictures, person, people=5, share=1.0, seed=seed)
    assert torch.equal(again[0], mixed) and torch.equal(again[1], parts)


def test_whom_there_is_half_of_counts_half():
    loss = make_loss(replace(RECIPE, loss="softmax"), 2)
    outputs = torch.randn(3, RECIPE.architecture.dimension, generator=torch.Generator().manual_seed(0))
    first, second = (loss(outputs, torch.full((3,), one)) for one in (0, 1))
    both = loss(outputs, torch.tensor([[0.25, 0.75]]).expand(3, 2))
    assert torch.allclose(both, 0.25 * first + 0.75 * second)


def test_so_many_batches_exchange_parts():
    pictures, person = torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1])
    drawn = [exchange_parts(pictures, person, people=2, share=0.3, seed=seed)[1] for seed in range(200)]
    assert 0.2 < np.mean([parts.ndim == 2 for parts in drawn]) < 0.4
    untouched = exchange_parts(pictures, person, people=2, share=0.0, seed=0)
    assert untouched[0] is pictures and untouched[1] is person


@pytest.mark.parametrize("loss", ["contrastive", "triplet", "arcface", "cosface", "softmax"])
def test_a_loss_prefers_people_apart(loss):
    torch.manual_seed(0)
    criterion = make_loss(replace(RECIPE, loss=loss), people=2)
    person = torch.tensor([0, 0, 1, 1])
    apart = torch.zeros(4, 8)
    apart[:2, 0], apart[2:, 1] = 1.0, 1.0
    mixed = apart[[0, 2, 1, 3]]
    for name, weights in criterion.named_parameters():
        with torch.no_grad():
            directions = torch.eye(8)[:2]
            weights.copy_(directions.T if name == "W" else directions)
    assert criterion(apart, person) < criterion(mixed, person)


def test_validation_tells_when_it_cannot():
    embeddings = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    person = np.arange(30) // 3
    found = validate(embeddings, person, named=np.zeros(30, dtype=int))
    assert (found.genuine, found.impostor) == (30, 405)
    assert found.fnmr_1e2 is not None and found.fnmr_1e2.trials == 30
    assert found.fnmr_1e3 is None
    assert found.misnamed is not None and found.misnamed.errors == 27
    assert Validation.from_dict(found.to_dict()) == found
    assert found.badness == pytest.approx(0.9)
    alone = validate(embeddings[:3], person[:3])
    assert alone.eer is None and alone.badness == 2.0


def test_the_first_threshold_lets_no_impostor_pair_through():
    embeddings = np.eye(4, dtype=np.float32)[[0, 0, 1, 2]]
    assert first_threshold(embeddings, np.array([0, 0, 1, 2])) > 0.0
    assert first_threshold(embeddings[:2], np.array([0, 0])) == 0.9


@given(st.lists(st.floats(0, 10), max_size=300))
def test_the_losses_of_steps_keep_their_mean(losses):
    steps = StepLosses()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "MOST_STEPS", 8)
        for loss in losses:
            steps.note(loss)
        assert len(steps.means) < 16 and steps.count == len(losses)
        assert StepLosses.from_dict(steps.to_dict()) == steps
    total = steps.each * sum(steps.means) + steps.open_sum
    assert total == pytest.approx(sum(losses), abs=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [{"each": 0}, {"each": 1.5}, {"means": ["a"]}, {"open_count": 1}, {"open_count": -1}, {"open_sum": None}],
)
def test_losses_of_steps_that_are_none(wrong):
    with pytest.raises((ValueError, TypeError)):
        StepLosses.from_dict({**StepLosses().to_dict(), **wrong})


def record(epoch, best, found="known"):
    found = validate(np.eye(2, dtype=np.float32), np.array([0, 1])) if found == "known" else None
    return EpochRecord(epoch, 0.5, 10, 1.0, found, best=best)


def test_a_training_that_only_got_worse_is_warned_of():
    assert "after epoch 1" in never_better([record(1, True), record(2, False), record(3, False)])
    assert never_better([record(1, True), record(2, False), record(3, True)]) is None
    assert never_better([record(1, True)]) is None
    assert never_better([record(1, False, None), record(2, False, None)]) is None


def test_precision_follows_the_processor(tmp_path):
    (tmp_path / "new").write_text("flags\t\t: fpu avx512_bf16 sse\n")
    (tmp_path / "old").write_text("flags\t\t: fpu avx512f\n")
    answers = [best_precision("cpu", tmp_path / name) for name in ("new", "old", "none")]
    assert answers == ["bfloat16", "float32", "float32"]


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"batch": 1},
        {"learning_rate": 0.0},
        {"average": 1.0},
        {"validation": 1.0},
        {"loss": "distill"},
        {"direction_rate": 0.0},
        {"cutmix": 0.5},
        {"loss": "softmax", "cutmix": 1.5},
        {"loss": "softmax", "cutmix": 0.5, "teacher": "dlib"},
        {"teacher_weight": 2.0},
        {"teacher_sees": "clean"},
        {"teacher": "dlib", "teacher_weight": 0.0},
        {"loss": "distill", "teacher": "dlib", "teacher_weight": 2.0},
    ],
)
def test_recipes_that_cannot_be(change):
    assert slug_of(replace, RECIPE, kind=SettingsError, **change) == "usage"


def test_people_can_be_held_out_by_name():
    names, person = ["Ada", "Bob", "Cyd"], np.array([0, 1, 2, 1, 0, 2])
    split = split_by_name(person, names, ["cyd", "Ada"])
    assert split.validation.tolist() == [0, 2, 4, 5] and split.training.tolist() == [1, 3]
    for held_out, said in ((["Eve", "Ada"], "no usable photos of 'Eve'"), (names, "nobody would be left")):
        with pytest.raises(SettingsError, match=said) as caught:
            split_by_name(person, names, held_out)
        assert caught.value.slug == "usage"
    with pytest.raises(SettingsError, match="--hold-out needs another loss"):
        TrainingRecipe(loss="softmax", hold_out=("Ada",))
