"""Figures for a page: each is drawn twice, in light and in dark colours."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from faceunlock.files.dependencies import before_others_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
"""Eight colours that colour-blind people can tell apart (M. Okabe and K. Ito, 2008)."""

SEQUENTIAL = "cividis"
"""Colour map that looks alike with and without colour-blindness (J. Nuñez and others, PLoS ONE 13, 2018)."""

FONT = "DejaVu Sans"
MORE_LETTERS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "WenQuanYi Zen Hei", "PingFang SC",
    "Microsoft YaHei", "Hiragino Sans", "Yu Gothic", "IPAexGothic", "Apple SD Gothic Neo", "Malgun Gothic",
    "NanumGothic", "Noto Sans Devanagari", "Noto Sans Thai", "Noto Sans Bengali", "Noto Sans Tamil",
    "Noto Sans Malayalam", "Noto Sans Sinhala", "Arial Unicode MS",
)  # fmt: skip

WIDTH = 8.6
"""Width of the page's column in inches of a drawing; no figure is wider."""

PIXELS_PER_INCH = 100
"""CSS pixels of the page per inch of a drawing."""

PNG_SCALE = 2
"""Pixels of a picture per CSS pixel, for sharp screens."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """The colours of a drawing, the same as those of the page.

    Attributes
    ----------
    name : {"light", "dark"}
    paper, ink, muted, grid : str
        Background, text, secondary text, thin lines.
    first, second, third : str
        Colours of curves; colour-blind people can tell them apart, and they are legible on the background.
    """

    name: Literal["light", "dark"]
    paper: str
    ink: str
    muted: str
    grid: str
    first: str
    second: str
    third: str


LIGHT = Scheme("light", "#ffffff", "#1b1f24", "#57606a", "#d8dee4", "#0072B2", "#B85C00", "#007A5A")
DARK = Scheme("dark", "#16191d", "#e6e8eb", "#a3abb4", "#3a4149", "#56B4E9", "#E69F00", "#2EC4A0")


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure as the page shows it.

    Attributes
    ----------
    name : str
        Short name: its anchor on the page and the name of its PNG file.
    title : str
        Heading.
    caption : str
        What is drawn: data, counts, model.
    alt : str
        The content in words, for people who cannot see the figure.
    light, dark : str
        ``data:`` addresses of the two drawings.
    width, height : int
        CSS pixels.
    png : bytes
        The light drawing as a PNG file.
    """

    name: str
    title: str
    caption: str
    alt: str
    light: str = field(repr=False)
    dark: str = field(repr=False)
    width: int
    height: int
    png: bytes = field(repr=False)


def render(
    draw: Callable[[Scheme], Drawing],
    *,
    name: str,
    title: str,
    caption: str,
    alt: str,
    photographic: bool = False,
) -> Figure:
    """Return a figure, drawn in light and in dark colours.

    Parameters
    ----------
    draw : callable
        Makes the drawing in the colours of a scheme; called with the common style of all figures.
    name, title, caption, alt : str
        See `Figure`.
    photographic : bool
        Whether the figure holds photos or large images; these become WebP, all others SVG.
    """
    encoded: dict[str, str] = {}
    png, size = b"", (0.0, 0.0)
    for scheme in (LIGHT, DARK):
        with _drawing_in(scheme):
            drawing = draw(scheme)
            if photographic or scheme is LIGHT:
                picture = _png(drawing)
            encoded[scheme.name] = _webp(picture) if photographic else _svg(drawing)
            if scheme is LIGHT:
                png, size = picture, tuple(drawing.get_size_inches())
    width, height = (round(side * PIXELS_PER_INCH) for side in size)
    return Figure(name, title, caption, alt, encoded["light"], encoded["dark"], width, height, png)


def draw_png(draw: Callable[[Scheme], Drawing]) -> bytes:
    """Return a drawing in light colours as a PNG file; for `draw` see `render`."""
    with _drawing_in(LIGHT):
        return _png(draw(LIGHT))


@contextmanager
def _drawing_in(scheme: Scheme) -> Iterator[None]:
    """Draw in the common style of all figures."""
    before_others_write()
    from matplotlib import rc_context

    with rc_context(_style(scheme)), warnings.catch_warnings():
        # A name in a script without a font here is drawn as boxes; the page also has it as text.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        yield


def data_address(kind: str, content: bytes) -> str:
    """Return a ``data:`` address that contains the content.

    Examples
    --------
    >>> data_address("image/png", b"abc")
    'data:image/png;base64,YWJj'
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


STEEPNESS = 9.0
"""How much of a colour scale is spent near the threshold; 0 would be an even scale."""

HALVES = (0.36, 0.62)
"""Where the colour map is left and entered again at the threshold, so that the eye sees a step there."""


def scale_around(threshold: float, lowest: float, highest: float) -> Any:
    """Return a matplotlib norm with the threshold in the middle, where it changes fastest.

    Parameters
    ----------
    threshold, lowest, highest : float
        Ascending; values beyond the ends have the colours of the ends.

    Examples
    --------
    >>> norm = scale_around(0.9, 0.5, 1.0)
    >>> [round(float(norm(value)), 2) for value in (0.5, 0.85, 0.9, 0.95, 1.0)]
    [0.0, 0.34, 0.5, 0.87, 1.0]
    """
    from matplotlib.colors import FuncNorm

    whole = np.log1p(STEEPNESS)

    def forward(values: Any) -> Any:
        away = np.asarray(values, dtype=np.float64) - threshold
        reach = np.where(away < 0, threshold - lowest, highest - threshold)
        return 0.5 + 0.5 * np.sign(away) * np.log1p(STEEPNESS * np.abs(away) / reach) / whole

    def inverse(shares: Any) -> Any:
        away = 2.0 * np.asarray(shares, dtype=np.float64) - 1.0
        reach = np.where(away < 0, threshold - lowest, highest - threshold)
        return threshold + np.sign(away) * reach * np.expm1(np.abs(away) * whole) / STEEPNESS

    return FuncNorm((forward, inverse), vmin=lowest, vmax=highest, clip=True)


def two_sided(scheme: Scheme, *, high_is_light: bool = True) -> Any:
    """Return the colour map for `scale_around`: dark blue on one side of the middle, yellow on the other.

    Lightness rises (or falls) all the way, so it also reads in grey.
    """
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    whole = colormaps[SEQUENTIAL]
    colours = np.concatenate(
        [whole(np.linspace(0.0, HALVES[0], 256)), whole(np.linspace(HALVES[1], 1.0, 256))]
    )
    return ListedColormap(colours if high_is_light else colours[::-1]).with_extremes(bad=scheme.grid)


@cache
def _fonts() -> list[str]:
    """Return the font that comes with matplotlib, and the installed fonts with letters it lacks."""
    from matplotlib.font_manager import fontManager

    return [FONT, *(name for name in MORE_LETTERS if name in fontManager.get_font_names())]


def _style(scheme: Scheme) -> Any:
    return {
        "figure.facecolor": scheme.paper,
        "figure.dpi": PIXELS_PER_INCH,
        "savefig.facecolor": scheme.paper,
        "axes.facecolor": scheme.paper,
        "axes.edgecolor": scheme.muted,
        "axes.labelcolor": scheme.ink,
        "axes.titlecolor": scheme.ink,
        "axes.linewidth": 0.8,
        "axes.grid": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.labelsize": 10,
        "grid.color": scheme.grid,
        "grid.linewidth": 0.7,
        "text.color": scheme.ink,
        "text.parse_math": False,  # a name may contain a dollar sign
        "xtick.color": scheme.muted,
        "ytick.color": scheme.muted,
        "xtick.labelcolor": scheme.ink,
        "ytick.labelcolor": scheme.ink,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "legend.frameon": False,
        "legend.fontsize": 9,
        "font.size": 10,
        "font.family": "sans-serif",
        "font.sans-serif": _fonts(),
        "lines.linewidth": 1.8,
        "svg.fonttype": "path",
        "svg.hashsalt": "faceunlock",  # the same drawing gives the same bytes
    }


def _png(drawing: Drawing) -> bytes:
    content = io.BytesIO()
    drawing.savefig(content, format="png", dpi=PNG_SCALE * PIXELS_PER_INCH, metadata={"Software": None})
    return content.getvalue()


def _webp(png: bytes) -> str:
    from PIL import Image

    content = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").save(content, format="WEBP", quality=88, method=4)
    return data_address("image/webp", content.getvalue())


def _svg(drawing: Drawing) -> str:
    content = io.BytesIO()
    drawing.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return data_address("image/svg+xml", content.getvalue())
