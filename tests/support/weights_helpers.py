"""A server on this machine, and what tests of weights ask again and again."""

import socket
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from faceunlock.errors import ModelError, SettingsError


@contextmanager
def serving(respond):
    """A server on this machine; `respond` gets the request handler."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            requested.append(self.path)
            with suppress(BrokenPipeError, ConnectionResetError):  # the client has had enough
                respond(self)

        do_HEAD = do_GET

        def log_message(self, *args):
            pass

    requested = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        server.requested = requested
        server.url = f"http://127.0.0.1:{server.server_port}/files"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def answer(data, *, status=200, length=None):
    def respond(handler):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(data) if length is None else length))
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(data)

    return respond


def publish(files):
    """Answer with the file that was asked for, by its name."""

    def respond(handler):
        name = handler.path.rpartition("/")[2]
        answer(files.get(name, b""), status=200 if name in files else 404)(handler)

    return respond


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def left_in(cache):
    """What lies in the cache, but for the lock."""
    return sorted(path.name for path in cache.rglob("*") if path.is_file() and path.name != ".lock")


def refused(slug, call, *args, **options):
    with pytest.raises((ModelError, SettingsError)) as caught:
        call(*args, **options)
    assert caught.value.slug == slug, caught.value
    return caught.value
