import resource

import pytest

from faceunlock.errors import SettingsError
from faceunlock.files import limits


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (MemoryError(), "memory"),
        (OSError(24, "Too many open files"), "open files"),
        (OSError(12, "Cannot allocate memory"), "memory"),
        (ImportError("libtorch.so: failed to map segment from shared object"), "memory"),
        (ImportError("libx.so: cannot open shared object file: Error 24"), "open files"),
        (RuntimeError("can't start new thread"), "threads"),
        (RuntimeError("std::bad_alloc"), "memory"),
    ],
)
def test_a_limit_is_named_as_a_limit(error, word):
    for outer in (error, _caused_by(error)):
        found = limits.reached(outer)
        assert found is not None and found.slug == "system-limit" and word in found.message


def _caused_by(error):
    outer = ImportError("something cannot be imported")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    "error", [OSError(2, "No such file"), RuntimeError("dictionary changed size"), ImportError("no module x")]
)
def test_other_errors_are_not_limits(error):
    assert limits.reached(error) is None


@pytest.mark.parametrize(
    ("kind", "allowed", "word"),
    [
        ("RLIMIT_AS", limits.NETWORK_MEMORY - 1, "1023 MiB of memory"),
        ("RLIMIT_DATA", 100 << 20, "100 MiB of data"),
        ("RLIMIT_STACK", 64 << 10, "0 MiB of stack"),
        ("RLIMIT_NOFILE", 20, "20 open files"),
    ],
)
def test_each_limit_that_would_end_the_process_is_named_before(monkeypatch, kind, allowed, word):
    limits.require(limits.NETWORK_MEMORY, limits.NETWORK_FILES)
    low = getattr(resource, kind)
    monkeypatch.setattr(resource, "getrlimit", lambda limit: (allowed, -1) if limit == low else (-1, -1))
    with pytest.raises(SettingsError, match=word) as caught:
        limits.require(limits.NETWORK_MEMORY, limits.NETWORK_FILES)
    assert caught.value.slug == "system-limit"


def test_what_is_allowed_is_compared_with_what_is_needed(monkeypatch):
    def getrlimit(limit):
        return (100, 100) if limit == resource.RLIMIT_NOFILE else (-1, -1)

    monkeypatch.setattr(resource, "getrlimit", getrlimit)
    limits.require(1 << 40, 100)
    with pytest.raises(SettingsError, match="allows this process 100 open files; at least 101"):
        limits.require(1, 101)
