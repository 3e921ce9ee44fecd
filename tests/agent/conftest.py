"""A resident process inside this process, with a detector and an embedder that need no network."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace

import pytest

from faceunlock.agent import client, control, protocol
from faceunlock.agent.listener import listening
from faceunlock.agent.server import Server
from faceunlock.cli.resident import Answerer
from faceunlock.settings import load_settings, locate


@pytest.fixture(autouse=True)
def without_settings(no_settings):
    """No variable of whoever runs the tests says anything."""


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
