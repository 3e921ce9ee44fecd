import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from faceunlock.reports.selection import choose_apart, choose_photos, push_apart, spread

COUNTS = st.lists(st.integers(1, 30), min_size=1, max_size=40)


def people(counts):
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts), dtype=np.int32), counts))


@given(COUNTS, st.integers(20, 60), st.integers(2, 20))
def test_a_sample_is_bounded_and_grouped_by_person(counts, photos, most):
    person = people(counts)
    chosen = choose_photos(person, photos=photos, people=most)
    assert 0 < len(chosen) <= photos and len(set(chosen.tolist())) == len(chosen)
    groups = person[chosen]
    assert len(set(groups.tolist())) == min(most, len(counts)) == np.count_nonzero(np.diff(groups)) + 1
    assert np.array_equal(chosen, choose_photos(person, photos=photos, people=most))


def test_what_fits_is_chosen_whole_and_people_with_one_photo_come_last():
    person = np.array([2, 0, 1, 0, 2, 3], dtype=np.int32)
    assert sorted(choose_photos(person, photos=6, people=4)) == list(range(6))
    assert set(person[choose_photos(person, photos=6, people=2)]) == {0, 2}
    assert len(choose_photos(np.empty(0, dtype=np.int32))) == 0


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=1, max_size=60), st.integers(1, 20))
def test_chosen_points_keep_their_distance(points, most):
    person = np.arange(len(points), dtype=np.int32) % 3
    chosen = choose_apart(points, person, 1.0, most)
    assert 1 <= len(chosen) <= most
    where = np.asarray(points)[chosen]
    gaps = np.abs(where[:, None] - where[None, :]).max(axis=2)[~np.eye(len(chosen), dtype=bool)]
    assert not len(gaps) or gaps.min() >= 1.0


def test_everybody_gets_a_turn_before_anybody_gets_two():
    person = np.repeat(np.arange(5, dtype=np.int32), [1, 50, 50, 50, 50])
    points = np.column_stack([np.arange(len(person)) * 10.0, np.zeros(len(person))])
    assert set(person[choose_apart(points, person, 1.0, 5)]) == set(range(5))


@given(st.lists(st.floats(0, 10), max_size=20), st.floats(0.01, 1))
def test_labels_keep_their_gap_order_and_limits(positions, gap):
    wanted = sorted(positions)
    placed = spread(wanted, gap, 0.0, 30.0)
    assert np.all(np.diff(placed) >= gap - 1e-9)
    assert not len(placed) or (placed[0] >= 0 and placed[-1] <= 30)
    if wanted and np.all(np.diff(wanted) >= gap):
        assert np.allclose(placed, wanted)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.floats(0, 8), st.floats(0, 6)), min_size=1, max_size=40), st.booleans())
def test_squares_that_are_pushed_apart_do_not_overlap(points, together):
    points = [points[0]] * len(points) if together else points
    placed = push_apart(points, 0.5, (8.0, 6.0))
    gaps = np.abs(placed[:, None] - placed[None, :]).max(axis=2)[~np.eye(len(placed), dtype=bool)]
    assert not len(gaps) or gaps.min() >= 0.5 * (1 - 1e-8)
    assert (placed >= 0.25).all() and (placed <= (7.75, 5.75)).all()


def test_squares_with_room_stay_where_they_are():
    points = [(1.0, 1.0), (3.0, 1.0), (3.0, 4.0)]
    assert np.array_equal(push_apart(points, 0.5, (8.0, 6.0)), points)


def test_squares_that_only_fit_on_a_grid_are_put_on_it():
    placed = push_apart([(1.0, 1.0)] * 16, 1.0, (4.0, 4.0))
    assert {tuple(place) for place in placed} == {(x + 0.5, y + 0.5) for x in range(4) for y in range(4)}
