"""Weights and the networks prepared from them: check, prepare, and prove them again under another key."""

from __future__ import annotations

import logging
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from faceunlock.errors import GalleryError, ModelError
from faceunlock.gallery.journal import discard
from faceunlock.pipeline import weights
from faceunlock.pipeline.models.folder import TRAIN_AGAIN, weights_file
from faceunlock.pipeline.models.registry import MINIFASNET, WITH_WEIGHTS
from faceunlock.pipeline.weights.cache import corrupt, missing
from faceunlock.tasks.loading import Preparation
from faceunlock.tasks.models import AUTO, NETWORKS, ModelState

if TYPE_CHECKING:
    from pathlib import Path

    from faceunlock.gallery.cipher import Place
    from faceunlock.tasks.workspace import Workspace

_log = logging.getLogger(__name__)


def verify_models(workspace: Workspace, model: str | None = None) -> tuple[ModelState, ...]:
    """Check the weights of a model, or of all that are present, and the networks prepared from them.

    Without the key of a sealed gallery, networks are compared with the originals but not proven.

    Raises
    ------
    ModelError
        ``weights-corrupt``; ``conversion-failed`` if a prepared network does not answer like the
        original; with `model` also ``weights-missing``.
    """
    choice, cache = workspace.choice, workspace.locations.cache
    trained = [] if choice.trained is None else [choice.trained]
    specs = [*WITH_WEIGHTS.values(), *trained] if model is None else [choice.spec(model)]
    checked = [weights.verify(spec, cache) for spec in specs]
    for state in checked:
        if state.status == "corrupt":
            known = WITH_WEIGHTS.get(state.model)
            hint = TRAIN_AGAIN if known is None else corrupt(known, "").hint
            raise ModelError("weights-corrupt", f"{state.model}: {state.problem}", hint=hint)
        if state.status == "absent" and model is not None:
            raise missing(choice.spec(model))
    states = [choice.state(state.model) for state in checked if state.status == "present"]
    return tuple(_with_preparation(workspace, state) for state in states)


def _with_preparation(workspace: Workspace, state: ModelState) -> ModelState:
    found, unread = _preparation(workspace, state)
    if found == "wrong":
        raise ModelError(
            "conversion-failed",
            f"{state.model}: a prepared network does not answer like the original; "
            "something other than faceunlock wrote it",
            hint=f"Run: {prepare_command(workspace, '--force')}",
        )
    return replace(state, preparation=found, unread=state.unread or unread)


def _preparation(workspace: Workspace, state: ModelState) -> tuple[Preparation | None, str | None]:
    """Return the state of the prepared networks, and why they cannot be proven if they cannot."""
    loader = workspace.choice.loader
    try:
        return loader.preparation(state.spec), None
    except GalleryError as error:
        return loader.preparation(state.spec, provable=False), error.explained


def pull_model(
    workspace: Workspace, model: str, *, file: Path | None = None, force: bool = False
) -> ModelState:
    """Fetch the weights of a model; prepare its networks at once where a login by face would need them.

    A login never prepares any, so without this, MiniFASNet's arrival would end every ``--require-live``.
    Parameters and errors are those of `faceunlock.pipeline.weights.pull.pull`.
    """
    state = workspace.choice.pull(model, file=file, force=force)
    try:
        if model in unprepared(workspace):
            prepare_models(workspace, model)
    except (GalleryError, ModelError) as error:
        _log.warning(
            "%s. Before the next login by face, run: %s", error.message, prepare_command(workspace, model)
        )
    return state


def prepare_models(
    workspace: Workspace, model: str | None = None, *, force: bool = False
) -> dict[str, tuple[str, ...]]:
    """Prepare the networks of a model, or of every model in use, so that no later command has to.

    Parameters
    ----------
    workspace : Workspace
    model : str, optional
        Id of the model. When omitted: all that enrolled people need, or the model that an enrolment would
        use if nobody is enrolled; also MiniFASNet, if its weights are here.
    force : bool
        Also make networks that are prepared already.

    Returns
    -------
    dict of str to tuple of str
        For each model the names of the networks that were made.

    Raises
    ------
    GalleryError
        The key that would prove them cannot be had.
    ModelError
        ``weights-missing`` and other faults of weights; ``conversion-failed``; ``weights-unwritable``.
    """
    choice = workspace.choice
    used = choice.used()
    if model is not None or choice.named != AUTO or not used:
        used = (model or choice.chosen(),)
    if model is None and weights.find(MINIFASNET, workspace.locations.cache).status == "present":
        used += (MINIFASNET.id,)
    return {name: choice.loader.prepare(choice.spec(name), force=force) for name in used}


def unprepared(workspace: Workspace) -> tuple[str, ...]:
    """Return the models of enrolled people whose networks are not prepared, so that no login can be answered.

    Models that are not on this machine, or have other faults, are left to `faceunlock.tasks.status`.
    """
    found = []
    used = {identity.model for identity in workspace.gallery.crowd(intact=True).identities}
    for model in sorted(used | {MINIFASNET.id} if used else used):
        try:
            spec = workspace.choice.spec(model)
            here = weights.find(spec, workspace.locations.cache).status == "present"
            if here and workspace.choice.loader.preparation(spec, compare=False) == "not-prepared":
                found.append(model)
        except ModelError:
            continue
    return tuple(found)


def prepare_command(workspace: Workspace, *words: str) -> str:
    """Return the command that prepares the networks of this workspace's model, without its home directory."""
    trained = workspace.choice.trained
    command = ["faceunlock", "models", "prepare"]
    if trained is not None:
        command += ["--model", str(weights_file(trained).parent)]
    return shlex.join([*command, *words])


def protect(workspace: Workspace, place: Place | None = None) -> bool:
    """Seal the gallery; see `faceunlock.gallery.guard.Guard.protect`.

    Networks that are prepared already stay unproven. Nothing says who wrote them, and a comparison with the
    originals would not notice one that differs for a single face. The log names the command to prepare them.
    """
    discard(workspace.locations.data)  # what a stopped bulk enrolment has seen is not encrypted
    changed = workspace.gallery.protect(place)
    _say_unprepared(workspace)
    return changed


def rotate(workspace: Workspace, place: Place | None = None) -> None:
    """Give a sealed gallery a new key; see `faceunlock.gallery.guard.Guard.rotate`.

    Networks that the old key proves stay prepared.
    """
    from faceunlock.pipeline.runtime.kept import sign_again

    old = workspace.gallery.derived_key(NETWORKS)
    workspace.gallery.rotate(place)
    new = workspace.gallery.derived_key(NETWORKS)
    if old is not None and new is not None:
        try:
            sign_again(workspace.locations.cache, old, new)
        except (OSError, ModelError) as error:
            _log.info("The networks cannot be proven under the new key: %s", error)
    _say_unprepared(workspace)


def _say_unprepared(workspace: Workspace) -> None:
    if unprepared(workspace):
        _log.warning(
            "Networks prepared before cannot be proven under this key and are no longer used. "
            "Before the next login by face, run: %s",
            prepare_command(workspace),
        )
