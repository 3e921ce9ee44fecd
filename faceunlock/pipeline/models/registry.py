"""The models faceunlock knows: what they are, what they were trained on, where their weights come from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from faceunlock.errors import ModelError, SettingsError
from faceunlock.pipeline.models.architecture import Architecture, DlibArchitecture

FACENET_RELEASE = "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9"
"""Where facenet-pytorch publishes its weights."""


@dataclass(frozen=True, slots=True)
class Bundled:
    """Weights that an installed package carries.

    Attributes
    ----------
    package : str
        Name of the package; it is looked up, never imported.
    file : str
        Path inside the package.
    """

    package: str
    file: str


@dataclass(frozen=True, slots=True)
class Download:
    """Weights to be downloaded once.

    Attributes
    ----------
    base : str
        URL of the folder; a mirror replaces it.
    file : str
        Name inside the folder.
    """

    base: str
    file: str


@dataclass(frozen=True, slots=True)
class Trained:
    """Weights in a folder that ``faceunlock train`` wrote.

    Attributes
    ----------
    folder : Path
        With ``model.json`` and the weights.
    """

    folder: Path


WeightsSource = Bundled | Download | Trained


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What is known about a model before any of its weights are read.

    Attributes
    ----------
    id : str
        What a user types.
    network : str
        The architecture.
    dimension : int
        Length of the embedding.
    input_size : int
        Side of the square crop, in pixels.
    preprocessing : str
        Id of alignment, crop and normalisation; changes whenever their output does.
    licence : str
        Licence of the weights.
    training_data : str
        What the weights were learned from, and on what terms.
    weights : Bundled, Download or Trained
        Where they come from.
    size_bytes : int
        Size of the source file: exact where `sha256` is known, otherwise an estimate.
    sha256 : str or None
        Checksum of the source file; None where it is recorded at the first download instead.
    recommended : bool
        Whether this is the model to choose where its weights can be had.
    margin : int or None
        Pixels of the crop around the detector's box, both sides together; None for a model whose crop is
        aligned on landmarks and cannot be another.
    architecture : Architecture or None
        Of a model whose crop is aligned on landmarks; None for InceptionResnetV1.
    """

    id: str
    network: str
    dimension: int
    input_size: int
    preprocessing: str
    licence: str
    training_data: str
    weights: WeightsSource
    size_bytes: int
    sha256: str | None
    recommended: bool = False
    margin: int | None = None
    architecture: Architecture | None = None

    def cropped(self, size: int, margin: int) -> ModelSpec:
        """Return the same model with another crop, and so with another preprocessing.

        Its embeddings cannot be compared with those of the usual crop, and no threshold is known for them.

        Parameters
        ----------
        size : int
            Side of the square crop in pixels, from `CROP_SIZES`.
        margin : int
            Pixels of it around the detector's box, both sides together; at most half of it.

        Raises
        ------
        SettingsError
            ``usage`` if the model's crop is fixed, or a number is out of range.

        Examples
        --------
        >>> MODELS["vggface2"].cropped(150, 32).preprocessing
        'facenet-150-m32-1'
        """
        if self.margin is None:
            raise SettingsError("usage", f"the model {self.id} has a crop that cannot be changed")
        if size not in CROP_SIZES or not 0 <= margin <= size // 2:
            raise SettingsError(
                "usage",
                f"a crop has {CROP_SIZES.start} to {CROP_SIZES.stop - 1} pixels, a margin at most half of "
                f"that, not {size} and {margin}",
            )
        return replace(
            self, input_size=size, margin=margin, preprocessing=facenet_preprocessing(size, margin)
        )


CROP_SIZES = range(80, 401)
"""Sides of a crop that InceptionResnetV1 can be given: below, nothing is left for its last layers."""


def facenet_preprocessing(size: int, margin: int) -> str:
    """Return the preprocessing id of a box with its margin, scaled to a square.

    Examples
    --------
    >>> facenet_preprocessing(160, 18)
    'facenet-160-m18-1'
    """
    return f"facenet-{size}-m{margin}-1"


COMPACT = DlibArchitecture()
"""The network of `compact`; its file repeats it."""

DLIB = DlibArchitecture(input_size=150)
"""The network that dlib publishes."""

MODELS: dict[str, ModelSpec] = {
    spec.id: spec
    for spec in (
        ModelSpec(
            id="vggface2",
            network="InceptionResnetV1",
            dimension=512,
            input_size=160,
            margin=18,
            preprocessing=facenet_preprocessing(160, 18),
            licence="MIT (facenet-pytorch)",
            training_data="VGGFace2: 3.3 million photos of 9,131 people, collected from the web for "
            "research; check its terms before commercial use",
            weights=Download(FACENET_RELEASE, "20180402-114759-vggface2.pt"),
            size_bytes=111_898_327,
            sha256="281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b",
            recommended=True,
        ),
        ModelSpec(
            id="casia-webface",
            network="InceptionResnetV1",
            dimension=512,
            input_size=160,
            margin=18,
            preprocessing=facenet_preprocessing(160, 18),
            licence="MIT (facenet-pytorch)",
            training_data="CASIA-WebFace: 0.5 million photos of 10,575 people, collected from the web for "
            "non-commercial research; check its terms before commercial use",
            weights=Download(FACENET_RELEASE, "20180408-102900-casia-webface.pt"),
            # vggface2's size plus 513 float32 for each of the further 10,575 - 8,631 classes.
            size_bytes=115_887_415,
            sha256=None,
        ),
        ModelSpec(
            id="compact",
            network=COMPACT.description,
            dimension=COMPACT.dimension,
            input_size=COMPACT.input_size,
            preprocessing=COMPACT.preprocessing,
            licence="MIT (this program; it began as a copy of dlib's weights, CC0)",
            training_data="what dlib learned from, then 15,539 photos of 305 people with dlib as teacher; "
            "none of them named in LFW",
            weights=Bundled("faceunlock", "pipeline/models/shipped/compact.safetensors"),
            size_bytes=5_640_728,
            sha256="270575c4f74c6db0f93a5b5d5e91fa69692f5dcae352d0108947fcb98c522cf6",
            architecture=COMPACT,
        ),
        ModelSpec(
            id="dlib",
            network="ResNet with 29 convolutions",
            dimension=DLIB.dimension,
            input_size=DLIB.input_size,
            preprocessing="dlib-150-mirror-1",
            licence="CC0 (public domain, dlib-models)",
            training_data="about 3 million photos of 7,485 people: FaceScrub, VGGFace and the web",
            weights=Bundled("face_recognition_models", "models/dlib_face_recognition_resnet_model_v1.dat"),
            size_bytes=22_466_066,
            sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
            architecture=DLIB,
        ),
    )
}
"""Every model by its id, the recommended one first."""

RECOMMENDED = next(spec.id for spec in MODELS.values() if spec.recommended)
"""The model to choose where its weights can be had."""

EMBEDDED_DEFAULT = "compact"
"""The model that works with no network at all."""


def model_spec(model: str) -> ModelSpec:
    """Return what is known about a model.

    Parameters
    ----------
    model : str
        Its id.

    Raises
    ------
    ModelError
        ``unknown-model``, listing the known ones.

    Examples
    --------
    >>> model_spec("dlib").dimension
    128
    """
    try:
        return MODELS[model]
    except KeyError:
        known = ", ".join(MODELS)
        raise ModelError(
            "unknown-model",
            f"there is no model {model!r}; known are {known}",
            hint="A model that was trained here is named by its folder: --model FOLDER",
        ) from None
