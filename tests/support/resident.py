"""Fixtures of the resident process: galleries that need no network, and what a client asks."""

from __future__ import annotations

import os

import pytest
from support.fakes import FakeDetector, FakeEmbedder

from faceunlock.agent import client
from faceunlock.cli import resident as answering
from faceunlock.unlock import FaceUnlock


@pytest.fixture
def no_settings(monkeypatch):
    for variable in [name for name in os.environ if name.startswith("FACEUNLOCK_")]:
        monkeypatch.delenv(variable)


@pytest.fixture
def loaded(monkeypatch, shipped):
    """How often a gallery was opened with its models."""
    opened = []

    def fake(**options):
        opened.append(FaceUnlock(detector=FakeDetector(), embedder=FakeEmbedder(), **options))
        return opened[-1]

    monkeypatch.setattr(answering, "FaceUnlock", fake)
    return opened


@pytest.fixture
def question(home):
    """The fields of a question about a photo of that gallery."""

    def ask(photo, *words):
        said = client.understand(["verify", str(photo), *words])
        assert said is not None
        return [*client._fields("verify", str(home), os.environ), *client._given(said)]

    return ask
