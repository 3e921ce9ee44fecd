"""The JSON documents of the command line, for the page of ``faceunlock serve``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.cli.answers import classify, compare, enroll, explain, identify, people, verify
from faceunlock.cli.answers.parts import Document
from faceunlock.cli.console import answer_document, error_document

if TYPE_CHECKING:
    from faceunlock.errors import FaceUnlockError
    from faceunlock.liveness.guidance import Word
    from faceunlock.matching.people import Person, Summary
    from faceunlock.tasks.classify import NamedPhoto
    from faceunlock.tasks.compare import PairComparison
    from faceunlock.tasks.enroll import EnrolmentOutcome
    from faceunlock.tasks.explain import Explanation
    from faceunlock.tasks.identify import Identification
    from faceunlock.tasks.verify import Verification


class CommandDocuments:
    """What `faceunlock.web.answers.Documents` asks for, from the commands themselves.

    Parameters
    ----------
    home : Path or None
        The home directory, which the commands in hints name.
    """

    def __init__(self, home: Path | None) -> None:
        self._home = home

    def answer(self, command: str, data: Document) -> str:
        """Return the whole document of a command that was done."""
        return answer_document(command, data)

    def error(self, command: str, error: FaceUnlockError) -> str:
        """Return the whole document of a command that was not done."""
        return error_document(command, error, self._home)

    def verify(self, found: Verification) -> Document:
        """Return the data of ``verify``."""
        return verify.document(found)

    def identify(self, found: Identification) -> Document:
        """Return the data of ``identify``."""
        return identify.document(found)

    def compare(self, found: PairComparison) -> Document:
        """Return the data of ``compare``."""
        return compare.document(found, None)

    def people(self, people_: tuple[Summary, ...]) -> Document:
        """Return the data of ``people``."""
        return people.people_document(people_)

    def person(self, person: Person) -> Document:
        """Return the data of ``people show``."""
        return people.person_document(person)

    def enroll(self, outcome: EnrolmentOutcome) -> Document:
        """Return the data of ``enroll``."""
        return enroll.document(outcome)

    def renamed(self, was: str, person: Person) -> Document:
        """Return the data of ``people rename``."""
        return people.renamed_document(was, person)

    def forgotten(self, name: str, look: str | None) -> Document:
        """Return the data of ``people forget``."""
        return people.forgotten_document(name, 1 if look is None else 0, look)

    def explanation(self, found: Explanation) -> Document:
        """Return what ``explain`` says."""
        verdict = explain.verdict(found)
        return {
            "answer": verdict.match,
            "words": verdict.words,
            "measures": explain.rows(found),
            "compared": explain.compared(found),
            "advice": explain.advice(found),
        }

    def classified(self, found: NamedPhoto) -> Document:
        """Return the data of ``classify name`` for one photo."""
        return classify.named_document([found], [])

    def guidance(self, word: Word) -> str:
        """Return what is said to somebody who sits before a camera."""
        return enroll.GUIDE[word]
