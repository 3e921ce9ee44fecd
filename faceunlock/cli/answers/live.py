"""The words of the dialogue of ``verify --camera --require-live``, and the note below its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from faceunlock.liveness.dialogue import Word

if TYPE_CHECKING:
    from faceunlock.cli.session import Session
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


def teller(session: Session) -> Callable[[Word], None]:
    """Return the function that says words on stderr at once, even if the console is quiet.

    Nobody can follow a dialogue unheard. The bell rings only if the setting ``dialogue_sounds`` says so.
    """
    bell = session.settings.dialogue_sounds == "bell"

    def tell(word: Word) -> None:
        session.console.say(WORDS[word])
        if bell:
            session.console.ring()

    return tell


def note(found: Turned) -> str:
    """Return the note that says what was seen."""
    return f"The head turned {', '.join(found.turns)} as asked. {WARNING}"
