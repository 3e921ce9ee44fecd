import base64
import io

from matplotlib.figure import Figure as Drawing
from PIL import Image

from faceunlock.reports.figures import DARK, LIGHT, render


def draw(scheme):
    drawing = Drawing(figsize=(3, 2))
    axes = drawing.add_subplot()
    axes.plot([0, 1], [0, 1], color=scheme.first)
    axes.set_title("$a_b$ is a name")
    return drawing


def rendered(**options):
    return render(draw, name="line", title="Line", caption="", alt="It rises.", **options)


def content(address):
    kind, data = address.split(";base64,")
    return kind.removeprefix("data:"), base64.b64decode(data)


def test_a_drawing_for_light_and_one_for_dark():
    figure = rendered()
    assert (figure.width, figure.height) == (300, 200)
    for address, scheme in ((figure.light, LIGHT), (figure.dark, DARK)):
        kind, svg = content(address)
        assert kind == "image/svg+xml"
        assert scheme.paper in svg.decode() and scheme.first.lower() in svg.decode().lower()
    picture = Image.open(io.BytesIO(figure.png))
    assert picture.size == (600, 400) and picture.getpixel((0, 0))[:3] == (255, 255, 255)


def test_photos_become_webp_of_twice_the_size():
    figure = rendered(photographic=True)
    for address, corner in ((figure.light, 250), (figure.dark, 30)):
        kind, data = content(address)
        picture = Image.open(io.BytesIO(data))
        assert kind == "image/webp" and picture.size == (600, 400)
        assert abs(picture.getpixel((0, 0))[0] - corner) < 20


def test_the_same_drawing_gives_the_same_bytes():
    assert rendered() == rendered()
    assert rendered(photographic=True) == rendered(photographic=True)
