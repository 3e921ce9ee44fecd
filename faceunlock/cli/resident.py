"""Answer ``verify`` in the resident process exactly as the command would, with models kept loaded."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from faceunlock.agent import protocol
from faceunlock.agent.question import Declined, Question, SentPhoto
from faceunlock.cli.console import Console
from faceunlock.cli.plain_verify import answer
from faceunlock.cli.session import Session
from faceunlock.errors import FaceUnlockError, ModelError
from faceunlock.matching.security import LEVELS
from faceunlock.pipeline.models.folder import names_folder
from faceunlock.pipeline.models.registry import MODELS
from faceunlock.settings import LOCAL, Locations, Security, Settings, load_settings, locate
from faceunlock.tasks.models import AUTO
from faceunlock.unlock import FaceUnlock

_log = logging.getLogger(__name__)

KEPT = 4
"""Number of settings combinations whose models stay loaded."""


class Recorder(Console):
    """A console that records its output, in order, for the client to print."""

    def __init__(
        self, *, json: bool, quiet: bool, command: str, home: Path | None = None, colour: bool = False
    ) -> None:
        super().__init__(json=json, quiet=quiet, command=command, home=home, colour=colour)
        self.parts: list[str] = []

    def columns(self, stream: TextIO) -> int | None:
        """Return None: the terminal is the client's, so lines stay whole."""
        return None

    def put(self, text: str) -> None:
        """Record lines for stdout."""
        self.parts += ["1", f"{text}\n"]

    def put_beside(self, text: str) -> None:
        """Record lines for stderr."""
        self.parts += ["2", f"{text}\n"]


class Answerer:
    """Answers questions about one gallery, one at a time in a single thread.

    Parameters
    ----------
    locations : Locations
        Locations of the gallery; a question about another gallery is declined.
    environ : mapping
        Environment variables of this process.
    """

    def __init__(self, locations: Locations, environ: Mapping[str, str] = os.environ) -> None:
        self._locations = locations
        self._directories = {name: environ.get(name) for name in protocol.ENVIRONMENT}
        self._server = _server(environ)
        self._kept: OrderedDict[tuple[Any, ...], FaceUnlock] = OrderedDict()

    def prepare(self, settings: Settings) -> None:
        """Load what the next ``verify`` will need; an error is only logged, as the next client gets it."""
        try:
            with self._unlock(settings) as unlock:
                unlock.prepare()
        except FaceUnlockError as error:
            _log.info("nothing loaded yet: %s", error.message)

    def answer(self, question: Question, photo: int) -> list[str]:
        """Return the fields of the answer: the exit code, then alternately a stream and a text.

        Parameters
        ----------
        question : Question
        photo : int
            File descriptor of the photo; it stays open.

        Raises
        ------
        Declined
            If this process might answer differently from the client's own.
        """
        settings = self._settings(question)
        options = question.options
        console = Recorder(
            json="json" in options,
            quiet="quiet" in options,
            command="verify",
            home=self._locations.home,
            colour="colour" in options,
        )
        name, origin = "<stdin>", None
        if options["photo"] != "-":
            path = Path(options["photo"])
            name, origin = str(path), str(Path(options.get("directory", "/")) / path)
        source = cast(BinaryIO, SentPhoto(photo, name))
        session = Session(console, self._locations, settings)
        logger = logging.getLogger("faceunlock")
        before = logger.handlers, logger.level
        console.listen()
        try:
            with self._unlock(settings) as unlock:
                found = unlock.verify(
                    source,
                    options.get("as"),
                    threshold=_threshold(options.get("threshold")),
                    security=_security(options.get("security")),
                    faces="largest" if options.get("faces") == "largest" else "dominant",
                    source=origin,
                )
            code = 0 if answer(session, found, chosen="security" in options, photo=options["photo"]) else 1
        except FaceUnlockError as error:
            if error.slug in ("usage", "bad-setting"):
                raise Declined(error.message) from error  # its hint depends on the command line
            if isinstance(error, ModelError):
                self.forget()  # the missing file may be there next time
            console.error(error)
            code = 2
        finally:
            logger.handlers, logger.level = before
        return [str(code), *console.parts]

    def forget(self) -> None:
        """Unload all models."""
        self._kept.clear()

    def _settings(self, question: Question) -> Settings:
        """Return the settings that the client's own process would use."""
        directories = {name: question.environ.get(name) for name in protocol.ENVIRONMENT}
        if question.home is None and directories != self._directories:
            raise Declined("different directories")
        try:
            locations = locate(question.home, {})
            settings = load_settings(locations.config, question.environ)
        except FaceUnlockError as error:
            raise Declined(error.message) from error
        if locations != self._locations:
            raise Declined("different gallery")
        if settings.gallery != LOCAL and _server(question.environ) != self._server:
            raise Declined("different server")
        settings = dataclasses.replace(
            settings,
            model=question.options.get("model", settings.model),
            device=question.options.get("device", settings.device),
            prepare_networks="auto",  # the resident process outlives its client's deadline
        )
        if settings.device not in ("auto", "cpu"):
            raise Declined("different device")
        return dataclasses.replace(settings, model=_model(settings.model, question.options.get("directory")))

    def _unlock(self, settings: Settings) -> FaceUnlock:
        """Return the gallery with these settings; models that an earlier question needed are still loaded."""
        key = settings, *map(_stamps, (self._locations.cache / "weights", *_folder(settings.model)))
        if key not in self._kept:
            self._kept[key] = FaceUnlock(locations=self._locations, settings=settings)
            self._kept[key].readers_ahead = True
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[key]


def _server(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with which libpq finds a server."""
    return {name: value for name, value in environ.items() if name.startswith(protocol.SERVER_PREFIX)}


def _threshold(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError as error:
        raise Declined("not understood") from error


def _security(text: str | None) -> Security | None:
    if text is not None and text not in LEVELS:
        raise Declined("not understood")
    return text


def _model(model: str, directory: str | None) -> str:
    """Return the model that the client's own process would use: an id, or the absolute path of a folder."""
    if model in (AUTO, *MODELS):
        return model
    path = Path(directory or "", model)  # relative to the client's working directory
    if not path.is_absolute() or model.startswith("~") or not names_folder(str(path)) or not path.is_dir():
        raise Declined("unknown model")
    return str(path)


def _folder(model: str) -> list[Path]:
    return [] if model in (AUTO, *MODELS) else [Path(model)]


def _stamps(folder: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Return a value that changes whenever a file in a folder does."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.stat()) for entry in entries]
    except OSError:
        return ()
    return tuple(sorted((name, info.st_ino, info.st_mtime_ns, info.st_size) for name, info in found))
