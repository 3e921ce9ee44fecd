"""Decoding: every format and mode, upright and in 8-bit sRGB; anything else is a `PhotoError`."""

from __future__ import annotations

import io
import struct
import threading
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps, features

from faceunlock.errors import PhotoError
from faceunlock.photos.decoding import _quiet_decoders, decode

ORIENTATION = 0x0112


@cache
def picture() -> Image.Image:
    """40 x 24 pixels, smooth, coloured and without any symmetry."""
    y, x = np.mgrid[0:24, 0:40]
    return Image.fromarray(np.stack([x * 6, y * 10, 128 + x - 3 * y], axis=-1).astype(np.uint8))


def encode(image: Image.Image, form: str, **options: object) -> bytes:
    if form == "HEIF":
        return encode_heif(image, **options)
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def encode_heif(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    heif = pillow_heif.from_pillow(image)
    heif.save(buffer, **options)
    return buffer.getvalue()


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[ORIENTATION] = orientation
    return block.tobytes()


def stored_as(upright: Image.Image, orientation: int) -> Image.Image:
    """The pixels as a camera held in this orientation stores them."""
    inverse = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    return upright if inverse is None else upright.transpose(inverse)


LOSSLESS = {
    "PNG": ("PNG", {}),
    "WebP": ("WEBP", {"lossless": True}),
    "TIFF": ("TIFF", {}),
    "TIFF LZW": ("TIFF", {"compression": "tiff_lzw"}),
    "BMP": ("BMP", {}),
    "PPM": ("PPM", {}),
}
LOSSY = {
    "JPEG": ("JPEG", {"quality": 95, "subsampling": 0}),
    "progressive JPEG": ("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}),
    "AVIF": ("AVIF", {"quality": 95, "subsampling": "4:4:4"}),
    "HEIF": ("HEIF", {"quality": 95, "chroma": 444}),
    "TIFF JPEG": ("TIFF", {"compression": "jpeg", "quality": 95}),
}


@cache
def sample(form: str) -> bytes:
    name, options = (LOSSLESS | LOSSY)[form]
    return encode(picture(), name, **options)


def assert_close(found: np.ndarray, expected: Image.Image, tolerance: float) -> None:
    assert found.dtype == np.uint8
    assert found.shape == (expected.height, expected.width, 3)
    assert np.abs(found.astype(int) - np.asarray(expected, dtype=int)).max() <= tolerance


class TestFormats:
    @pytest.mark.parametrize("form", LOSSLESS)
    def test_lossless_formats_are_exact(self, form: str) -> None:
        assert_close(decode(sample(form), form), picture(), 0)

    @pytest.mark.parametrize("form", LOSSY)
    def test_lossy_formats_are_close(self, form: str) -> None:
        assert_close(decode(sample(form), form), picture(), 12)

    def test_gif_is_the_nearest_palette(self) -> None:
        palette = picture().quantize(256)
        assert_close(decode(encode(palette, "GIF"), "gif"), palette.convert("RGB"), 0)

    @pytest.mark.parametrize(("form", "options"), [("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True})])
    def test_animation_gives_its_first_frame(self, form: str, options: dict[str, object]) -> None:
        first, second = Image.new("RGB", (8, 6), "red"), Image.new("RGB", (8, 6), "blue")
        data = encode(first, form, save_all=True, append_images=[second], **options)
        assert_close(decode(data, form), first, 0)

    def test_tiff_gives_its_first_page(self) -> None:
        other = Image.new("RGB", (8, 6), "blue")
        data = encode(picture(), "TIFF", save_all=True, append_images=[other])
        assert_close(decode(data, "pages"), picture(), 0)

    def test_mpo_gives_its_first_frame_even_with_a_broken_index(self) -> None:
        data = encode(picture(), "MPO", save_all=True, append_images=[ImageOps.invert(picture())], quality=95)
        assert_close(decode(data, "mpo"), picture(), 24)
        broken = data.replace(b"MPF\0", b"MPF\xff", 1).replace(b"0100", b"\xff\xff\xff\xff", 1)
        assert np.array_equal(decode(broken, "mpo"), decode(data, "mpo"))

    @pytest.mark.parametrize("form", ["EPS", "PDF", "PCX", "TGA", "ICO", "ICNS", "SGI", "JPEG2000", "IM"])
    def test_other_formats_are_refused_though_pillow_reads_them(self, form: str) -> None:
        with pytest.raises(PhotoError, match="known format") as caught:
            decode(encode(picture(), form), "drawing")
        assert caught.value.slug == "unreadable-photo"

    def test_other_iso_media_files_are_refused(self) -> None:
        with pytest.raises(PhotoError, match="known format"):
            decode(b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(100), "film.mp4")

    @pytest.mark.parametrize("form", ["AVIF", "WebP"])
    def test_a_pillow_without_the_decoder_is_named(self, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(features, "check", lambda feature: False)
        with pytest.raises(PhotoError, match=f"installation of Pillow cannot read {form}"):
            decode(sample(form), "photo")

    def test_avif_in_a_general_container_goes_to_the_avif_decoder(self) -> None:
        data = sample("AVIF")
        assert data[8:12] == b"avif"
        general = data[:8] + b"mif1" + data[12:]
        assert np.array_equal(decode(general, "mif1"), decode(data, "avif"))


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize(
        ("form", "options"),
        [("PNG", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("WEBP", {"lossless": True})],
    )
    def test_exact_where_lossless(self, form: str, options: dict[str, object], orientation: int) -> None:
        data = encode(stored_as(picture(), orientation), form, exif=exif(orientation), **options)
        assert_close(decode(data, form), picture(), 0)

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize(
        ("form", "options"),
        [
            ("JPEG", {"quality": 95, "subsampling": 0}),
            ("AVIF", {"quality": 95, "subsampling": "4:4:4"}),
            ("HEIF", {"quality": 95, "chroma": 444}),
        ],
    )
    def test_close_where_lossy(self, form: str, options: dict[str, object], orientation: int) -> None:
        data = encode(stored_as(picture(), orientation), form, exif=exif(orientation), **options)
        if form == "HEIF" and orientation > 1:  # it holds both, as the files of telephones do
            assert (b"irot" in data or b"imir" in data) and b"Exif" in data
        assert_close(decode(data, form), picture(), 14)

    def test_exif_and_xmp_together_turn_once(self) -> None:
        xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
        for form in ("PNG", "TIFF", "WEBP"):
            options = {"lossless": True} if form == "WEBP" else {}
            if form == "TIFF":
                options["tiffinfo"] = {700: xmp}
            data = encode(stored_as(picture(), 6), form, exif=exif(6), xmp=xmp, **options)
            assert_close(decode(data, form), picture(), 0)

    @pytest.mark.parametrize(
        "block",
        [
            b"",
            b"Exif\0\0",
            b"Exif\0\0II*\0\xff\xff\xff\xff",
            b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12",
            b"Exif\0\0" + bytes(range(256)),
            b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x02\0\0\0x\0\0\0",  # a text for a number
            exif(0),
            exif(9),
        ],
    )
    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
    def test_a_broken_block_does_not_cost_the_photo(self, form: str, block: bytes) -> None:
        data = encode(picture(), form, exif=block)
        assert np.array_equal(decode(data, form), decode(encode(picture(), form), form))


class TestModes:
    @pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
    @pytest.mark.parametrize("form", ["PNG", "TIFF"])
    def test_opaque_modes(self, form: str, mode: str) -> None:
        image = picture().quantize(64) if mode == "P" else picture().convert(mode)
        assert_close(decode(encode(image, form), mode), image.convert("RGB"), 0)

    @pytest.mark.parametrize("mode", ["LA", "RGBA"])
    @pytest.mark.parametrize(("form", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})])
    def test_transparency_is_laid_on_white(self, form: str, options: dict[str, object], mode: str) -> None:
        image = Image.new(mode, (4, 2), (90, 0) if mode == "LA" else (90, 20, 30, 0))
        solid = (60, 255) if mode == "LA" else (60, 60, 60, 255)
        image.putpixel((1, 1), solid)
        pixels = decode(encode(image, form, exact=True, **options), form)
        assert pixels[1, 1].tolist() == [60, 60, 60]
        pixels[1, 1] = 255
        assert (pixels == 255).all()

    def test_half_transparent_is_mixed_with_white(self) -> None:
        image = Image.new("RGBA", (3, 3), (0, 100, 200, 128))
        assert np.abs(decode(encode(image, "PNG"), "half")[0, 0].astype(int) - [127, 177, 227]).max() <= 1

    def test_premultiplied_tiff_is_mixed_once(self) -> None:
        premultiplied = Image.new("RGBA", (3, 3), (0, 50, 100, 128))
        data = encode(premultiplied, "TIFF")
        unassociated = struct.pack("<HHIHH", 338, 3, 1, 2, 0)  # tag ExtraSamples, one short, its value
        assert unassociated in data
        associated = data.replace(unassociated, struct.pack("<HHIHH", 338, 3, 1, 1, 0))
        assert np.abs(decode(associated, "premultiplied")[0, 0].astype(int) - [127, 177, 227]).max() <= 2

    def test_premultiplied_heif_is_mixed_once(self) -> None:
        image = Image.new("RGBA", (64, 64), (0, 100, 200, 128)).convert("RGBa")
        pixels = decode(encode(image, "HEIF", quality=95), "premultiplied").astype(int)
        assert np.abs(pixels - [127, 177, 227]).max() <= 4

    @pytest.mark.parametrize("transparency", [1, bytes([255, 0])])
    def test_transparent_palette(self, transparency: int | bytes) -> None:
        image = Image.new("P", (2, 1))
        image.putpalette([10, 20, 30, 40, 50, 60])
        image.putpixel((1, 0), 1)
        data = encode(image, "PNG", transparency=transparency)
        assert decode(data, "palette").tolist() == [[[10, 20, 30], [255, 255, 255]]]

    @pytest.mark.parametrize(("mode", "key"), [("L", 7), ("RGB", (7, 7, 7)), ("1", 0)])
    def test_transparent_colour(self, mode: str, key: int | tuple[int, ...]) -> None:
        image = Image.new(mode, (2, 1), "white")
        image.putpixel((0, 0), key)
        assert (decode(encode(image, "PNG", transparency=key), mode) == 255).all()

    def test_transparent_gif(self) -> None:
        image = Image.new("P", (2, 1))
        image.putpalette([10, 20, 30, 40, 50, 60])
        image.putpixel((1, 0), 1)
        assert decode(encode(image, "GIF", transparency=0), "gif").tolist() == [[[255] * 3, [40, 50, 60]]]

    @pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
    def test_16_bit_gray_is_scaled_not_clipped(self, form: str) -> None:
        ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(4, 16)
        pixels = decode(encode(Image.fromarray(ramp), form), "ramp")
        assert np.abs(pixels[..., 0] - ramp / 257).max() <= 1
        assert (pixels[..., 0] == pixels[..., 2]).all()

    def test_big_endian_16_bit_tiff(self) -> None:
        ramp = np.linspace(0, 65535, 64).astype(">u2").reshape(4, 16)
        data = encode(Image.frombytes("I;16B", (16, 4), ramp.tobytes()), "TIFF")
        assert np.abs(decode(data, "ramp")[..., 0] - ramp / 257).max() <= 1

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([0.0, 0.5, 1.0], [0, 128, 255]),
            ([0.0, 128.0, 255.0], [0, 128, 255]),
            ([0.0, 32768.0, 65535.0], [0, 128, 255]),
            ([0.0, 50000.0, 100000.0], [0, 128, 255]),
            ([-1.0, 0.0, 1.0], [0, 128, 255]),
            ([-3.0e38, 0.0, 3.0e38], [0, 128, 255]),
            ([float("nan"), float("inf"), 1.0], [0, 0, 255]),
            ([0.0, 0.0, 0.0], [0, 0, 0]),
            ([-5.0, -5.0, -5.0], [0, 0, 0]),
        ],
    )
    def test_floating_point_gray(self, values: list[float], expected: list[int]) -> None:
        data = encode(Image.fromarray(np.array([values], dtype=np.float32)), "TIFF")
        assert decode(data, "float")[0, :, 1].tolist() == expected

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([0, 32768, 65535], [0, 128, 255]),
            ([0, 2**30, 2**31 - 2], [0, 128, 255]),
            ([-100, 0, 155], [0, 100, 255]),
        ],
    )
    def test_32_bit_gray(self, values: list[int], expected: list[int]) -> None:
        data = encode(Image.fromarray(np.array([values], dtype=np.int32)), "TIFF")
        assert decode(data, "int")[0, :, 1].tolist() == expected

    @pytest.mark.parametrize(("form", "tolerance"), [("TIFF", 1), ("JPEG", 16)])
    def test_cmyk(self, form: str, tolerance: int) -> None:
        data = encode(picture().convert("CMYK"), form, quality=95)
        assert_close(decode(data, form), picture(), tolerance)

    def test_lab(self) -> None:
        red = (round(54.29 * 2.55), 81 + 128, 70 + 128)  # sRGB red is L* 54.29, a* 80.8, b* 69.9 under D50
        pixels = decode(encode(Image.new("LAB", (2, 2), red), "TIFF"), "lab").astype(int)
        assert np.abs(pixels - [255, 0, 0]).max() <= 8

    def test_ycbcr(self) -> None:
        assert_close(decode(encode(picture().convert("YCbCr"), "TIFF"), "ycbcr"), picture(), 4)


class TestProfiles:
    def test_srgb_is_left_exactly_as_it_is(self) -> None:
        icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        assert_close(decode(encode(picture(), "PNG", icc_profile=icc), "srgb"), picture(), 0)

    def test_srgb_is_known_by_its_name(self) -> None:
        data = encode(picture(), "PNG", icc_profile=swapped_primaries(renamed=False))
        assert_close(decode(data, "named sRGB"), picture(), 0)

    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
    def test_another_profile_is_converted(self, mode: str) -> None:
        image = picture().quantize(64) if mode == "P" else picture().convert(mode)
        data = encode(image, "PNG", icc_profile=swapped_primaries())
        red, green, blue = np.moveaxis(np.asarray(image.convert("RGB")), -1, 0)
        expected = Image.fromarray(np.stack([green, red, blue], axis=-1))
        assert_close(decode(data, "swapped"), expected, 3)

    @pytest.mark.parametrize("mode", ["L", "CMYK"])
    def test_a_profile_for_other_pixels_is_ignored(self, mode: str) -> None:
        image = picture().convert(mode)
        data = encode(image, "TIFF", icc_profile=swapped_primaries())
        assert_close(decode(data, mode), image.convert("RGB"), 0)

    @pytest.mark.parametrize("cut", [1, 40, 128, 132, 200, -1])
    def test_a_broken_profile_is_ignored(self, cut: int) -> None:
        data = encode(picture(), "PNG", icc_profile=swapped_primaries()[:cut])
        assert decode(data, "broken").shape == (24, 40, 3)
        assert_close(decode(encode(picture(), "PNG", icc_profile=b"\xff" * 300), "noise"), picture(), 0)


def swapped_primaries(*, renamed: bool = True) -> bytes:
    """An sRGB profile with the red and green primaries exchanged, so that a conversion cannot be missed."""
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert b"rXYZ" in icc and b"gXYZ" in icc
    icc = icc.replace(b"rXYZ", b"tmpX", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"tmpX", b"gXYZ", 1)
    for text in ("sRGB".encode("utf-16-be"), b"sRGB") if renamed else ():
        icc = icc.replace(text, text.swapcase())
    return icc


class TestLimits:
    @pytest.mark.parametrize("form", LOSSLESS | LOSSY)
    def test_the_limit_is_exact(self, form: str) -> None:
        assert decode(sample(form), form, max_pixels=40 * 24).shape == (24, 40, 3)
        with pytest.raises(PhotoError, match=r"40 x 24 = 960 pixels; the limit is 959") as caught:
            decode(sample(form), form, max_pixels=40 * 24 - 1)
        assert caught.value.slug == "photo-too-large"

    def test_a_bomb_is_refused_by_its_header(self) -> None:
        header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
        bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
        with pytest.raises(PhotoError, match="3,600,000,000 pixels") as caught:
            decode(bomb, "bomb.png")
        assert caught.value.slug == "photo-too-large"

    @pytest.mark.parametrize("form", ["GIF", "WEBP"])
    def test_pillows_own_limit_is_told_in_the_same_words(
        self, form: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        data = encode(picture(), form)
        if form == "GIF":  # the frame, 40 x 24, reaches beyond the screen, 1 x 1
            data = data[:6] + struct.pack("<HH", 1, 1) + data[10:]
        with pytest.raises(PhotoError, match=r"960 pixels\) exceeds limit of 200") as caught:
            decode(data, "bomb")
        assert caught.value.slug == "photo-too-large"

    @pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "HEIF", "AVIF"])
    def test_pillows_own_limit_does_not_lower_ours(self, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        data = sample(form)
        assert decode(data, form).shape == (24, 40, 3)


def chunk(kind: bytes, content: bytes) -> bytes:
    from zlib import crc32

    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc32(kind + content))


class TestDamage:
    @settings(max_examples=150, deadline=None)
    @given(form=st.sampled_from(sorted(LOSSLESS | LOSSY)), share=st.floats(0, 1, exclude_max=True))
    def test_a_prefix_is_refused_or_lacks_no_pixel(self, form: str, share: float) -> None:
        data = sample(form)
        try:
            pixels = decode(data[: int(share * len(data))], form)
        except PhotoError as error:
            assert error.slug == "unreadable-photo"
        else:
            assert np.array_equal(pixels, decode(data, form))

    @pytest.mark.parametrize("form", LOSSLESS | LOSSY)
    def test_half_a_file_is_refused(self, form: str) -> None:
        data = sample(form)
        with pytest.raises(PhotoError, match=r"half\.bin: cannot be decoded") as caught:
            decode(data[: len(data) // 2], "half.bin")
        assert caught.value.slug == "unreadable-photo"

    @settings(max_examples=200, deadline=None)
    @given(
        form=st.sampled_from(sorted(LOSSLESS | LOSSY)),
        flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), min_size=1, max_size=8),
    )
    def test_changed_bytes_give_a_photo_or_a_photo_error(
        self, form: str, flips: list[tuple[int, int]]
    ) -> None:
        data = bytearray(sample(form))
        for position, change in flips:
            data[position % len(data)] ^= change
        try:
            pixels = decode(bytes(data), form, max_pixels=1_000_000)
        except PhotoError as error:
            assert error.slug in ("unreadable-photo", "photo-too-large")
        else:
            assert pixels.dtype == np.uint8
            assert pixels.ndim == 3
            assert pixels.shape[2] == 3

    @given(data=st.binary(max_size=200))
    def test_noise_is_refused(self, data: bytes) -> None:
        with pytest.raises(PhotoError):
            decode(data, "noise")

    @pytest.mark.parametrize("tail", [b"SEFT", bytes(64), b"\xff" * 64, b"\0\0\xff\xffmpvd"])
    def test_what_cameras_append_to_heif_does_no_harm(self, tail: bytes) -> None:
        assert np.array_equal(decode(sample("HEIF") + tail, "tail"), decode(sample("HEIF"), "heif"))

    def test_a_box_with_a_64_bit_size_may_be_cut_off_too(self) -> None:
        data = sample("HEIF")
        free = struct.pack(">I4sQ", 1, b"free", 32) + bytes(16)
        assert np.array_equal(decode(data + free, "free"), decode(data, "heif"))
        for cut in (1, 20):
            with pytest.raises(PhotoError, match="cannot be decoded"):
                decode(data + free[:-cut], "cut")

    def test_a_box_of_size_zero_reaches_to_the_end(self) -> None:
        data = sample("HEIF")
        at = data.rindex(b"mdat") - 4
        assert np.array_equal(decode(data[:at] + bytes(4) + data[at + 4 :], "zero"), decode(data, "heif"))


class TestWarnings:
    @staticmethod
    def corrupt_exif() -> bytes:
        return encode(picture(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12")

    def test_the_sample_does_make_pillow_warn(self) -> None:
        with pytest.warns(UserWarning, match="EXIF"):
            Image.open(io.BytesIO(self.corrupt_exif())).getexif()

    def test_decoders_stay_quiet_and_filters_are_put_back(self) -> None:
        before = list(warnings.filters)
        decode(self.corrupt_exif(), "quiet")
        with pytest.raises(PhotoError):
            decode(b"BM", "refused")
        assert list(warnings.filters) == before

    def test_warnings_of_others_come_through_meanwhile(self) -> None:
        with _quiet_decoders, pytest.warns(UserWarning, match="ours"):
            warnings.warn("ours", stacklevel=1)

    def test_overlapping_threads_put_the_filters_back(self) -> None:
        before = list(warnings.filters)
        inside, leave = threading.Event(), threading.Event()

        def first() -> None:
            with _quiet_decoders:
                inside.set()
                leave.wait(10)

        thread = threading.Thread(target=first)
        thread.start()
        assert inside.wait(10)
        with _quiet_decoders:
            leave.set()
            thread.join(10)
            during = list(warnings.filters)
        assert len(during) == len(before) + 1
        assert list(warnings.filters) == before


class TestCollection:
    """What the photos of the local collection must give."""

    @pytest.fixture
    def bad(self, collection: Path) -> Path:
        return collection / "bad"

    def test_every_file_gives_a_photo_or_a_photo_error(self, bad: Path) -> None:
        outcomes = set()
        for path in sorted(bad.iterdir()):
            try:
                assert decode(path.read_bytes(), path.name).shape[2] == 3
                outcomes.add("photo")
            except PhotoError as error:
                assert path.name in error.message
                outcomes.add(error.slug)
        assert outcomes == {"photo", "unreadable-photo", "photo-too-large"}

    @pytest.mark.parametrize("orientation", range(2, 9))
    def test_orientations(self, bad: Path, orientation: int) -> None:
        upright = decode((bad / "hopper.png").read_bytes(), "hopper").astype(int)
        path = bad / f"hopper_orientation_{orientation}.jpg"
        assert np.abs(decode(path.read_bytes(), path.name) - upright).mean() < 8

    @pytest.mark.parametrize("name", ["hopper.bmp", "hopper.tif", "hopper.webp", "hopper.gif"])
    def test_formats_agree(self, bad: Path, name: str) -> None:
        upright = decode((bad / "hopper.png").read_bytes(), "hopper").astype(int)
        assert np.abs(decode((bad / name).read_bytes(), name) - upright).mean() < 6

    def test_16_bit_pgm(self, bad: Path) -> None:
        gray = np.asarray(Image.open(bad / "hopper.png").convert("L"), dtype=int)
        found = decode((bad / "hopper_16bit.pgm").read_bytes(), "16 bit")[..., 0]
        assert np.abs(found - gray).mean() < 3

    def test_cmyk_of_photoshop_is_not_inverted(self, bad: Path) -> None:
        pixels = decode((bad / "pil_sample_cmyk.jpg").read_bytes(), "red").astype(int)
        assert np.abs(pixels[1, 1] - [255, 0, 0]).max() < 40  # a red corner on black
        assert pixels[90, 50].max() < 40

    def test_transparent_png_stands_on_white(self, bad: Path) -> None:
        assert decode((bad / "transparent.png").read_bytes(), "dice")[0, 0].tolist() == [255, 255, 255]

    @pytest.mark.parametrize(
        ("name", "slug"),
        [
            ("decompression_bomb.gif", "photo-too-large"),
            ("truncated.heic", "unreadable-photo"),
            ("corrupted.heic", "unreadable-photo"),
            ("truncated_image.png", "unreadable-photo"),
            ("broken_data_stream.png", "unreadable-photo"),
            ("hopper.psd", "unreadable-photo"),
            ("drawing.wmf", "unreadable-photo"),
            ("text.jpg", "unreadable-photo"),
        ],
    )
    def test_refused(self, bad: Path, name: str, slug: str) -> None:
        with pytest.raises(PhotoError) as caught:
            decode((bad / name).read_bytes(), name)
        assert caught.value.slug == slug

    @pytest.mark.parametrize(
        "name",
        ["broken_exif_dpi.jpg", "hopper_bad_exif.jpg", "png_decompression_dos.png", "truncated_jpeg.jpg"],
    )
    def test_readable_in_spite_of_what_is_no_pixel(self, bad: Path, name: str) -> None:
        assert decode((bad / name).read_bytes(), name).size > 0
