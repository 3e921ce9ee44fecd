"""The shape of a network that this program trains: what ``model.json`` and the weights' file say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

TARGET_112 = ((38.29, 51.70), (73.53, 51.50), (56.03, 71.74), (41.55, 92.37), (70.73, 92.20))
"""Where the five landmarks belong in a crop of 112 pixels, the usual size in the field; other sizes scale."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A small residual network and its input.

    Attributes
    ----------
    input_size : int
        Side of the square crop in pixels, 32 to 256.
    gray : bool
        Whether the network sees luma only.
    mirror : bool
        Whether the outputs for a crop and its mirror image are added.
    widths : tuple of int
        Channels of each stage; the first runs at half the size of the input, each further one
        at half of that.
    blocks : tuple of int
        Residual blocks of each stage.
    dimension : int
        Length of the embedding.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> Architecture().preprocessing
    'aligned-112-rgb-1'
    """

    input_size: int = 112
    gray: bool = False
    mirror: bool = False
    widths: tuple[int, ...] = (32, 64, 128, 256)
    blocks: tuple[int, ...] = (1, 1, 1, 1)
    dimension: int = 128

    def __post_init__(self) -> None:
        numbers = (self.input_size, self.dimension, *self.widths, *self.blocks)
        if not all(type(number) is int for number in numbers):
            raise ValueError("sizes of a network are whole numbers")
        if type(self.gray) is not bool or type(self.mirror) is not bool:
            raise ValueError("gray and mirror are true or false")
        if len(self.widths) != len(self.blocks) or not 1 <= len(self.widths) <= 6:
            raise ValueError("a network has 1 to 6 stages, each with a width and a number of blocks")
        _within("the input size", self.input_size, 32, 256)
        _within("the dimension", self.dimension, 2, 2048)
        for width in self.widths:
            _within("a width", width, 1, 2048)
        for count in self.blocks:
            _within("a number of blocks", count, 1, 64)

    @property
    def preprocessing(self) -> str:
        """Id of alignment, crop and normalisation."""
        colours = "gray" if self.gray else "rgb"
        return f"aligned-{self.input_size}-{colours}{'-mirror' if self.mirror else ''}-1"

    @property
    def description(self) -> str:
        """The network in a few words."""
        return f"residual network with {1 + 2 * sum(self.blocks)} convolutions"

    @property
    def target(self) -> tuple[tuple[float, float], ...]:
        """Where the five landmarks belong in a crop, in pixels; a whole number is the centre of a pixel."""
        scale = self.input_size / 112
        return tuple(((x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5) for x, y in TARGET_112)

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain JSON values."""
        return {**asdict(self), "widths": list(self.widths), "blocks": list(self.blocks)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Architecture:
        """Read what `to_dict` wrote.

        Raises
        ------
        ValueError
            If anything is missing, superfluous, of a wrong type or out of range.
        """
        try:
            if set(data) != {entry.name for entry in fields(cls)}:
                raise ValueError("not the entries of an architecture")
            return cls(**{**data, "widths": tuple(data["widths"]), "blocks": tuple(data["blocks"])})
        except TypeError as error:
            raise ValueError(f"not an architecture: {error}") from error


def _within(what: str, number: int, low: int, high: int) -> None:
    if not low <= number <= high:
        raise ValueError(f"{what} is {low} to {high}, not {number}")
