"""The page of transcripts holds what the program says today."""

import importlib.util
import os
import re
import sys
from pathlib import Path

import pytest
from PIL import Image

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "transcripts.md").read_text(encoding="utf-8")
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")


@pytest.fixture(scope="module")
def script():
    """The script that writes the page."""
    spec = importlib.util.spec_from_file_location("transcripts", PROJECT / "benchmarks" / "transcripts.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["transcripts"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["transcripts"]


def words_and_numbers(page):
    """The page without its times and numbers, and the numbers; the ends of decimals differ by processor."""
    plain = TIME.sub("TIME", page)
    numbers = [float(found.replace(",", "")) for found in NUMBER.findall(plain)]
    return NUMBER.sub("N", plain).splitlines(), numbers


def test_the_page_holds_what_the_program_says(script, prepared, tmp_path):
    told = script.recorded(tmp_path, prepared.home / "cache")
    words, numbers = words_and_numbers(told)
    written, expected = words_and_numbers(PAGE)
    assert words == written
    for now, then in zip(numbers, expected, strict=True):
        assert now == pytest.approx(then, abs=0.005 if then < 1 else 2), (now, then)


def test_nothing_on_the_page_is_wider_than_80_columns():
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 10
    assert max(len(line) for block in blocks for line in block.splitlines()) <= 80


def test_the_answers_are_the_ones_that_the_titles_promise():
    parts = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
    for title, said in (
        ("A yes", "\nyes  Eileen  "),
        ("A no", "\nno   closest Eileen  "),
        ("A near miss", "\nA near miss: "),
        ("Who is in this picture?", "\nunknown  "),
    ):
        assert said in parts[title]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a\r\nb\r\n", ["a", "b"]),
        ("bar 1\rbar 2\x1b[2K\x1b[1A\x1b[2K\rdone", ["done"]),
        ("\x1b[?25lbar\r\n\x1b[?25h\x1b[1A\x1b[2Kyes\r\n", ["yes"]),
        ("x" * 100 + "\r\ny", ["x" * 80, "x" * 20, "y"]),
        ("\x1b[1;32myes\x1b[0m  Ada", ["yes  Ada"]),
    ],
)
def test_what_a_screen_shows_in_the_end(script, written, shown):
    assert script.screen(written) == shown


def test_the_picture_is_the_one_of_the_command():
    with Image.open(PROJECT / "docs" / "images" / "picture.png") as picture:
        assert picture.size == (620, 310)
    assert "(docs/images/picture.png)" in (PROJECT / "README.md").read_text(encoding="utf-8")
