"""Status: where data is stored, the settings in use, and problems."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from faceunlock.errors import GalleryError, ModelError
from faceunlock.files.private import problems
from faceunlock.pipeline.models.folder import weights_file
from faceunlock.pipeline.models.registry import MODELS
from faceunlock.pipeline.runtime import NVIDIA_DRIVER
from faceunlock.tasks.people import likeness as people_likeness

if TYPE_CHECKING:
    from faceunlock.gallery.guard import ProtectionState
    from faceunlock.matching.likeness import Likeness
    from faceunlock.settings import Locations, Settings
    from faceunlock.tasks.models import ModelState
    from faceunlock.tasks.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Status:
    """Where data is stored, what is in use, and what is wrong.

    Attributes
    ----------
    locations : Locations
    settings : Settings
    gpu : bool
        Whether the machine has an NVIDIA driver.
    model : ModelState or None
        The model in use; None if that is unknown without access to the network.
    people : tuple of str
        Names of enrolled people.
    protection : ProtectionState or None
        Whether the gallery is sealed; None if that is unknown.
    problems : tuple of str
        One sentence for each problem.
    templates : int
        How many templates the people have: one each, and one for each look.
    likeness : Likeness or None
        How alike the people are; None if there are fewer than two, or nothing was measured.
    """

    locations: Locations
    settings: Settings
    gpu: bool
    model: ModelState | None
    people: tuple[str, ...]
    protection: ProtectionState | None
    problems: tuple[str, ...]
    templates: int = 0
    likeness: Likeness | None = None


def _preparation_problems(workspace: Workspace, model: ModelState) -> list[str]:
    """Return what is wrong with the networks that answer for the enrolled people."""
    try:
        state = workspace.choice.loader.preparation(model.spec)
    except (GalleryError, ModelError) as error:
        return [error.message]
    home = workspace.locations.home
    words = ["faceunlock", *([] if home is None else ["--home", str(home)]), "models", "prepare"]
    if model.model not in MODELS:
        words += ["--model", str(weights_file(model.spec).parent)]
    if state == "not-prepared":
        return [
            f"the networks of {model.model} are not prepared, so the next command takes longer and a login "
            f"cannot be answered; run: {shlex.join(words)}"
        ]
    if state == "wrong":
        return [
            f"a prepared network of {model.model} does not answer like the original; "
            f"run: {shlex.join([*words, '--force'])}"
        ]
    return []


def status(workspace: Workspace) -> Status:
    """Return where data is stored and what is wrong; changes nothing and uses no network."""
    gallery, choice = workspace.gallery, workspace.choice
    found = [*problems(workspace.locations.data), *gallery.problems()]
    names: tuple[str, ...] = ()
    templates = 0
    model = likeness = None
    protection = None
    with _noting(found):
        protection = gallery.protection()
    with _noting(found):
        people = gallery.people()
        names = tuple(person.name for person in people)
        templates = sum(len(person.templates) for person in people)
    found += workspace.attempts.problems(names)
    with _noting(found):
        chosen = choice.local()
        model = choice.state(chosen, check=True) if chosen is not None else None
        used = [identity for identity in gallery.models() if identity.model == chosen]
        likeness = people_likeness(workspace, used[0]) if len(used) == 1 else None
    if model is not None and model.weights.status != "present":
        found.append(model.weights.problem or f"the weights of {model.model} are not on this machine")
    elif model is not None and names:
        found += _preparation_problems(workspace, model)
    return Status(
        locations=workspace.locations,
        settings=workspace.settings,
        gpu=NVIDIA_DRIVER.exists(),
        model=model,
        people=names,
        protection=protection,
        problems=tuple(dict.fromkeys(found)),
        templates=templates,
        likeness=likeness,
    )


@contextlib.contextmanager
def _noting(found: list[str]) -> Iterator[None]:
    """Note what is wrong with one thing and go on: the next may be wrong too."""
    try:
        yield
    except (GalleryError, ModelError) as error:
        found.append(error.message)
