"""The examples in the docstrings run and say what happens."""

import doctest
import importlib
import pkgutil

import pytest

import faceunlock

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(faceunlock.__path__, "faceunlock.")
    if not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", ["faceunlock", *MODULES])
def test_the_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = [
        example
        for name in MODULES
        for test in finder.find(importlib.import_module(name))
        for example in test.examples
    ]
    assert len(examples) > 40
