"""The page of ``faceunlock serve`` in a thread of this process, with fakes, and a client."""

from __future__ import annotations

import http.client
import json
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from support.fakes import FakeDetector, FakeEmbedder, save_person

from faceunlock.cli.served import CommandDocuments
from faceunlock.unlock import FaceUnlock
from faceunlock.web.server import Server, bound

SECONDS = 20


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document, in its promised shape."""
        document = json.loads(self.body)
        assert document["schema"] == 1
        assert set(document) == {"schema", "command", "ok", "data" if document["ok"] else "error"}
        return document

    @property
    def data(self) -> Any:
        assert self.status == 200 and self.document["ok"], self
        return self.document["data"]

    @property
    def slug(self) -> str:
        assert self.status >= 400 and not self.document["ok"], self
        return self.document["error"]["code"]


@dataclass(frozen=True)
class Client:
    """Sends requests with the token, unless told otherwise."""

    server: Server

    def __call__(
        self,
        method: str,
        path: str,
        fields: list[tuple[str, Any]] | None = None,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        token: bool = True,
    ) -> Reply:
        sent = {"Authorization": f"Bearer {self.server.token}"} if token else {}
        if fields is not None:
            body, kind = form(fields)
            sent["Content-Type"] = kind
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=SECONDS)
        try:
            connection.request(method, path, body, sent | (headers or {}))
            response = connection.getresponse()
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def api(self, method: str, path: str, fields: list[tuple[str, Any]] | None = None, **more: Any) -> Reply:
        return self(method, f"/api/v1/{path}", fields, **more)


def form(fields: list[tuple[str, Any]]) -> tuple[bytes, str]:
    """Return a form and its content type; a value is a text, or the name and content of a file."""
    boundary = uuid.uuid4().hex
    parts = []
    for name, value in fields:
        named = f'form-data; name="{name}"'
        if isinstance(value, str):
            content = value.encode()
        else:
            named += f'; filename="{value[0]}"'
            content = value[1]
        parts.append(f"--{boundary}\r\nContent-Disposition: {named}\r\n\r\n".encode() + content + b"\r\n")
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def png(image: np.ndarray, name: str = "photo.png") -> tuple[str, bytes]:
    """Return a picture as an uploaded file."""
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return name, buffer.getvalue()


def enrol_ada(home: Path, folder: Path) -> None:
    """Enroll Ada in a home, from photos that are painted into a folder."""
    save_person(folder / "ada", 1, 5)
    with FaceUnlock(home, detector=FakeDetector(), embedder=FakeEmbedder()) as unlock:
        unlock.enroll("Ada", folder / "ada")


@contextmanager
def serving(home: Path, *, read_only: bool = False, unlock: Callable[[], FaceUnlock] | None = None):
    """Serve a home with fakes, and yield a client."""
    made = unlock or (lambda: FaceUnlock(home, detector=FakeDetector(), embedder=FakeEmbedder()))
    server = Server(
        bound(),
        lambda progress: made(),
        CommandDocuments(home),
        max_pixels=4_000_000,
        read_only=read_only,
    )
    thread = threading.Thread(target=server.serve)
    thread.start()
    deadline = time.monotonic() + SECONDS
    client = Client(server)
    while True:
        try:
            client("GET", "/state")
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    try:
        yield client
    finally:
        server.stop()
        thread.join(SECONDS)
        assert not thread.is_alive()
