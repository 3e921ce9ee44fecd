"""Who may ask: this user of this machine, through the page that was opened or with its token."""

from __future__ import annotations

import hmac
import ipaddress
import os
import secrets
import sys
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from faceunlock.errors import WebError
from faceunlock.web.answers import Documents, refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

API = "/api/v1/"
SAFE = ("GET", "HEAD")
CSRF = "x-faceunlock-csrf"
"""Header that the page's own script sends with whatever changes something."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}

# Not a redirect: a page that a file opened must itself ask for the next one, or the browser keeps back a
# cookie that is only for requests of the same site.
WELCOME = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>faceunlock</title>'
    '<meta name="color-scheme" content="light dark"><meta http-equiv="refresh" content="0;url=/">'
    '<link rel="icon" href="data:,"></head>'
    '<body><p><a href="/">Go on to the page</a></p></body></html>'
)


class Gate:
    """Lets a request through, or answers it with the reason; adds the headers of every response.

    Parameters
    ----------
    app : ASGI application
    port : int
        The port that clients name.
    documents : Documents

    Attributes
    ----------
    token : str
        What the printed address holds.
    csrf : str
        What a page's own script must send with whatever changes something.
    """

    def __init__(self, app: ASGIApp, port: int, documents: Documents) -> None:
        self._app, self._port, self._documents = app, port, documents
        self._hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "[::1]", "localhost"))
        self._cookie, self._session = f"faceunlock-{port}", secrets.token_urlsafe(32)
        self.token, self.csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":  # a websocket: nothing here speaks it
            await send({"type": "websocket.close", "code": 1008})
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        scope["state"] = {"csrf": self.csrf}
        answer: ASGIApp = self._decided(scope) or self._app
        await answer(scope, receive, guarded)

    def _decided(self, scope: Scope) -> Response | None:
        """Return the answer to a request that does not get through; None for one that does."""
        headers = Headers(scope=scope)
        reason = self._foreign(scope, headers)
        if reason is not None:
            return self._refused(scope, reason)
        if _is_bearer(headers.get("authorization"), self.token):
            return None
        if scope["path"] == "/" and scope["method"] == "GET" and _is_query(scope["query_string"], self.token):
            return self._welcome()
        if not self._has_cookie(headers):
            return self._refused(scope, "open the address that faceunlock serve printed")
        if scope["method"] not in SAFE and not _same(headers.get(CSRF), self.csrf):
            return self._refused(scope, "the page is from another run; load it again")
        return None

    def _foreign(self, scope: Scope, headers: Headers) -> str | None:
        """Return why a request was not sent by this machine's user on purpose; None if it may have been."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return "the address does not name this machine"
        origins = headers.getlist("origin")
        if origins and origins != [f"http://{hosts[0].lower()}"]:
            return "another page sent it"
        opened = headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and not opened:
            return "another page sent it"
        if user_of(scope["client"], self._port) not in (None, 0, os.getuid()):
            return "another user of this machine sent it"
        return None

    def _refused(self, scope: Scope, reason: str) -> Response:
        error = WebError("not-admitted", f"The request was not admitted: {reason}.")
        if scope["path"].startswith(API):
            return refusal(self._documents, "", error)
        return PlainTextResponse(f"faceunlock: {error.message}\n  {error.hint}\n", 403)

    def _welcome(self) -> Response:
        response = HTMLResponse(WELCOME)
        response.set_cookie(self._cookie, self._session, path="/", httponly=True, samesite="strict")
        return response

    def _has_cookie(self, headers: Headers) -> bool:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return found is not None and _same(found.value, self._session)


def user_of(client: tuple[str, int] | None, port: int, tables: Path = Path("/proc/net")) -> int | None:
    """Return the user whose program opened a connection to a local port; None where that is not told.

    Parameters
    ----------
    client : tuple of str and int, or None
        Address and port of the other end.
    port : int
        The port of this end.
    tables : Path
        Where the system lists its connections; Linux does, in ``tcp`` and ``tcp6``.
    """
    if client is None:
        return None
    address, number = ipaddress.ip_address(client[0]), client[1]
    step = -1 if sys.byteorder == "little" else 1
    words = [address.packed[at : at + 4][::step] for at in range(0, len(address.packed), 4)]
    theirs = f"{b''.join(words).hex().upper()}:{number:04X}"
    try:
        listed = (tables / ("tcp" if address.version == 4 else "tcp6")).read_text(encoding="ascii")
    except OSError:
        return None
    for line in listed.splitlines()[1:]:
        fields = line.split()
        if fields[1] == theirs and fields[2].endswith(f":{port:04X}"):
            return int(fields[7])
    return None


def _same(given: str | None, right: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), right.encode())


def _is_bearer(given: str | None, token: str) -> bool:
    kind, _, value = (given or "").partition(" ")
    return kind.lower() == "bearer" and _same(value.strip(), token)


def _is_query(query: bytes, token: str) -> bool:
    return _same(query.decode("latin-1"), f"token={token}")
