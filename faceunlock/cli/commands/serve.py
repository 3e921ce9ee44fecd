"""``faceunlock serve``: a page of your own, to try photos and manage people."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.exits import EXIT_INTERRUPTED
from faceunlock.cli.options import command
from faceunlock.cli.session import Session
from faceunlock.errors import WebError


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "serve")(serve)


def serve(
    session: Session,
    port: Annotated[
        int,
        typer.Option("--port", metavar="N", min=0, max=65535, help="Port; any free one if omitted."),
    ] = 0,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Refuse everything that changes people or thresholds.")
    ] = False,
) -> None:
    """Serve a page in your browser: try photos, enroll people, move the threshold.

    The page answers only you, on this machine, through the address that is printed. Its HTTP API is
    described in docs/http.md. It ends with Ctrl-C.
    """
    try:
        from faceunlock.web.server import Server, bound
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "faceunlock":
            raise
        raise WebError("web-support-missing") from error
    import signal

    from faceunlock.cli.served import CommandDocuments
    from faceunlock.files.limits import NETWORK_FILES, NETWORK_MEMORY, no_core_dump, require

    require(NETWORK_MEMORY, NETWORK_FILES)
    no_core_dump()
    documents = CommandDocuments(session.locations.home)
    server = Server(
        bound(port),
        session.unlock,
        documents,
        max_pixels=session.settings.max_pixels,
        read_only=read_only,
    )
    received: list[int] = []

    def end(number: int, _frame: object) -> None:
        received.append(number)
        server.stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    address = f"{server.address}?token={server.token}"
    session.console.answer(
        address,
        {"address": address, "port": server.port, "token": server.token, "read_only": read_only},
        as_is=True,
    )
    session.console.note("Only you can use this address. Ctrl-C ends it.")
    with _opened(address, session.locations.cache) if open_ else contextlib.nullcontext():
        server.serve()
    if signal.SIGINT in received:
        raise typer.Exit(EXIT_INTERRUPTED)


@contextlib.contextmanager
def _opened(address: str, cache: Path) -> Iterator[None]:
    """Open an address in the browser through a private file, and remove the file in the end.

    Any user can read the command lines of all programs, so the token must not be in the browser's.
    """
    import webbrowser

    from faceunlock.files.private import atomic_write, make_private_directories

    file = cache / "open-page.html"
    make_private_directories(cache)
    page = (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>faceunlock</title>'
        f'<meta http-equiv="refresh" content="0;url={address}"></head>'
        f'<body><p><a href="{address}">Go on to the page</a></p></body></html>'
    )
    atomic_write(file, page.encode())
    try:
        webbrowser.open(file.as_uri())
        yield
    finally:
        file.unlink(missing_ok=True)
