"""The HTTP API: each endpoint is a command of the command line, with its JSON document."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.responses import Response
from starlette.routing import Route

from faceunlock.errors import FaceUnlockError, WebError
from faceunlock.files.limits import reached
from faceunlock.matching.security import LEVELS
from faceunlock.unlock import FaceUnlock
from faceunlock.web.answers import Document, Documents, json_response, refusal
from faceunlock.web.gate import API
from faceunlock.web.uploads import Field, Uploads
from faceunlock.web.worker import Worker

if TYPE_CHECKING:
    from starlette.requests import Request

    from faceunlock.photos.photo import PhotoFile

T = TypeVar("T")

Work = Callable[..., Document]
"""Does the work: gets the gallery, the documents, and the fields of the form and the path by name."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One thing that can be asked over HTTP.

    Attributes
    ----------
    method : str
    path : str
        Below `faceunlock.web.gate.API`, with parameters in braces.
    command : str
        The words of the command whose document it answers.
    summary : str
    work : callable
    fields : tuple of Field
        The form it takes.
    data : str
        Name of the schema of its data.
    changes : bool
        Whether ``--read-only`` refuses it.
    counts : bool
        Whether its work counts photos, and takes a `faceunlock.pipeline.samples.Track`.
    """

    method: str
    path: str
    command: str
    summary: str
    work: Work
    data: str
    fields: tuple[Field, ...] = ()
    changes: bool = False
    counts: bool = False

    @property
    def name(self) -> str:
        """What it is called in the description, such as ``people_show``."""
        return self.command.replace(" ", "_") + ("_look" if "{look}" in self.path else "")


@dataclass(frozen=True, slots=True)
class Desk:
    """What every request needs.

    Attributes
    ----------
    worker : Worker
    documents : Documents
    max_pixels : int
        Larger photos are refused.
    read_only : bool
        Whether requests that change who is enrolled are refused.
    uploads : Uploads
    """

    worker: Worker
    documents: Documents
    max_pixels: int
    read_only: bool = False
    uploads: Uploads = field(default_factory=Uploads)

    async def form(self, request: Request, *fields: Field) -> dict[str, Any]:
        """Return what the form of a request holds; see `faceunlock.web.uploads.Uploads.read`."""
        return await self.uploads.read(request, fields, self.max_pixels)

    async def ask(self, request: Request, task: Callable[[FaceUnlock], T]) -> T:
        """Return what a task of the worker returns, unless the client goes away before.

        Raises as `faceunlock.web.worker.Worker.ask`; the form of the request must have been read.
        """
        return await self.worker.ask(task, partial(_gone, request))


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def verify(
    unlock: FaceUnlock, documents: Documents, photo: PhotoFile, name: str | None = None, **options: Any
) -> Document:
    """Decide whether a photo shows an enrolled person; the attempt counts as any other."""
    return documents.verify(unlock.verify(photo, name, source=f"page: {photo.name}", **options))


def identify(unlock: FaceUnlock, documents: Documents, photos: list[PhotoFile], **options: Any) -> Document:
    """Name every face on photos."""
    return documents.identify(unlock.identify(photos, **options))


def compare(
    unlock: FaceUnlock, documents: Documents, photo: PhotoFile, other: PhotoFile, **options: Any
) -> Document:
    """Compare two photos."""
    return documents.compare(unlock.compare(photo, other, **options))


def people(unlock: FaceUnlock, documents: Documents) -> Document:
    """List who is enrolled."""
    return documents.people(unlock.summaries())


def person(unlock: FaceUnlock, documents: Documents, person: str) -> Document:
    """Show what is stored about a person."""
    return documents.person(unlock.person(person))


def enroll(
    unlock: FaceUnlock,
    documents: Documents,
    person: str,
    photos: list[PhotoFile],
    accept: bool = False,
    **options: Any,
) -> Document:
    """Enroll a person from photos."""
    outcome = unlock.enroll(person, photos, accept=(lambda _: True) if accept else None, **options)
    return documents.enroll(outcome)


def rename(unlock: FaceUnlock, documents: Documents, person: str, name: str) -> Document:
    """Rename a person."""
    was = unlock.person(person).name
    return documents.renamed(was, unlock.rename(was, name))


def forget(unlock: FaceUnlock, documents: Documents, person: str, look: str | None = None) -> Document:
    """Forget a person, or one look."""
    if look is None:
        return documents.forgotten(unlock.forget(person), None)
    unlock.forget_look(person, look)
    return documents.forgotten(person, look)


_PHOTO = Field("photo", "photo", "The photo.", required=True)
_PHOTOS = Field("photos", "photos", "One or several photos; repeat the field.", required=True)
_THRESHOLD = Field("threshold", "number", "Threshold for this request only, from -1 to 1.")
_SECURITY = Field("security", "text", "How sure a yes must be.", choices=tuple(LEVELS))
_FACES = Field(
    "faces", "text", "Which face counts where a photo shows several.", choices=("dominant", "largest")
)

ENDPOINTS = (
    Endpoint(
        *(
            "POST",
            "verify",
            "verify",
            "Does a photo show this person, or anybody enrolled?",
            verify,
            "Verify",
        ),
        fields=(
            _PHOTO,
            Field("name", "text", "The person it should show; anybody enrolled if left out."),
            *(_THRESHOLD, _SECURITY, _FACES),
        ),
    ),
    Endpoint(
        *("POST", "identify", "identify", "Who is on these photos?", identify, "Identify"),
        fields=(_PHOTOS, _THRESHOLD, _SECURITY),
        counts=True,
    ),
    Endpoint(
        *("POST", "compare", "compare", "Do two photos show the same person?", compare, "Compare"),
        fields=(_PHOTO, Field("other", "photo", "The other photo.", required=True), _THRESHOLD, _FACES),
    ),
    Endpoint("GET", "people", "people", "Who is enrolled?", people, "People"),
    Endpoint("GET", "people/{person}", "people show", "What is stored about a person?", person, "Person"),
    Endpoint(
        *("POST", "people/{person}", "enroll", "Enroll a person from photos.", enroll, "Enroll"),
        fields=(
            _PHOTOS,
            Field("look", "text", "Enroll another look of this person."),
            Field("add", "flag", "Add the photos to those of an enrolled person or look."),
            Field("replace", "flag", "Start again."),
            Field("even_so", "flag", "Enroll a face that is enrolled under another name already."),
            Field("accept", "flag", "Accept photos of a look that resemble the person too little."),
            Field("dry_run", "flag", "Store nothing."),
        ),
        changes=True,
        counts=True,
    ),
    Endpoint(
        *("PATCH", "people/{person}", "people rename", "Rename a person.", rename, "Renamed"),
        fields=(Field("name", "text", "The new name.", required=True),),
        changes=True,
    ),
    Endpoint(
        *("DELETE", "people/{person}", "people forget", "Forget a person for good.", forget, "Forgotten"),
        changes=True,
    ),
    Endpoint(
        *("DELETE", "people/{person}/looks/{look}", "people forget", "Forget one look for good."),
        *(forget, "Forgotten"),
        changes=True,
    ),
)


def route(endpoint: Endpoint, desk: Desk) -> Route:
    """Return the route of an endpoint."""

    async def answer(request: Request) -> str:
        if endpoint.changes and desk.read_only:
            raise WebError("read-only")
        form = await desk.form(request, *endpoint.fields) if endpoint.fields else {}
        given = form | request.path_params
        if endpoint.counts:
            given["track"] = desk.worker.progress.track
        data = await desk.ask(request, lambda unlock: endpoint.work(unlock, desk.documents, **given))
        return desk.documents.answer(endpoint.command, data)

    return Route(API + endpoint.path, answered(desk, endpoint.command, answer), methods=[endpoint.method])


Answer = Callable[["Request"], Awaitable[dict[str, Any] | str | Response]]
"""Answers a request: plain values, a whole JSON document, or another response."""


def beside(desk: Desk, method: str, path: str, answer: Answer) -> Route:
    """Return the route of what only the scripts of the pages ask; it is no command's."""
    return Route(path, answered(desk, "", answer), methods=[method])


def answered(desk: Desk, command: str, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    """Return a function that answers a request, with the command's error document if it cannot.

    Parameters
    ----------
    desk : Desk
    command : str
        The words of the command; empty for what has none.
    answer : callable
    """

    async def respond(request: Request) -> Response:
        try:
            found = await answer(request)
        except FaceUnlockError as error:
            return refusal(desk.documents, command, error)
        except (MemoryError, OSError, ImportError, RuntimeError) as error:
            reason = reached(error)
            if reason is None:
                raise
            return refusal(desk.documents, command, reason)
        if isinstance(found, Response):
            return found
        return json_response(found if isinstance(found, str) else json.dumps(found))

    return respond
