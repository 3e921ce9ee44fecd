"""Loading of a model's networks: once for each way to run them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.files.limits import NETWORK_FILES, NETWORK_MEMORY, require
from faceunlock.pipeline import weights
from faceunlock.pipeline.models.registry import MODELS, Download, ModelSpec
from faceunlock.pipeline.runtime import Engine, choose_engine
from faceunlock.settings import Settings

if TYPE_CHECKING:
    from faceunlock.pipeline.acquisition import Acquisition
    from faceunlock.pipeline.detection import Detector
    from faceunlock.pipeline.embedding import Embedder

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
    """

    detector: Detector
    embedder: Embedder
    engine: Engine | None


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
    detector, embedder : optional
        Used instead of those that a model and a device select.
    """

    def __init__(
        self,
        cache: Path,
        settings: Settings,
        device: str,
        pull: Callable[[str], object],
        *,
        detector: Detector | None = None,
        embedder: Embedder | None = None,
    ) -> None:
        self._cache, self._settings, self._device, self._pull = cache, settings, device, pull
        self._given_detector, self._given = detector, embedder
        # Keyed by runtime and device, because networks serve one thread or several.
        self._detectors: dict[tuple[str, str, bool], Detector] = {}
        self._embedders: dict[tuple[str, tuple[int, int] | None, str, str], Embedder] = {}

    @property
    def given(self) -> Embedder | None:
        """The embedder that the caller passed in, or None."""
        return self._given

    def networks(
        self,
        spec: ModelSpec | None,
        *,
        fetch: bool = False,
        photos: int = 1,
        small_faces: bool = False,
        crop: tuple[int, int] | None = None,
    ) -> Networks:
        """Return the networks of a model; they may still be loading.

        Parameters
        ----------
        spec : ModelSpec or None
            The model; None only if the caller passed in an embedder.
        fetch, photos, small_faces, crop
            As for `faceunlock.tasks.models.ModelChoice.acquisition`.

        Raises
        ------
        ModelError
            The weights or the device cannot be used.
        """
        if self._given is not None and self._given_detector is not None:
            return Networks(self._given_detector, self._given, None)
        engine = self._engine(photos)
        # Start the embedder first: it takes longer to open, and the detector is needed before it.
        embedder = self._embedder(spec, engine, fetch=fetch, crop=crop)
        return Networks(self._detector(engine, small_faces=small_faces), embedder, engine)

    def embedder(self, spec: ModelSpec | None, *, fetch: bool = False, photos: int = 1) -> Embedder:
        """Return only the embedder of a model, for crops that already exist; otherwise as `networks`."""
        return self._given or self._embedder(spec, self._engine(photos), fetch=fetch, crop=None)

    def cropping(self, cropper: Embedder, *, photos: int) -> Acquisition:
        """Return an acquisition that turns photos into the crops of `cropper`, not of the model."""
        engine = self._engine(photos)
        return self.acquiring(Networks(self._detector(engine, small_faces=False), cropper, engine))

    def acquiring(self, networks: Networks) -> Acquisition:
        """Return an acquisition that turns photos into samples with these networks."""
        from faceunlock.pipeline.acquisition import Acquisition

        return Acquisition(
            networks.detector,
            networks.embedder,
            max_pixels=self._settings.max_pixels,
            min_face_pixels=self._settings.min_face_pixels,
            workers=1 if networks.engine is None else networks.engine.workers,
        )

    def _engine(self, photos: int) -> Engine:
        require(NETWORK_MEMORY, NETWORK_FILES)
        return choose_engine(self._device, self._cache, runtime=self._settings.runtime, photos=photos)

    def _detector(self, engine: Engine, *, small_faces: bool) -> Detector:
        from faceunlock.pipeline.detection import load_detector

        if self._given_detector is not None:
            return self._given_detector
        key = engine.runtime, engine.device, small_faces
        if key not in self._detectors:
            self._detectors[key] = load_detector(engine, small_faces=small_faces)
        return self._detectors[key]

    def _embedder(
        self, spec: ModelSpec | None, engine: Engine, *, fetch: bool, crop: tuple[int, int] | None
    ) -> Embedder:
        from faceunlock.pipeline.embedding import load_embedder

        if self._given is not None:
            return self._given
        if spec is None:
            raise TypeError("a model is required if no embedder was given")
        key = spec.id, crop, engine.runtime, engine.device
        if key not in self._embedders:
            if crop is not None:
                spec.cropped(*crop)  # an impossible crop is reported before anything is downloaded
            fetched = isinstance(spec.weights, Download)  # others are in a package or in a folder
            if fetch and fetched and weights.find(spec, self._cache).status == "absent":
                _log.warning(
                    "Downloading the weights of %s (%.0f MB), only this once", spec.id, spec.size_bytes / 1e6
                )
                self._pull(spec.id)
            known = spec.id if spec.id in MODELS else spec
            self._embedders[key] = load_embedder(known, cache=self._cache, engine=engine, crop=crop)
        return self._embedders[key]
