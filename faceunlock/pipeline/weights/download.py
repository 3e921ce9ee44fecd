"""Download one file over HTTPS, with time limits and a one-sentence error for every failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urljoin, urlsplit

from faceunlock.errors import ModelError, SettingsError

if TYPE_CHECKING:
    import requests

Progress = Callable[[int, int], None]
"""Called with the bytes downloaded so far and the total (0: unknown)."""

CONNECT_TIMEOUT = 5.0
"""Seconds to wait for a connection."""

READ_TIMEOUT = 30.0
"""Seconds without a byte after which a server counts as stalled."""

CHUNK = 1 << 16


def check_url(url: str) -> str:
    """Return the URL if faceunlock may fetch it.

    HTTPS is required, because nothing else proves who the server is. Plain HTTP is allowed only from this
    machine (a loopback address), where nobody else can answer.

    Raises
    ------
    SettingsError
        ``bad-setting`` for anything else.

    Examples
    --------
    >>> check_url("https://example.org/weights.pt")
    'https://example.org/weights.pt'
    """
    if _allowed(url):
        return url
    raise SettingsError(
        "bad-setting",
        f"weights cannot be downloaded from {url}: only https, or http from this machine, is allowed",
        hint="Correct the setting weights_mirror, or download the file some other way and run: "
        "faceunlock models pull ID --from FILE",
    )


def fetch(
    url: str,
    output: BinaryIO,
    *,
    limit: int,
    progress: Progress | None = None,
    deadline: float | None = None,
) -> None:
    """Download a file and write it to `output`, after what it holds already.

    Parameters
    ----------
    url : str
        HTTPS, or HTTP on a loopback address; the same holds for redirects.
    output : binary file
        Open for writing, at its end. If it is not empty, only the rest is asked for; a server that cannot
        send a part sends everything, which replaces what is there.
    limit : int
        Largest size to accept, in bytes.
    progress : callable, optional
        Called with the progress of the download.
    deadline : float, optional
        When to give up, in seconds of `time.monotonic`.

    Raises
    ------
    SettingsError
        ``bad-setting`` if the URL is not allowed.
    ModelError
        ``download-failed`` for any failure of the network or the server.
    OSError
        If `output` cannot be written.
    """
    import requests

    def check_redirect(response: requests.Response, *_args: Any, **_kwargs: Any) -> None:
        # Checked before requests follows it, so that not even the request goes to an insecure place.
        target = urljoin(response.url, response.headers.get("Location", ""))
        if response.is_redirect and not _allowed(target):
            response.close()
            raise failed(url, f"the server redirects to {target}, which is neither https nor this machine")

    left = READ_TIMEOUT if deadline is None else max(0.001, deadline - time.monotonic())
    done = output.tell()
    # A compressed transfer would hide the total number of bytes.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
    try:
        with requests.get(
            check_url(url),
            stream=True,
            timeout=(min(CONNECT_TIMEOUT, left), min(READ_TIMEOUT, left)),
            headers=headers,
            hooks={"response": check_redirect},
        ) as response:
            if done and not _continues(response, done):
                output.seek(done := 0)
                output.truncate()
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                raise failed(url, "what is here already is not a part of the file")
            response.raise_for_status()
            length = response.headers.get("Content-Length", "")
            total = done + int(length) if length.isdecimal() else 0
            with _ending(response, deadline):
                for chunk in response.iter_content(CHUNK):
                    done += len(chunk)
                    if max(total, done) > limit:
                        raise failed(
                            url, f"the file is larger than {limit:,} bytes, so it cannot be the right one"
                        )
                    if _late(deadline):
                        raise failed(url, "it takes too long")
                    output.write(chunk)
                    if progress is not None:
                        progress(done, total)
            if _late(deadline):  # what was broken off may look like the end
                raise failed(url, "it takes too long")
    except requests.RequestException as error:
        raise failed(url, _reason(error)) from error


def _late(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() > deadline


@contextmanager
def _ending(response: requests.Response, deadline: float | None) -> Iterator[None]:
    """Break a download off at the deadline, also while a server sends a byte now and then."""

    def stop() -> None:
        # It may have ended by itself; and urllib3 before 2.3 cannot break off.
        with suppress(AttributeError, OSError, RuntimeError, ValueError):
            response.raw.shutdown()

    if deadline is None:
        yield
        return
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _continues(response: requests.Response, start: int) -> bool:
    """Return whether a server sends a file from this byte on, as it was asked to."""
    return response.status_code == 206 and response.headers.get("Content-Range", "").startswith(
        f"bytes {start}-"
    )


def answers(url: str, timeout: float) -> bool:
    """Return whether a server offers a file, within one time limit for everything.

    Parameters
    ----------
    url : str
        As for `fetch`.
    timeout : float
        Seconds for name resolution, connection and answer together.

    Raises
    ------
    SettingsError
        ``bad-setting`` if the URL is not allowed.
    """
    check_url(url)
    found = threading.Event()
    # requests cannot limit name resolution, which alone can take half a minute without a network. So it runs
    # in a thread that may be abandoned.
    asking = threading.Thread(target=_ask, args=(url, timeout, found), daemon=True)
    asking.start()
    asking.join(timeout)
    return found.is_set()


def failed(url: str, reason: str) -> ModelError:
    """Return the error for a download that did not complete."""
    return ModelError("download-failed", f"{url} could not be downloaded: {reason}")


def _ask(url: str, timeout: float, found: threading.Event) -> None:
    import requests

    try:
        # A redirect to the file's storage counts as a yes: following it would double the wait.
        if requests.head(url, timeout=timeout, allow_redirects=False).status_code < 400:
            found.set()
    except (requests.RequestException, OSError):
        return


def _allowed(url: str) -> bool:
    try:
        scheme, host = urlsplit(url).scheme, urlsplit(url).hostname
    except ValueError:  # such as an unclosed bracket
        return False
    return host is not None and (scheme == "https" or (scheme == "http" and _loopback(host)))


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reason(error: requests.RequestException) -> str:
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}".rstrip()
    if isinstance(error, requests.exceptions.SSLError):
        return "no secure connection to the server"
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return "the server did not answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, requests.ConnectionError):
        return "no connection to the server"
    return str(error) or type(error).__name__
