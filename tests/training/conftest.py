"""Folders of made faces, once for all tests that only read them."""

from __future__ import annotations

import pytest
import torch
from support.made_faces import make_people, run


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Tiny networks are slower on two."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def people(tmp_path_factory):
    """Nine people with four photos each."""
    return make_people(tmp_path_factory.mktemp("made") / "people", 9, 4)


@pytest.fixture(scope="session")
def trained(people, tmp_path_factory):
    """A folder with a model; not to be changed."""
    folder = tmp_path_factory.mktemp("trained") / "tiny"
    return run(people, folder)
