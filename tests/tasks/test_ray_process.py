"""Ctrl-C, the environment and stderr of a process while Ray is in it."""

import os
import signal
import sys

import pytest
from support.fakes import slug_of

from faceunlock.tasks.ray_process import Interrupts, silent, token, variables


def test_the_first_interrupt_unwinds_and_the_second_is_as_before():
    came = []
    before = signal.signal(signal.SIGINT, lambda *_: came.append("before"))
    try:
        with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt), interrupts.kept():
            signal.raise_signal(signal.SIGINT)
            came.append("went on")  # until what is started is known
            signal.raise_signal(signal.SIGINT)
        assert came == ["went on", "before"]
        with Interrupts(), pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture
def fresh(monkeypatch):
    """A process that has not loaded Ray."""
    monkeypatch.delitem(sys.modules, "ray._raylet", raising=False)
    token.cache_clear()
    yield
    token.cache_clear()


def test_variables_are_put_back(fresh, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "k")
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    with variables(token()):
        assert os.environ["RAY_AUTH_MODE"] == "token" and len(os.environ["RAY_AUTH_TOKEN"]) == 64
    assert os.environ["RAY_AUTH_MODE"] == "k" and "RAY_AUTH_TOKEN" not in os.environ


def test_no_cluster_is_made_without_a_token(fresh, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray._raylet", object())
    assert slug_of(token) == "usage"
    monkeypatch.delitem(sys.modules, "ray._raylet")
    first = token()
    monkeypatch.setitem(sys.modules, "ray._raylet", object())
    assert token() == first, "Ray reads it once"


def test_what_native_code_says_is_discarded_and_nothing_after_it(capfd):
    with silent():
        os.write(2, b"a greeting")
    os.write(2, b"an answer")
    assert capfd.readouterr().err == "an answer"
