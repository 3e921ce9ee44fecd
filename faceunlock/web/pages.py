"""The pages a person looks at, and what their scripts ask for beside the API."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from faceunlock.errors import PhotoError, SettingsError
from faceunlock.files.packages import own_version
from faceunlock.liveness.guidance import POSES, Seen, fault, follows
from faceunlock.liveness.turning import offset_of
from faceunlock.photos.camera import light
from faceunlock.photos.face import measure_quality
from faceunlock.photos.in_memory import as_file
from faceunlock.photos.measures import Limits
from faceunlock.photos.photo import PhotoFile, load_photo
from faceunlock.pipeline.samples import LeftOut
from faceunlock.tasks.workspace import as_path, quality_gates
from faceunlock.unlock import FaceUnlock
from faceunlock.web import explore, threshold
from faceunlock.web.answers import json_response
from faceunlock.web.api import Desk, answered
from faceunlock.web.folders import Folders
from faceunlock.web.uploads import Field

if TYPE_CHECKING:
    from jinja2 import Environment
    from starlette.requests import Request

    from faceunlock.photos.face import RGBImage
    from faceunlock.photos.photo import Photo, Source

PAGES = {
    "/": ("try.html", "Try"),
    "/people": ("people.html", "People"),
    "/classify": ("classify.html", "Classify"),
    "/explore": ("explore.html", "Explore"),
    "/threshold": ("threshold.html", "Threshold"),
}
"""Each page, its template and its name in the navigation."""

PICTURE = 1600
"""Longer side of a photo that is shown, in pixels."""

THUMBNAIL = 160
"""Longer side of a thumbnail, in pixels."""

AROUND = 1.0
"""How much of a photo is cut out on each side of a face to explain it, in sides of the face's box."""

_HEAD = Field("head", "text", "The folder of a trained head.", required=True)
_BOX = Field("box", "text", "Left, top, width and height of a face, in pixels.", required=True)
_PHOTO = Field("photo", "photo", "The photo.", required=True)
_TAKEN = Field("taken", "text", "Photos taken so far.", required=True)
_PATH = Field("path", "text", "A folder on this machine.", required=True)


def routes(desk: Desk) -> list[BaseRoute]:
    """Return the routes of the pages, their scripts and their style."""
    folders = Folders()

    async def state(request: Request) -> Response:
        return json_response(json.dumps({"words": desk.worker.progress.words}))

    async def style(request: Request) -> Response:
        return Response(_style(), media_type="text/css")

    async def chosen(request: Request) -> Source:
        if "folder" in request.path_params:
            return folders.photo(request.path_params["folder"], request.path_params["number"])
        form = await desk.uploads.read(request, (_PHOTO,), desk.max_pixels)
        found: PhotoFile = form["photo"]
        return found

    async def tried(request: Request) -> str:
        photo = await chosen(request)
        return json.dumps(await desk.worker.ask(lambda unlock: _tried(unlock, desk, photo)))

    async def classified(request: Request) -> str:
        form = await desk.uploads.read(request, (_PHOTO, _HEAD), desk.max_pixels)
        return json.dumps(
            await desk.worker.ask(lambda unlock: _classified(unlock, desk, form["photo"], form["head"]))
        )

    async def why(request: Request) -> str:
        here = () if "folder" in request.path_params else (_PHOTO,)
        form = await desk.uploads.read(request, (*here, _BOX), desk.max_pixels)
        photo = form["photo"] if here else await chosen(request)
        box = _box(form["box"])
        return json.dumps(await desk.worker.ask(lambda unlock: _why(unlock, desk, photo, box)))

    async def looked(request: Request) -> str:
        form = await desk.uploads.read(request, (_PHOTO, _TAKEN), desk.max_pixels)
        taken = int(form["taken"]) if form["taken"].isdecimal() else 0
        return json.dumps(await desk.worker.ask(lambda unlock: _looked(unlock, desk, form["photo"], taken)))

    async def opened(request: Request) -> str:
        form = await desk.uploads.read(request, (_PATH,), desk.max_pixels)
        return json.dumps(await desk.worker.ask(lambda _: folders.open(form["path"])))

    async def thumbnail(request: Request) -> Response:
        photo = await chosen(request)
        content = await desk.worker.ask(lambda _: _jpeg(_shown(photo, desk, THUMBNAIL).image, THUMBNAIL))
        return Response(content, media_type="image/jpeg")

    def asked(method: str, path: str, answer: Callable[[Request], Awaitable[str | Response]]) -> Route:
        return Route(path, answered(desk, "", answer), methods=[method])

    return [
        *(Route(path, _page(path, desk), methods=["GET"]) for path in PAGES),
        Route("/state", state, methods=["GET"]),
        asked("POST", "/try", tried),
        asked("POST", "/classify", classified),
        asked("POST", "/why", why),
        asked("POST", "/look", looked),
        asked("POST", "/folder", opened),
        asked("POST", "/folder/{folder}/{number:int}", tried),
        asked("POST", "/folder/{folder}/{number:int}/why", why),
        asked("GET", "/folder/{folder}/{number:int}", thumbnail),
        *explore.routes(desk),
        *threshold.routes(desk),
        Route("/static/page.css", style, methods=["GET"]),
        Mount("/static", StaticFiles(packages=[("faceunlock.web", "static")])),
    ]


def _page(path: str, desk: Desk) -> Callable[[Request], Awaitable[Response]]:
    async def page(request: Request) -> Response:
        text = (
            _environment()
            .get_template(PAGES[path][0])
            .render(
                pages=[(address, name) for address, (_, name) in PAGES.items()],
                path=path,
                csrf=request.state.csrf,
                read_only=desk.read_only,
                version=own_version(),
            )
        )
        return HTMLResponse(text)

    return page


def _tried(unlock: FaceUnlock, desk: Desk, photo: Source) -> dict[str, Any]:
    """Return who is on a photo, and the photo as a browser can show it.

    A browser cannot show every format, and may turn a photo differently than the faces were found.
    """
    file = load_photo(photo, name=_last_part(photo), max_pixels=desk.max_pixels)
    return {"data": desk.documents.identify(unlock.identify([file]))} | _picture(file)


def _classified(unlock: FaceUnlock, desk: Desk, photo: PhotoFile, head: str) -> dict[str, Any]:
    """Return whom a head sees on a photo, and the photo as a browser can show it."""
    folder = Path(as_path(head.strip())).expanduser()
    if not folder.is_absolute():
        raise SettingsError("usage", "Name the folder of the head by its whole path, or begin with ~.")
    (found,) = unlock.classify([photo], folder, faces="all")
    if isinstance(found, LeftOut):
        raise PhotoError(found.reason, f"{found.photo}: {found.detail.removeprefix(f'{found.photo}: ')}")
    return {"data": desk.documents.classified(found)} | _picture(photo)


def _picture(file: PhotoFile) -> dict[str, Any]:
    shown = file.view(PICTURE)
    height, width = shown.image.shape[:2]
    return {
        "picture": _data(_jpeg(shown.image, PICTURE)),
        "width": round(width * shown.scale),
        "height": round(height * shown.scale),
    }


def _why(unlock: FaceUnlock, desk: Desk, photo: Source, box: tuple[int, int, int, int]) -> dict[str, Any]:
    """Return why a face of a photo has its name, or none, and the face as the network sees it."""
    file = load_photo(photo, name=_last_part(photo), max_pixels=desk.max_pixels)
    image = file.view().image
    left, top, wide, high = box
    margin = round(AROUND * max(wide, high))
    rows = slice(max(0, top - margin), max(0, top + high + margin))
    columns = slice(max(0, left - margin), max(0, left + wide + margin))
    part = image[rows, columns]
    if part.size == 0:
        raise SettingsError("usage", "the box lies outside the photo")
    found = unlock.explain(PhotoFile(file.name, as_file(part), desk.max_pixels), faces="central")
    return desk.documents.explanation(found) | {"face": _data(_jpeg(found.crop, PICTURE))}


def _box(text: str) -> tuple[int, int, int, int]:
    numbers = text.split(",")
    if len(numbers) != 4 or not all(re.fullmatch(r"-?\d{1,6}", number) for number in numbers):
        raise SettingsError("usage", "a box is four whole numbers: left, top, width, height")
    left, top, wide, high = map(int, numbers)
    return left, top, wide, high


def _data(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"


def _looked(unlock: FaceUnlock, desk: Desk, photo: PhotoFile, taken: int) -> dict[str, Any]:
    """Return whether a camera's picture is good enough to enroll, and what the person should do.

    Parameters
    ----------
    unlock : FaceUnlock
    desk : Desk
    photo : PhotoFile
        The picture.
    taken : int
        Number of photos taken so far: the next pose is asked for.
    """
    image = photo.view().image
    acquisition, identity = unlock.choice.acquisition(fetch=True)
    gates = quality_gates(unlock, identity)
    faces = acquisition.detector.detect(image)
    quality = measure_quality(image, faces[0]) if faces else None
    limits = Limits(unlock.settings.min_face_pixels, gates.min_sharpness, gates.min_brightness)
    word = fault(Seen(0.0, image.shape, light(image), faces, quality), limits)
    pose = POSES[taken % len(POSES)]
    good = word is None and follows(pose, offset_of(faces[0]), None)
    return {"good": good, "clear": word is None, "say": desk.documents.guidance(word or pose)}


def _shown(photo: Source, desk: Desk, side: int) -> Photo:
    return load_photo(photo, max_pixels=desk.max_pixels).view(side)


def _last_part(photo: Source) -> str | None:
    return photo.name if isinstance(photo, Path) else None


def _jpeg(image: RGBImage, side: int) -> bytes:
    """Return an image as a JPEG file, at most `side` pixels on its longer side."""
    from PIL import Image

    picture = Image.fromarray(image)
    picture.thumbnail((side, side))
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("faceunlock.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _style() -> str:
    """Return the style of the reports' pages."""
    return (files("faceunlock.reports") / "templates" / "page.css").read_text(encoding="utf-8")
