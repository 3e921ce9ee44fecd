import base64
import io

import numpy as np
from matplotlib.figure import Figure as Drawing
from PIL import Image

from faceunlock.reports.figures import DARK, LIGHT, draw_png, render, scale_around, two_sided


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


def test_a_png_alone_is_the_light_drawing():
    assert draw_png(draw) == rendered().png


def test_a_scale_spends_its_colours_around_the_threshold():
    norm = scale_around(0.9, 0.5, 1.0)
    values = np.linspace(0.5, 1.0, 101)
    shares = np.asarray(norm(values))
    assert np.all(np.diff(shares) > 0) and float(norm(0.9)) == 0.5
    assert np.allclose(norm.inverse(shares), values)
    steps = np.diff(shares)
    near = np.abs(values[:-1] - 0.9) < 0.03
    assert steps[near].min() > 3 * steps[values[:-1] < 0.6].max()
    assert np.allclose(norm([-1.0, 2.0]), [0.0, 1.0])


def test_the_colour_map_gets_lighter_all_the_way():
    for light_is_high in (True, False):
        colours = two_sided(LIGHT, high_is_light=light_is_high)(np.linspace(0, 1, 50))[:, :3]
        lightness = colours @ (0.299, 0.587, 0.114)
        assert np.all(np.diff(lightness if light_is_high else lightness[::-1]) >= -1e-6)
