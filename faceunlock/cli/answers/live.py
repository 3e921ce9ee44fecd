"""The words of the dialogue of ``verify --camera --require-live``, and the note below its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faceunlock.liveness.asking import Word

if TYPE_CHECKING:
    from faceunlock.liveness.dialogue import Turned

WORDS = {
    Word.LOOK: "Look straight at the camera.",
    Word.LEFT: "Turn your head to your left.",
    Word.RIGHT: "Turn your head to your right.",
    Word.FURTHER_LEFT: "A bit further to your left.",
    Word.FURTHER_RIGHT: "A bit further to your right.",
    Word.BACK: "Now back to the camera.",
    Word.SLOWER: "Too fast: more slowly, please.",
    Word.DARK: "It is too dark to see you turn.",
    Word.DONE: "Thank you.",
}
"""What is said, from the person's own point of view."""

WARNING = "A photo that is held up does not turn; a film of a turning head may."


def note(found: Turned) -> str:
    """Return the note that says what was seen."""
    return f"The head turned {', '.join(found.turns)} as asked. {WARNING}"
