"""Which stages stand between a camera and a yes of ``verify --camera --require-live``."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from faceunlock.liveness.record import ObsoleteMeasurement, load
from faceunlock.pipeline import weights
from faceunlock.pipeline.models.registry import MINIFASNET

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from faceunlock.liveness.texture import Texture
    from faceunlock.photos.face import Face, RGBImage
    from faceunlock.tasks.workspace import Workspace

_log = logging.getLogger(__name__)

TextureState = Literal["on", "off", "absent", "corrupt"]


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of ``verify --camera --require-live``.

    Attributes
    ----------
    texture : {"on", "off", "absent", "corrupt"}
        Whether MiniFASNet may refuse; ``off`` by the setting ``texture``, ``absent`` without its weights.
    measured : str or None
        When `pad-test` measured the stages on this machine, ISO 8601 in UTC; None if it never did.
    obsolete : tuple of str
        Checks that are gone, of which an old measurement is kept.
    """

    texture: TextureState
    measured: str | None
    obsolete: tuple[str, ...] = ()

    @property
    def active(self) -> tuple[str, ...]:
        """Names of the stages in use: the turns always, MiniFASNet where it is ``on``."""
        return ("turn", "texture") if self.texture == "on" else ("turn",)


def stages(workspace: Workspace) -> Stages:
    """Return which stages are in use, and what was measured of them; reads no weights.

    Raises
    ------
    GalleryError
        The kept measurement cannot be read; see `faceunlock.liveness.record.load`.
    """
    kept = load(workspace.locations.data)
    state = texture_state(workspace)
    if isinstance(kept, ObsoleteMeasurement):
        return Stages(state, None, kept.checks)
    return Stages(state, None if kept is None else kept.created)


def texture_state(workspace: Workspace) -> TextureState:
    """Return whether MiniFASNet may refuse a face."""
    if workspace.settings.texture == "off":
        return "off"
    found = weights.find(MINIFASNET, workspace.locations.cache).status
    return "on" if found == "present" else found


def texture(workspace: Workspace, *, switched_off: bool = False) -> Texture | None:
    """Return MiniFASNet, or None where its weights are not on this machine or the setting says ``off``.

    Parameters
    ----------
    workspace : Workspace
        Keeps its networks loaded.
    switched_off : bool
        Return it even if the setting says ``off``, to measure it.

    Raises
    ------
    ModelError
        Weights that are here cannot be used. That is never taken for absence: damage must not open a door.
    """
    if workspace.settings.texture == "off" and not switched_off:
        return None
    return workspace.choice.loader.texture()


def denial(workspace: Workspace) -> Callable[[Sequence[tuple[RGBImage, Face]]], float] | None:
    """Return what may refuse the frontal frames of a dialogue; None and errors as for `texture`."""
    found = texture(workspace)
    if found is None and workspace.settings.texture == "on":
        _log.info("MiniFASNet's weights are not here, so nothing looks at how the picture looks")
    return None if found is None else found.mean
