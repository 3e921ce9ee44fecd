"""Files from outside: a pipe, a device or a folder in their place is an error at once, for every reader."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import faceunlock
from faceunlock.cli.commands.export import _passphrase
from faceunlock.errors import FaceUnlockError
from faceunlock.files.reading import NotAFileError, TooLargeError, open_file, parse_json, read_file
from faceunlock.gallery.export import _read
from faceunlock.photos.photo import load_photo
from faceunlock.pipeline.models.folder import read_model_folder
from faceunlock.pipeline.models.registry import Download, model_spec
from faceunlock.pipeline.weights.pull import _read_given
from faceunlock.studies.groupings import by_csv
from faceunlock.studies.score_file import read_scores
from faceunlock.training.checkpoint import read_checkpoint
from faceunlock.training.head_file import ARRAYS, read_head


@pytest.fixture(autouse=True)
def hurry() -> Iterator[None]:
    """Turn a hang into an error."""

    def late(*_: object) -> None:
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def _published(path: Path) -> object:
    spec = model_spec("vggface2")
    assert isinstance(spec.weights, Download)
    return _read_given(spec, spec.weights.files[0], path)


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "photo": ("photo.jpg", load_photo),
    "scores": ("scores", read_scores),
    "export": ("export", _read),
    "table": ("table.csv", lambda path: by_csv(path.parent, path)),
    "passphrase": ("passphrase", _passphrase),
    "published weights": ("weights.pt", _published),
    "checkpoint": ("checkpoint.pt", lambda path: read_checkpoint(path.parent, {})),
    "head": ("head.json", lambda path: read_head(path.parent)),
    "model folder": ("model.json", lambda path: read_model_folder(path.parent)),
}


class TestEveryReader:
    @pytest.mark.parametrize("kind", READERS)
    def test_a_pipe_is_an_error_and_not_a_hang(self, kind: str, tmp_path: Path) -> None:
        name, read = READERS[kind]
        os.mkfifo(tmp_path / name, 0o600)
        with pytest.raises(FaceUnlockError):
            read(tmp_path / name)

    @pytest.mark.parametrize("kind", READERS)
    def test_a_pipe_swapped_in_after_the_check_is_one_too(
        self, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name, read = READERS[kind]
        path = tmp_path / name
        for file in (path, tmp_path / ARRAYS):
            file.write_bytes(b"x")
            file.chmod(0o600)
        original, swapped = os.open, []

        def swap(opened: str | Path, *options: int, **more: int) -> int:
            if Path(opened) == path and not swapped:
                swapped.append(True)
                path.unlink()
                os.mkfifo(path, 0o600)
            return original(opened, *options, **more)

        monkeypatch.setattr(os, "open", swap)
        with pytest.raises(FaceUnlockError):
            read(path)
        assert swapped


class TestOpenFile:
    def test_what_it_opens(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"content")
        with open_file(path) as stream:
            assert stream.read() == b"content"
            assert not os.get_inheritable(stream.fileno())

    @pytest.mark.parametrize("path", ["/dev/zero", "/dev/tty", "/tmp"])
    def test_what_is_no_file(self, path: str) -> None:
        with pytest.raises(NotAFileError) as caught:
            open_file(path)
        assert caught.value.strerror and "not a file" in caught.value.strerror

    def test_a_null_character(self) -> None:
        with pytest.raises(OSError, match="null"):
            open_file("a\0b")

    def test_the_limit_is_exact(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"content")
        assert read_file(path, 7) == b"content"
        with pytest.raises(TooLargeError, match="has more than 6 bytes, the limit"):
            read_file(path, 6)

    def test_a_file_without_a_size_has_the_limit_too(self) -> None:
        with pytest.raises(TooLargeError):
            read_file("/proc/self/status", 5)  # its size is said to be 0


class TestParseJson:
    @pytest.mark.parametrize("text", ["[" * 100_000, b'{"a":' * 100_000, "9" * 5000, "", b"\xff"])
    def test_what_python_cannot_read_is_a_value_error(self, text: str | bytes) -> None:
        with pytest.raises(ValueError, match=r"."):
            parse_json(text)

    def test_nothing_from_outside_is_read_by_another_parser(self) -> None:
        """Its error for deep nesting, `RecursionError`, is easily forgotten."""
        package = Path(faceunlock.__file__).parent
        others = [
            path.relative_to(package).as_posix()
            for path in package.rglob("*.py")
            if re.search(r"json\.loads?\(", path.read_text(encoding="utf-8"))
        ]
        ours = (
            "files/reading.py",
            "pipeline/models/shipped/__init__.py",
            "pipeline/runtime/golden.py",
            "training/checkpoint.py",
        )
        assert sorted(others) == sorted(ours)
