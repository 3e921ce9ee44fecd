"""Colours of decoded images become sRGB, without transparency."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image, ImageCms

_USUAL_SRGB_BYTES, _USUAL_SRGB_NAME = 3144, b"sRGB IEC61966-2.1"
"""Size and name of the profile that most photos with a profile carry; it need not be parsed."""

# What decoders raise on damaged data. Besides OSError, Pillow and pillow-heif let through any error that
# arithmetic on a false header causes. Anything that is not in this list is our own bug.
DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    EOFError,
    BufferError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
)


def flatten(image: Image.Image) -> Image.Image:
    """Return the image laid on white, without alpha and palette."""
    from PIL import Image

    if image.mode in ("La", "RGBa"):  # premultiplied
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB") if image.mode == "P" else image


def to_srgb(mode: str, icc: bytes | None) -> Callable[[Image.Image], Image.Image]:
    """Return what converts images of a mode to sRGB.

    By the embedded profile or, without a usable one, Pillow's plain formulas.
    """
    if mode == "LAB":
        from PIL import ImageCms

        return _conversion(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), mode)
    if icc and not (len(icc) == _USUAL_SRGB_BYTES and _USUAL_SRGB_NAME in icc):
        from PIL import ImageCms

        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            if not _is_srgb(profile):
                return _conversion(profile, mode if mode in ("CMYK", "L") else "RGB")
        except (ImageCms.PyCMSError, *DECODER_ERRORS):
            pass  # the profile is broken or made for a different kind of pixels
    return lambda image: image.convert("RGB")


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    """Return whether a profile is sRGB by its name; most photos then need no conversion."""
    description = profile.profile.profile_description or ""
    return description.startswith("sRGB") and "linear" not in description.lower()


def _conversion(profile: ImageCms.ImageCmsProfile, mode: str) -> Callable[[Image.Image], Image.Image]:
    from PIL import ImageCms

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    transform = ImageCms.buildTransform(profile, srgb, mode, "RGB")
    return lambda image: transform.apply(image if image.mode == mode else image.convert(mode))
