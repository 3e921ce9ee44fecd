"""A folder of people as a heatmap and a map that answer to the mouse and the keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.routing import BaseRoute

from faceunlock.files.text import quoted
from faceunlock.matching.similarity import similarities
from faceunlock.reports.figures import data_address
from faceunlock.reports.selection import choose_photos
from faceunlock.studies.overview import Study
from faceunlock.tasks.report import studied
from faceunlock.unlock import FaceUnlock
from faceunlock.web.api import Desk, beside
from faceunlock.web.folders import check_size, folder_of
from faceunlock.web.uploads import Field

if TYPE_CHECKING:
    from starlette.requests import Request

    from faceunlock.pipeline.samples import Track

_PATH = Field("path", "text", "A folder with a sub-folder per person.", required=True)


def routes(desk: Desk) -> list[BaseRoute]:
    """Return the routes that the page of a folder asks."""

    async def explored(request: Request) -> dict[str, Any]:
        path, track = (await desk.form(request, _PATH))["path"], desk.worker.progress.track
        return await desk.ask(request, lambda unlock: _explored(unlock, path, track))

    return [beside(desk, "POST", "/explore", explored)]


def _explored(unlock: FaceUnlock, path: str, track: Track) -> dict[str, Any]:
    folder = folder_of(path)
    check_size(folder, f"Make a report instead: faceunlock report {quoted(str(folder))} -o report.html")
    return picture(studied(unlock, folder, track), folder)


def picture(found: Study, folder: Path) -> dict[str, Any]:
    """Return what the page draws: as many photos as a report shows, grouped by person.

    Parameters
    ----------
    found : Study
        With a thumbnail of each face.
    folder : Path
        Names of photos are relative to it.
    """
    samples = found.samples
    chosen = choose_photos(samples.person_index)
    embeddings = samples.embeddings[chosen]
    points = [] if found.projection is None else found.projection.points[chosen].tolist()
    return {
        "threshold": found.pairs.threshold,
        "all": len(samples),
        "share": [] if found.projection is None else list(found.projection.share),
        "left_out": [{"photo": _below(folder, one.photo), "reason": one.reason} for one in samples.failures],
        "photos": [
            {
                "name": _below(folder, samples.photo[at]),
                "person": samples.person[at],
                "face": data_address("image/jpeg", samples.thumbnails[at]),
            }
            for at in chosen
        ],
        "points": points,
        "similarity": similarities(embeddings, embeddings).round(4).tolist(),
    }


def _below(folder: Path, photo: str) -> str:
    return photo.removeprefix(f"{folder}/")
