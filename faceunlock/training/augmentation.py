"""Random variations of a crop, each with its own seed, so that every process computes the same one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torchvision.transforms import v2

from faceunlock.training.recipe import Augment
from faceunlock.training.validation import evenly_spread

if TYPE_CHECKING:
    from torch import Tensor

SHEET_FACES, SHEET_VARIATIONS = 8, 9

BATCH_LEVEL = 1
"""Last number of the seeds for a whole batch, so that they differ from the seeds for single crops."""


class LowResolution(torch.nn.Module):
    """Shrinks a picture by a random factor and enlarges it again, as if the face had been far away.

    Parameters
    ----------
    lowest : float
        Smallest side after shrinking, as a share of the original side, in (0, 1].
    """

    def __init__(self, lowest: float) -> None:
        super().__init__()
        self._lowest = lowest

    def forward(self, image: Tensor) -> Tensor:
        """Return the picture, shape (3, side, side), at a random resolution and its original size."""
        side = image.shape[-1]
        share = self._lowest + (1.0 - self._lowest) * float(torch.rand(()))
        small = v2.functional.resize(image, [max(8, round(share * side))] * 2, antialias=True)
        large: Tensor = v2.functional.resize(small, [side, side], antialias=True)
        return large


def augmentation(kind: Augment, side: int) -> v2.Transform:
    """Return the transform that randomly varies uint8 pictures of shape (3, side, side).

    Parameters
    ----------
    kind : {"none", "light", "strong"}
        ``none`` changes nothing. The others rotate, crop, flip, cover a part, and change light, contrast,
        saturation, hue, sharpness, resolution and JPEG quality; ``strong`` does so more strongly and more
        often.
    side : int
        Side of the pictures in pixels.
    """
    if kind == "none":
        return v2.Identity()
    strong = kind == "strong"
    often, seldom = (0.4, 0.25) if strong else (0.2, 0.1)
    jitter, colour = (0.5, 0.05) if strong else (0.3, 0.02)
    blur = v2.GaussianBlur(kernel_size=7, sigma=(0.3, 2.5 if strong else 1.5))
    quality = (20, 90) if strong else (40, 95)
    return v2.Compose(
        [
            v2.RandomAffine(
                degrees=12 if strong else 6,
                scale=(0.97, 1.03),
                interpolation=v2.InterpolationMode.BILINEAR,
            ),
            v2.RandomResizedCrop(
                side, scale=(0.6 if strong else 0.8, 1.0), ratio=(0.9, 1.11), antialias=True
            ),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.ColorJitter(jitter, jitter, jitter, colour)], p=0.8),
            v2.RandomGrayscale(p=seldom / 2),
            v2.RandomApply([blur], p=seldom),
            v2.RandomApply([LowResolution(0.2 if strong else 0.35)], p=often),
            v2.RandomApply([v2.JPEG(quality)], p=often),
            v2.RandomErasing(p=often, scale=(0.02, 0.2 if strong else 0.1), value=127),
        ]
    )


def exchange_parts(
    pictures: Tensor, person: Tensor, *, people: int, share: float, seed: int
) -> tuple[Tensor, Tensor]:
    """Return a batch whose pictures swap parts with each other: CutMix (Yun et al., 2019).

    Parameters
    ----------
    pictures : Tensor of uint8, shape (n, 3, side, side)
    person : Tensor of int64, shape (n,)
    people : int
        Number of people.
    share : float
        Probability that the pictures of this batch swap parts.
    seed : int
        As returned by `seed_of`.

    Returns
    -------
    Tensor of uint8, shape (n, 3, side, side)
    Tensor of float32, shape (n, people), or of int64, shape (n,)
        Share of each person in each picture; `person` itself if nothing was swapped.
    """
    with _drawing(seed):
        if float(torch.rand(())) >= share:
            return pictures, person
        mixed, parts = v2.CutMix(num_classes=people)(pictures, person)
    return mixed, parts


@contextmanager
def _drawing(seed: int) -> Iterator[None]:
    """Make torch's transforms draw from a seed, then restore the generator of the process."""
    with torch.random.fork_rng(devices=[]):
        # `torch.manual_seed` would also seed a GPU. Where no GPU is in use, it would record the call stack,
        # which takes a fifth of the total time.
        torch.default_generator.manual_seed(seed)
        yield


def seed_of(*which: int) -> int:
    """Return the seed of one variation, below 2**63.

    `which` is the training's seed, the epoch and the position.

    Examples
    --------
    >>> seed_of(0, 1, 2) == seed_of(0, 1, 2), seed_of(0, 1, 2) == seed_of(0, 2, 1)
    (True, False)
    """
    return int(np.random.SeedSequence(which).generate_state(1, np.uint64)[0] >> 1)


class AugmentedFaces(torch.utils.data.Dataset["Tensor"]):
    """The crops of a set, varied as one epoch sees them.

    Parameters
    ----------
    crops : ndarray of uint8, shape (n, side, side, 3)
    kind : {"none", "light", "strong"}
    seed, epoch : int
        Together with the position of a crop, they give the seed of its variation.
    """

    def __init__(self, crops: NDArray[np.uint8], kind: Augment, seed: int, epoch: int) -> None:
        self._crops, self._seed, self._epoch = crops, seed, epoch
        self._transform = augmentation(kind, crops.shape[1])

    def __len__(self) -> int:
        return len(self._crops)

    def __getitem__(self, index: int) -> Tensor:
        """Return the variation of one crop: uint8, shape (3, side, side)."""
        crop = torch.from_numpy(np.array(self._crops[index])).permute(2, 0, 1)
        with _drawing(seed_of(self._seed, self._epoch, index)):
            varied: Tensor = self._transform(crop.contiguous())
        return varied


def contact_sheet(crops: NDArray[np.uint8], kind: Augment, seed: int, cutmix: float = 0.0) -> Image.Image:
    """Return a picture of some crops, each beside its variations in the first epochs.

    Parameters
    ----------
    crops : ndarray of uint8, shape (n, side, side, 3)
        The first column shows up to `SHEET_FACES` of them, evenly spread.
    kind : {"none", "light", "strong"}
    seed : int
        Seed of the training.
    cutmix : float
        Share of the epochs in which these crops swap parts, as the pictures of a batch do.
    """
    side, gap, head = crops.shape[1], 4, 18
    letters = ImageFont.load_default(13)
    rows = evenly_spread(len(crops), SHEET_FACES)
    width = (1 + SHEET_VARIATIONS) * (side + gap) + 3 * gap
    sheet = Image.new("RGB", (width, head + len(rows) * (side + gap) + gap), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((gap, 1), "photo", fill="black", font=letters)
    seen = f"what epochs 1 to {SHEET_VARIATIONS} see ({kind})"
    draw.text((side + 4 * gap, 1), seen, fill="black", font=letters)
    columns = [_seen(crops, rows, kind, seed, epoch + 1, cutmix) for epoch in range(SHEET_VARIATIONS)]
    for row, index in enumerate(rows):
        top = head + row * (side + gap)
        sheet.paste(Image.fromarray(np.ascontiguousarray(crops[index])), (gap, top))
        for number, column in enumerate(columns):
            sheet.paste(Image.fromarray(column[row]), (3 * gap + (number + 1) * (side + gap), top))
    return sheet


def _seen(
    crops: NDArray[np.uint8], chosen: NDArray[np.intp], kind: Augment, seed: int, epoch: int, cutmix: float
) -> NDArray[np.uint8]:
    faces = AugmentedFaces(crops, kind, seed, epoch)
    varied, places = torch.stack([faces[index] for index in chosen.tolist()]), torch.arange(len(chosen))
    drawn = seed_of(seed, epoch, 0, BATCH_LEVEL)
    varied, _ = exchange_parts(varied, places, people=len(places), share=cutmix, seed=drawn)
    return varied.permute(0, 2, 3, 1).contiguous().numpy()
