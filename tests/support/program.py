"""The real program in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Word = str | bytes | Path

NOBODY = "http://127.0.0.1:1"
"""A server that is not there."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of the program left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document, which must be the only thing on stdout and have its promised shape."""
        document = json.loads(self.stdout)
        assert document["schema"] == 1
        assert set(document) == {"schema", "command", "ok", "data" if document["ok"] else "error"}
        return document

    @property
    def data(self) -> dict[str, Any]:
        assert self.document["ok"], self
        return self.document["data"]

    @property
    def error(self) -> dict[str, Any]:
        """The error of the document, held to what stderr says."""
        assert not self.document["ok"], self
        error = self.document["error"]
        assert set(error) - {"seconds_left", "groups", "usable", "left_out"} == {
            "code",
            "message",
            "hint",
            "retryable",
        }
        assert f"[{error['code']}]" in self.stderr
        return error


@dataclass(frozen=True, slots=True)
class Program:
    """``faceunlock`` with a home of its own."""

    home: Path

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("FACEUNLOCK_")}
        # Nothing answers there, and at once, so no test reaches for the network or waits for it.
        ours = {"FACEUNLOCK_HOME": str(self.home), "FACEUNLOCK_WEIGHTS_MIRROR": NOBODY, "COLUMNS": "80"}
        return kept | ours | dict(extra or {})

    @staticmethod
    def command(*words: Word) -> list[Word]:
        return [sys.executable, "-m", "faceunlock", *words]

    def __call__(
        self,
        *words: Word,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Result:
        done = subprocess.run(
            self.command(*words),
            input=stdin,
            capture_output=True,
            env=self.environment(env),
            cwd=cwd,
            check=False,
        )
        # Strict: what is not UTF-8 must have been escaped.
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in result.stderr, result.stderr
        assert not any(char in result.stdout + result.stderr for char in "\x1b\x07\x00")
        return result
