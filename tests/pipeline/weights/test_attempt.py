"""Weights that nobody named are fetched only if that takes seconds, and a failure is remembered."""

import logging
import os
import time

import pytest
from support.made_ir import small_model
from support.weights_helpers import answer, free_port, left_in, refused, serving

from faceunlock.pipeline import weights
from faceunlock.pipeline.models.registry import model_spec
from faceunlock.pipeline.weights import attempt, download
from faceunlock.pipeline.weights.attempt import AGAIN_AFTER, try_to_pull

SMALL, FILES = small_model()
REMEMBERED = "retail-0095.tried"


def publish(handler):
    answer(FILES[handler.path.rpartition("/")[2]])(handler)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def test_a_server_that_answers_gives_them(cache, caplog):
    with serving(publish) as server, caplog.at_level(logging.WARNING, "faceunlock"):
        assert try_to_pull(SMALL, cache, mirror=server.url)
    assert weights.verify(SMALL, cache).status == "present" and REMEMBERED not in left_in(cache)
    assert [record.getMessage() for record in caplog.records] == [
        "Downloading the weights of retail-0095 (0 MB), only this once"
    ]


def test_a_failure_is_remembered_for_an_hour(cache):
    with serving(answer(b"", status=404)) as server:
        assert not try_to_pull(SMALL, cache, mirror=server.url)
        asked = len(server.requested)
        assert not try_to_pull(SMALL, cache, mirror=server.url)
        assert len(server.requested) == asked == 1, "not asked again"
        file = cache / "weights" / REMEMBERED
        assert file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o777 == 0o700
        os.utime(file, (time.time() - AGAIN_AFTER - 1,) * 2)
        assert not try_to_pull(SMALL, cache, mirror=server.url)
        assert len(server.requested) == 2, "an hour later"
        os.utime(file, (time.time() + 10 * AGAIN_AFTER,) * 2)
        assert not try_to_pull(SMALL, cache, mirror=server.url)
        assert len(server.requested) == 3, "a time that has not come yet says nothing"


def test_another_mirror_is_asked_at_once(cache):
    assert not try_to_pull(SMALL, cache, mirror=f"http://127.0.0.1:{free_port()}")
    with serving(publish) as server:
        assert try_to_pull(SMALL, cache, mirror=server.url)


def test_a_server_that_says_nothing_costs_two_seconds_at_most(cache, monkeypatch):
    assert attempt.ANSWER_SECONDS < 2
    monkeypatch.setattr(attempt, "ANSWER_SECONDS", 0.1)
    with serving(lambda handler: time.sleep(3)) as server:
        started = time.monotonic()
        assert not try_to_pull(SMALL, cache, mirror=server.url)
        assert time.monotonic() - started < 2
    assert left_in(cache) == [REMEMBERED]


def test_a_slow_download_is_given_up(cache, monkeypatch):
    """The server answers, but what it sends would take a minute."""
    monkeypatch.setattr(attempt, "FETCH_SECONDS", 0.3)
    monkeypatch.setattr(download, "CHUNK", 64)

    def slowly(handler):
        content = FILES[handler.path.rpartition("/")[2]]
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        for start in range(0, len(content) if handler.command == "GET" else 0, 64):
            handler.wfile.write(content[start : start + 64])
            time.sleep(0.1)

    with serving(slowly) as server:
        started = time.monotonic()
        assert not try_to_pull(SMALL, cache, mirror=server.url)
        assert time.monotonic() - started < 2
    assert left_in(cache) == [REMEMBERED]


def test_a_file_that_vanishes_after_the_answer_is_a_failure(cache):
    def vanishing(handler):
        answer(b"x", status=200 if handler.command == "HEAD" else 404)(handler)

    with serving(vanishing) as server:
        assert not try_to_pull(SMALL, cache, mirror=server.url)
    assert left_in(cache) == [REMEMBERED]


def test_wrong_weights_are_an_error_and_not_a_reason_for_another_model(cache):
    files = {name: content[:-1] + b"?" for name, content in FILES.items()}
    with serving(lambda handler: answer(files[handler.path.rpartition("/")[2]])(handler)) as server:
        refused("weights-corrupt", try_to_pull, SMALL, cache, mirror=server.url)
    assert left_in(cache) == []


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with serving(publish) as server:
        assert not try_to_pull(SMALL, tmp_path / "file", mirror=server.url)


def test_nothing_is_fetched_for_a_model_in_a_package(cache):
    assert try_to_pull(model_spec("compact"), cache)
    assert not cache.exists()


@pytest.mark.parametrize("length", [None, 100_000])
def test_a_download_of_drops_is_given_up(cache, monkeypatch, length):
    monkeypatch.setattr(attempt, "FETCH_SECONDS", 0.2)

    def drip(handler):
        handler.send_response(200)
        if length is not None:
            handler.send_header("Content-Length", str(length))
        handler.end_headers()
        for _ in range(60 if handler.command == "GET" else 0):
            handler.wfile.write(b"x")
            time.sleep(0.05)

    with serving(drip) as server:
        started = time.monotonic()
        assert not try_to_pull(SMALL, cache, mirror=server.url)
        assert time.monotonic() - started < 2
    assert left_in(cache) == [REMEMBERED]
