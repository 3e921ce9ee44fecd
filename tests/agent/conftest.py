"""A resident process inside this process, with a detector and an embedder that need no network."""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import replace

import pytest
from fakes import FakeDetector, FakeEmbedder

from faceunlock.agent import client, control, protocol
from faceunlock.agent.listener import listening
from faceunlock.agent.server import Server
from faceunlock.cli import resident as answering
from faceunlock.cli.resident import Answerer
from faceunlock.settings import load_settings, locate
from faceunlock.unlock import FaceUnlock


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    for variable in [name for name in os.environ if name.startswith("FACEUNLOCK_")]:
        monkeypatch.delenv(variable)


@pytest.fixture
def loaded(monkeypatch, shipped):
    """How often a gallery was opened with its models."""
    opened = []

    def fake(**options):
        opened.append(FaceUnlock(detector=FakeDetector(), embedder=FakeEmbedder(), **options))
        return opened[-1]

    monkeypatch.setattr(answering, "FaceUnlock", fake)
    return opened


@pytest.fixture
def question(home):
    """The fields of a question about a photo of that gallery."""

    def ask(photo, *words):
        said = client.understand(["verify", str(photo), *words])
        assert said is not None
        return [*client._fields("verify", str(home), os.environ), *client._given(said)]

    return ask


@pytest.fixture
def serving(home, loaded):
    """Serve until the end of a ``with`` block; gives the server and the path of its socket."""

    @contextlib.contextmanager
    def serve(answerer=None, **settings):
        locations = locate(home, {})
        chosen = replace(load_settings(locations.config, {}), **settings)
        path = control.socket_of(locations)
        with listening(path, {}) as listener:
            server = Server(listener, answerer or Answerer(locations), chosen)
            thread = threading.Thread(target=server.serve)
            thread.start()
            try:
                yield server, path
            finally:
                server.stop()
                thread.join(20)
                assert not thread.is_alive()

    return serve


@pytest.fixture
def exchange():
    """Say something to a resident process and return all frames that come back."""

    def say(path, message, photo=None, hold=None):
        frames = []
        with client.connect(str(path)) as connection:
            if photo is None:
                connection.sendall(message)
            else:
                with open(photo, "rb") as opened:  # noqa: PTH123
                    rights = [(1, 1, client._descriptor(opened.fileno()))]
                    connection.sendmsg([message], rights)
            while True:
                try:
                    frames.append(protocol.receive(connection, protocol.MAX_ANSWER, hold or 20))
                except ConnectionResetError:
                    return frames

    return say
