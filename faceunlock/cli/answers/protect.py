"""The text and JSON documents of ``faceunlock protect``; ``status`` uses them too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from faceunlock.files.text import printable

if TYPE_CHECKING:
    from faceunlock.gallery.guard import ProtectionState


def sentence(state: ProtectionState) -> str:
    """Return whether the gallery is sealed, where its key is, and what that protects against."""
    if state.waiting is not None:
        return f"the gallery that the key in {printable(state.waiting)} sealed is missing or empty"
    if state.server:
        return (
            "not sealed, since the server searches the vectors: whoever can read the database can read the "
            "templates. See docs/postgres.md"
        )
    if not state.sealed:
        return (
            "not sealed: anyone who can read the file can read the templates. "
            "To seal it: faceunlock protect on"
        )
    if state.key_file is None:
        return (
            "sealed, key in the desktop keyring: a copy of the disk is not enough to read the templates, "
            "and an older copy of the gallery is noticed"
        )
    return (
        f"sealed, key in {printable(state.key_file)}: a copy of the gallery alone is not enough to read the "
        "templates; anyone who also has the key file can, and an older copy of the whole gallery is "
        "not noticed"
    )


def turned_on(state: ProtectionState, changed: bool) -> str:
    """Return the answer to ``protect on``."""
    return _capital(sentence(state) if changed else f"already {sentence(state)}") + "."


def turned_off(changed: bool) -> str:
    """Return the answer to ``protect off``."""
    return "The gallery is no longer sealed." if changed else "The gallery was not sealed."


def rotated(state: ProtectionState) -> str:
    """Return the answer to ``protect rotate``."""
    return f"New key. {_capital(sentence(state))}."


def document(state: ProtectionState) -> dict[str, Any]:
    """Return how the gallery is protected, as JSON."""
    return {
        "sealed": state.sealed,
        "key": state.place,
        "key_file": None if state.key_file is None else str(state.key_file),
        "generation": state.generation,
    }


def outcome(state: ProtectionState, changed: bool) -> dict[str, Any]:
    """Return what a command did, as JSON."""
    return {**document(state), "changed": changed}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
