"""Requests wait their turn while pages are answered, and the server ends in good order."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import ExitStack

import pytest
from support.fakes import FakeDetector, FakeEmbedder, paint
from support.served import Client, form, png, serving

from faceunlock.errors import WebError
from faceunlock.unlock import FaceUnlock
from faceunlock.web import patience, server, uploads, worker
from faceunlock.web.server import CONNECTIONS, bound


@pytest.fixture
def held(tmp_path):
    """A server whose work waits for an event, and how many pieces of work ran at once."""
    free, running, most = threading.Event(), [], []

    class Held(FaceUnlock):
        def summaries(self):
            running.append(1)
            most.append(len(running))
            assert free.wait(20)
            running.pop()
            return super().summaries()

    def unlock():
        return Held(tmp_path / "home", detector=FakeDetector(), embedder=FakeEmbedder())

    with serving(tmp_path / "home", unlock=unlock) as client:
        yield client, free, most
        free.set()


def in_threads(count, task):
    threads = [threading.Thread(target=task) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_work_is_done_one_after_another_while_pages_are_answered(held):
    client, free, most = held
    replies = []
    threads = in_threads(3, lambda: replies.append(client.api("GET", "people")))
    for path in ("/", "/people", "/state", "/static/try.js"):
        assert client("GET", path).status == 200
    assert not replies
    free.set()
    for thread in threads:
        thread.join(20)
    assert [reply.status for reply in replies] == [200] * 3 and max(most) == 1


def test_too_many_requests_are_told_at_once(held, monkeypatch):
    client, free, _ = held
    monkeypatch.setattr(worker, "WAITING", 2)
    replies = []
    threads = in_threads(6, lambda: replies.append(client.api("GET", "people")))
    while len(replies) < 4:
        pass
    assert {reply.slug for reply in replies} == {"server-busy"} and replies[0].status == 503
    free.set()
    for thread in threads:
        thread.join(20)
    assert sum(reply.status == 200 for reply in replies) == 2


def test_a_slow_client_stops_nobody_else(shared, monkeypatch):
    monkeypatch.setattr(uploads, "UPLOAD_SECONDS", 0.3)
    server = shared.server
    with (
        socket.create_connection(("127.0.0.1", server.port)) as slow,
        socket.create_connection(("127.0.0.1", server.port)) as silent,
    ):
        slow.sendall(
            b"POST /api/v1/verify HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"
            b"Content-Type: multipart/form-data; boundary=y\r\nContent-Length: 1000\r\n\r\n--y\r\n"
            % (server.port, server.token.encode())
        )
        silent.sendall(b"GET / HT")
        fields = [("photos", png(paint(1, 9)))]
        assert shared.api("POST", "identify", fields).data["names"] == ["Ada"]
        slow.settimeout(20)
        answer = slow.recv(4096)
        assert b" 408 " in answer.splitlines()[0]


def test_connections_that_never_ask_are_closed(shared, monkeypatch):
    monkeypatch.setattr(patience, "ASKING_SECONDS", 0.4)
    monkeypatch.setattr(shared.server._server.config, "timeout_keep_alive", 0.4)
    port, token = shared.server.port, shared.server.token.encode()
    asked = b"GET /state HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n" % (port, token)
    with ExitStack() as held:
        all_of_them = [
            held.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(CONNECTIONS)
        ]
        for number, one in enumerate(all_of_them):
            # Nothing at all, half a line, headers without end, an answer and then half a question, and a body
            # after the answer.
            one.sendall(
                (b"", b"GET / HT", asked, asked + b"\r\nGET", asked + b"Content-Length: 9\r\n\r\n1")[
                    number % 5
                ]
            )
        for one in all_of_them:
            one.settimeout(20)
            while one.recv(4096):  # until the server ends it
                pass
        assert shared.api("GET", "people").status == 200


def test_a_trickle_of_headers_is_not_waited_for(shared, monkeypatch):
    monkeypatch.setattr(patience, "ASKING_SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", shared.server.port)) as one, pytest.raises(OSError):
        for _ in range(200):
            one.sendall(b"X")
            time.sleep(0.02)


def test_a_client_that_does_not_read_its_answer_is_cut_off(shared, monkeypatch, tmp_path):
    monkeypatch.setattr(patience, "READING_SECONDS", 0.3)
    ended = threading.Event()

    class Watched(patience.Impatient):
        def connection_lost(self, exc):
            super().connection_lost(exc)
            ended.set()

    async def huge(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(100):
            await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})

    monkeypatch.setattr(shared.server._server.config, "http_protocol_class", Watched)
    monkeypatch.setattr(shared.server._server.config, "loaded_app", huge)
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", shared.server.port))
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert ended.wait(20)


def test_work_that_nobody_waits_for_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "FAREWELL_SECONDS", 0.1)
    started, ended, counted, closed = threading.Event(), threading.Event(), [], []
    in_time = []

    def photos_without_end():
        try:
            yield from range(10_000)
        finally:
            closed.append(threading.current_thread())

    class Endless(FaceUnlock):
        def identify(self, photos, track, **options):
            started.set()
            try:
                for number in track(photos_without_end(), 10_000, "photos"):
                    counted.append(number)
                    time.sleep(0.01)
            finally:
                in_time.append(closed == [threading.current_thread()])
                ended.set()

    def unlock():
        return Endless(tmp_path / "home", detector=FakeDetector(), embedder=FakeEmbedder())

    with serving(tmp_path / "home", unlock=unlock) as client:
        body, kind = form([("photos", png(paint(1, 9)))])
        with socket.create_connection(("127.0.0.1", client.server.port)) as gone:
            gone.sendall(
                b"POST /api/v1/identify HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"
                b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n"
                % (client.server.port, client.server.token.encode(), kind.encode(), len(body))
                + body
            )
            assert started.wait(20)
            assert "of 10,000 photos" in json.loads(client("GET", "/state").body)["words"]
        assert ended.wait(20) and len(counted) < 10_000
        assert client.api("GET", "people").status == 200
        # The end of the server is not kept waiting either.
        closed.clear()
        started.clear()
        ended.clear()
        threading.Thread(target=client.api, args=("POST", "identify", [("photos", png(paint(1, 9)))])).start()
        assert started.wait(20)
    assert ended.is_set() and in_time == [True, True]


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * (1 << 17) + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ],
)
def test_what_is_no_proper_request_is_refused(shared, sent):
    with socket.create_connection(("127.0.0.1", shared.server.port)) as one:
        one.settimeout(20)
        try:
            one.sendall(sent)
            answer = one.recv(4096)
        except ConnectionError:
            answer = b""
    assert answer == b"" or answer.split()[1] in (b"400", b"403")
    assert shared.api("GET", "people").status == 200


def test_nothing_uploaded_touches_a_disk(shared, monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("a temporary file")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
    noisy = paint(1, 9).repeat(1, axis=0)
    photo = png(noisy)
    padded = (photo[0], photo[1] + b"\0" * (3 << 20))  # more than a form keeps in memory by default
    assert shared.api("POST", "identify", [("photos", padded)]).data["names"] == ["Ada"]


def test_a_port_that_is_taken_is_an_error():
    first = bound()
    try:
        port = first[0].getsockname()[1]
        with pytest.raises(WebError) as caught:
            bound(port)
        assert caught.value.slug == "port-unavailable" and str(port) in caught.value.message
        assert {one.getsockname()[1] for one in first} == {port}
    finally:
        for one in first:
            one.close()


def test_the_server_waits_for_the_answer_in_progress(held):
    client, free, _ = held
    replies = []
    (thread,) = in_threads(1, lambda: replies.append(client.api("GET", "people")))
    while not held[2]:
        pass
    client.server.stop()
    free.set()
    thread.join(20)
    assert replies[0].status == 200
    with pytest.raises(OSError):
        for _ in range(200):
            Client(client.server)("GET", "/state")


def test_progress_is_told_in_words():
    progress = worker.Progress()
    assert progress.words == ""
    progress.download(1_000_000, 4_000_000)
    assert progress.words == "Downloading the model: 1 of 4 MB"
    progress.download(4_000_000, 4_000_000)
    progress.preparation("a", 1, 4)
    progress.preparation("b", 0, 4)
    assert progress.words == "First use: preparing the networks, 12 %"
    for name in "ab":
        progress.preparation(name, 4, 4)
    assert progress.words == ""
    seen = [progress.words for _ in progress.track(iter("ab"), 1_200, "a folder")]
    assert seen == ["1 of 1,200 photos", "2 of 1,200 photos"] and progress.words == ""
