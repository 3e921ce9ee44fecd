"""Loading of a model's networks: once for each way to run them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from faceunlock.errors import GalleryError
from faceunlock.files.limits import NETWORK_FILES, NETWORK_MEMORY, require
from faceunlock.pipeline import weights
from faceunlock.pipeline.models.registry import MINIFASNET, MODELS, Download, ModelSpec
from faceunlock.pipeline.runtime import Engine, choose_engine
from faceunlock.pipeline.runtime.kept import Keeping, Told, untold
from faceunlock.settings import Settings

if TYPE_CHECKING:
    from faceunlock.liveness.texture import Texture
    from faceunlock.pipeline.acquisition import Acquisition
    from faceunlock.pipeline.detection import Detector
    from faceunlock.pipeline.embedding import Embedder
    from faceunlock.pipeline.runtime.network import NetworkSource

Preparation = Literal["prepared", "not-prepared", "unproven", "wrong"]
"""Whether the networks of a model are prepared.

``wrong`` if one does not answer like the original; ``unproven`` if all do, and the key that would prove them
cannot be had.
"""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Networks:
    """A detector and an embedder, and what runs them.

    Attributes
    ----------
    detector : Detector
    embedder : Embedder
    engine : Engine or None
        Runs both; None if the caller passed in both.
    subject_detector : Detector or None
        What finds the subject of a photo, where `detector` finds every face.
    """

    detector: Detector
    embedder: Embedder
    engine: Engine | None
    subject_detector: Detector | None = None


class NetworkLoader:
    """Loads detectors and embedders, and keeps them loaded.

    Parameters
    ----------
    cache : Path
        The cache directory.
    settings : Settings
        The runtime, and limits of photos and faces.
    device : {"auto", "cpu", "cuda"}
        Where networks run.
    pull : callable
        Downloads the weights of the model with this id.
    key : callable
        Returns the key that proves the prepared networks of a sealed gallery; None if it is not sealed.
        Raises `GalleryError` if it cannot be had; then every network that may let somebody in is made anew.
    detector, embedder : optional
        Used instead of those that a model and a device select.
    told : callable, optional
        Hears how far the making of a network is.
    """

    def __init__(
        self,
        cache: Path,
        settings: Settings,
        device: str,
        pull: Callable[[str], object],
        *,
        key: Callable[[], bytes | None] = lambda: None,
        detector: Detector | None = None,
        embedder: Embedder | None = None,
        told: Told = untold,
    ) -> None:
        self._key, self._told = key, told
        self._cache, self._settings, self._device, self._pull = cache, settings, device, pull
        self._given_detector, self._given = detector, embedder
        self._texture: Texture | None = None
        # Keyed by runtime and device, because networks serve one thread or several, and by whether they may
        # be unproven, because such a network must never answer where it could let somebody in.
        self._detectors: dict[tuple[str, str, bool, bool], Detector] = {}
        self._embedders: dict[tuple[str, tuple[int, int] | None, str, str, bool], Embedder] = {}

    @property
    def given(self) -> Embedder | None:
        """The embedder that the caller passed in, or None."""
        return self._given

    @property
    def is_own(self) -> bool:
        """Whether the caller gave a detector or an embedder, which no other process can load."""
        return self._given is not None or self._given_detector is not None

    def networks(
        self,
        spec: ModelSpec | None,
        *,
        fetch: bool = False,
        photos: int = 1,
        small_faces: bool = False,
        crop: tuple[int, int] | None = None,
        access: bool = True,
    ) -> Networks:
        """Return the networks of a model; they may still be loading.

        Parameters
        ----------
        spec : ModelSpec or None
            The model; None only if the caller passed in an embedder.
        fetch, photos, small_faces, crop, access
            As for `faceunlock.tasks.models.ModelChoice.acquisition`.

        Raises
        ------
        ModelError
            The weights or the device cannot be used.
        """
        if self._given is not None and self._given_detector is not None:
            return Networks(self._given_detector, self._given, None)
        unproven = not access and not self._can_prove()
        engine = self._engine(photos, unproven=unproven)
        # Start the embedder first: it takes longer to open, and the detector is needed before it.
        embedder = self._embedder(spec, engine, fetch=fetch, crop=crop, unproven=unproven)
        detector = self._detector(engine, small_faces=small_faces, unproven=unproven)
        subject = self._detector(engine, small_faces=False, unproven=unproven) if small_faces else None
        return Networks(detector, embedder, engine, subject)

    def detector(self) -> Detector:
        """Return only the detector; raises as `networks`."""
        return self._detector(self._engine(1), small_faces=False)

    def embedder(self, spec: ModelSpec | None, *, fetch: bool = False, photos: int = 1) -> Embedder:
        """Return only the embedder of a model, for crops that already exist; otherwise as `networks`."""
        return self._given or self._embedder(spec, self._engine(photos), fetch=fetch, crop=None)

    def prepare(self, spec: ModelSpec, *, force: bool = False) -> tuple[str, ...]:
        """Prepare a model's networks, and the detector's if it recognises; return the names of those made.

        Parameters
        ----------
        spec : ModelSpec
            The model; its weights must be here.
        force : bool
            Also make those that are prepared already.

        Raises
        ------
        GalleryError
            The key that would prove them cannot be had.
        ModelError
            ``conversion-failed``, ``weights-unwritable``; the weights cannot be used.
        """
        from faceunlock.pipeline.runtime import conversion
        from faceunlock.pipeline.runtime.kept import is_kept

        keeping = Keeping(self._key(), told=self._told)
        made = []
        for source in self._sources(spec):
            if force or not is_kept(source, self._cache, keeping):
                conversion.prepare(source, self._cache, keeping=keeping)
                made.append(source.name)
        return tuple(made)

    def preparation(
        self, spec: ModelSpec, *, provable: bool = True, compare: bool = True
    ) -> Preparation | None:
        """Return the state of the networks that answer for a model; None if PyTorch runs them.

        Parameters
        ----------
        spec : ModelSpec
            The model; its weights must be here.
        provable : bool
            Whether to ask for the key that proves them.
        compare : bool
            Whether to run those that nothing proves and compare them with the originals.

        Raises
        ------
        GalleryError
            The key that would prove them cannot be had; never if not `provable`.
        ModelError
            The weights cannot be used; ``insecure-permissions``.
        """
        from faceunlock.pipeline.runtime import conversion
        from faceunlock.pipeline.runtime.kept import is_kept

        if self._given is not None or self._settings.runtime == "torch" or self._device == "cuda":
            return None
        keeping = Keeping(self._key() if provable else None)
        sources = self._sources(spec)
        if not all(is_kept(source, self._cache, keeping) for source in sources):
            return "not-prepared"
        # What has a MAC was compared before it got it.
        if keeping.key is None and compare:
            for source in sources:
                if conversion.answers_like_the_original(source, self._cache, keeping) is False:
                    return "wrong"
        return "prepared" if provable else "unproven"

    def _sources(self, spec: ModelSpec) -> list[NetworkSource]:
        from faceunlock.pipeline.detection import network_sources
        from faceunlock.pipeline.embedding import network_source

        if spec.purpose == "liveness":
            from faceunlock.liveness.texture import network_sources as texture_sources

            return texture_sources(self._cache)
        return [*network_sources(), network_source(spec, self._cache)]

    def fetch(self, spec: ModelSpec) -> None:
        """Download the weights of a model if they are not on this machine, and say so."""
        fetched = isinstance(spec.weights, Download)  # others are in a package or in a folder
        if fetched and weights.find(spec, self._cache).status == "absent":
            _log.warning(
                "Downloading the weights of %s (%.0f MB), only this once", spec.id, spec.size_bytes / 1e6
            )
            self._pull(spec.id)

    def cropping(self, cropper: Embedder, *, photos: int) -> Acquisition:
        """Return an acquisition that turns photos into the crops of `cropper`, not of the model."""
        engine = self._engine(photos)
        return self.acquiring(Networks(self._detector(engine, small_faces=False), cropper, engine))

    def acquiring(self, networks: Networks, *, workers: int | None = None) -> Acquisition:
        """Return an acquisition that turns photos into samples with these networks.

        Parameters
        ----------
        networks : Networks
        workers : int, optional
            Number of threads; as many as the engine serves when omitted.
        """
        from faceunlock.pipeline.acquisition import Acquisition

        return Acquisition(
            networks.detector,
            networks.embedder,
            max_pixels=self._settings.max_pixels,
            min_face_pixels=self._settings.min_face_pixels,
            workers=workers or (1 if networks.engine is None else networks.engine.workers),
            subject_detector=networks.subject_detector,
        )

    def texture(self) -> Texture | None:
        """Return what judges how a face's picture looks; None if its weights are not on this machine.

        Raises
        ------
        ModelError
            The weights that are there cannot be used.
        """
        from faceunlock.liveness.texture import load_texture

        if self._texture is None and weights.find(MINIFASNET, self._cache).status != "absent":
            self._texture = load_texture(self._engine(1), self._cache)
        return self._texture

    def _engine(self, photos: int, *, unproven: bool = False) -> Engine:
        require(NETWORK_MEMORY, NETWORK_FILES)
        engine = choose_engine(self._device, self._cache, runtime=self._settings.runtime, photos=photos)
        return replace(engine, keeping=self._unproven if unproven else self._keeping)

    def _can_prove(self) -> bool:
        """Return whether the key that proves networks can be had, or none is needed."""
        try:
            self._key()
        except GalleryError:
            return False
        return True

    def _unproven(self) -> Keeping:
        return Keeping(prepare=self._settings.prepare_networks != "never", told=self._told)

    def _keeping(self) -> Keeping:
        prepare = self._settings.prepare_networks != "never"
        try:
            return Keeping(self._key(), prepare=prepare, told=self._told)
        except GalleryError as error:
            _log.info("No prepared network can be proven, so each is made anew: %s", error.message)
            return Keeping(trusted=False, prepare=prepare, told=self._told)

    def _detector(self, engine: Engine, *, small_faces: bool, unproven: bool = False) -> Detector:
        from faceunlock.pipeline.detection import load_detector

        if self._given_detector is not None:
            return self._given_detector
        key = engine.runtime, engine.device, small_faces, unproven
        if key not in self._detectors:
            self._detectors[key] = load_detector(engine, small_faces=small_faces)
        return self._detectors[key]

    def _embedder(
        self,
        spec: ModelSpec | None,
        engine: Engine,
        *,
        fetch: bool,
        crop: tuple[int, int] | None,
        unproven: bool = False,
    ) -> Embedder:
        from faceunlock.pipeline.embedding import load_embedder

        if self._given is not None:
            return self._given
        if spec is None:
            raise TypeError("a model is required if no embedder was given")
        key = spec.id, crop, engine.runtime, engine.device, unproven
        if key not in self._embedders:
            if crop is not None:
                spec.cropped(*crop)  # an impossible crop is reported before anything is downloaded
            if fetch:
                self.fetch(spec)
            known = spec.id if spec.id in MODELS else spec
            self._embedders[key] = load_embedder(known, cache=self._cache, engine=engine, crop=crop)
        return self._embedders[key]
