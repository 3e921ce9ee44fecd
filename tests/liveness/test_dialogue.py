"""The dialogue, shown faces of a simple head: what must pass, and every way to fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceunlock.errors import PhotoError
from faceunlock.liveness.asking import LONGEST, TURNS, Side, Word, random_pauses, random_turns
from faceunlock.liveness.dialogue import FRONTAL_FRAMES, Dialogue, Step, Turned
from faceunlock.photos.face import Face
from tests.support.made_heads import HEAD, PICTURE, Obedient, View, face

TURN: Sequence[Side] = ("left", "right", "left")


def talk(
    dialogue: Dialogue,
    person: Obedient,
    *,
    rate: float = 10.0,
    change: Callable[[int, float, list[Face]], list[Face]] = lambda number, seconds, faces: faces,
    seconds: float = 60.0,
    dark: bool = False,
) -> tuple[Turned, list[Word], list[Step]]:
    """Hold a dialogue with a head that does as it is told; `change` spoils what the camera sees."""
    words, steps, turning = [], [], 0
    for number in range(int(seconds * rate)):
        now = number / rate
        turning += dialogue.begun
        seen = change(turning, now, [person.face(now)])
        step = dialogue.see(now, seen, dark=dark)
        steps.append(step)
        words += step.words
        if step.state == "ready":
            words.append(dialogue.begin(now))
        for word in words[len(words) - len(step.words) - (step.state == "ready") :]:
            person.hear(word, now)
        if step.state == "done":
            return dialogue.result(), words, steps
    raise dialogue.ended()


def slug(dialogue: Dialogue, person: Obedient, **options: object) -> str:
    with pytest.raises(PhotoError) as caught:
        talk(dialogue, person, **options)  # type: ignore[arg-type]
    return caught.value.slug


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.floats(7.5, 30), st.booleans())
def test_a_person_who_turns_as_asked_gets_a_yes(seed: int, rate: float, mirrored: bool) -> None:
    turns = random_turns(Random(seed))
    person = Obedient(HEAD, seed, mirrored=mirrored)
    pauses = random_pauses(Random(seed))
    found, words, steps = talk(Dialogue(turns, pauses, mirrored=mirrored), person, rate=rate)
    assert found.turns == turns
    assert min(found.left, found.right) >= 0.25
    assert [word for word in words if word in (Word.LEFT, Word.RIGHT)] == list(turns)
    assert words.count(Word.BACK) == TURNS
    assert words[-1] == Word.DONE
    uses = [step.use for step in steps]
    assert uses.count("frontal") >= FRONTAL_FRAMES
    assert {"left", "right"} <= set(uses)
    assert uses[-1] == "last"


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.floats(7.5, 30))
def test_a_flat_picture_moved_as_asked_never_does(seed: int, rate: float) -> None:
    picture = Obedient(PICTURE, seed, angle=60)
    assert slug(Dialogue(random_turns(Random(seed))), picture, rate=rate) in (
        "turn-too-slow", "turn-wrong-way", "turn-too-fast", "not-frontal", "face-jumped"
    )  # fmt: skip


def test_every_order_has_both_sides_and_is_drawn() -> None:
    drawn = {random_turns(Random(seed)) for seed in range(200)}
    assert len(drawn) == 2**TURNS - 2
    assert all(set(turns) == {"left", "right"} for turns in drawn)


def test_a_head_that_does_not_move_is_too_slow() -> None:
    assert slug(Dialogue(TURN), Obedient(HEAD, 1, angle=0)) == "turn-too-slow"


def test_a_head_that_turns_too_little_is_told_so_and_is_too_slow() -> None:
    dialogue, person = Dialogue(TURN), Obedient(HEAD, 1, angle=18)
    said: list[Word] = []
    hear = person.hear
    person.hear = lambda word, now: (said.append(word), hear(word, now))[1]  # type: ignore[method-assign]
    assert slug(dialogue, person) == "turn-too-slow"
    assert Word.FURTHER_LEFT in said and Word.FURTHER_RIGHT not in said


def test_a_head_that_never_comes_back_is_too_slow() -> None:
    person = Obedient(HEAD, 1)
    hear = person.hear
    person.hear = lambda word, now: None if word == Word.BACK else hear(word, now)  # type: ignore[method-assign]
    assert slug(Dialogue(TURN), person) == "turn-too-slow"


@pytest.mark.parametrize(("angle", "end"), [(29, "yes"), (38, "turn-too-fast")])
def test_photos_of_turned_heads_exchanged_as_asked_pass_unless_they_are_turned_far(
    angle: float, end: str
) -> None:
    """What docs/limitations.md says of several photos."""
    exchanged = Obedient(HEAD, 1, angle=angle, speed=1e6)
    if end == "yes":
        assert talk(Dialogue(TURN, (1.0, 1.0)), exchanged)[0].turns == TURN
    else:
        assert slug(Dialogue(TURN, (1.0, 1.0)), exchanged) == end


def test_a_pause_takes_no_time_from_a_head_that_comes_back_late() -> None:
    person = Obedient(HEAD, 1, speed=90)
    hear = person.hear
    person.hear = lambda word, now: hear(word, now + 2.2 * (word == Word.BACK))  # type: ignore[method-assign]
    found, _, _ = talk(Dialogue(TURN, (1.5, 1.5)), person)
    assert found.seconds <= LONGEST


def test_a_head_that_goes_to_and_fro_does_not_wait_for_the_next_turn() -> None:
    dialogue, ends = Dialogue(TURN, (1.0, 1.0)), []
    with pytest.raises(PhotoError) as caught:
        for number in range(200):
            now = number / 12
            yaw = 0.0 if now < 0.6 else 0.65 * np.sin(2 * np.pi * (now - 0.6) / 2.5)
            step = dialogue.see(now, [face(HEAD, View(yaw))])
            ends.append(dialogue.made)
            if step.state == "ready":
                dialogue.begin(now)
    assert caught.value.slug == "turn-too-soon"
    assert ends[-1] == 0


def test_the_wrong_order_ends_it_at_the_first_turn() -> None:
    assert slug(Dialogue(TURN), Obedient(HEAD, 1, mirrored=True)) == "turn-wrong-way"
    assert slug(Dialogue(TURN, mirrored=True), Obedient(HEAD, 1)) == "turn-wrong-way"


def second(turning: int, seconds: float, faces: list[Face]) -> list[Face]:
    return [*faces, moved(faces[0], 250)] if turning > 20 else faces


def jump(turning: int, seconds: float, faces: list[Face]) -> list[Face]:
    return [moved(one, 150) for one in faces] if turning > 20 else faces


def vanish(turning: int, seconds: float, faces: list[Face]) -> list[Face]:
    return [] if turning > 20 else faces


def other_head(turning: int, seconds: float, faces: list[Face]) -> list[Face]:
    """Another face in the same place, turned far to the other side."""
    return [face(HEAD, View(-0.9 if turning % 2 else 0.9))] if turning > 4 else faces


@pytest.mark.parametrize(
    ("change", "expected"),
    [(second, "second-face"), (jump, "face-jumped"), (vanish, "face-lost"), (other_head, "turn-too-fast")],
)
@pytest.mark.parametrize("rate", [9.0, 25.0])
def test_each_break_of_a_dialogue_has_its_reason(
    change: Callable[[int, float, list[Face]], list[Face]], expected: str, rate: float
) -> None:
    assert slug(Dialogue(TURN), Obedient(HEAD, 1), change=change, rate=rate) == expected


def test_before_the_first_turn_a_break_only_begins_again() -> None:
    def late(turning: int, seconds: float, faces: list[Face]) -> list[Face]:
        if 0.25 < seconds < 1.0:
            return []
        return [moved(one, 300) for one in faces] if seconds < 0.25 else faces

    found, _, steps = talk(Dialogue(TURN), Obedient(HEAD, 1), change=late)
    assert found.turns == TURN
    assert [step.frontal for step in steps[:20]] == [1, 2, 3, 3, 3, 3, 3, 3, 0, 0, 1, 2, 3, 4, 5] + [5] * 5


def test_three_frames_a_second_are_too_few() -> None:
    assert slug(Dialogue(TURN), Obedient(HEAD, 1), rate=3.0) == "too-few-frames"


def test_a_rate_that_falls_during_the_turns_ends_it() -> None:
    dialogue, person, now = Dialogue(TURN), Obedient(HEAD, 1), 0.0
    with pytest.raises(PhotoError) as caught:
        for _ in range(100):
            now += 0.3 if dialogue.begun else 0.1
            if dialogue.see(now, [person.face(now)]).state == "ready":
                dialogue.begin(now)
    assert caught.value.slug == "too-few-frames"


@pytest.mark.parametrize("pause", [True, False])
def test_frames_that_stop_end_it(pause: bool) -> None:
    dialogue, person = Dialogue(TURN), Obedient(HEAD, 1)
    for number in range(8):
        if dialogue.see(number / 10, [person.face(number / 10)]).state == "ready":
            dialogue.begin(number / 10)
    assert dialogue.begun
    if not pause:
        assert dialogue.ended().slug == "frames-stopped"
        return
    dialogue.see(0.9, [person.face(0.9)])
    with pytest.raises(PhotoError) as caught:
        dialogue.see(1.5, [person.face(1.5)])
    assert caught.value.slug == "frames-stopped"


def test_the_time_that_comparing_takes_is_nobodys_fault() -> None:
    dialogue, person, late = Dialogue(TURN), Obedient(HEAD, 1), 0.0
    for number in range(300):
        now = number / 10 + late
        step = dialogue.see(now, [person.face(now)])
        if step.state == "ready":
            late = 3.0
            person.hear(dialogue.begin(now), now + late)
        for word in step.words:
            person.hear(word, now)
        if step.state == "done":
            return
    pytest.fail("the dialogue did not end")


def test_without_a_frontal_face_it_says_why() -> None:
    def aside(turning: int, seconds: float, faces: list[Face]) -> list[Face]:
        return [face(HEAD, View(0.5))]

    def nobody(turning: int, seconds: float, faces: list[Face]) -> list[Face]:
        return []

    person = Obedient(HEAD, 1)
    assert slug(Dialogue(TURN, patience=2), person, change=aside) == "not-frontal"
    assert slug(Dialogue(TURN, patience=2), person, change=nobody) == "no-face"
    assert slug(Dialogue(TURN, patience=2), person, change=nobody, dark=True) == "camera-dark"
    assert slug(Dialogue(TURN, patience=2), person, change=two) == "several-faces"
    assert slug(Dialogue(TURN), person, seconds=0.2) == "no-face"


def two(turning: int, seconds: float, faces: list[Face]) -> list[Face]:
    return [*faces, moved(faces[0], 250)]


def test_a_face_that_is_not_good_enough_does_not_count_and_is_the_reason() -> None:
    dialogue = Dialogue(TURN, patience=1)
    with pytest.raises(PhotoError) as caught:
        for number in range(30):
            dialogue.see(number / 10, [face(HEAD, View())], fault=lambda _: PhotoError("too-blurred", "blur"))
    assert (caught.value.slug, caught.value.message) == ("too-blurred", "blur")
    assert not dialogue.begun


def test_darkness_is_said_and_quick_turns_are_slowed() -> None:
    dialogue = Dialogue(TURN)
    words: list[Word] = []
    for number in range(10):
        words += dialogue.see(number / 10, [], dark=True).words
    assert words == [Word.LOOK, Word.DARK]
    _, said, _ = talk(Dialogue(TURN), Obedient(HEAD, 3, angle=35, speed=190), rate=20)
    assert Word.SLOWER in said


def moved(one: Face, right: float) -> Face:
    left, top, far, bottom = one.box
    points = tuple((x + right, y) for x, y in one.landmarks)
    return replace(one, box=(left + right, top, far + right, bottom), landmarks=points)
