import pytest

from faceunlock.errors import PhotoError
from faceunlock.pipeline.samples import LeftOut


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        ("a.jpg: is empty", "is empty"),
        ("no face was found", "no face was found"),
        ("b.jpg: is empty", "b.jpg: is empty"),
        ("a.jpg: a.jpg: is empty", "a.jpg: is empty"),
    ],
)
def test_the_detail_does_not_repeat_the_name(message, detail):
    assert LeftOut.because("a.jpg", PhotoError("no-face", message)) == LeftOut("a.jpg", "no-face", detail)
