"""Whole but uncommon files: read right, or refused by name; never read as a wrong picture."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from faceunlock.errors import PhotoError
from faceunlock.photos import decoding, jpeg, tiff
from faceunlock.photos.decoding import decode, decode_view, memory_needed
from faceunlock.photos.gray import BAND
from faceunlock.photos.memory import Budget

HEIGHT, WIDTH = 40, 56
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH]
RGB = np.stack([X * 4, Y * 6, 128 + X - 3 * Y], axis=-1).astype(np.uint8)
GRAY = (X * 2 + Y * 3).clip(0, 255).astype(np.uint8)
GRAY[0, 0], GRAY[0, 1] = 0, 255


def encode(image: np.ndarray, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, form, **options)
    return buffer.getvalue()


def refusal(data: bytes) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        decode(data, "photo")
    assert caught.value.slug == "unreadable-photo"
    return caught.value


def tiff_file(samples: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, metadata=None, **options)
    return buffer.getvalue()


def as_samples(values: np.ndarray, kind: str, *, turned_over: bool = False) -> np.ndarray:
    share = values / 255.0
    share = 1.0 - share if turned_over else share
    if np.dtype(kind).kind == "f":
        return share.astype(kind)
    return np.rint(share * float(np.iinfo(kind).max)).astype(kind)


class TestTiffLayouts:
    @pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("kind", ["u1", "u2", "u4", "i1", "i2", "f4", "f8"])
    def test_gray_is_what_the_tags_say_or_refused(
        self, kind: str, order: str, compression: str | None
    ) -> None:
        for white_is_zero in (False, True):
            try:
                data = tiff_file(
                    as_samples(GRAY, kind, turned_over=white_is_zero),
                    photometric="miniswhite" if white_is_zero else "minisblack",
                    byteorder=order,
                    compression=compression,
                )
            except (ValueError, KeyError, ImportError):
                continue  # tifffile does not write this one
            self.assert_right_or_refused(data, np.repeat(GRAY[..., None], 3, axis=2))

    @pytest.mark.parametrize("compression", [None, "zlib"])
    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("tile", [None, (16, 16)])
    @pytest.mark.parametrize("kind", ["u1", "u2"])
    def test_planes_are_what_the_tags_say_or_refused(
        self, kind: str, tile: tuple[int, int] | None, order: str, compression: str | None
    ) -> None:
        planes = np.moveaxis(as_samples(RGB, kind), -1, 0).copy()
        options = {"byteorder": order, "compression": compression, "tile": tile}
        data = tiff_file(planes, photometric="rgb", planarconfig="separate", **options)
        self.assert_right_or_refused(data, RGB)
        with_alpha = np.stack([as_samples(GRAY, kind), as_samples(np.full_like(GRAY, 255), kind)])
        data = tiff_file(
            with_alpha,
            photometric="minisblack",
            planarconfig="separate",
            extrasamples=["unassalpha"],
            **options,
        )
        self.assert_right_or_refused(data, np.repeat(GRAY[..., None], 3, axis=2))

    @pytest.mark.parametrize(
        ("kind", "options"),
        [
            ("u1", {"photometric": "miniswhite"}),
            ("u2", {"photometric": "miniswhite"}),
            ("u4", {"photometric": "minisblack"}),
            ("f4", {"photometric": "miniswhite"}),
        ],
    )
    def test_these_are_read_and_not_refused(self, kind: str, options: dict[str, str]) -> None:
        samples = as_samples(GRAY, kind, turned_over=options["photometric"] == "miniswhite")
        data = tiff_file(samples, **options)
        assert np.abs(decode(data, kind)[..., 1].astype(int) - GRAY).max() <= 2

    def test_without_a_photometric_interpretation_nobody_knows_what_0_is(self) -> None:
        data = encode(GRAY, "TIFF")
        tag = struct.pack("<HHI", 262, 3, 1)
        assert tag in data
        error = refusal(data.replace(tag, struct.pack("<HHI", 261, 3, 1)))
        assert "uncommon TIFF layout (without a photometric interpretation)" in error.message

    def test_a_layout_that_is_refused_is_named(self) -> None:
        planes = np.moveaxis(as_samples(RGB, "u2"), -1, 0).copy()
        error = refusal(tiff_file(planes, photometric="rgb", planarconfig="separate"))
        assert "uncommon TIFF layout (16-bit planes" in error.message and "PNG" in error.hint

    @staticmethod
    def assert_right_or_refused(data: bytes, expected: np.ndarray) -> None:
        try:
            found = decode(data, "layout")
        except PhotoError as error:
            assert error.slug == "unreadable-photo"
        else:
            assert np.abs(found.astype(int) - expected).max() <= 2


class TestRaw:
    def test_a_dng_is_not_read_as_its_thumbnail(self) -> None:
        data = tiff_file(RGB, photometric="rgb", subfiletype=1, extratags=[(50706, 1, 4, b"\1\4\0\0", True)])
        assert "RAW file of a camera (DNG)" in refusal(data).message

    def test_pixels_of_a_sensor_below_a_thumbnail(self) -> None:
        buffer = io.BytesIO()
        with tifffile.TiffWriter(buffer) as writer:
            writer.write(RGB, photometric="rgb", subifds=1, subfiletype=1, metadata=None)
            writer.write(as_samples(GRAY, "u2"), photometric="cfa", metadata=None)
        assert "RAW file of a camera (pixels of a sensor" in refusal(buffer.getvalue()).message

    @pytest.mark.parametrize(
        ("start", "kind"),
        [
            (b"II*\0\x10\0\0\0CR\x02\0", "Canon CR2"),
            (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "Canon CR3"),
            (b"FUJIFILMCCD-RAW 0201", "Fujifilm RAF"),
            (b"IIRO\x08\0\0\0", "Olympus ORF"),
            (b"IIU\0\x18\0\0\0", "Panasonic RW2"),
        ],
    )
    def test_kinds_that_are_known_by_their_first_bytes(self, start: bytes, kind: str) -> None:
        assert kind in refusal(start + bytes(64)).message

    @pytest.mark.parametrize("cut", range(8, 200, 7))
    def test_a_damaged_directory_is_no_crash(self, cut: int) -> None:
        data = tiff_file(RGB, photometric="rgb", extratags=[(330, 4, 3, (8, 8, 2**31), True)])
        assert tiff.raw_kind(data[:cut]) is None
        assert tiff.raw_kind(data) is None


def chunk(kind: bytes, content: bytes, *, damaged: bool = False) -> bytes:
    checksum = zlib.crc32(kind + content) ^ damaged
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


class TestPngNotes:
    PLAIN = encode(RGB, "PNG")

    def with_chunk(self, added: bytes) -> bytes:
        return self.PLAIN[:33] + added + self.PLAIN[33:]  # behind the header

    @pytest.mark.parametrize(
        "added",
        [
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(3 << 20))),
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(1000))[:-8]),
            chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3 << 20))),
            chunk(b"zTXt", b"Comment\0\7what"),
            chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(3 << 20))),
            chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(900 << 10))) * 80,
            chunk(b"tEXt", b"Comment\0hello", damaged=True),
            chunk(b"iCCP", b"big\0\0" + zlib.compress(bytes(3 << 20))),
            chunk(b"iCCP", b"huge\0\0" + zlib.compress(bytes(9 << 20))),
            chunk(b"iCCP", b"odd\0\7" + zlib.compress(bytes(300))),
            chunk(b"sRGB", b""),
            chunk(b"pHYs", b"\0"),
            chunk(b"gAMA", b""),
            chunk(b"acTL", b""),
            chunk(b"eXIf", bytes(40), damaged=True),
        ],
    )
    def test_what_is_no_pixel_does_not_cost_the_photo(self, added: bytes) -> None:
        assert np.array_equal(decode(self.with_chunk(added), "png"), RGB)

    def test_a_damaged_chunk_of_pixels_does(self) -> None:
        at = self.PLAIN.index(b"IDAT") + 20
        refusal(self.PLAIN[:at] + bytes([self.PLAIN[at] ^ 255]) + self.PLAIN[at + 1 :])

    def test_a_small_note_still_turns_the_photo(self) -> None:
        xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'
        data = self.with_chunk(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp))
        assert np.array_equal(decode(data, "turned"), RGB[::-1, ::-1])


class TestJpegEnd:
    KINDS = (
        {},
        {"progressive": True},
        {"restart_marker_blocks": 2},
        {"progressive": True, "restart_marker_blocks": 2},
    )

    @staticmethod
    def noisy() -> np.ndarray:
        noise = np.random.default_rng(0).integers(-20, 20, RGB.shape)
        return np.clip(RGB.astype(int) + noise, 0, 255).astype(np.uint8)

    @pytest.mark.parametrize("options", KINDS)
    @pytest.mark.parametrize("tail", [b"", b"\xff", bytes(40)])
    def test_all_pixels_without_the_end_marker_are_read(self, options: dict[str, int], tail: bytes) -> None:
        data = encode(self.noisy(), "JPEG", quality=90, **options)
        cut = data[:-2] + tail
        assert np.array_equal(decode(cut, "cut"), decode(data, "whole"))
        small, scale = decode_view(cut, "cut", at_least=28)
        assert scale == 2 and small.shape == (HEIGHT // 2, WIDTH // 2, 3)

    @pytest.mark.parametrize("options", KINDS)
    def test_where_a_pixel_is_missing_it_is_refused(self, options: dict[str, int]) -> None:
        data = encode(self.noisy(), "JPEG", quality=90, **options)
        scan = data.index(b"\xff\xda")
        for cut in (*range(scan + 20, len(data) - 2, 11), len(data) - 3, len(data) - 4):
            refusal(data[:cut])


class TestJpegScans:
    def data(self, scans: int) -> bytes:
        """A progressive file whose last scan comes again and again."""
        whole = encode(RGB, "JPEG", progressive=True)
        last = whole.rindex(b"\xff\xda")
        return whole[:last] + whole[last:-2] * scans + b"\xff\xd9"

    def test_many_scans_are_refused_before_decoding(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(decoding, "_pixels", None)  # not reached
        error = refusal(self.data(jpeg.MAX_SCANS + 1))
        assert "has more than 100 scans, the limit" in error.message

    def test_an_ordinary_number_is_read(self) -> None:
        assert decode(self.data(1), "progressive").shape == RGB.shape

    def test_what_only_looks_like_a_scan_does_not_count(self) -> None:
        note = b"\xff\xda" * 500
        segment = b"\xff\xfe" + struct.pack(">H", len(note) + 2) + note
        plain = encode(RGB, "JPEG")
        assert np.array_equal(decode(plain[:2] + segment + plain[2:], "comment"), decode(plain, "plain"))


class TestOthers:
    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
    def test_an_orientation_stored_as_a_byte_turns_the_photo(self, form: str) -> None:
        upright = decode(encode(RGB, form, **({"lossless": True} if form == "WEBP" else {})), "upright")
        options: dict[str, object] = {"lossless": True} if form == "WEBP" else {}
        if form == "TIFF":
            data = tiff_file(RGB, photometric="rgb", extratags=[(274, 1, 1, 3, True)])
        else:
            block = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\1\0\1\0\0\0\x03\0\0\0\0\0\0\0"
            data = encode(RGB, form, exif=block, **options)
        assert np.array_equal(decode(data, form), upright[::-1, ::-1])

    @pytest.mark.parametrize("brand", [b"MA1B", b"MA1A", b"miaf", b"mif1"])
    def test_brands_of_avif(self, brand: bytes) -> None:
        data = encode(RGB, "AVIF")
        assert data[8:12] == b"avif"
        assert np.array_equal(decode(data[:8] + brand + data[12:], "brand"), decode(data, "avif"))
        if brand.startswith(b"MA1"):
            size = int.from_bytes(data[:4], "big")
            alone = data[:8] + (brand + data[12:16] + brand * 8)[: size - 8] + data[size:]
            assert np.array_equal(decode(alone, "alone"), decode(data, "avif"))

    @pytest.mark.parametrize("form", ["PNG", "TIFF"])
    @pytest.mark.parametrize("full", [1023, 4095, 65535])
    def test_gray_of_a_sensor_in_16_bits_is_not_black(self, form: str, full: int) -> None:
        samples = (GRAY / 255.0 * full).astype(np.uint16)
        found = decode(encode(samples, form), "sensor")[..., 0]
        assert np.abs(found.astype(int) - GRAY).max() <= 1


class TestMemory:
    @pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
    @pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
    def test_bands_make_the_same_picture(
        self, kind: str, orientation: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        block = Image.Exif()
        block[274] = orientation
        samples = RGB if kind == "u1" else as_samples(GRAY, kind)
        data = encode(samples, "TIFF" if kind == "f4" else "PNG", exif=block.tobytes())
        at_once = decode(data, "at once")
        monkeypatch.setattr("faceunlock.photos.gray.BAND", WIDTH * 7)
        assert np.array_equal(decode(data, "in bands"), at_once)

    def test_a_large_float_photo_takes_what_its_header_says(self, tmp_path: Path) -> None:
        side = 6000
        path = tmp_path / "float.tif"
        tifffile.imwrite(path, np.zeros((side, side), np.float32), compression="zlib", metadata=None)
        needed = memory_needed(path.read_bytes(), "float")
        assert needed == side * side * 7 > 8 * BAND
        script = (
            "import resource, sys; from pathlib import Path; from faceunlock.photos.decoding import decode\n"
            "import PIL.TiffImagePlugin, PIL.Image\n"
            "decode(b'P6 1 1 255 \\0\\0\\0', 'warm')\n"
            "data = Path(sys.argv[1]).read_bytes()\n"
            "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "before = peak(); decode(data, 'float'); print((peak() - before) * 1024)"
        )
        took = int(run_python(script, str(path)))
        assert took < needed + 64 * BAND

    def test_the_budget_lets_in_what_fits_and_one_that_never_fits(self) -> None:
        import threading

        budget, most, inside = Budget(100), 0, 0
        lock = threading.Lock()
        gate = threading.Barrier(6)

        def work(size: int) -> None:
            nonlocal most, inside
            gate.wait(10)
            for _ in range(200):
                with budget.holding(size):
                    with lock:
                        inside += size
                        most = max(most, inside if size <= 100 else 100 * (inside == size))
                        assert inside <= 100 or inside == size
                    with lock:
                        inside -= size

        threads = [threading.Thread(target=work, args=(size,)) for size in (40, 40, 40, 60, 100, 250)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in threads)
        assert inside == 0 and 0 < most <= 100


def run_python(script: str, *arguments: str) -> str:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


class TestFaults:
    """Files of the local collection that once were read wrong."""

    @pytest.fixture(scope="class")
    def faults(self, collection: Path) -> Path:
        folder = Path(os.environ.get("FACEUNLOCK_TEST_FAULTS", collection.parent / "faults"))
        if not folder.is_dir():
            pytest.skip("needs the local folder of faults (FACEUNLOCK_TEST_FAULTS)")
        return folder

    @staticmethod
    def read(path: Path) -> np.ndarray:
        return decode(path.read_bytes(), path.name)

    @pytest.mark.parametrize("name", ["08-itxt.png", "08-iccp.png"])
    def test_notes_are_no_pixels(self, faults: Path, name: str) -> None:
        assert np.array_equal(self.read(faults / name), self.read(faults / "08-plain.png"))

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("09-rgb16-planar.tif", "09-expected-rgb.npy"),
            ("09-gray16-miniswhite.tif", "09-expected-gray.npy"),
            ("09-gray32.tif", "09-expected-gray.npy"),
            ("09-grayf32-miniswhite.tif", "09-expected-gray.npy"),
        ],
    )
    def test_layouts(self, faults: Path, name: str, expected: str) -> None:
        wanted = np.load(faults / expected)
        wanted = wanted if wanted.ndim == 3 else np.repeat(wanted[..., None], 3, axis=2)
        TestTiffLayouts.assert_right_or_refused((faults / name).read_bytes(), wanted)

    def test_a_face_in_planes(self, faults: Path) -> None:
        assert "uncommon TIFF layout" in refusal((faults / "09-face-rgb16-planar.tif").read_bytes()).message

    def test_raw(self, faults: Path) -> None:
        assert "DNG" in refusal((faults / "10-thumbnail-first.dng").read_bytes()).message

    def test_no_end(self, faults: Path) -> None:
        assert self.read(faults / "31-no-eoi.jpg").shape == (512, 512, 3)
