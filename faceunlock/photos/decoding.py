"""Decoding: the bytes of an image file become an upright 8-bit sRGB array.

Decoding takes two steps, `_open` (format, size in the header) and `_pixels`, so that nothing large is
allocated for a file that will be refused. The decoder is chosen by the first bytes and called directly:
this allows only the formats listed here (no PostScript, PSD, PDF, WMF, ...) and makes the pixel limit
independent of Pillow's process-wide one.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import re
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from faceunlock.errors import PhotoError
from faceunlock.photos import colour, jpeg, png, tiff
from faceunlock.photos.colour import DECODER_ERRORS
from faceunlock.photos.face import RGBImage

if TYPE_CHECKING:
    from PIL import Image, ImageFile

DEFAULT_MAX_PIXELS = 100_000_000
"""Largest width x height that is decoded unless told otherwise (300 MB as an RGB array)."""

_HEAD = 64  # enough for the brands of an ISO base media file
_AV1 = rb"(avi[fs]|MA1[AB])"  # brands of AVIF: ISO/IEC 23000-22 and the AV1 Image File Format, section 6
_FORMATS = {
    name: (re.compile(signature, re.DOTALL), module, decoder)
    for name, signature, module, decoder in (
        # JPEG includes MPO: its first frame is an ordinary JPEG, read without trusting the index of the rest.
        ("JPEG", rb"\xff\xd8\xff", "PIL.JpegImagePlugin", "JpegImageFile"),
        ("PNG", rb"\x89PNG\r\n\x1a\n", "PIL.PngImagePlugin", "PngImageFile"),
        ("WebP", rb"RIFF.{4}WEBP", "PIL.WebPImagePlugin", "WebPImageFile"),
        ("TIFF", rb"II[*+]\0|MM\0[*+]", "PIL.TiffImagePlugin", "TiffImageFile"),
        ("GIF", rb"GIF8[79]a", "PIL.GifImagePlugin", "GifImageFile"),
        (
            "AVIF",
            rb".{4}ftyp(%b|(mi[af][f123]|msf1).*%b)" % (_AV1, _AV1),
            "PIL.AvifImagePlugin",
            "AvifImageFile",
        ),
        ("HEIF", rb".{4}ftyp(hei[cxms]|hev[cxms]|mif[12]|miaf|msf1)", "pillow_heif", "HeifImageFile"),
        ("PNM", rb"P[1-6f]\s", "PIL.PpmImagePlugin", "PpmImageFile"),
        ("BMP", rb"BM", "PIL.BmpImagePlugin", "BmpImageFile"),
    )
}
_WHOLE = frozenset({"AVIF", "HEIF", "WEBP"})
"""Pillow's names of formats whose decoders keep a whole picture of their own."""

_PLAIN_AVIF = re.compile(rb".{4}ftyp.*avi[fs]", re.DOTALL)
_HEIF_BOXES = frozenset({b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip"})

_Turn = Callable[[NDArray[Any]], NDArray[Any]]
_TURNS: dict[int, _Turn] = {
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: np.rot90,
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}
"""The view of an upright array that is the array as stored, for each EXIF orientation but 1."""


def decode(data: bytes, name: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> RGBImage:
    """Return an image file decoded to an upright 8-bit sRGB array.

    JPEG, PNG, WebP, TIFF, BMP, GIF, HEIF/HEIC, AVIF, MPO and PNM are recognised by content. If there are
    several frames or pages, the first is read. The EXIF orientation is applied; a broken EXIF block is
    ignored. Transparent pixels are laid on white, the paper or page that such pictures are made for: on
    black, dark hair would merge with the background. Colours are converted to sRGB from the embedded profile.
    A profile that cannot be used is ignored, because a face with slightly wrong colours is still a face.
    16-bit samples keep their high byte; gray of 10 or 12 bits in 16 is scaled from that. Gray without a fixed
    range is scaled from its own range. Notes and profiles in a PNG, and the end marker of a JPEG with all its
    pixels, may be missing or damaged.

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
        ``photo-too-large`` for more than `max_pixels`; ``unreadable-photo`` for truncated or damaged data,
        camera RAW files, TIFF layouts whose pixels would be wrong, a JPEG with more than `jpeg.MAX_SCANS`
        scans, and any other format.

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


def recognise(data: bytes, name: str) -> str:
    """Return the format of an image file by its first bytes; loads no decoder.

    Raises
    ------
    PhotoError
        ``unreadable-photo`` if the format is not a known one, or a camera RAW format.

    Examples
    --------
    >>> recognise(b"P3 2 1 255", "two pixels")
    'PNM'
    """
    head = data[:_HEAD]
    raw = tiff.raw_kind(data)
    if raw is not None:
        raise PhotoError(
            "unreadable-photo",
            f"{name}: is a RAW file of a camera ({raw}), which is not read",
            hint="Export it as JPEG or PNG with a photo program.",
        )
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
        try:
            pixels = _pixels(_reduced(image, at_least))
        except OSError:
            ended = jpeg.with_end(data, _pixel_digest) if image.format == "JPEG" else None
            if ended is None:
                raise
            pixels = _pixels(_reduced(_open(ended, name, max_pixels), at_least))
        return pixels, longer / max(pixels.shape[:2])


def upright(image: Image.Image, name: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> RGBImage:
    """Return a PIL image as `decode` would return the file that it could be: upright, sRGB, on white.

    Parameters and errors are those of `decode`.
    """
    with _quiet_decoders, _decoder_errors(name, hint="Load it while its file is open: image.load()"):
        _check_size(image, name, max_pixels)
        if image.format == "TIFF":
            _check_layout(image, name)
        return _pixels(image)


def _reduced(image: ImageFile.ImageFile, at_least: int | None) -> ImageFile.ImageFile:
    """Return an opened photo that will be decoded at a reduced scale, if its format can."""
    longer = max(image.size)
    if at_least is not None and image.format == "JPEG" and at_least < longer:
        share = at_least / longer
        image.draft(None, (ceil(image.width * share), ceil(image.height * share)))
    return image


def _pixel_digest(data: bytes) -> bytes | None:
    """Return a checksum of the pixels of a JPEG file; None if it cannot be decoded."""
    try:
        return hashlib.sha256(_pixels(_open(data, "photo", len(data) << 16)).tobytes()).digest()
    except DECODER_ERRORS:
        return None


def memory_needed(data: bytes, name: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> int:
    """Return how many bytes decoding an image file takes at most, by its header.

    The decoded image as Pillow keeps it, the array made from it, and what the decoder keeps beside them.
    Parameters and errors are those of `stored_size`.

    Examples
    --------
    >>> memory_needed(b"P3 2 1 255  255 0 0  0 0 255", "two pixels")
    14
    """
    with _quiet_decoders, _decoder_errors(name):
        image = _open(data, name, max_pixels)
        kept = {"1": 1, "L": 1, "P": 1}.get(image.mode, 2 if image.mode.startswith("I;16") else 4)
        whole = image.format in _WHOLE or (image.format == "JPEG" and "progressive" in image.info)
        return image.width * image.height * (kept + 3 + (8 if whole else 0))


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
def _decoder_errors(name: str, hint: str | None = None) -> Iterator[None]:
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
    except DECODER_ERRORS as error:
        message = f"{name}: cannot be decoded; damaged or incomplete"
        raise PhotoError("unreadable-photo", message, hint=hint) from error


def _open(data: bytes, name: str, max_pixels: int) -> ImageFile.ImageFile:
    """Return a photo whose format, header and size were checked; no pixel is decoded yet."""
    form = recognise(data, name)
    if form in ("AVIF", "WebP") and not _supported(form):
        raise PhotoError("unreadable-photo", f"{name}: this installation of Pillow cannot read {form}")
    if form in ("AVIF", "HEIF"):
        _check_boxes(data)
    profile = None
    if form == "PNG":
        data, profile = png.only_pixels(data)
    elif form == "JPEG" and jpeg.too_many_scans(data):
        raise PhotoError("unreadable-photo", f"{name}: has more than {jpeg.MAX_SCANS} scans, the limit")
    elif form == "AVIF" and not _PLAIN_AVIF.match(data[:_HEAD]):
        data = data[:8] + b"avif" + data[12:]  # libavif looks for no other brand
    _, module, decoder = _FORMATS[form]
    image: ImageFile.ImageFile = getattr(importlib.import_module(module), decoder)(io.BytesIO(data))
    if profile is not None:
        image.info["icc_profile"] = profile
    _check_size(image, name, max_pixels)
    if form == "TIFF":
        _check_layout(image, name)
    return image


def _check_size(image: Image.Image, name: str, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        size = f"{width} x {height} = {width * height:,} pixels"
        raise PhotoError("photo-too-large", f"{name}: has {size}; the limit is {max_pixels:,}")


def _check_layout(image: Image.Image, name: str) -> None:
    """Refuse a TIFF layout that would be read as a wrong picture."""
    try:
        tiff.layout(image)
    except ValueError as error:
        raise PhotoError(
            "unreadable-photo",
            f"{name}: has an uncommon TIFF layout ({error}), which is not read",
            hint="Save it as PNG, or as an ordinary 8-bit TIFF.",
        ) from error


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


def _pixels(image: Image.Image) -> RGBImage:
    """Return the upright array of an opened photo.

    It is made in bands, so that nothing but the decoded image and the array is as large as the photo.
    """
    from faceunlock.photos import gray

    layout = tiff.layout(image) if image.format == "TIFF" else tiff.Layout()
    image.load()
    turned = _turned(image)  # after load(): the TIFF decoder turns by itself and removes the tag
    icc = image.info.get("icc_profile")
    width, height = image.size
    sideways = turned is not None and turned(np.empty((1, 2))).shape == (2, 1)
    upright = np.empty((width, height, 3) if sideways else (height, width, 3), np.uint8)
    stored = upright if turned is None else turned(upright)
    scale = gray.to_eight_bits(image, layout)
    to_srgb = None
    for top, band in gray.bands(image):
        flat = colour.flatten(band if scale is None else scale(band))
        to_srgb = to_srgb or colour.to_srgb(flat.mode, icc)
        stored[top : top + band.height] = np.asarray(to_srgb(flat))
    return upright


def _turned(image: Image.Image) -> _Turn | None:
    """Return which view of the upright array is the image as stored (Exif 2.32, tag 0x0112).

    None if it is upright, or its orientation is unknown.
    """
    if image.format == "HEIF":  # already turned by the container, which outranks EXIF (ISO/IEC 23008-12)
        return None
    try:
        orientation = image.getexif().get(0x0112)
    except DECODER_ERRORS:
        return None
    if isinstance(orientation, bytes) and len(orientation) == 1:  # some programs write a byte, not a short
        orientation = orientation[0]
    return _TURNS.get(orientation) if isinstance(orientation, int) else None
