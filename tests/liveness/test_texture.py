"""What MiniFASNet is shown, and what it says of public-domain portraits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceunlock.liveness.dialogue import DENIED
from faceunlock.liveness.texture import ENLARGED, Texture, crop_box, load_texture
from faceunlock.photos.face import Face
from faceunlock.pipeline.detection import load_detector
from faceunlock.pipeline.models.registry import MINIFASNET
from faceunlock.pipeline.runtime import Engine
from faceunlock.pipeline.weights.pull import pull


def square(left, top, side, high=None):
    return Face((left, top, left + side, top + (high or side)), (), 1.0)


@given(
    st.integers(60, 900),
    st.integers(60, 900),
    st.floats(-50, 800),
    st.floats(-50, 800),
    st.floats(20, 500),
    st.floats(20, 500),
    st.sampled_from(list(ENLARGED.values())),
)
def test_a_crop_is_always_inside_the_photo(width, height, x, y, wide, high, enlarged):
    left, top, right, bottom = crop_box((height, width, 3), square(x, y, wide, high), enlarged)
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    # Never larger than asked for; the shape of the box stays, up to whole pixels.
    assert right - left <= wide * enlarged + 1 and bottom - top <= high * enlarged + 1


def test_a_crop_that_does_not_fit_is_shifted_and_then_made_smaller():
    assert crop_box((400, 400), square(150, 150, 100), 2.7) == (65, 65, 335, 335)
    assert crop_box((400, 400), square(300, 300, 100), 2.7) == (130, 130, 400, 400)
    left, top, right, bottom = crop_box((300, 400), square(150, 100, 100), 4.0)
    assert (right - left, bottom - top) == (299, 299) and (left, top) == (50, 0)


def test_both_networks_see_their_crop_in_their_colours_and_full_range():
    seen = {}

    def network(name):
        def run(batch):
            seen[name] = batch
            return np.array([[0.1, {"v2": 0.2, "v1se": 0.6}[name], 0.2]], dtype=np.float32)

        return run

    image = np.zeros((400, 400, 3), np.uint8)
    image[:, :, 0], image[:, :, 2] = 250, 10
    image[150:250, 150:250] = (7, 8, 9)
    texture = Texture({name: network(name) for name in ENLARGED})
    assert texture.score(image, square(150, 150, 100)) == pytest.approx(0.4)
    assert texture.mean([(image, square(150, 150, 100))] * 3) == pytest.approx(0.4)
    for batch in seen.values():
        assert batch.shape == (1, 3, 80, 80) and batch.dtype == np.float32
        assert batch[0, :, 0, 0].tolist() == [10, 0, 250], "blue first, 0 to 255"
        assert batch[0, :, 40, 40].tolist() == [9, 8, 7]
    share = {name: np.mean(batch[0, 0] == 9) for name, batch in seen.items()}
    assert share["v2"] == pytest.approx(1 / 2.7**2, rel=0.1)
    assert share["v1se"] == pytest.approx(1 / 4.0**2, rel=0.1)


@pytest.fixture(scope="module")
def engine(tmp_path_factory, weights_folder):
    cache = tmp_path_factory.mktemp("minifasnet") / "cache"
    if not (weights_folder / "minifasnet").is_dir():
        pytest.skip("needs local copies of MiniFASNet's weights")
    pull(MINIFASNET, cache, file=weights_folder / "minifasnet")
    return Engine("onnx", "cpu", cache)


@pytest.fixture(scope="module")
def texture(engine):
    return load_texture(engine, engine.cache)


def test_golden_scores_of_a_portrait(texture, engine, astronaut):
    """The published networks; the scores were checked against PyTorch's answers."""
    (face, *_) = load_detector(engine).detect(astronaut)
    score = texture.score(astronaut, face)
    assert score == pytest.approx(GOLDEN, abs=0.002)
    # Fed 0 to 1, both networks say nearly the same of every picture, and it would be refused.
    wrong = Texture({name: scaled(network) for name, network in texture._networks.items()})
    assert wrong.score(astronaut, face) == pytest.approx(GOLDEN_WRONG, abs=0.002)
    nothing = np.full_like(astronaut, 128)
    assert wrong.score(nothing, face) == pytest.approx(GOLDEN_WRONG, abs=0.006)
    assert wrong.score(astronaut, face) < DENIED
    assert abs(texture.score(nothing, face) - score) > 0.1


GOLDEN, GOLDEN_WRONG = 0.6835, 0.0160


def scaled(network):
    return lambda batch: network(batch / 255)
