import io
import os

import numpy as np
import pytest
import torch
from facenet_pytorch.models.utils.detect_face import extract_face
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.originals import inception_resnet

from faceunlock.errors import ModelError, PhotoError, SettingsError
from faceunlock.photos.face import Face
from faceunlock.pipeline.embedding.crops import normalise
from faceunlock.pipeline.embedding.facenet import GRAY_LEVELS, FaceNetEmbedder, box_with_margin
from faceunlock.pipeline.models.registry import model_spec
from faceunlock.pipeline.runtime.torch_runtime import TorchNetwork, build
from faceunlock.pipeline.weights.facenet_format import read_checkpoint


@pytest.fixture(scope="module")
def module():
    torch.manual_seed(0)
    return inception_resnet().eval()


@pytest.fixture(scope="module")
def embedder(module):
    return FaceNetEmbedder(model_spec("vggface2"), TorchNetwork(module, "cpu"), "ab" * 32)


def saved(state, **options):
    buffer = io.BytesIO()
    torch.save(state, buffer, **options)
    return buffer.getvalue()


def test_identity(embedder):
    identity = embedder.identity
    assert (identity.model, identity.weights_sha256, identity.dimension) == ("vggface2", "ab" * 32, 512)
    assert identity.preprocessing == "facenet-160-m18-1"


@pytest.mark.oracle
@pytest.mark.parametrize(
    "box",
    [
        (181.05, 62.16, 267.75, 172.05),
        (0.4, 0.6, 90.2, 100.9),
        (-30.0, -20.0, 100.0, 120.5),
        (430.3, 400.1, 540.0, 560.0),
        (10.0, 10.0, 11.5, 11.5),
        (0.0, 0.0, 512.0, 512.0),
    ],
)
def test_crop_is_facenet_pytorchs(embedder, astronaut, box):
    expected = extract_face(Image.fromarray(astronaut), np.array(box), image_size=160, margin=18)
    crop = embedder.crop(astronaut, Face(box, (), 1.0))
    np.testing.assert_array_equal(crop, expected.numpy().transpose(1, 2, 0).astype(np.uint8))


@pytest.mark.oracle
def test_another_crop_is_facenet_pytorchs_and_has_another_identity(module, astronaut):
    spec = model_spec("vggface2").cropped(150, 32)
    other = FaceNetEmbedder(spec, TorchNetwork(module, "cpu"), "ab" * 32)
    assert other.input_size == 150 and other.identity.preprocessing == "facenet-150-m32-1"
    box = (181.05, 62.16, 267.75, 172.05)
    expected = extract_face(Image.fromarray(astronaut), np.array(box), image_size=150, margin=32)
    crop = other.crop(astronaut, Face(box, (), 1.0))
    np.testing.assert_array_equal(crop, expected.numpy().transpose(1, 2, 0).astype(np.uint8))
    assert other.embed(crop[None]).shape == (1, 512)


@pytest.mark.parametrize(
    ("model", "size", "margin"), [("dlib", 150, 32), ("vggface2", 79, 0), ("vggface2", 401, 0),
                                  ("vggface2", 150, 76), ("vggface2", 150, -1)]
)  # fmt: skip
def test_impossible_crops(model, size, margin):
    with pytest.raises(SettingsError) as caught:
        model_spec(model).cropped(size, margin)
    assert caught.value.slug == "usage"


@given(st.tuples(*[st.floats(-1e6, 1e6) for _ in range(4)]))
def test_margin_stays_inside_the_photo_or_is_empty(box):
    left, top, right, bottom = box_with_margin(box, (300, 200, 3), size=160, margin=18)
    assert left >= right or top >= bottom or (0 <= left < right <= 200 and 0 <= top < bottom <= 300)


@pytest.mark.parametrize(
    "box", [(600, 10, 700, 90), (-90, 10, -30, 90), (50, 50, 20, 90), (float("nan"), 0, 9, 9)]
)
def test_a_box_outside_is_no_face(embedder, astronaut, box):
    with pytest.raises(PhotoError) as caught:
        embedder.crop(astronaut, Face(box, (), 1.0))
    assert caught.value.slug == "no-face"


def test_embeddings_are_the_networks(embedder, module, astronaut, astronaut_face):
    face = embedder.crop(astronaut, astronaut_face)
    crops = np.stack([face, face[:, ::-1], np.zeros_like(face)])
    found = embedder.embed(crops)
    tensor = (torch.from_numpy(crops.copy()).permute(0, 3, 1, 2).float() - 127.5) / 128
    with torch.inference_mode():
        np.testing.assert_allclose(found, module(tensor).numpy(), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert embedder.embed(crops[:0]).shape == (0, 512)


def test_normalise_keeps_the_channels_apart():
    crops = np.zeros((1, 2, 2, 3), dtype=np.uint8)
    crops[..., 0] = 255
    np.testing.assert_allclose(
        normalise(crops, *GRAY_LEVELS)[0, :, 0, 0], [127.5 / 128, -127.5 / 128, -127.5 / 128]
    )


@pytest.mark.parametrize("modern", [True, False])
def test_reads_published_files_of_both_formats(module, modern):
    state = {**module.state_dict(), "logits.weight": torch.zeros(3, 512), "logits.bias": torch.zeros(3)}
    read = read_checkpoint(saved(state, _use_new_zipfile_serialization=modern))
    assert not any(name.startswith("logits") for name in read)
    rebuilt = build(inception_resnet, read)
    batch = torch.rand(1, 3, 160, 160)
    with torch.inference_mode():
        torch.testing.assert_close(rebuilt(batch), module(batch))


class Attack:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (self.marker,)


@pytest.mark.parametrize("modern", [True, False])
def test_a_file_that_carries_code_is_refused_and_not_run(tmp_path, modern):
    marker = tmp_path / "ran"
    data = saved({"conv2d_1a.conv.weight": Attack(str(marker))}, _use_new_zipfile_serialization=modern)
    with pytest.raises(ModelError) as caught:
        read_checkpoint(data)
    assert caught.value.slug == "weights-corrupt"
    assert not marker.exists()
    torch.load(io.BytesIO(data), weights_only=False)
    assert marker.exists(), "the attack itself must be able to work"


def alter(state, damage):
    first = "conv2d_1a.conv.weight"
    if damage == "missing":
        del state[first]
    elif damage == "extra":
        state["surprise"] = torch.zeros(1)
    elif damage == "shape":
        state[first] = torch.zeros(1)
    elif damage == "type":
        state[first] = state[first].double()
    elif damage == "nan":
        state[first] = torch.full_like(state[first], float("nan"))
    elif damage == "text":
        state[first] = "weights"
    return state


@pytest.mark.parametrize("damage", ["missing", "extra", "shape", "type", "nan", "text"])
def test_other_weights_are_refused(module, damage):
    state = alter(dict(module.state_dict()), damage)
    with pytest.raises(ModelError) as caught:
        read_checkpoint(saved(state))
    assert caught.value.slug == "weights-corrupt"


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"<html>not found</html>", b"\x80\x02.", saved([1, 2])])
def test_other_files_are_refused(data):
    with pytest.raises(ModelError) as caught:
        read_checkpoint(data)
    assert caught.value.slug == "weights-corrupt"
