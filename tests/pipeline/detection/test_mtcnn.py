"""The cascade: parity with facenet-pytorch's MTCNN away from edges, and photos that give it a hard time."""

from pathlib import Path

import numpy as np
import pytest
from facenet_pytorch import MTCNN as Reference
from PIL import Image
from support.fakes import cascade_alone
from support.originals import detector_networks

from faceunlock.pipeline.detection import load_detector
from faceunlock.pipeline.detection.mtcnn import MTCNN
from faceunlock.pipeline.runtime import Engine
from faceunlock.pipeline.runtime.torch_runtime import TorchNetwork


@pytest.fixture(scope="module")
def detector():
    return load_detector(Engine("torch", "cpu", Path("unused")))


@pytest.fixture(scope="module")
def full_scale():
    networks = (TorchNetwork(network, "cpu") for network in detector_networks())
    return MTCNN(*networks, looks=(100_000,))


def reference_faces(image):
    boxes, scores, landmarks = Reference(keep_all=True).detect(image, landmarks=True)
    if boxes is None:
        return []
    return [
        (np.array(box, dtype=float), float(score), np.array(points, dtype=float))
        for box, score, points in zip(boxes, scores, landmarks, strict=True)
    ]


def assert_same_faces(faces, expected):
    assert len(faces) == len(expected)
    for box, score, points in expected:
        face = min(faces, key=lambda face: np.abs(np.array(face.box) - box).max())
        np.testing.assert_allclose(face.box, box, atol=0.05)
        np.testing.assert_allclose(face.landmarks, points, atol=0.05)
        assert face.confidence == pytest.approx(score, abs=1e-4)


@pytest.mark.oracle
def test_the_same_faces_as_the_reference(full_scale, astronaut, hopper):
    for image in (astronaut, hopper, np.ascontiguousarray(np.hstack([astronaut, astronaut[:, ::-1]]))):
        expected = reference_faces(image)
        assert expected
        assert_same_faces(full_scale.detect(image), expected)


@pytest.mark.oracle
def test_the_same_faces_in_groups(full_scale, collection):
    alone = cascade_alone(full_scale)
    for path in sorted((collection / "groups").glob("*.jpg")):
        image = np.asarray(Image.open(path).convert("RGB"))
        assert_same_faces(alone.detect(image), reference_faces(image))


def test_a_large_photo_gives_the_same_face_in_its_own_pixels(detector, astronaut):
    small = detector.detect(astronaut)[0]
    large = detector.detect(np.asarray(Image.fromarray(astronaut).resize((2048, 2048), Image.BICUBIC)))[0]
    np.testing.assert_allclose(np.array(large.box) / 4, small.box, atol=0.06 * small.size)


def test_a_face_too_small_for_the_first_look_is_found_by_the_second(detector, astronaut):
    wide = np.full((600, 2400, 3), 128, dtype=np.uint8)
    wide[100:292, 1000:1192] = np.asarray(Image.fromarray(astronaut).resize((192, 192), Image.LANCZOS))
    assert not MTCNN(*(TorchNetwork(n, "cpu") for n in detector_networks()), looks=(640,)).detect(wide)
    (face,) = detector.detect(wide)
    assert 1000 < face.centre[0] < 1192 and 100 < face.centre[1] < 292


def test_faces_come_largest_first(full_scale, astronaut, hopper):
    small = np.asarray(Image.fromarray(astronaut).resize((256, 256)))
    canvas = np.zeros((700, 800, 3), dtype=np.uint8)
    canvas[:256, :256] = small
    canvas[: hopper.shape[0], 280 : 280 + hopper.shape[1]] = hopper
    areas = [face.area for face in full_scale.detect(canvas)]
    assert len(areas) >= 2
    assert areas == sorted(areas, reverse=True)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (11, 11), (19, 400), (20, 20), (21, 1000), (300, 4)])
def test_tiny_and_narrow_photos_have_no_face(detector, shape):
    rng = np.random.default_rng(0)
    assert detector.detect(rng.integers(0, 256, (*shape, 3), dtype=np.uint8)) == []


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_photo_has_no_face(detector, level):
    assert detector.detect(np.full((480, 640, 3), level, dtype=np.uint8)) == []


def test_noise_and_flowers_have_no_face(detector, faceless_path):
    rng = np.random.default_rng(1)
    assert detector.detect(rng.integers(0, 256, (480, 640, 3), dtype=np.uint8)) == []
    assert detector.detect(np.asarray(Image.open(faceless_path).convert("RGB"))) == []
