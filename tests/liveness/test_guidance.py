"""What is said to somebody who sits for photos: faces, light and landmarks in, words out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.made_heads import HEAD, View, face

from faceunlock.liveness.guidance import (
    MEASURED,
    PATIENCE,
    POSES,
    REACTION,
    Coach,
    Seen,
    Word,
    fault,
    follows,
)
from faceunlock.liveness.turning import offset_of
from faceunlock.photos.camera import light
from faceunlock.photos.face import Face, Quality, measure_quality
from faceunlock.photos.measures import Limits
from faceunlock.photos.pose import outside

LIMITS = Limits(min_size=40.0, min_sharpness=7.0, min_brightness=30.0)
SHAPE = (480, 640, 3)
GOOD = Quality(120.0, 20.0, 120.0)


def box(left=260.0, top=180.0, side=120.0):
    return Face((left, top, left + side, top + side), (), 0.999)


def seen(*faces, seconds=0.0, lit="lit", quality=GOOD):
    return Seen(seconds, SHAPE, lit, faces, quality if faces else None)


@pytest.mark.parametrize(
    ("frame", "word"),
    [
        (seen(box()), None),
        (seen(lit="black"), Word.BLACK),
        (seen(lit="dark"), Word.DARK),
        (seen(), Word.NOBODY),
        (seen(box(), box(20.0)), Word.SEVERAL),
        (seen(box(), box(20.0, side=80.0)), None),
        (seen(box(-40.0)), Word.OUTSIDE),
        (seen(box(top=390.0)), Word.OUTSIDE),
        (seen(box(side=39.0)), Word.CLOSER),
        (seen(box(60.0, 10.0, 450.0)), Word.BACK),
        (seen(box(), quality=Quality(120.0, 20.0, 29.0)), Word.LIGHT),
        (seen(box(), quality=Quality(120.0, 6.9, 120.0)), Word.STILL),
        (seen(box(-40.0), quality=Quality(120.0, 1.0, 1.0)), Word.OUTSIDE),
        (seen(box(), lit="dark", quality=Quality(120.0, 20.0, 29.0)), Word.LIGHT),
    ],
)
def test_each_fault_of_a_frame_has_its_word(frame, word):
    assert fault(frame, LIMITS) == word


@pytest.mark.parametrize(
    ("level", "side", "word"),
    [(4, 0, Word.BLACK), (20, 0, Word.DARK), (120, 0, Word.NOBODY), (120, 100, None)],
)
def test_arrays_give_the_words_that_their_pixels_deserve(level, side, word):
    image = np.full(SHAPE, level, np.uint8)
    faces = [box(side=float(side))] if side else []
    if side:
        image[180 : 180 + side, 260 : 260 + side] = np.random.default_rng(1).integers(
            40, 200, (side, side, 1), np.uint8
        )
    quality = measure_quality(image, faces[0]) if faces else None
    assert fault(Seen(0.0, image.shape, light(image), faces, quality), LIMITS) == word


boxes = st.builds(box, st.floats(-200, 700), st.floats(-200, 600), st.floats(1, 600))


@given(boxes)
def test_the_share_outside_is_a_share_and_moving_in_is_never_worse(one):
    left, top, right, bottom = one.box
    share = outside(one.box, SHAPE)
    assert 0.0 <= share <= 1.0
    inside = left >= 0 and top >= 0 and right <= 640 and bottom <= 480
    assert (share < 1e-9) == inside or share < 1e-6
    x = 0.5 * (320 - one.centre[0])
    assert outside((left + x, top, right + x, bottom), SHAPE) <= share + 1e-9 or right - left > 640


@given(boxes, st.floats(0, 255), st.floats(0, 60))
def test_a_frame_without_a_fault_passes_every_gate_of_an_enrolment(one, brightness, sharpness):
    word = fault(seen(one, quality=Quality(one.size, sharpness, brightness)), LIMITS)
    if word is None:
        assert one.size >= LIMITS.min_size
        assert brightness >= LIMITS.min_brightness and sharpness >= LIMITS.min_sharpness
        assert outside(one.box, SHAPE) <= 0.1
    else:
        assert word not in POSES


@given(st.floats(-40, 40), st.sampled_from([1, -1]))
def test_a_head_follows_a_turn_to_one_side_only(degrees, left):
    offset = offset_of(face(HEAD, View(yaw=np.radians(degrees))))
    one, other = (follows(word, offset, left) for word in (Word.LEFT, Word.RIGHT))
    assert not (one and other)
    assert follows(Word.LEFT, offset, -left) == other and follows(Word.LEFT, offset, None) == (one or other)
    assert not (follows(Word.AHEAD, offset, left) and (one or other))
    if 18 <= abs(degrees) <= 30:
        assert one or other
    assert all(follows(pose, offset, left) for pose in POSES if pose not in MEASURED)


class Sitter:
    """Somebody who does what is said after a moment, as the coach sees it ten times a second."""

    def __init__(self, coach_count=6, *, mirrored=False, obeys=True, known=None, **options):
        self.said, self.yaw, self.side = [], 0.0, -1 if mirrored else 1
        self.obeys, self.taken, self.now = obeys, [], 0.0
        self.coach = Coach(LIMITS, coach_count, self.hear, mirrored=known, **options)
        self.count = coach_count

    def hear(self, guidance):
        self.said.append((round(self.now, 1), guidance.word, guidance.number))
        turn = {Word.LEFT: 24.0, Word.RIGHT: -24.0, Word.AHEAD: 0.0}.get(guidance.word)
        if self.obeys and turn is not None:
            self.yaw = np.radians(turn * self.side)

    def sit(self, seconds, frame=None):
        for _ in range(round(10 * seconds)):
            self.now += 0.1
            shown = face(HEAD, View(yaw=self.yaw))
            there = frame or Seen(self.now, SHAPE, "lit", [shown], GOOD)
            there = Seen(self.now, there.shape, there.light, there.faces, there.quality)
            # What an enrolment would refuse is wanted, but not taken.
            fine = fault(there, LIMITS) in (None, Word.OUTSIDE, Word.BACK)
            if len(self.taken) < self.count and self.coach.wants(there) and fine:
                self.taken.append(round(self.now, 1))
                self.coach.took()
        return self


@pytest.mark.parametrize(("mirrored", "known"), [(True, None), (False, None), (True, True), (False, False)])
def test_an_obedient_person_is_led_through_every_pose_in_seconds(mirrored, known):
    there = Sitter(mirrored=mirrored, known=known).sit(8.0)
    assert [word for _, word, _ in there.said] == list(POSES)
    assert [number for *_, number in there.said] == [1, 2, 3, 4, 5, 6]
    assert len(there.taken) == 6 and there.taken[-1] < 1.0 + 3 * (REACTION + 0.2)


@pytest.mark.parametrize("how", [{"obeys": False}, {"mirrored": True, "known": False}])
def test_who_does_something_else_is_taken_after_a_while(how):
    there = Sitter(**how).sit(6 * (PATIENCE + 0.5))
    assert len(there.taken) == 6 and there.taken[2] - there.taken[1] == pytest.approx(PATIENCE, abs=0.2)
    repeated = [word for _, word, number in there.said if number == 2]
    assert repeated == [Word.LEFT, Word.LEFT], "said again, but not in every frame"


def test_a_film_is_asked_for_nothing_and_every_good_frame_will_do():
    there = Sitter(poses=False).sit(1.0)
    assert there.said == [] and there.taken == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    there = Sitter(poses=False).sit(2.0, seen(box(side=30.0)))
    assert [word for _, word, _ in there.said] == [Word.CLOSER]


def test_a_fault_is_said_once_it_stays_and_then_the_pose_again():
    there = Sitter(obeys=False).sit(0.1).sit(0.2, seen()).sit(0.5)
    assert [word for _, word, _ in there.said] == [Word.AHEAD, Word.LEFT], "one bad frame is no word"
    there.sit(2.0, seen()).sit(0.5)
    assert [word for _, word, _ in there.said][2:] == [Word.NOBODY, Word.LEFT]


def test_a_face_that_is_half_outside_is_waited_for_but_not_for_ever():
    there = Sitter(1).sit(PATIENCE - 0.2, seen(box(-40.0)))
    assert there.taken == [] and {word for _, word, _ in there.said} == {Word.OUTSIDE}
    assert len(there.sit(1.0, seen(box(-40.0))).taken) == 1, "the enrolment decides"
