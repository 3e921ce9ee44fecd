"""Arrays and PIL images become photos: the same pixels as in a file, or a clear error; never a guess."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image
from support.fakes import slug_of

from faceunlock.errors import PhotoError
from faceunlock.photos.in_memory import InMemory
from faceunlock.photos.photo import load_photo, name_of

RGB = np.random.default_rng(7).integers(0, 256, (6, 9, 3), dtype=np.uint8)
RGB[0, 0] = 0, 128, 255


def pixels(picture):
    """The pixels that the program sees of a picture in memory."""
    return load_photo(InMemory(picture)).view().image


def saved(image, form="PNG", **options):
    """The pixels that the program sees of the file that an image is saved to, and the image opened again."""
    content = io.BytesIO()
    image.save(content, form, **options)
    content.seek(0)
    seen = load_photo(io.BytesIO(content.getvalue())).view().image
    return seen, Image.open(content)


@settings(deadline=None, max_examples=60)
@given(arrays(np.uint8, st.tuples(st.integers(1, 8), st.integers(1, 8), st.sampled_from([3]))))
def test_the_pixels_of_an_array_stay_as_they_are(array):
    assert np.array_equal(pixels(array), array)
    assert np.array_equal(pixels(Image.fromarray(array)), array)
    # However it lies in memory.
    turned = array[::-1, ::-1].swapaxes(0, 1)
    assert np.array_equal(pixels(turned), turned)


def test_gray_becomes_three_equal_colours():
    gray = RGB[:, :, 0]
    for one in (gray, gray[:, :, None], Image.fromarray(gray)):
        assert np.array_equal(pixels(one), np.repeat(gray[:, :, None], 3, axis=2))


def test_what_is_transparent_is_laid_on_white():
    rgba = np.dstack([RGB, np.where(np.arange(9) < 4, 0, 255) * np.ones((6, 1))]).astype(np.uint8)
    seen = pixels(rgba)
    assert (seen[:, :4] == 255).all() and np.array_equal(seen[:, 4:], RGB[:, 4:])
    assert np.array_equal(seen, saved(Image.fromarray(rgba))[0])


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "I;16", "F"]
)
def test_every_mode_of_pil_is_read(mode):
    if mode == "I;16":
        image = Image.fromarray(np.arange(54, dtype=np.uint16).reshape(6, 9) * 1200)
    else:
        rgb = Image.fromarray(RGB)
        image = rgb.convert("L").convert("LA") if mode == "LA" else rgb.convert(mode)
    assert pixels(image).shape == RGB.shape and pixels(image).std() > 10


@pytest.mark.parametrize(
    ("mode", "form"),
    [("1", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("I;16", "PNG"), ("RGB", "JPEG"), ("CMYK", "JPEG"),
     ("F", "TIFF"), ("RGB", "BMP"), ("P", "GIF"), ("RGB", "WEBP")],
)  # fmt: skip
def test_an_opened_image_is_seen_as_its_file_is(mode, form):
    rgb = Image.fromarray(RGB)
    if mode == "I;16":
        image = Image.fromarray(np.arange(54, dtype=np.uint16).reshape(6, 9) * 1200)
    else:
        image = rgb.convert("L").convert("LA") if mode == "LA" else rgb.convert(mode)
    seen, opened = saved(image, form)
    assert np.array_equal(pixels(opened), seen)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_an_opened_image_is_turned_upright_as_its_file_is(orientation, form):
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen, opened = saved(Image.fromarray(RGB), form, exif=exif)
    assert np.array_equal(pixels(opened), seen)
    assert seen.shape[:2] == ((9, 6) if orientation > 4 else (6, 9))


def test_a_colour_profile_counts():
    from PIL import ImageCms

    lab_like = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    for profile in (lab_like, b"no profile at all"):
        seen, opened = saved(Image.fromarray(RGB), icc_profile=profile)
        assert np.array_equal(pixels(opened), seen)


def test_equal_pixels_are_equal_content_whatever_they_come_from():
    _, opened = saved(Image.fromarray(RGB))
    digests = {
        load_photo(InMemory(one, number)).digest
        for number, one in enumerate((RGB, Image.fromarray(RGB), opened, RGB.copy(order="F")))
    }
    assert len(digests) == 1
    other = RGB.copy()
    other[0, 0, 0] ^= 1
    assert load_photo(InMemory(other)).digest not in digests
    # The same numbers in another shape are another picture.
    assert load_photo(InMemory(RGB.reshape(9, 6, 3))).digest not in digests


def test_a_picture_is_called_by_its_kind_its_place_and_its_size():
    assert InMemory(np.zeros((480, 640, 3), np.uint8)).name == "<array 640x480>"
    assert InMemory(Image.new("RGB", (640, 480)), 3).name == "<image 3: 640x480>"
    assert InMemory(np.zeros(5)).name == "<array of shape (5,)>"
    assert name_of(InMemory(RGB, 2)) == "<array 2: 9x6>"
    assert load_photo(InMemory(RGB)).name == "<array 9x6>"


def complaint(array):
    with pytest.raises(PhotoError) as caught:
        InMemory(array).content()
    assert caught.value.slug == "unreadable-photo" and caught.value.message.startswith("<array ")
    return caught.value


@pytest.mark.parametrize(
    ("array", "words", "hint"),
    [
        (RGB / 255, "float64 from 0.0", "array * 255"),
        (RGB.astype(np.float32), "float32 from 0.0 to 255.0", "If 255 is white"),
        (RGB.astype(np.int64), "int64 from 0 to 255", "If 255 is white"),
        (RGB.astype(np.uint16) * 257, "uint16 from 0 to 65535", "array / 257"),
        (RGB / 127.5 - 1, "from -1.0 to 1.0", "-1 to 1"),
        (RGB > 7, "bool", "mask"),
        (np.full((2, 2), np.nan), "nan", "-1 to 1"),
    ],
)
def test_what_numbers_mean_is_not_guessed(array, words, hint):
    found = complaint(array)
    assert words in found.message and "uint8" in found.message and hint in found.hint


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((3, 6, 9), "moveaxis"),
        ((2, 6, 9, 3), "list(array)"),
        ((0, 9, 3), "no pixels"),
        ((6, 9, 2), "PIL"),
        ((54,), "PIL"),
        ((), "PIL"),
    ],
)
def test_what_is_no_picture_is_refused(shape, hint):
    found = complaint(np.zeros(shape, np.uint8))
    assert str(shape) in found.message and hint in found.hint


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from([np.uint8, np.uint16, np.int16, np.float32, np.bool_]),
    array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5),
)
def test_every_array_is_a_picture_or_a_clear_error(kind, shape):
    array = np.zeros(shape, kind)
    is_one = (
        kind is np.uint8
        and array.size > 0
        and (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4)))
    )
    if is_one:
        assert pixels(array).shape == (*shape[:2], 3)
    else:
        assert complaint(array).hint


def test_too_many_pixels_are_refused_before_anything_is_converted():
    assert slug_of(InMemory(RGB).content, 53) == "photo-too-large"
    assert slug_of(InMemory(Image.new("RGB", (9, 6))).content, 53) == "photo-too-large"
    assert len(InMemory(RGB).content(54)) > 54


def test_an_image_whose_file_was_closed_says_what_to_do(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        pass
    with pytest.raises(PhotoError) as caught:
        InMemory(image).content()
    assert caught.value.slug == "unreadable-photo" and "image.load()" in caught.value.hint


def test_an_image_of_a_truncated_file_is_refused():
    content = io.BytesIO()
    noise = np.random.default_rng(8).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    Image.fromarray(noise).save(content, "PNG")
    image = Image.open(io.BytesIO(content.getvalue()[:-2000]))
    assert slug_of(InMemory(image).content) == "unreadable-photo"
