import time

from hypothesis import given
from hypothesis import strategies as st

from faceunlock.gallery.lockout import Failures, Limits, Lock, Moment, lock, moment

LIMITS = Limits(before_wait=5, wait_seconds=30.0, before_lock=50)
seconds = st.floats(min_value=0, max_value=1e7)


def at(count, boot="b", when=100.0):
    return Failures(count, Moment(boot, when))


def test_below_the_limit_nobody_waits():
    assert lock([], LIMITS, Moment("b", 0.0)) is None
    assert lock([at(4)], LIMITS, Moment("b", 100.0)) is None


def test_from_the_limit_on_each_attempt_waits():
    assert lock([at(5)], LIMITS, Moment("b", 100.0)) == Lock(5, 30.0)
    assert lock([at(5)], LIMITS, Moment("b", 129.5)) == Lock(5, 0.5)
    assert lock([at(49)], LIMITS, Moment("b", 130.0)) is None


def test_after_the_last_limit_waiting_does_not_help():
    assert lock([at(50)], LIMITS, Moment("b", 1e9)) == Lock(50, None)
    assert lock([at(20), at(30)], LIMITS, Moment("c", 1e9)) == Lock(50, None)


def test_the_latest_failure_is_waited_for():
    assert lock([at(4, when=100.0), at(1, when=90.0)], LIMITS, Moment("b", 105.0)) == Lock(5, 25.0)


def test_a_lower_last_limit_comes_first():
    assert lock([at(2)], Limits(5, 30.0, 2), Moment("b", 1e9)) == Lock(2, None)


def test_after_a_restart_waiting_begins_anew():
    assert lock([at(5, "a", 5000.0)], LIMITS, Moment("b", 10.0)) == Lock(5, 20.0)
    assert lock([at(5, "a", 5000.0)], LIMITS, Moment("b", 30.0)) is None


def test_where_the_system_does_not_name_the_start_a_smaller_number_is_a_restart():
    assert Moment("", 10.0).since(Moment("", 5000.0)) == 10.0
    assert Moment("", 10.0).since(Moment("", 4.0)) == 6.0


@given(before=seconds, away=seconds, after=seconds, named=st.booleans(), restarted=st.booleans())
def test_never_more_time_than_has_passed(before, away, after, named, restarted):
    boots = ("a", "b") if named else ("", "")
    if restarted:
        earlier, later, passed = Moment(boots[0], before), Moment(boots[1], after), away + after
    else:
        earlier, later, passed = Moment(boots[0], before), Moment(boots[0], before + after), after
    assert 0 <= later.since(earlier) <= passed + 1e-6


def test_a_clock_that_went_back_within_one_start_opens_nothing():
    assert lock([at(5, when=100.0)], LIMITS, Moment("b", 50.0)) == Lock(5, 30.0)


def test_the_present_moment_does_not_follow_the_wall_clock(monkeypatch):
    before = moment()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    after = moment()
    assert after.boot == before.boot and 0 <= after.seconds - before.seconds < 60
