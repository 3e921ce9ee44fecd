"""A detector that looks where the face was."""

from __future__ import annotations

import numpy as np
import pytest
from support.made_heads import HEAD, HeadDetector, View, face, paint_heads

from faceunlock.photos.face import Face
from faceunlock.pipeline.detection.following import WHOLE_SECONDS, FollowingDetector


def frame(*where: tuple[float, float]) -> np.ndarray:
    return paint_heads([(1, face(HEAD, View(centre=one, eyes=22.0))) for one in where])


def near(found: Face, wanted: Face) -> bool:
    return np.allclose(found.box, wanted.box, atol=0.01) and np.allclose(
        found.landmarks, wanted.landmarks, atol=0.01
    )


def test_it_looks_nearby_and_finds_what_the_whole_picture_would_show() -> None:
    inner = HeadDetector()
    following = FollowingDetector(inner)
    for number in range(4):
        image = frame((60.0 + 12 * number, 80.0))
        (found,) = following.detect(image, number / 10)
        assert near(found, HeadDetector().detect(image)[0])
    assert inner.shapes[0] == (300, 400, 3)
    assert all(max(shape[:2]) <= 128 for shape in inner.shapes[1:])
    assert len(inner.shapes) == 4


def test_a_face_that_is_gone_is_looked_for_everywhere() -> None:
    inner = HeadDetector()
    following = FollowingDetector(inner)
    following.detect(frame((60.0, 80.0)), 0.0)
    (found,) = following.detect(frame((330.0, 200.0)), 0.1)
    assert found.centre[0] == pytest.approx(330, abs=1)
    assert following.detect(np.full((300, 400, 3), 128, np.uint8), 0.2) == []
    assert len(following.detect(frame((60.0, 80.0)), 0.3)) == 1


def test_a_second_face_is_noticed_within_half_a_second() -> None:
    following = FollowingDetector(HeadDetector())
    both = frame((60.0, 80.0), (300.0, 200.0))
    following.detect(frame((60.0, 80.0)), 0.0)
    assert len(following.detect(both, WHOLE_SECONDS - 0.1)) == 1
    assert len(following.detect(both, WHOLE_SECONDS)) == 2


def test_a_large_face_is_shrunk_and_its_numbers_are_those_of_the_frame(astronaut: np.ndarray) -> None:
    sizes = []

    class Half:
        def detect(self, image: np.ndarray) -> list[Face]:
            sizes.append(image.shape[:2])
            height, width = image.shape[:2]
            box = (width / 4, height / 4, 3 * width / 4, 3 * height / 4)
            return [Face(box, ((width / 2, height / 2),) * 5, 0.999)]

    following = FollowingDetector(Half())
    (first,) = following.detect(astronaut, 0.0)
    (second,) = following.detect(astronaut, 0.1)
    assert sizes == [(512, 512), (128, 128)]
    assert second.box == pytest.approx(first.box, abs=4)
    assert second.landmarks[0] == pytest.approx(first.landmarks[0], abs=4)
