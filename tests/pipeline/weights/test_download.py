"""What networks and servers do to a pull of weights, seen from the outside."""

import dataclasses
import threading
import time

import pytest
from support.weights_helpers import answer, free_port, left_in, refused, serving

from faceunlock.pipeline import weights
from faceunlock.pipeline.models.registry import model_spec
from faceunlock.pipeline.weights import download
from faceunlock.pipeline.weights.pull import can_fetch, pull

CASIA = model_spec("casia-webface")
VGGFACE2 = model_spec("vggface2")
DLIB = model_spec("dlib")


@pytest.fixture(autouse=True)
def no_torch_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch-home"))


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.mark.parametrize(
    "mirror",
    [
        "http://example.org/files",
        "ftp://example.org",
        "file:///etc",
        "nonsense",
        "http://",
        "http://10.0.0.1",
        "https://[",
    ],
)
def test_only_https_or_this_machine(cache, mirror):
    for call in (pull, can_fetch):
        arguments = (VGGFACE2, cache) if call is pull else (VGGFACE2,)
        assert "--from" in refused("bad-setting", call, *arguments, mirror=mirror).hint


def test_a_redirect_to_an_insecure_place_is_not_followed(cache):
    def redirect(handler):
        handler.send_response(302)
        handler.send_header("Location", f"http://127.0.0.2.example.invalid:{handler.server.server_port}/x")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with serving(redirect) as server:
        error = refused("download-failed", pull, CASIA, cache, mirror=server.url)
    assert "example.invalid" in error.message
    assert len(server.requested) == 1
    assert left_in(cache) == []


def stalled(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b"x" * 1000)
    handler.wfile.flush()
    time.sleep(1.5)


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100_000):
        handler.wfile.write(b"x" * 65536)


@pytest.mark.parametrize(
    ("respond", "slug", "words"),
    [
        (answer(b"", status=404), "download-failed", "404"),
        (answer(b"oops", status=500), "download-failed", "500"),
        (answer(b"x" * 1000, length=5000), "download-failed", "broke off"),
        (answer(b"x" * 70_000, length=10**12), "download-failed", "larger"),
        (answer(b"<html>Welcome to the Wi-Fi</html>"), "weights-corrupt", "not a PyTorch file"),
        (answer(b""), "weights-corrupt", "not a PyTorch file"),
        (stalled, "download-failed", "in time"),
        (endless, "download-failed", "larger"),
    ],
)
def test_bad_servers(cache, monkeypatch, respond, slug, words):
    monkeypatch.setattr(download, "READ_TIMEOUT", 0.3)
    spec = dataclasses.replace(CASIA, size_bytes=100_000)
    with serving(respond) as server:
        error = refused(slug, pull, spec, cache, mirror=server.url)
    assert words in error.message
    assert "--model compact" in error.hint
    assert left_in(cache) == []
    assert weights.find(spec, cache).status == "absent"


def test_refused_connection(cache):
    error = refused("download-failed", pull, CASIA, cache, mirror=f"http://127.0.0.1:{free_port()}")
    assert "no connection" in error.message
    assert left_in(cache) == []


def test_unknown_host(cache):
    error = refused("download-failed", pull, CASIA, cache, mirror="https://no-such-host.invalid")
    assert "no-such-host.invalid" in error.message
    assert error.retryable


def test_no_tls(cache):
    with serving(answer(b"")) as server:
        mirror = server.url.replace("http:", "https:")
        refused("download-failed", pull, CASIA, cache, mirror=mirror)


def test_can_fetch(monkeypatch):
    with serving(answer(b"x")) as server:
        assert can_fetch(VGGFACE2, server.url)
    with serving(answer(b"", status=404)) as server:
        assert not can_fetch(VGGFACE2, server.url)
    assert not can_fetch(VGGFACE2, f"http://127.0.0.1:{free_port()}")
    with serving(lambda handler: time.sleep(1.5)) as server:
        assert not can_fetch(VGGFACE2, server.url, timeout=0.2)
    assert can_fetch(DLIB)


def test_can_fetch_does_not_wait_for_a_name(monkeypatch):
    forever = threading.Event()
    monkeypatch.setattr(download, "_ask", lambda *args: forever.wait(60))
    assert not can_fetch(VGGFACE2, "https://example.invalid", timeout=0.05)
    forever.set()
