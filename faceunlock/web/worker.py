"""One thread that does the work of all requests, one after another, with models kept loaded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from faceunlock.errors import ModelError, SettingsError, WebError
from faceunlock.unlock import FaceUnlock

WAITING = 16
"""Requests that may wait for the worker; any further one is refused at once."""

T = TypeVar("T")


def aborted() -> SettingsError:
    """Return the error of a task that was stopped, or that nobody waits for."""
    return SettingsError("aborted", "It was stopped before it was done.", hint="Nothing was changed.")


class Progress:
    """What the worker is doing, in words, for a page that asks; written by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._networks: dict[str, tuple[int, int]] = {}
        self._bytes: tuple[int, int] | None = None
        self._count: tuple[int, int] | None = None
        self._stop = threading.Event()

    def begin(self, stop: threading.Event) -> None:
        """Note that a task begins, and what tells that nobody waits for it any more."""
        with self._lock:
            self._stop = stop

    def stop(self) -> None:
        """Make the task in progress end at its next photo."""
        with self._lock:
            self._stop.set()

    def track(self, items: Iterable[Any], total: int, label: str) -> Iterator[Any]:
        """Yield photos and count them; a `faceunlock.pipeline.samples.Track`.

        Raises
        ------
        SettingsError
            ``aborted`` if nobody waits any more.
        """
        stop = self._stop
        try:
            self._note(0, total)
            for done, item in enumerate(items, start=1):
                if stop.is_set():
                    raise aborted()
                self._note(done, total)
                yield item
        finally:
            if isinstance(items, Generator):
                items.close()  # now and here: its threads could not wait for themselves
            with self._lock:
                self._count = None

    def _note(self, done: int, total: int) -> None:
        with self._lock:
            self._count = done, total

    def download(self, done: int, total: int) -> None:
        """Note how far a download of weights is, in bytes."""
        with self._lock:
            self._bytes = None if done >= total else (done, total)

    def preparation(self, network: str, done: int, steps: int) -> None:
        """Note how far a network is that is made at first use."""
        with self._lock:
            self._networks[network] = done, steps
            if all(some == every for some, every in self._networks.values()):
                self._networks.clear()

    @property
    def words(self) -> str:
        """What takes long now; empty if it is nothing but the photos themselves."""
        with self._lock:
            if self._bytes is not None:
                done, total = self._bytes
                return f"Downloading the model: {done / 1e6:.0f} of {total / 1e6:.0f} MB"
            if self._networks:
                done = sum(some for some, _ in self._networks.values())
                steps = sum(every for _, every in self._networks.values())
                return f"First use: preparing the networks, {100 * done // max(steps, 1)} %"
            if self._count is not None:
                done, total = self._count
                return f"{done:,} of {total:,} photos"
            return ""


class Worker:
    """Does tasks with one gallery, each after the one before it.

    Parameters
    ----------
    open_unlock : callable
        Returns the gallery with nothing loaded; called in the worker's thread, again after a model failed.
    """

    def __init__(self, open_unlock: Callable[[Progress], FaceUnlock]) -> None:
        self.progress = Progress()
        self._open = open_unlock
        self._unlock: FaceUnlock | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="faceunlock-page")
        self._waiting = 0

    async def ask(self, task: Callable[[FaceUnlock], T], gone: Callable[[], Awaitable[None]]) -> T:
        """Return what a task returns, once it was its turn.

        Parameters
        ----------
        task : callable
        gone : callable
            Returns when nobody waits for the answer any more. The task is then left out, or ends at its next
            photo if it counts its photos.

        Raises
        ------
        WebError
            ``server-busy`` if too many wait already.
        SettingsError
            ``aborted`` if nobody waits any more.
        """
        if self._waiting >= WAITING:
            raise WebError("server-busy")
        self._waiting += 1
        stop = threading.Event()
        watch = asyncio.ensure_future(gone())
        try:
            work = asyncio.get_running_loop().run_in_executor(self._thread, self._do, task, stop)
            either: set[asyncio.Future[Any]] = {work, watch}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                stop.set()
            return await work
        finally:
            watch.cancel()
            self._waiting -= 1

    def close(self) -> None:
        """Finish the task in progress, at its next photo if it counts them; close the gallery."""
        self.progress.stop()
        self._thread.submit(self._forget)
        self._thread.shutdown(wait=True)

    def _do(self, task: Callable[[FaceUnlock], T], stop: threading.Event) -> T:
        if stop.is_set():
            raise aborted()
        self.progress.begin(stop)
        if self._unlock is None:
            self._unlock = self._open(self.progress)
        try:
            return task(self._unlock)
        except ModelError:
            self._forget()  # the missing file may be there next time
            raise

    def _forget(self) -> None:
        if self._unlock is not None:
            self._unlock.close()
            self._unlock = None
