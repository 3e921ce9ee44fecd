"""A desktop keyring for tests: what `keyring` would find on a desktop, in a file that processes share.

Chosen with ``PYTHON_KEYRING_BACKEND=support.fake_keyring.FakeKeyring``, with ``tests`` in ``PYTHONPATH``; its
own file is named by ``FAKE_KEYRING``. As with a real keyring, each call happens whole or not at all.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


class FakeKeyring(KeyringBackend):
    """Keeps secrets in a JSON file; ``locked`` refuses, ``hangs`` never answers."""

    priority = 9

    def __init__(self, path=None):
        super().__init__()
        self.path = Path(path or os.environ.get("FAKE_KEYRING", os.devnull))
        self.locked = self.hangs = False
        self.calls = 0

    @property
    def environment(self):
        """What a child process needs to have this keyring, and to find the program and ``support``."""
        tests = Path(__file__).resolve().parents[1]
        return {
            "PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)]),
            "PYTHON_KEYRING_BACKEND": "support.fake_keyring.FakeKeyring",
            "FAKE_KEYRING": str(self.path),
        }

    @property
    def items(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def _store(self, items):
        with tempfile.NamedTemporaryFile("w", dir=self.path.parent, delete=False) as file:
            json.dump(items, file)
        Path(file.name).replace(self.path)

    def _answer(self):
        self.calls += 1
        if self.locked:
            raise KeyringLocked("locked")
        if self.hangs:
            time.sleep(60)

    def get_password(self, service, username):
        self._answer()
        return self.items.get(f"{service}/{username}")

    def set_password(self, service, username, password):
        self._answer()
        self._store(self.items | {f"{service}/{username}": password})

    def delete_password(self, service, username):
        self._answer()
        items = self.items
        if items.pop(f"{service}/{username}", None) is None:
            raise PasswordDeleteError("not found")
        self._store(items)
