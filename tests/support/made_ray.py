"""A Ray cluster without Ray: workers in this process, which answer out of order, die, or see other photos."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from support.fakes import IDENTITY, FakeDetector, FakeEmbedder

from faceunlock.gallery.journal import PURPOSE, Journal
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.tasks import ray_worker
from faceunlock.tasks.ray_reading import RayAcquisition, RayReading
from faceunlock.tasks.ray_worker import Looker


class MadeCluster:
    """Looks at photos in this process, the last block first.

    Attributes
    ----------
    looked : list of int
        The index of every photo that was really looked at.
    dies_after : int or None
        Raises KeyboardInterrupt after so many blocks, as a killed command would end.
    """

    def __init__(self, block: int = 3) -> None:
        self.block, self.looked, self.dies_after = block, [], None
        self.change = lambda answer: answer

    def look(self, asked, *arguments):
        looker = Looker(*arguments)
        blocks = [asked[start : start + self.block] for start in range(0, len(asked), self.block)]
        for number, block in enumerate(reversed(blocks)):
            if number == self.dies_after:
                raise KeyboardInterrupt
            answers = [self.change(answer) for answer in looker.look(block)]
            self.looked += [answer.index for answer in answers if answer.state == "seen"]
            yield "worker-1", answers


def words(unlock):
    """Return what a worker of this gallery is told."""
    return {"settings": asdict(unlock.settings), "cache": str(unlock.locations.cache), "device": "cpu"}


class MadeReading(RayReading):
    """A bulk enrolment whose workers are made ones; the journal and everything else are real."""

    cluster: MadeCluster

    def __init__(self, workspace, address, *, keep=True):
        given, workspace.choice.loader._given_detector = workspace.choice.loader._given_detector, None
        own, workspace.choice.loader._given = workspace.choice.loader._given, None
        try:
            super().__init__(workspace, address, keep=keep)
        finally:
            workspace.choice.loader._given_detector, workspace.choice.loader._given = given, own

    def reader(self, workspace, known, photos):
        workspace.choice.check(known, IDENTITY)
        if self._keep and self._journal is None:
            key = workspace.gallery.derived_key(PURPOSE)
            self._journal = self._stack.enter_context(Journal(workspace.locations.data, key))
        return RayAcquisition(lambda: self.cluster, self._journal, IDENTITY, words(workspace)), IDENTITY


@pytest.fixture
def made_cluster(monkeypatch):
    """Workers with the fake networks, in place of a cluster."""

    def loaded(settings, words):
        return None, Acquisition(FakeDetector(), FakeEmbedder(), max_pixels=settings.max_pixels,
                                 min_face_pixels=settings.min_face_pixels)  # fmt: skip

    cluster = MadeCluster()
    monkeypatch.setattr(ray_worker, "loaded", loaded)
    monkeypatch.setattr(ray_worker, "needs_apart", lambda *_, **__: False)
    monkeypatch.setattr(MadeReading, "cluster", cluster, raising=False)
    monkeypatch.setattr("faceunlock.tasks.ray_reading.RayReading", MadeReading)
    return cluster


def asked_for(path: Path, index: int = 0, **changes):
    """Return a question about a photo as a driver asks it."""
    info = path.stat()
    given = {"size": info.st_size, "modified": info.st_mtime_ns} | changes
    return ray_worker.Asked(index, bytes(path), **given)
