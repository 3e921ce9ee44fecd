"""Faces at the edge of a photo: their landmarks are those in the whole photo, and no other face changes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.fakes import cascade_alone

from faceunlock.pipeline.detection import load_detector
from faceunlock.pipeline.detection.mtcnn import BEYOND, MTCNN, _clipped, _Found, _window
from faceunlock.pipeline.runtime import Engine

LARGEST_ERROR = 0.1
"""Mean distance of landmarks from those in the whole photo, in distances of the eyes."""


@pytest.fixture(scope="module")
def detector():
    return load_detector(Engine("torch", "cpu", Path("unused")))


def part(image, face, margin, across=0.0, down=0.0):
    """Return the face's box with a margin, moved in sides of the box, and the position of its corner."""
    left, top, right, bottom = face.box
    width, height = right - left, bottom - top
    left, right = left + (across - margin) * width, right + (across + margin) * width
    top, bottom = top + (down - margin) * height, bottom + (down + margin) * height
    left, top = max(0, round(left)), max(0, round(top))
    return np.ascontiguousarray(image[top : round(bottom), left : round(right)]), np.array([left, top])


def error(faces, whole, corner, factor=1.0):
    (face,) = faces
    distances = np.linalg.norm(np.array(face.landmarks) / factor + corner - whole.landmarks, axis=1)
    return distances.mean() / np.linalg.norm(np.subtract(*whole.landmarks[:2]))


CUTS = {
    "margin 0": (0.0,),
    "margin 5 %": (0.05,),
    "margin 10 %": (0.1,),
    "without the chin": (0.1, 0.0, -0.25),
    "without the forehead": (0.1, 0.0, 0.25),
    "without a side": (0.1, 0.25),
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_a_face_that_fills_the_picture_has_its_landmarks_in_place(detector, astronaut, hopper, cut):
    for image in (astronaut, hopper):
        whole = detector.detect(image)[0]
        tight, corner = part(image, whole, *cut)
        assert error(detector.detect(tight), whole, corner) < LARGEST_ERROR


def test_the_cascade_alone_misplaces_them(detector, astronaut):
    whole = detector.detect(astronaut)[0]
    tight, corner = part(astronaut, whole, 0.1, 0.0, 0.25)
    assert error(cascade_alone(detector).detect(tight), whole, corner) > 2 * LARGEST_ERROR


@pytest.mark.parametrize("side", [200, 1000, 2500])
def test_a_tight_portrait_of_any_size(detector, astronaut, side):
    whole = detector.detect(astronaut)[0]
    tight, corner = part(astronaut, whole, 0.0)
    factor = side / max(tight.shape[:2])
    size = round(tight.shape[1] * factor), round(tight.shape[0] * factor)
    large = np.asarray(Image.fromarray(tight).resize(size, Image.Resampling.BICUBIC))
    assert error(detector.detect(large), whole, corner, factor) < LARGEST_ERROR


def test_its_box_reaches_beyond_the_photo(detector, astronaut):
    tight, _ = part(astronaut, detector.detect(astronaut)[0], 0.0, 0.0, 0.25)
    (face,) = detector.detect(tight)
    assert face.box[1] < -0.1 * tight.shape[0]


class Counted:
    """A network that counts its calls."""

    def __init__(self, network):
        self.network, self.calls = network, 0

    def __call__(self, batch):
        self.calls += 1
        return self.network(batch)


def test_a_face_away_from_the_edge_is_the_same_to_the_bit_and_costs_nothing(detector, astronaut, hopper):
    for image in (astronaut, hopper):
        networks = [Counted(net) for net in (detector._proposal, detector._refinement, detector._output)]
        expected = cascade_alone(MTCNN(*networks)).detect(image)
        before = [network.calls for network in networks]
        assert MTCNN(*networks).detect(image) == expected
        assert [network.calls for network in networks] == [2 * calls for calls in before]


def test_one_face_at_the_edge_leaves_the_others_alone(detector, astronaut):
    whole = detector.detect(astronaut)[0]
    tight, _ = part(astronaut, whole, 0.1, 0.25)
    canvas = np.full((512, 900, 3), 200, dtype=np.uint8)
    canvas[:, 388:] = astronaut
    canvas[100 : 100 + tight.shape[0], : tight.shape[1]] = tight
    alone = {face.centre[0] > 450: face for face in cascade_alone(detector).detect(canvas)}
    found = {face.centre[0] > 450: face for face in detector.detect(canvas)}
    assert found[True] == alone[True]
    assert found[False] != alone[False]


@given(st.integers(1, 30), st.integers(1, 30), st.floats(-40, 60), st.floats(-40, 60), st.floats(1, 30))
def test_a_window_is_the_photo_where_there_is_one_and_gray_elsewhere(height, width, x, y, side):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    box = np.array([x, y, x + side, y + side / 2], dtype=np.float32)
    window, corner = _window(image, box, 2 * side)
    left, top = corner.astype(int)
    middle = np.array([left + window.shape[1] / 2, top + window.shape[0] / 2])
    np.testing.assert_allclose(middle, (box[:2] + box[2:]) / 2, atol=1.5)
    for row in range(window.shape[0]):
        for column in range(0, window.shape[1], 7):
            inside = 0 <= top + row < height and 0 <= left + column < width
            expected = image[top + row, left + column] if inside else [BEYOND] * 3
            assert window[row, column].tolist() == list(expected)


def test_a_square_is_clipped_if_a_pixel_of_it_lies_outside():
    squares = np.array([[1, 1, 20, 20], [0.9, 1, 19, 19], [1, -4, 15, 10], [1, 1, 21, 20], [2, 2, 20, 31]])
    assert _clipped(squares.astype(np.float32), (30, 20)).tolist() == [False, True, True, True, True]


class Scripted(MTCNN):
    """A cascade that finds given faces in a picture, and others in every window."""

    def __init__(self, faces, in_window):
        super().__init__(None, None, None)
        self.faces, self.in_window = faces, in_window

    def _cascade(self, image, smallest_face):
        return self.faces if image.shape == (100, 120, 3) else self.in_window


def found(*faces):
    """Return faces from their boxes and scores; the network looked at the boxes."""
    boxes = np.array([face[:4] for face in faces], dtype=np.float32).reshape(-1, 4)
    scores = np.array([face[4] for face in faces], dtype=np.float32)
    landmarks = np.repeat(boxes[:, None, :2] + 5, 5, axis=1)
    return _Found(boxes, scores, landmarks, boxes.copy())


PHOTO = np.zeros((100, 120, 3), dtype=np.uint8)


def boxes_and_scores(detector):
    return sorted((*map(round, face.box), round(face.confidence, 2)) for face in detector.detect(PHOTO))


@pytest.mark.parametrize(
    "in_window", [found(), found((0, 0, 15, 15, 1.0))], ids=["nothing", "something else"]
)
def test_a_face_that_its_window_does_not_show_stays_as_it_was(in_window):
    detector = Scripted(found((-10, 20, 40, 70, 0.9)), in_window)
    assert boxes_and_scores(detector) == [(-10, 20, 40, 70, 0.9)]


def test_two_views_that_turn_out_to_be_one_face_are_one():
    # Both windows are 100 pixels wide; their corners are (-35, -5) and (-34, -4).
    detector = Scripted(
        found((-10, 20, 40, 70, 0.9), (-9, 21, 41, 71, 0.8)),
        found((20, 25, 75, 80, 0.95), (0, 0, 20, 20, 1.0)),
    )
    assert boxes_and_scores(detector) == [(-15, 20, 40, 75, 0.95)]


def test_a_face_seen_whole_stays_when_a_partial_one_turns_out_to_be_the_same():
    detector = Scripted(found((-10, 20, 40, 70, 0.9), (1, 20, 51, 70, 0.8)), found((37, 25, 87, 75, 0.99)))
    assert boxes_and_scores(detector) == [(1, 20, 51, 70, 0.8)]
