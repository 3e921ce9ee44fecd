"""What an answer looks like on the wire: JSON documents, statuses, and who writes the documents."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

from starlette.responses import Response

from faceunlock.errors import FaceUnlockError

if TYPE_CHECKING:
    from faceunlock.liveness.guidance import Word
    from faceunlock.matching.people import Person, Summary
    from faceunlock.tasks.classify import NamedPhoto
    from faceunlock.tasks.compare import PairComparison
    from faceunlock.tasks.enroll import EnrolmentOutcome
    from faceunlock.tasks.explain import Explanation
    from faceunlock.tasks.identify import Identification
    from faceunlock.tasks.verify import Verification

Document = dict[str, Any]

STATUSES = {
    "usage": 400,
    "bad-name": 400,
    "not-admitted": 403,
    "read-only": 403,
    "not-enrolled": 404,
    "nobody-enrolled": 404,
    "no-such-look": 404,
    "already-enrolled": 409,
    "second-name": 409,
    "model-mismatch": 409,
    "unlike-the-person": 409,
    "photo-too-large": 413,
    "too-slow": 408,
    "insufficient-data": 409,
    "lower-threshold": 409,
    "no-strangers": 404,
    "bad-folder": 422,
    "head-damaged": 422,
    "scores-damaged": 422,
    "file-unreadable": 422,
    "locked-out": 429,
    "no-face": 422,
    "face-cut-off": 422,
    "face-turned": 422,
    "eyes-shaded": 422,
    "several-faces": 422,
    "face-too-small": 422,
    "too-blurred": 422,
    "too-dark": 422,
    "unreadable-photo": 422,
    "photo-not-found": 422,
    "duplicate": 422,
    "unlike-the-others": 422,
    "too-few-photos": 422,
    "several-people": 422,
    "too-many-unlike": 422,
    "sub-folders": 422,
}
"""The status of each error that a request can mend; for any other slug see `OTHER`."""

OTHER = 503
"""The status where the installation, the gallery or the machine must be mended first."""


class Documents(Protocol):
    """The JSON documents of the command line, as `faceunlock.cli.served` writes them."""

    def answer(self, command: str, data: Document) -> str:
        """Return the whole document of a command that was done."""
        ...

    def error(self, command: str, error: FaceUnlockError) -> str:
        """Return the whole document of a command that was not done."""
        ...

    def verify(self, found: Verification) -> Document:
        """Return the data of ``verify``."""
        ...

    def identify(self, found: Identification) -> Document:
        """Return the data of ``identify``."""
        ...

    def compare(self, found: PairComparison) -> Document:
        """Return the data of ``compare``."""
        ...

    def people(self, people: tuple[Summary, ...]) -> Document:
        """Return the data of ``people``."""
        ...

    def person(self, person: Person) -> Document:
        """Return the data of ``people show``."""
        ...

    def enroll(self, outcome: EnrolmentOutcome) -> Document:
        """Return the data of ``enroll``."""
        ...

    def renamed(self, was: str, person: Person) -> Document:
        """Return the data of ``people rename``."""
        ...

    def forgotten(self, name: str, look: str | None) -> Document:
        """Return the data of ``people forget``."""
        ...

    def explanation(self, found: Explanation) -> Document:
        """Return what ``explain`` says: ``answer``, ``words``, ``measures``, ``compared``, ``advice``."""
        ...

    def classified(self, found: NamedPhoto) -> Document:
        """Return the data of ``classify name`` for one photo."""
        ...

    def guidance(self, word: Word) -> str:
        """Return what is said to somebody who sits before a camera."""
        ...


def status_of(error: FaceUnlockError) -> int:
    """Return the HTTP status of an error.

    Examples
    --------
    >>> from faceunlock.errors import GalleryError, PhotoError
    >>> status_of(PhotoError("no-face")), status_of(GalleryError("gallery-damaged"))
    (422, 503)
    """
    return STATUSES.get(error.slug, OTHER)


def json_response(text: str, status: int = 200) -> Response:
    """Return a JSON document as a response."""
    return Response(text, status, media_type="application/json")


def refusal(documents: Documents, command: str, error: FaceUnlockError) -> Response:
    """Return an error as a response; ``Retry-After`` says when a lockout ends."""
    response = json_response(documents.error(command, error), status_of(error))
    if error.seconds_left is not None:
        response.headers["Retry-After"] = str(math.ceil(error.seconds_left))
    return response
