"""Status: where data is stored, the settings in use, and problems."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from faceunlock.errors import GalleryError, ModelError
from faceunlock.files.private import problems
from faceunlock.files.text import at_home
from faceunlock.liveness import MEASUREMENT
from faceunlock.matching.people import in_order
from faceunlock.pipeline.models.registry import MINIFASNET
from faceunlock.pipeline.runtime import NVIDIA_DRIVER
from faceunlock.tasks.camera import missing_camera
from faceunlock.tasks.liveness import Stages, stages
from faceunlock.tasks.people import likeness as people_likeness

if TYPE_CHECKING:
    from faceunlock.gallery.bank import BankState
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
    strangers : tuple of BankState
        What is in the bank of strangers of each model.
    protection : ProtectionState or None
        Whether the gallery is sealed; None if that is unknown.
    problems : tuple of str
        One sentence for each problem.
    templates : int
        How many templates the people have: one each, and one for each look.
    likeness : Likeness or None
        How alike the people are; None if there are fewer than two, or nothing was measured.
    liveness : Stages or None
        Which stages ``verify --camera --require-live`` has; None if their measurement cannot be read.
    gallery : str
        The file of the gallery, or the address of its database.
    """

    locations: Locations
    settings: Settings
    gpu: bool
    model: ModelState | None
    people: tuple[str, ...]
    strangers: tuple[BankState, ...]
    protection: ProtectionState | None
    problems: tuple[str, ...]
    templates: int = 0
    likeness: Likeness | None = None
    liveness: Stages | None = None
    gallery: str = ""


def _preparation_problems(workspace: Workspace, model: ModelState) -> list[str]:
    """Return what is wrong with the networks that answer for the enrolled people."""
    from faceunlock.tasks.networks import prepare_command

    try:
        state = workspace.choice.loader.preparation(model.spec)
    except (GalleryError, ModelError) as error:
        return [error.explained]
    if state == "not-prepared":
        which = "a login with --require-live" if model.spec.purpose == "liveness" else "a login"
        return [
            f"the networks of {model.model} are not prepared, so the next command that needs them takes "
            f"longer and {which} cannot be answered; run: {prepare_command(workspace)}"
        ]
    if state == "wrong":
        return [
            f"a prepared network of {model.model} does not answer like the original; "
            f"run: {prepare_command(workspace, '--force')}"
        ]
    return []


def _in_use(workspace: Workspace, found: list[str]) -> tuple[str | None, tuple[str, ...]]:
    """Return the model in use, and those that may be if that cannot be told because something is wrong."""
    with _noting(found):
        return workspace.choice.local(), ()
    used: set[str] = set()
    with _noting(found):
        used = {identity.model for identity in workspace.gallery.crowd(intact=True).identities}
    here = (state.model for state in workspace.choice.states() if _can_answer(state))
    return None, tuple(sorted(used or here))


def _liveness_problems(workspace: Workspace, liveness: Stages, *, enrolled: bool) -> list[str]:
    """Return what is wrong with MiniFASNet and with the kept measurement."""
    found = []
    if liveness.obsolete:
        found.append(
            f"{workspace.locations.data / MEASUREMENT} measured checks that are gone "
            f"({', '.join(liveness.obsolete)}) and is not used; measure again: "
            "faceunlock pad-test --live FOLDER --attack FOLDER"
        )
    if liveness.texture in ("on", "corrupt"):
        state = workspace.choice.state(MINIFASNET.id, check=True)
        found += _model_problems(workspace, state, enrolled=enrolled)
    return found


def _can_answer(state: ModelState) -> bool:
    return state.spec.purpose == "recognition" and state.weights.status != "absent"


def _model_problems(workspace: Workspace, model: ModelState, *, enrolled: bool) -> list[str]:
    """Return what is wrong with a model that may have to answer."""
    found = [] if model.unread is None else [model.unread]
    if model.weights.status != "present":
        return [*found, model.weights.problem or f"the weights of {model.model} are not on this machine"]
    return found + (_preparation_problems(workspace, model) if enrolled else [])


def status(workspace: Workspace) -> Status:
    """Return where data is stored and what is wrong; changes nothing and uses no network."""
    gallery, choice = workspace.gallery, workspace.choice
    found = [*problems(workspace.locations.data), *gallery.problems()]
    names: tuple[str, ...] = ()
    templates = 0
    banks: tuple[BankState, ...] = ()
    protection = None
    with _noting(found):
        protection = gallery.protection()
    with _noting(found):
        crowd = gallery.crowd()
        names = in_order(crowd.names())
        templates = sum(map(len, crowd.parts))
    with _noting(found):
        found += gallery.strangers.problems()
    with contextlib.suppress(GalleryError):  # noted above
        banks = gallery.strangers.states()
    found += workspace.attempts.problems(names)
    gone = missing_camera(workspace.settings.camera)
    found += [] if gone is None else [gone]
    model = likeness = None
    chosen, others = _in_use(workspace, found)
    for name in (chosen, *others):
        with _noting(found):
            state = None if name is None else choice.state(name, check=True)
            model = state if name == chosen else model
            if state is not None:
                found += _model_problems(workspace, state, enrolled=bool(names or others))
    with _noting(found):
        used = [identity for identity in gallery.models() if identity.model == chosen]
        likeness = people_likeness(workspace, used[0]) if len(used) == 1 else None
    liveness = None
    if not problems(workspace.locations.data):  # noted above, and the record is not read then
        with _noting(found):
            liveness = stages(workspace)
    if liveness is not None:
        found += _liveness_problems(workspace, liveness, enrolled=bool(names))
    return Status(
        locations=workspace.locations,
        settings=workspace.settings,
        gpu=NVIDIA_DRIVER.exists(),
        model=model,
        people=names,
        strangers=banks,
        protection=protection,
        problems=tuple(dict.fromkeys(at_home(problem, workspace.locations.home) for problem in found)),
        templates=templates,
        likeness=likeness,
        liveness=liveness,
        gallery=str(gallery.path),
    )


@contextlib.contextmanager
def _noting(found: list[str]) -> Iterator[None]:
    """Note what is wrong with one thing and go on: the next may be wrong too."""
    try:
        yield
    except (GalleryError, ModelError) as error:
        found.append(error.explained)
