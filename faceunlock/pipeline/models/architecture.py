"""The architectures of networks, as ``model.json`` and the weights file describe them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    pass

Points = tuple[tuple[float, float], ...]

TARGET_112: Points = ((38.29, 51.70), (73.53, 51.50), (56.03, 71.74), (41.55, 92.37), (70.73, 92.20))
"""Positions of the five landmarks in a 112-pixel crop, the usual size in the field; other sizes scale."""

DLIB_TARGET: Points = ((48.21, 46.26), (102.84, 46.50), (75.46, 79.10), (51.35, 106.15), (99.52, 106.73))
"""Positions of the five landmarks in a 150-pixel crop for dlib's network: medians over 400 LFW photos of
MTCNN's landmarks in dlib's own crops."""

RETAIL_TARGET: Points = tuple(
    (128 * x, 128 * y)
    for x, y in (
        (0.31556875, 0.4615741071428571),
        (0.6826229166666667, 0.4615741071428571),
        (0.5002625, 0.6405053571428571),
        (0.349471875, 0.8246919642857142),
        (0.6534364583333333, 0.8246919642857142),
    )
)
"""Positions of the five landmarks in a 128-pixel crop for ``face-reidentification-retail-0095``, from its
model card in Intel's Open Model Zoo."""


class Architecture(Protocol):
    """A description of a network and its input, known before there are weights."""

    @property
    def input_size(self) -> int:
        """Side of the square crop in pixels."""
        ...

    @property
    def mirror(self) -> bool:
        """Whether the outputs for a crop and its mirror image are added."""
        ...

    @property
    def shift(self) -> int:
        """Pixels by which a crop is shifted in eight directions; all nine outputs are added. 0: no shift."""
        ...

    @property
    def dimension(self) -> int:
        """Length of the embedding."""
        ...

    @property
    def preprocessing(self) -> str:
        """Id of the alignment, crop and normalisation."""
        ...

    @property
    def description(self) -> str:
        """A short description of the network."""
        ...

    @property
    def target(self) -> Points:
        """Positions of the five landmarks in a crop, in pixels; a whole number is the centre of a pixel."""
        ...

    @property
    def normalisation(self) -> tuple[tuple[float, float, float], float]:
        """The values subtracted from red, green and blue in [0, 255], and the divisor applied afterwards."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain JSON values; `read_architecture` reads them back."""
        ...


@dataclass(frozen=True, slots=True)
class ResidualArchitecture:
    """A small residual network and its input.

    Attributes
    ----------
    input_size : int
        Side of the square crop in pixels, 32 to 256.
    gray : bool
        Whether the network sees luma only.
    mirror : bool
        Whether the outputs for a crop and its mirror image are added.
    shift : int
        Pixels by which a crop is shifted in eight directions; the outputs are added to that of the crop
        itself. At most an eighth of its side; 0 means no shift.
    widths : tuple of int
        Channels of each stage. The first stage runs at half the input size; each further stage halves
        it again.
    blocks : tuple of int
        Residual blocks of each stage.
    dimension : int
        Length of the embedding.

    Raises
    ------
    ValueError
        If a value has the wrong type or is out of range.

    Examples
    --------
    >>> ResidualArchitecture().preprocessing
    'aligned-112-rgb-1'
    """

    network: ClassVar[str] = "residual"

    input_size: int = 112
    gray: bool = False
    mirror: bool = False
    shift: int = 0
    widths: tuple[int, ...] = (32, 64, 128, 256)
    blocks: tuple[int, ...] = (1, 1, 1, 1)
    dimension: int = 128

    def __post_init__(self) -> None:
        numbers = (self.input_size, self.shift, self.dimension, *self.widths, *self.blocks)
        if not all(type(number) is int for number in numbers):
            raise ValueError("the sizes of a network must be whole numbers")
        if type(self.gray) is not bool or type(self.mirror) is not bool:
            raise ValueError("gray and mirror must be true or false")
        if len(self.widths) != len(self.blocks) or not 1 <= len(self.widths) <= 6:
            raise ValueError("a network must have 1 to 6 stages, each with a width and a number of blocks")
        _within("the input size", self.input_size, 32, 256)
        _within("the shift", self.shift, 0, self.input_size // 8)
        _within("the dimension", self.dimension, 2, 2048)
        for width in self.widths:
            _within("a width", width, 1, 2048)
        for count in self.blocks:
            _within("a number of blocks", count, 1, 64)

    @property
    def preprocessing(self) -> str:
        """Id of the alignment, crop and normalisation."""
        colours = "gray" if self.gray else "rgb"
        seen = f"{'-mirror' if self.mirror else ''}{f'-shift{self.shift}' if self.shift else ''}"
        return f"aligned-{self.input_size}-{colours}{seen}-1"

    @property
    def description(self) -> str:
        """A short description of the network."""
        return f"residual network with {1 + 2 * sum(self.blocks)} convolutions"

    @property
    def target(self) -> Points:
        """`TARGET_112`, scaled to the input size."""
        return scaled(TARGET_112, 112, self.input_size)

    @property
    def normalisation(self) -> tuple[tuple[float, float, float], float]:
        """Mid-gray, and a divisor that brings every value into [-1, 1]."""
        return (127.5, 127.5, 127.5), 128.0

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain JSON values."""
        plain = {**asdict(self), "widths": list(self.widths), "blocks": list(self.blocks)}
        return {"network": self.network, **plain}


@dataclass(frozen=True, slots=True)
class DlibArchitecture:
    """dlib's residual network; smaller crops are enlarged to the 150 pixels that it was made for.

    The framing and the mean colour are also dlib's, so dlib's own weights fit it.

    Attributes
    ----------
    input_size : int
        Side of the square crop in pixels, 32 to 150.
    mirror : bool
        Whether the outputs for a crop and its mirror image are added. With dlib's weights, the accuracy on
        LFW's 6,000 pairs is .9927 with the mirror image and .9880 without.
    dimension : int
        Length of the embedding: 128.

    Raises
    ------
    ValueError
        If a value has the wrong type or is out of range.

    Examples
    --------
    >>> DlibArchitecture().preprocessing
    'aligned-112-dlib-mirror-1'
    """

    network: ClassVar[str] = "dlib"
    shift: ClassVar[int] = 0

    input_size: int = 112
    mirror: bool = True
    dimension: int = 128

    def __post_init__(self) -> None:
        if type(self.input_size) is not int or type(self.dimension) is not int:
            raise ValueError("the sizes of a network must be whole numbers")
        if type(self.mirror) is not bool:
            raise ValueError("mirror must be true or false")
        _within("the input size of dlib's network", self.input_size, 32, 150)
        _within("the dimension of dlib's network", self.dimension, 128, 128)

    @property
    def preprocessing(self) -> str:
        """Id of the alignment, crop and normalisation."""
        return f"aligned-{self.input_size}-dlib{'-mirror' if self.mirror else ''}-1"

    @property
    def description(self) -> str:
        """A short description of the network."""
        return f"residual network with 29 convolutions (dlib's), crops of {self.input_size} pixels"

    @property
    def target(self) -> Points:
        """The framing of dlib, scaled to the input size."""
        return scaled(DLIB_TARGET, INPUT_SIZE, self.input_size)

    @property
    def normalisation(self) -> tuple[tuple[float, float, float], float]:
        """The mean colour of dlib, and 256."""
        return MEAN, DIVISOR

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain JSON values."""
        return {"network": self.network, **asdict(self)}


@dataclass(frozen=True, slots=True)
class RetailArchitecture:
    """The input of ``face-reidentification-retail-0095``; its layers are in the published files.

    Nothing of it can be chosen, and no model is trained in its shape.

    Examples
    --------
    >>> RetailArchitecture().preprocessing
    'aligned-128-retail-mirror-1'
    """

    network: ClassVar[str] = "retail-0095"
    input_size: ClassVar[int] = 128
    mirror: ClassVar[bool] = True
    shift: ClassVar[int] = 0
    dimension: ClassVar[int] = 256
    preprocessing: ClassVar[str] = "aligned-128-retail-mirror-1"
    description: ClassVar[str] = "MobileNetV2 with squeeze-and-excitation (Intel's)"
    target: ClassVar[Points] = RETAIL_TARGET
    normalisation: ClassVar[tuple[tuple[float, float, float], float]] = (0.0, 0.0, 0.0), 1.0
    """None: the network scales its input itself."""

    def to_dict(self) -> dict[str, Any]:
        """Return its name as a plain JSON value; `read_architecture` refuses it."""
        return {"network": self.network}


def read_architecture(data: Mapping[str, Any]) -> Architecture:
    """Return the architecture that `Architecture.to_dict` wrote.

    Raises
    ------
    ValueError
        If an entry is missing, unknown, of the wrong type or out of range.

    Examples
    --------
    >>> read_architecture(DlibArchitecture(64).to_dict())
    DlibArchitecture(input_size=64, mirror=True, dimension=128)
    """
    try:
        values = dict(data)
        # The first models had only one kind of network and did not name it.
        network = values.pop("network", ResidualArchitecture.network)
        if network == DlibArchitecture.network:
            return DlibArchitecture(**_exactly(DlibArchitecture, values))
        if network != ResidualArchitecture.network:
            raise ValueError(f"unknown network: {network!r}")
        # The first models had no shift.
        values = _exactly(ResidualArchitecture, {"shift": 0, **values})
        return ResidualArchitecture(
            **{**values, "widths": tuple(values["widths"]), "blocks": tuple(values["blocks"])}
        )
    except TypeError as error:
        raise ValueError(f"not an architecture: {error}") from error


def _exactly(kind: type[DlibArchitecture | ResidualArchitecture], values: dict[str, Any]) -> dict[str, Any]:
    if set(values) != {entry.name for entry in fields(kind)}:
        raise ValueError("the entries are not those of an architecture")
    return values


def scaled(points: Points, side: int, wanted: int) -> Points:
    """Return points of a square crop, scaled to a different size of the same crop.

    Examples
    --------
    >>> scaled(((0.0, 1.0),), 2, 4)
    ((0.5, 2.5),)
    """
    scale = wanted / side
    return tuple(((x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5) for x, y in points)


def _within(what: str, number: int, low: int, high: int) -> None:
    if not low <= number <= high:
        raise ValueError(f"{what} must be {low} to {high}, not {number}")


MEAN = (122.782, 117.001, 104.298)
"""Mean red, green and blue that the network subtracts, as stored in its file (float32)."""


DIVISOR = 256.0
"""Divisor that the network applies after subtracting `MEAN`."""


INPUT_SIZE = 150


DIMENSION = 128
