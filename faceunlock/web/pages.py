"""The pages a person looks at, and what their scripts ask for beside the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
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
from faceunlock.liveness.guidance import POSES, fault, follows
from faceunlock.liveness.turning import offset_of
from faceunlock.matching.wording import counted
from faceunlock.photos.face import measure_quality
from faceunlock.photos.measures import Limits, measures
from faceunlock.photos.photo import PhotoFile, load_photo
from faceunlock.pipeline.samples import LeftOut
from faceunlock.reports.figures import data_address
from faceunlock.reports.page import templates_of
from faceunlock.tasks.closest import closest, photos_of
from faceunlock.tasks.sitting import limits_of, seen_in
from faceunlock.tasks.workspace import quality_gates
from faceunlock.unlock import FaceUnlock
from faceunlock.web import explore, threshold
from faceunlock.web.api import Desk, beside
from faceunlock.web.folders import Folders, whole_path
from faceunlock.web.uploads import Field

if TYPE_CHECKING:
    from starlette.requests import Request

    from faceunlock.photos.face import Face, Place, RGBImage
    from faceunlock.photos.photo import Photo, Source
    from faceunlock.pipeline.samples import Track
    from faceunlock.tasks.explain import Explanation

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

_HEAD = Field("head", "text", "The folder of a trained head.", required=True)
_PLACE = Field("place", "text", "Where a face is, as shares of width and height.", required=True)
_PHOTO = Field("photo", "photo", "The photo.", required=True)
_TAKEN = Field("taken", "text", "Photos taken so far.", required=True)
_PATH = Field("path", "text", "A folder on this machine.", required=True)


def routes(desk: Desk) -> list[BaseRoute]:
    """Return the routes of the pages, their scripts and their style."""
    folders = Folders()

    async def state(request: Request) -> dict[str, Any]:
        return {"words": desk.worker.progress.words}

    async def style(request: Request) -> Response:
        return Response(_style(), media_type="text/css")

    async def chosen(request: Request) -> Source:
        if "folder" in request.path_params:
            return folders.photo(request.path_params["folder"], request.path_params["number"])
        found: PhotoFile = (await desk.form(request, _PHOTO))["photo"]
        return found

    async def tried(request: Request) -> dict[str, Any]:
        photo = await chosen(request)
        return await desk.ask(request, lambda unlock: _tried(unlock, desk, photo))

    async def classified(request: Request) -> dict[str, Any]:
        form = await desk.form(request, _PHOTO, _HEAD)
        return await desk.ask(request, lambda unlock: _classified(unlock, desk, form["photo"], form["head"]))

    async def why(request: Request) -> dict[str, Any]:
        here = () if "folder" in request.path_params else (_PHOTO,)
        form = await desk.form(request, *here, _PLACE)
        photo = form["photo"] if here else await chosen(request)
        place = _place(form["place"])
        return await desk.ask(request, lambda unlock: _why(unlock, desk, folders, photo, place))

    async def looked(request: Request) -> dict[str, Any]:
        form = await desk.form(request, _PHOTO, _TAKEN)
        taken = int(form["taken"]) if form["taken"].isdecimal() else 0
        return await desk.ask(request, lambda unlock: _looked(unlock, desk, form["photo"], taken))

    async def opened(request: Request) -> dict[str, Any]:
        form = await desk.form(request, _PATH)
        return await desk.ask(request, lambda _: folders.open(form["path"]))

    async def entered(request: Request) -> dict[str, Any]:
        given = request.path_params
        return await desk.ask(request, lambda _: folders.enter(given["folder"], given["number"]))

    async def thumbnail(request: Request) -> Response:
        photo = await chosen(request)
        content = await desk.ask(request, lambda _: _jpeg(_shown(photo, desk, THUMBNAIL).image, THUMBNAIL))
        return Response(content, media_type="image/jpeg")

    return [
        *(Route(path, _page(path, desk), methods=["GET"]) for path in PAGES),
        beside(desk, "GET", "/state", state),
        beside(desk, "POST", "/try", tried),
        beside(desk, "POST", "/classify", classified),
        beside(desk, "POST", "/why", why),
        beside(desk, "POST", "/look", looked),
        beside(desk, "POST", "/folder", opened),
        beside(desk, "POST", "/folder/{folder}/into/{number:int}", entered),
        beside(desk, "POST", "/folder/{folder}/{number:int}", tried),
        beside(desk, "POST", "/folder/{folder}/{number:int}/why", why),
        beside(desk, "GET", "/folder/{folder}/{number:int}", thumbnail),
        *explore.routes(desk),
        *threshold.routes(desk),
        Route("/static/page.css", style, methods=["GET"]),
        Mount("/static", StaticFiles(packages=[("faceunlock.web", "static")])),
    ]


def _page(path: str, desk: Desk) -> Callable[[Request], Awaitable[Response]]:
    async def page(request: Request) -> Response:
        text = (
            templates_of("faceunlock.web")
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
    """Return who is on a photo, what is wrong with each face, and the photo as a browser can show it.

    A browser cannot show every format, and may turn a photo differently than the faces were found.
    """
    file = load_photo(photo, name=_last_part(photo), max_pixels=desk.max_pixels)
    found, shown = unlock.identify([file]), file.view(PICTURE)
    faults = [_faults(unlock, shown, one.face) for one in found.photos[0].faces if one.face is not None]
    return {"data": desk.documents.identify(found), "faults": faults} | _picture(shown)


def _faults(unlock: FaceUnlock, photo: Photo, face: Face) -> list[str]:
    """Return the slugs of what is wrong with a face, the most serious first."""
    limits, here = unlock.settings, face.scaled(1 / photo.scale)
    needed = Limits(limits.min_face_pixels, limits.min_sharpness, limits.min_brightness)
    quality = replace(measure_quality(photo.image, here), size=face.size)
    return [one.fault for one in measures(quality, needed) if not one.good]


def _classified(unlock: FaceUnlock, desk: Desk, photo: PhotoFile, head: str) -> dict[str, Any]:
    """Return whom a head sees on a photo, and the photo as a browser can show it."""
    folder = whole_path(head)
    if folder is None:
        raise SettingsError("usage", "Name the folder of the head by its whole path, or begin with ~.")
    (found,) = unlock.classify([photo], folder, faces="all")
    if isinstance(found, LeftOut):
        raise PhotoError(found.reason, f"{found.photo}: {found.detail.removeprefix(f'{found.photo}: ')}")
    return {"data": desk.documents.classified(found)} | _picture(photo.view(PICTURE))


def _picture(shown: Photo) -> dict[str, Any]:
    height, width = shown.image.shape[:2]
    return {
        "picture": _address(shown.image),
        "width": round(width * shown.scale),
        "height": round(height * shown.scale),
    }


def _why(unlock: FaceUnlock, desk: Desk, folders: Folders, photo: Source, place: Place) -> dict[str, Any]:
    """Return why a face of a photo has its name, or none, as the network sees it, and the closest photo."""
    file = load_photo(photo, name=_last_part(photo), max_pixels=desk.max_pixels)
    found = unlock.explain(file, faces=place)
    beside = _beside(unlock, found, folders, file, desk.worker.progress.track)
    return desk.documents.explanation(found) | {"face": _address(found.crop), "beside": beside}


def _beside(
    unlock: FaceUnlock, found: Explanation, folders: Folders, file: PhotoFile, track: Track
) -> dict[str, Any]:
    """Return the person's photo that a face resembles most, or why there is none to show."""
    if found.resembled is None:
        return {"words": "Nobody is enrolled, so there is no photo to compare it with."}
    name, seen, own = found.resembled.name, set[Path](), list[Path]()
    for folder in folders:
        fresh = [photo for photo in folder.photos if photo not in seen]
        own += photos_of(unlock, name, fresh, folder.digests, but=file.digest, track=track)
        seen.update(fresh)
    near = closest(unlock, found, own, track)
    if near is not None:
        of = "the only enrolled photo" if len(own) == 1 else f"the closest of the {len(own)} enrolled photos"
        words = f"{name} on {near.photo.name}: {of} in the folders opened here."
        return {"words": words, "face": _address(near.crop), "similarity": near.similarity}
    where = "No photo is kept of anybody"
    if seen:
        where = f"Of the {counted(len(seen), 'photo')} in the folders opened here, none enrolled {name}"
    return {
        "words": f"{where}. Open the folder of {name}'s photos above: the closest of them then stands here."
    }


def _place(text: str) -> Place:
    try:
        x, y = map(float, text.split(","))
    except ValueError:
        x = y = -1.0
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise SettingsError("usage", "a place is two numbers from 0 to 1: from the left, from the top")
    return x, y


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
    seen = seen_in(image, acquisition.detector)
    word = fault(seen, limits_of(unlock.settings, gates))
    pose = POSES[taken % len(POSES)]
    good = word is None and follows(pose, offset_of(seen.faces[0]), None)
    return {"good": good, "clear": word is None, "say": desk.documents.guidance(word or pose)}


def _shown(photo: Source, desk: Desk, side: int) -> Photo:
    return load_photo(photo, max_pixels=desk.max_pixels).view(side)


def _last_part(photo: Source) -> str | None:
    return photo.name if isinstance(photo, Path) else None


def _address(image: RGBImage) -> str:
    """Return an address that holds an image, at most `PICTURE` pixels on its longer side."""
    return data_address("image/jpeg", _jpeg(image, PICTURE))


def _jpeg(image: RGBImage, side: int) -> bytes:
    """Return an image as a JPEG file, at most `side` pixels on its longer side."""
    from PIL import Image

    picture = Image.fromarray(image)
    picture.thumbnail((side, side))
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


@cache
def _style() -> str:
    """Return the style of the reports' pages."""
    return (files("faceunlock.reports") / "templates" / "page.css").read_text(encoding="utf-8")
