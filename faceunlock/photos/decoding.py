"""Decoding: the bytes of an image file become an upright 8-bit sRGB array.

Decoding takes two steps, `_open` (format, size in the header) and `_pixels`, so that nothing large is
allocated for a file that will be refused. The decoder is chosen by the first bytes and called directly:
this allows only the formats listed here (no PostScript, PSD, PDF, WMF, ...) and makes the pixel limit
independent of Pillow's process-wide one.
"""

from __future__ import annotations

import importlib
import io
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from faceunlock.errors import PhotoError
from faceunlock.photos.face import RGBImage

if TYPE_CHECKING:
    from PIL import Image, ImageCms, ImageFile

DEFAULT_MAX_PIXELS = 100_000_000
"""Largest width x height that is decoded unless told otherwise (300 MB as an RGB array)."""

_HEAD = 64  # enough for the brands of an ISO base media file
_FORMATS = {
    name: (re.compile(signature, re.DOTALL), module, decoder)
    for name, signature, module, decoder in (
        # JPEG includes MPO: its first frame is an ordinary JPEG, read without trusting the index of the rest.
        ("JPEG", rb"\xff\xd8\xff", "PIL.JpegImagePlugin", "JpegImageFile"),
        ("PNG", rb"\x89PNG\r\n\x1a\n", "PIL.PngImagePlugin", "PngImageFile"),
        ("WebP", rb"RIFF.{4}WEBP", "PIL.WebPImagePlugin", "WebPImageFile"),
        ("TIFF", rb"II[*+]\0|MM\0[*+]", "PIL.TiffImagePlugin", "TiffImageFile"),
        ("GIF", rb"GIF8[79]a", "PIL.GifImagePlugin", "GifImageFile"),
        ("AVIF", rb".{4}ftyp(avi[fs]|(mif1|msf1).*avi[fs])", "PIL.AvifImagePlugin", "AvifImageFile"),
        ("HEIF", rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", "pillow_heif", "HeifImageFile"),
        ("PNM", rb"P[1-6f]\s", "PIL.PpmImagePlugin", "PpmImageFile"),
        ("BMP", rb"BM", "PIL.BmpImagePlugin", "BmpImageFile"),
    )
}
_HEIF_BOXES = frozenset({b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip"})

# What decoders raise on damaged data. Besides OSError, Pillow and pillow-heif let through any error that
# arithmetic on a false header causes. Anything that is not in this list is our own bug.
_DECODER_ERRORS = (
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


def decode(data: bytes, name: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> RGBImage:
    """Return an image file decoded to an upright 8-bit sRGB array.

    JPEG, PNG, WebP, TIFF, BMP, GIF, HEIF/HEIC, AVIF, MPO and PNM are recognised by content. If there are
    several frames or pages, the first is read. The EXIF orientation is applied; a broken EXIF block is
    ignored. Transparent pixels are laid on white, the paper or page that such pictures are made for: on
    black, dark hair would merge with the background. Colours are converted to sRGB from the embedded profile.
    A profile that cannot be used is ignored, because a face with slightly wrong colours is still a face.
    16-bit samples keep their high byte. Gray without a fixed range is scaled from its own range.

    Parameters
    ----------
    data : bytes
        The whole content of the file.
    name : str
        What to call the photo in messages.
    max_pixels : int
        Limit on width x height, checked in the header before anything is decoded.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    PhotoError
        ``photo-too-large`` for more than `max_pixels`; ``unreadable-photo`` for truncated or damaged data
        and any other format.

    Notes
    -----
    Safe to call from several threads. libtiff writes its own messages about damaged TIFF files to the
    process's standard error; this cannot be prevented here without losing the output of other threads.

    Examples
    --------
    >>> decode(b"P3 2 1 255  255 0 0  0 0 255", "two pixels").tolist()
    [[[255, 0, 0], [0, 0, 255]]]
    """
    return decode_view(data, name, max_pixels)[0]


_USUAL_SRGB_BYTES, _USUAL_SRGB_NAME = 3144, b"sRGB IEC61966-2.1"
"""Size and name of the profile that most photos with a profile carry; it need not be parsed."""


def recognise(data: bytes, name: str) -> str:
    """Return the format of an image file by its first bytes; loads no decoder.

    Raises
    ------
    PhotoError
        ``unreadable-photo`` if the format is not a known one.

    Examples
    --------
    >>> recognise(b"P3 2 1 255", "two pixels")
    'PNM'
    """
    head = data[:_HEAD]
    for form, (signature, _, _) in _FORMATS.items():
        if signature.match(head):
            return form
    known = ", ".join(_FORMATS)
    raise PhotoError("unreadable-photo", f"{name}: is not a photo of a known format ({known})")


def decode_view(
    data: bytes, name: str, max_pixels: int = DEFAULT_MAX_PIXELS, *, at_least: int | None = None
) -> tuple[RGBImage, float]:
    """Return an image as `decode` does, at a reduced scale if that saves work, and the scale.

    A JPEG can be decoded without the finest frequencies of every block (at 1/2, 1/4 or 1/8 of its size);
    other formats are decoded at full size.

    Parameters
    ----------
    data, name, max_pixels
        As for `decode`.
    at_least : int, optional
        Lower limit for the longer side, in pixels, if the photo has that many; full size by default.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
    float
        Width of one pixel of the array, in pixels of the photo; at least 1.

    Raises
    ------
    PhotoError
        As `decode`.
    """
    with _quiet_decoders, _decoder_errors(name):
        image = _open(data, name, max_pixels)
        longer = max(image.size)
        if at_least is not None and image.format == "JPEG" and at_least < longer:
            share = at_least / longer
            image.draft(None, (ceil(image.width * share), ceil(image.height * share)))
        pixels = _pixels(image)
        return pixels, longer / max(pixels.shape[:2])


def stored_size(data: bytes, name: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> tuple[int, int]:
    """Return the width and height of an image file in pixels, as in its header: not turned upright.

    Parameters and errors are those of `decode`, except that damage after the header is not noticed.

    Examples
    --------
    >>> stored_size(b"P3 2 1 255  255 0 0  0 0 255", "two pixels")
    (2, 1)
    """
    with _quiet_decoders, _decoder_errors(name):
        width, height = _open(data, name, max_pixels).size
        return width, height


class _QuietDecoders:
    """Ignores the decoders' Python warnings, and no others, while at least one photo is being decoded.

    `warnings.catch_warnings` swaps a process-wide list. If threads overlap, the last one to leave would put
    back another thread's filters for good. So the first one in sets the filter, the last one out removes it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._users == 0:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.filterwarnings("ignore", module=r"(PIL|pillow_heif)\.")
            self._users += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._filters.__exit__(None, None, None)


_quiet_decoders = _QuietDecoders()


@contextmanager
def _decoder_errors(name: str) -> Iterator[None]:
    """Turn the errors of a decoder into a `PhotoError` that names the photo."""
    from PIL import Image

    try:
        yield
    except Image.DecompressionBombError as error:  # some decoders check Pillow's own limit while they open
        numbers = str(error).split(",")[0]
        raise PhotoError("photo-too-large", f"{name}: {numbers}", hint="Shrink it.") from error
    except MemoryError as error:
        raise PhotoError(
            "photo-too-large", f"{name}: there is not enough memory to decode it", hint="Shrink it."
        ) from error
    except _DECODER_ERRORS as error:
        raise PhotoError("unreadable-photo", f"{name}: cannot be decoded; damaged or incomplete") from error


def _open(data: bytes, name: str, max_pixels: int) -> ImageFile.ImageFile:
    """Return a photo whose format, header and size were checked; no pixel is decoded yet."""
    form = recognise(data, name)
    if form in ("AVIF", "WebP") and not _supported(form):
        raise PhotoError("unreadable-photo", f"{name}: this installation of Pillow cannot read {form}")
    if form in ("AVIF", "HEIF"):
        _check_boxes(data)
    _, module, decoder = _FORMATS[form]
    image: ImageFile.ImageFile = getattr(importlib.import_module(module), decoder)(io.BytesIO(data))
    width, height = image.size
    if width * height > max_pixels:
        size = f"{width} x {height} = {width * height:,} pixels"
        raise PhotoError("photo-too-large", f"{name}: has {size}; the limit is {max_pixels:,}")
    return image


def _supported(form: str) -> bool:
    from PIL import features

    return bool(features.check(form.lower()))


def _check_boxes(data: bytes) -> None:
    """Refuse a file with a box that is cut off: libheif would invent the missing data.

    Box sizes: ISO/IEC 14496-12, section 4.2 (0: up to the end of the file; 1: a 64-bit size follows). The
    check stops at the first unknown box, because cameras append data of their own.
    """
    start = 0
    while data[start + 4 : start + 8] in _HEIF_BOXES:
        (size,) = struct.unpack_from(">I", data, start)
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start + 8)
        if size == 0:
            return
        start += max(size, 8)
    if start > len(data):
        raise EOFError("a box reaches beyond the end of the file")


def _pixels(image: ImageFile.ImageFile) -> RGBImage:
    """Return the upright array of an opened photo."""
    image.load()
    turn = _turn_upright(image)  # after load(): the TIFF decoder turns by itself and removes the tag
    icc = image.info.get("icc_profile")
    rgb = _to_srgb(_flatten(_to_eight_bits(image)), icc)
    return np.array(rgb if turn is None else rgb.transpose(turn), dtype=np.uint8)


def _turn_upright(image: ImageFile.ImageFile) -> Image.Transpose | None:
    """Return how to turn a decoded image upright (Exif 2.32, tag 0x0112); None if upright or unknown."""
    from PIL import Image

    if image.format == "HEIF":  # already turned by the container, which outranks EXIF (ISO/IEC 23008-12)
        return None
    try:
        orientation = image.getexif().get(0x0112)
    except _DECODER_ERRORS:
        return None
    if not isinstance(orientation, int):
        return None
    return {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(orientation)


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Return 16-bit, 32-bit or float gray scaled to 8 bits; Pillow's own conversion clips it to white."""
    from PIL import Image

    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode not in ("I", "F"):
        return image
    values = np.asarray(image, dtype=np.float64)
    values = np.where(np.isfinite(values), values, 0.0)
    low, high = float(values.min()), float(values.max())
    if low >= 0:  # the smallest customary range that holds the values; Pillow scales 16-bit PNM to 65535
        customary = (1.0, 255.0, 65535.0) if image.mode == "F" else (65535.0,)
        low, high = 0.0, next((full for full in customary if high <= full), high)
    scaled = (values - low) * (255.0 / (high - low)) if high > low else np.zeros_like(values)
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def _flatten(image: Image.Image) -> Image.Image:
    """Return the image laid on white, without alpha and palette."""
    from PIL import Image

    if image.mode in ("La", "RGBa"):  # premultiplied
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB") if image.mode == "P" else image


def _to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Return the image in sRGB, by its embedded profile or, without a usable one, Pillow's plain formulas."""
    if image.mode == "LAB":
        from PIL import ImageCms

        return _convert(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    if image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    if icc and not (len(icc) == _USUAL_SRGB_BYTES and _USUAL_SRGB_NAME in icc):
        from PIL import ImageCms

        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            if not _is_srgb(profile):
                return _convert(image, profile)
        except (ImageCms.PyCMSError, *_DECODER_ERRORS):
            pass  # the profile is broken or made for a different kind of pixels
    return image.convert("RGB")


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    """Return whether a profile is sRGB by its name; most photos then need no conversion."""
    description = profile.profile.profile_description or ""
    return description.startswith("sRGB") and "linear" not in description.lower()


def _convert(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    from PIL import ImageCms

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    return ImageCms.buildTransform(profile, srgb, image.mode, "RGB").apply(image)
