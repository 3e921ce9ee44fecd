"""The words of the dialogue of ``verify --camera --require-live``, and the note below its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from faceunlock.liveness.dialogue import Word

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


def teller(say: Callable[[str], None], ring: Callable[[], None] | None) -> Callable[[Word], None]:
    """Return the function that says words at once, even if the console is quiet.

    Nobody can follow a dialogue unheard.

    Parameters
    ----------
    say : callable
        Writes a line to stderr.
    ring : callable or None
        Rings the bell; None if the setting ``dialogue_sounds`` is off.
    """

    def tell(word: Word) -> None:
        say(WORDS[word])
        if ring is not None:
            ring()

    return tell


def note(found: Turned) -> str:
    """Return the note that says what was seen."""
    return f"The head turned {', '.join(found.turns)} as asked. {WARNING}"
