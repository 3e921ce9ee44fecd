"""How long a client may keep a connection without asking, or without reading the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.h11_impl import H11Protocol

ASKING_SECONDS = 5.0
"""How long a request may take until its headers are here; also how long a connection may be silent."""

READING_SECONDS = 30.0
"""How long a client may read nothing of an answer that waits for it."""


class Impatient(H11Protocol):
    """A connection that ends if its client dawdles, since there may be only so many at a time.

    A form that comes slowly is not its business: `faceunlock.web.uploads` answers that.
    """

    _asking: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._await_request()

    def data_received(self, data: bytes) -> None:
        """Go on to wait if this was not yet a whole request, however slowly its bytes come."""
        super().data_received(data)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        for timer in (self._asking, self._reading):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read."""
        super().pause_writing()
        self._reading = self._reading or self._later(READING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Wait no more: the client reads again."""
        super().resume_writing()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _await_request(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self._asking = self._asking or self._later(ASKING_SECONDS, self.transport.close)
        elif self._asking is not None:
            self._asking.cancel()
            self._asking = None

    def _later(self, seconds: float, end: Callable[[], None]) -> asyncio.TimerHandle:
        return self.loop.call_later(seconds, end)
