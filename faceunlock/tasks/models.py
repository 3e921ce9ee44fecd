"""The models for one gallery: choose one, and look up the state and the threshold of each."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.errors import GalleryError, ModelError
from faceunlock.files.text import quoted
from faceunlock.gallery.gallery import Gallery
from faceunlock.matching.people import Person
from faceunlock.matching.templates import ModelIdentity
from faceunlock.pipeline import weights
from faceunlock.pipeline.models.folder import (
    ModelFolder,
    names_folder,
    read_model_folder,
    weights_file,
)
from faceunlock.pipeline.models.registry import (
    EMBEDDED_DEFAULT,
    MODELS,
    RECOMMENDED,
    WITH_WEIGHTS,
    ModelSpec,
    model_spec,
)
from faceunlock.pipeline.runtime.kept import Told, untold
from faceunlock.pipeline.weights import WeightsState
from faceunlock.pipeline.weights.attempt import try_to_pull
from faceunlock.pipeline.weights.pull import pull
from faceunlock.settings import Locations, Security, Settings
from faceunlock.tasks.loading import NetworkLoader, Networks, Preparation

if TYPE_CHECKING:
    from faceunlock.matching.calibration import Calibration
    from faceunlock.matching.candidates import Comparable, Everybody
    from faceunlock.pipeline.acquisition import Acquisition
    from faceunlock.pipeline.detection import Detector
    from faceunlock.pipeline.embedding import Embedder

_log = logging.getLogger(__name__)

AUTO = "auto"

NETWORKS = "converted networks"
"""The purpose of the key that proves prepared networks."""


@dataclass(frozen=True, slots=True)
class ModelState:
    """The state of a model on this machine.

    Attributes
    ----------
    spec : ModelSpec
        The description of the model.
    weights : WeightsState
        Whether its weights are on this machine.
    calibration : Calibration or None
        The threshold in use; None if the gallery's calibration cannot be read, or it recognises nobody.
    unread : str or None
        Why the calibration, or the key that proves networks, cannot be read.
    preparation : {"prepared", "not-prepared", "unproven", "wrong"} or None
        The state of the networks made from the weights, which give the answers; None if it was not looked at
        or PyTorch runs them.
    """

    spec: ModelSpec
    weights: WeightsState
    calibration: Calibration | None
    unread: str | None = None
    preparation: Preparation | None = None

    @property
    def model(self) -> str:
        """Its id."""
        return self.spec.id


class ModelChoice:
    """Chooses a model, loads it, and knows the threshold of every model.

    Attributes
    ----------
    loader : NetworkLoader
        Loads the networks of the model.

    Parameters
    ----------
    gallery : Gallery
        Its templates say which model is in use.
    locations : Locations
        Where weights are stored.
    settings : Settings
        Limits of photos, the mirror of the weights.
    model : str
        Id of a model, the folder of a trained model, or ``auto``.
    device : {"auto", "cpu", "cuda"}
        Where networks run.
    detector, embedder : optional
        Used instead of those that `model` and `device` select.
    on_download : callable, optional
        Called with the bytes done and the bytes in total while weights are downloaded.
    on_prepare : callable, optional
        Called with a network's name, the steps done and the steps in total while it is made at first use.

    Raises
    ------
    ModelError
        ``unknown-model``, before any work is done; for a folder ``weights-missing``, ``weights-corrupt`` or
        ``insecure-permissions``.
    """

    def __init__(
        self,
        gallery: Gallery,
        locations: Locations,
        settings: Settings,
        *,
        model: str,
        device: str,
        detector: Detector | None = None,
        embedder: Embedder | None = None,
        on_download: Callable[[int, int], None] | None = None,
        on_prepare: Told = untold,
    ) -> None:
        self._trained: ModelFolder | None = None
        if model != AUTO and embedder is None:
            if names_folder(model):
                self._trained = read_model_folder(Path(model))
                model = self._trained.spec.id
            else:
                model_spec(model)
        self._gallery, self._cache, self._settings = gallery, locations.cache, settings
        self._model, self._on_download = model, on_download
        self.loader = NetworkLoader(
            self._cache,
            settings,
            device,
            self.pull,
            key=lambda: gallery.derived_key(NETWORKS),
            detector=detector,
            embedder=embedder,
            told=on_prepare,
        )

    @property
    def named(self) -> str:
        """Id of the requested model, or ``auto``."""
        return self._model

    @property
    def trained(self) -> ModelSpec | None:
        """Description of the requested model if it is a trained one, else None."""
        return None if self._trained is None else self._trained.spec

    def used(self) -> tuple[str, ...]:
        """Return the ids of the models that made the templates, sorted."""
        return tuple(sorted({identity.model for identity in self._gallery.models()}))

    def spec(self, model: str) -> ModelSpec:
        """Return the description of a model: one from the registry, MiniFASNet, or the requested trained one.

        Raises
        ------
        ModelError
            ``unknown-model``.
        """
        if self._trained is not None and model == self._trained.spec.id:
            return self._trained.spec
        if model not in WITH_WEIGHTS and any(identity.model == model for identity in self._gallery.models()):
            raise ModelError(
                "unknown-model",
                f"people were enrolled with {model}, a trained model; its folder must be named",
                hint="Use --model FOLDER, or set model in the config file to that folder.",
            )
        return WITH_WEIGHTS[model] if model in WITH_WEIGHTS else model_spec(model)

    def uncalibrated(self, model: str, security: Security | None = None) -> Calibration:
        """Return the calibration that came with a model, at a level of security; see `calibration`."""
        from faceunlock.pipeline.models.shipped import shipped_calibration

        if self._trained is not None and model == self._trained.spec.id:
            return self._trained.calibration
        return shipped_calibration(model, security or self._settings.level())

    def is_here(self, identity: ModelIdentity) -> bool:
        """Return whether embeddings made on this machine are comparable with those of `identity`."""
        if self.loader.given is not None:
            return self.loader.given.identity == identity
        try:
            spec = self.spec(identity.model)
        except ModelError:
            return False
        sha256 = weights.find(spec, self._cache).sha256 or spec.sha256
        return sha256 is not None and identity == ModelIdentity(
            spec.id, sha256, spec.preprocessing, spec.dimension
        )

    def identity(self, spec: ModelSpec) -> ModelIdentity:
        """Return what a model's embeddings will be made by; loads no network.

        Raises
        ------
        ModelError
            ``weights-missing`` or ``weights-corrupt``.
        """
        sha256 = weights.trusted_sha256(spec, self._cache)
        return ModelIdentity(spec.id, sha256, spec.preprocessing, spec.dimension)

    def states(self) -> tuple[ModelState, ...]:
        """Return the state of every model, those that judge liveness last; reads no weights."""
        trained = [self._trained.spec.id] if self._trained is not None else []
        others = (model for model in WITH_WEIGHTS if model not in MODELS)
        return tuple(self.state(model) for model in (*MODELS, *trained, *others))

    def state(self, model: str, *, check: bool = False) -> ModelState:
        """Return the state of one model; reads its weights only with `check`, for their checksum.

        A calibration that cannot be read, for want of a key for one, hides nothing else.
        """
        spec = self.spec(model)
        state = (weights.verify if check else weights.find)(spec, self._cache)
        sha256 = state.sha256 or spec.sha256
        if spec.purpose == "liveness":
            return ModelState(spec, state, None)
        if sha256 is None:
            return ModelState(spec, state, self.uncalibrated(model))
        identity = ModelIdentity(model, sha256, spec.preprocessing, spec.dimension)
        try:
            return ModelState(spec, state, self.calibration(identity))
        except GalleryError as error:
            return ModelState(spec, state, None, error.explained)

    def pull(self, model: str, *, file: Path | None = None, force: bool = False) -> ModelState:
        """Fetch the weights of a model; see `faceunlock.pipeline.weights.pull.pull`."""
        pull(
            self.spec(model),
            self._cache,
            force=force,
            mirror=self._settings.weights_mirror or None,
            file=file,
            progress=self._on_download,
        )
        return self.state(model)

    def calibration(self, identity: ModelIdentity, security: Security | None = None) -> Calibration:
        """Return the saved calibration of a model, or the shipped one.

        Parameters
        ----------
        identity : ModelIdentity
            What made the embeddings.
        security : {"relaxed", "normal", "strict"}, optional
            Level of security of the shipped one; the setting ``security`` when omitted, or without one
            ``normal``. A saved calibration has only one threshold, for the target it was made for.

        Raises
        ------
        GalleryError
            ``gallery-damaged`` if the saved data is not a calibration, or belongs to another model.
        """
        from faceunlock.matching.calibration import calibration_of

        saved = self._gallery.calibration(identity)
        if saved is None:
            return self.uncalibrated(identity.model, security)
        try:
            return calibration_of(identity, saved)
        except ValueError as error:
            raise GalleryError(
                "gallery-damaged", f"{self._gallery.path}: the calibration of {identity.model}: {error}"
            ) from error

    def _mismatch(self, name: str, made_by: ModelIdentity, model: str) -> GalleryError:
        """Return the error for a model that cannot be compared with a person's template."""
        other = f"the model {made_by.model}" if made_by.model != model else f"different weights of {model}"
        named = model
        if self._trained is not None and model == self._trained.spec.id:
            named = shlex.quote(str(weights_file(self._trained.spec).parent))
        return GalleryError(
            "model-mismatch",
            f"{name} was enrolled with {other}, so {model} cannot compare with that template",
            hint=f"Re-enroll: faceunlock enroll {quoted(name)} FOLDER --replace --model {named}",
        )

    def check(self, person: Person | None, identity: ModelIdentity) -> None:
        """Refuse embeddings that cannot be compared with a person's template; ``model-mismatch``."""
        if person is not None and person.template.identity != identity:
            raise self._mismatch(person.name, person.template.identity, identity.model)

    def comparable(self, crowd: Everybody, identity: ModelIdentity) -> Comparable:
        """Return those of at least one person that embeddings can be compared with; ``model-mismatch``."""
        found = crowd.made_by(identity)
        if found is None:
            raise self._mismatch(*crowd.first(), identity.model)
        return found

    def pair_calibration(self, identity: ModelIdentity) -> Calibration:
        """Return the calibration for two single photos; see `shipped_pair_calibration`.

        A trained model uses the calibration it came with, which is a guess from pairs of photos.
        """
        from faceunlock.pipeline.models.shipped import shipped_pair_calibration

        if self._trained is not None and identity.model == self._trained.spec.id:
            return self._trained.calibration
        return shipped_pair_calibration(identity.model)

    def pair_threshold(self, identity: ModelIdentity) -> float | None:
        """Return the threshold for two single photos; None if it was not measured."""
        pairs = self.pair_calibration(identity)
        return None if pairs.status == "not-calibrated" else pairs.threshold

    def local(self) -> str | None:
        """Return the id of the model in use, or None if that depends on what can be downloaded.

        Raises
        ------
        ModelError
            ``model-mismatch`` if the templates are from several models and none was requested.
        """
        if self.loader.given is not None:
            return self.loader.given.identity.model
        if self._model != AUTO:
            return self._model
        used = self.used()
        if len(used) > 1:
            raise ModelError(
                "model-mismatch",
                f"the gallery holds templates of several models: {', '.join(used)}",
                hint="Choose one with --model ID, or re-enroll everyone with one of them.",
            )
        if used:
            return used[0]
        return RECOMMENDED if weights.locate(MODELS[RECOMMENDED], self._cache) else None

    def acquisition(
        self,
        person: Person | None = None,
        *,
        fetch: bool = False,
        photos: int = 1,
        small_faces: bool = False,
        crop: tuple[int, int] | None = None,
        access: bool = True,
    ) -> tuple[Acquisition, ModelIdentity]:
        """Return the acquisition that turns photos into samples, and the identity of its embeddings.

        Parameters
        ----------
        person : Person, optional
            With ``auto``, the model of this person's template is used; a different model is refused before
            a network is loaded.
        fetch : bool
            Download the weights if they are not on this machine.
        photos : int
            Number of photos to look at; only with enough of them is a GPU worth starting.
        small_faces : bool
            Find every face of a group, not only the subject of a photo.
        crop : tuple of int, optional
            Size and margin of a crop to use instead of the model's own; see `ModelSpec.cropped`.
        access : bool
            Whether the answer may let somebody in. If not, and the key of a sealed gallery cannot be had,
            prepared networks are used as those of an unsealed gallery are.

        Raises
        ------
        GalleryError
            ``model-mismatch`` if the person's template was made by a different model.
        ModelError
            The weights or the device cannot be used.
        """
        networks = self.loader.networks(
            self._loadable(self.chosen(person)),
            fetch=fetch,
            photos=photos,
            small_faces=small_faces,
            crop=crop,
            access=access,
        )
        identity = networks.embedder.identity
        self.check(person, identity)
        return self.loader.acquiring(networks), identity

    def networks(self, *, fetch: bool = False, photos: int = 1) -> Networks:
        """Return the networks of the model; they may still be loading. Parameters as for `acquisition`.

        Raises
        ------
        ModelError
            The weights or the device cannot be used.
        """
        return self.loader.networks(self._loadable(self.chosen()), fetch=fetch, photos=photos)

    def embedder(self, *, fetch: bool = False, photos: int = 1) -> Embedder:
        """Return only the embedder of the model; parameters and errors as for `networks`."""
        spec = None if self.loader.given is not None else self.spec(self.chosen())
        return self.loader.embedder(spec, fetch=fetch, photos=photos)

    def _recommended_is_here(self, mirror: str | None) -> bool:
        try:
            return try_to_pull(MODELS[RECOMMENDED], self._cache, mirror=mirror, progress=self._on_download)
        except ModelError as error:
            if error.slug == "weights-corrupt":  # what came is refused, but nobody is stuck
                error.hint = f"Use --model {EMBEDDED_DEFAULT}, which needs no download" + (
                    ", or correct the setting weights_mirror." if mirror else "; or try again later."
                )
            raise

    def _loadable(self, model: str) -> ModelSpec | None:
        return None if self.loader.given is not None else self.spec(model)

    def chosen(self, person: Person | None = None) -> str:
        """Return the model to use; for an empty gallery the recommended one if it can be had in seconds.

        Raises
        ------
        GalleryError
            ``model-mismatch`` if the person's template was made by a different model.
        """
        # A claimed person's own template decides, so damage to others and their models do not matter.
        if person is not None and self.loader.given is None and self._model == AUTO:
            return person.template.identity.model
        model = self.local() or self._fetchable()
        if person is not None and person.template.identity.model != model:
            raise self._mismatch(person.name, person.template.identity, model)
        return model

    def _fetchable(self) -> str:
        """Return the recommended model if it can be had in seconds, or else the one that is always here."""
        mirror = self._settings.weights_mirror or None
        if self._recommended_is_here(mirror):
            return RECOMMENDED
        _log.warning(
            "Using the model %s, which needs no download: %s, the recommended one, cannot be downloaded now. "
            "To use it, get it before you enroll anybody: faceunlock models pull %s",
            EMBEDDED_DEFAULT,
            RECOMMENDED,
            RECOMMENDED,
        )
        return EMBEDDED_DEFAULT
