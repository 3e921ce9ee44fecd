"""Pictures that faceunlock writes are known by a mark; it changes no pixel."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from faceunlock.files.marks import Mark, mark_of, marked
from faceunlock.photos.photo import load_photo

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (21, 17, 3), np.uint8))


def encoded(kind: str, **options: object) -> bytes:
    content = BytesIO()
    NOISE.save(content, kind, **options)
    return content.getvalue()


@pytest.mark.parametrize("mark", Mark)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_a_mark_is_found_again_and_changes_no_pixel(tmp_path, kind, options, mark):
    plain, file = encoded(kind, **options), tmp_path / "a"
    file.write_bytes(plain)
    assert mark_of(file) is None
    before = load_photo(file).view().image
    file.write_bytes(marked(plain, mark))
    assert mark_of(file) is mark
    assert np.array_equal(load_photo(file).view().image, before)


@given(st.binary(max_size=200))
def test_what_is_no_picture_stays_as_it_is(content):
    assert marked(b"<" + content, Mark.PICTURE) == b"<" + content


def test_what_cannot_be_read_has_no_mark(tmp_path):
    assert mark_of(tmp_path) is mark_of(tmp_path / "missing") is mark_of(Path("/dev/null")) is None
