"""The server of the page: sockets of this machine only, and an end that waits for the answer in progress."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from faceunlock.errors import SettingsError, WebError
from faceunlock.files.packages import own_version
from faceunlock.unlock import FaceUnlock
from faceunlock.web import pages
from faceunlock.web.answers import Documents, json_response
from faceunlock.web.api import ENDPOINTS, Desk, route
from faceunlock.web.gate import API, Gate
from faceunlock.web.openapi import description
from faceunlock.web.patience import Impatient
from faceunlock.web.worker import Progress, Worker

CONNECTIONS = 64
"""Connections at the same time; any further request is refused."""

FAREWELL_SECONDS = 3
"""How long requests in progress may take when the server is stopped."""

_TRIES = 20


class Server:
    """Serves one gallery's page until it is stopped.

    Parameters
    ----------
    sockets : list of socket
        What `bound` returned; closed at the end.
    open_unlock : callable
        Returns the gallery; see `faceunlock.web.worker.Worker`.
    documents : Documents
    max_pixels : int
        Larger photos are refused.
    read_only : bool
        Whether requests that change who is enrolled are refused.

    Attributes
    ----------
    port : int
    address : str
        Without the token.
    token : str
    """

    def __init__(
        self,
        sockets: list[socket.socket],
        open_unlock: Callable[[Progress], FaceUnlock],
        documents: Documents,
        *,
        max_pixels: int,
        read_only: bool = False,
    ) -> None:
        self._sockets = sockets
        self.port: int = sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/"
        self._worker = Worker(open_unlock)
        desk = Desk(self._worker, documents, max_pixels, read_only)
        gate = Gate(_application(desk, self.address), self.port, documents)
        self.token = gate.token
        # Nothing of uvicorn's own: no lifespan, no websockets, no access log with names in it.
        config = uvicorn.Config(
            gate,
            http=Impatient,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=FAREWELL_SECONDS,
        )
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._server = _Quiet(config)

    def serve(self) -> None:
        """Serve until `stop`; then finish the answer in progress."""
        try:
            asyncio.run(self._server.serve(self._sockets))
        finally:
            self._worker.close()
            for one in self._sockets:
                one.close()

    def stop(self) -> None:
        """Make `serve` end soon; may be called from a signal handler and from any thread."""
        self._server.should_exit = True


class _Quiet(uvicorn.Server):
    """A server that leaves signals to the command."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bound(port: int = 0) -> list[socket.socket]:
    """Return listening sockets of 127.0.0.1 and, where there is one, of ::1 with the same port.

    Parameters
    ----------
    port : int
        0 for any free one.

    Raises
    ------
    WebError
        ``port-unavailable``.
    """
    for left in reversed(range(_TRIES)):
        first = _listening(socket.AF_INET, "127.0.0.1", port)
        try:
            return [first, _listening(socket.AF_INET6, "::1", first.getsockname()[1])]
        except WebError as error:
            cause = error.__cause__
            if not isinstance(cause, OSError) or cause.errno != errno.EADDRINUSE:
                return [first]  # this machine has no IPv6
            first.close()
            if port or not left:
                raise
    raise AssertionError("unreachable")


def _listening(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    try:
        one = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise WebError("port-unavailable") from error
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((host, port))
        one.listen(CONNECTIONS)
    except OSError as error:
        one.close()
        reason = error.strerror or error
        raise WebError("port-unavailable", f"Port {port} of {host} cannot be used: {reason}.") from error
    return one


def _application(desk: Desk, address: str) -> Starlette:
    async def described(request: Request) -> Response:
        return json_response(json.dumps(description(own_version(), address.rstrip("/"))))

    async def failed(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        said = "does not take this method" if status == 405 else "is not here"
        problem = SettingsError("usage", f"The address {said}.", hint="See: docs/http.md")
        headers = getattr(error, "headers", None)
        if request.url.path.startswith(API):
            response = json_response(desk.documents.error("", problem), status)
        else:
            response = PlainTextResponse(f"faceunlock: {problem.message}\n", status)
        response.headers.update(headers or {})
        return response

    return Starlette(
        routes=[
            Route(f"{API}openapi.json", described, methods=["GET"]),
            *(route(endpoint, desk) for endpoint in ENDPOINTS),
            *pages.routes(desk),
        ],
        exception_handlers={HTTPException: failed},
    )
