"""A served home with Ada enrolled, painted by the fakes."""

from __future__ import annotations

import pytest
from support.served import enrol_ada, serving


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """For requests that change nothing but counts and the log."""
    folder = tmp_path_factory.mktemp("shared")
    enrol_ada(folder / "home", folder)
    with serving(folder / "home") as client:
        yield client


@pytest.fixture
def served(tmp_path):
    """For requests that may change everything."""
    enrol_ada(tmp_path / "home", tmp_path)
    with serving(tmp_path / "home") as client:
        yield client
