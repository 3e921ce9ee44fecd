"""Names in pictures are written with the letters they have, or the log says which are missing."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection
from PIL import Image, ImageDraw, ImageFont, features

from faceunlock.reports import lettering, system_fonts
from faceunlock.reports.annotation import Mark, annotate
from faceunlock.reports.contact_sheet import SheetRow, contact_sheet
from faceunlock.reports.lettering import font, shortened, width
from faceunlock.reports.system_fonts import FontFile, fonts_for, missing

CHINESE, HEBREW, PERSIAN = "李小龍", "אב", "علی\u200cرضا"
JAPANESE, KOREAN = "山田たろう", "김철수"

needs_raqm = pytest.mark.skipif(not features.check("raqm"), reason="this Pillow has no raqm")
needs_fontconfig = pytest.mark.skipif(shutil.which("fc-match") is None, reason="needs fontconfig")


@pytest.fixture(autouse=True)
def forgetful():
    """Nothing is remembered of another test."""
    for cached in (lettering.font, lettering._font_file, lettering._has_raqm, system_fonts._face):
        cached.cache_clear()


def built(letters):
    """A font with a triangle for each of the letters."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for point in ((500, 0), (250, 700)):
        pen.lineTo(point)
    pen.closePath()
    names = {ord(char): f"u{ord(char):x}" for char in letters}
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", *names.values()])
    builder.setupCharacterMap(names)
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), **dict.fromkeys(names.values(), pen.glyph())})
    builder.setupHorizontalMetrics(dict.fromkeys([".notdef", *names.values()], (600, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Made", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    return builder.font


@pytest.fixture
def made_font(tmp_path):
    """A font in a folder of its own, with a triangle for each of three Chinese letters and for A."""
    (tmp_path / "fonts").mkdir()
    built(f"{CHINESE}A").save(tmp_path / "fonts" / "made.ttf")
    return FontFile(tmp_path / "fonts" / "made.ttf", 0)


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Let the system have only the fonts in a folder."""

    def have(folder):
        (tmp_path / "fonts.conf").write_text(
            f"<fontconfig><dir>{folder}</dir><cachedir>{tmp_path / 'cache'}</cachedir></fontconfig>"
        )
        monkeypatch.setenv("FONTCONFIG_FILE", str(tmp_path / "fonts.conf"))

    return have


@pytest.fixture
def fontconfig(system, made_font):
    """The system has no other font than the made one."""
    system(made_font.path.parent)
    return made_font


@pytest.fixture
def no_other_font(monkeypatch):
    monkeypatch.setattr(lettering, "fonts_for", lambda letters, *, bold: iter(()))


def drawn(text, face):
    picture = Image.new("L", (200, 60))
    ImageDraw.Draw(picture).text((5, 5), text, font=face, fill=255)
    return np.asarray(picture)


def test_a_font_knows_what_it_lacks(made_font, tmp_path):
    assert missing(CHINESE, made_font) == ""
    assert missing("A李B王", made_font) == "B王"
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    assert missing("A", FontFile(tmp_path / "broken.ttf", 0)) == "A"
    assert missing("A", FontFile(tmp_path / "gone.ttf", 0)) == "A"


@pytest.mark.parametrize("text", ["Ada 0.990", "Zoë", "Дмитрий", "Ελένη", HEBREW, PERSIAN])
def test_our_own_font_is_used_where_it_has_the_letters(text, caplog, no_other_font):
    with caplog.at_level(logging.WARNING):
        assert font(20, text=text).path == font(20).path
    assert not caplog.records or not features.check("raqm")


@needs_fontconfig
def test_letters_that_ours_lacks_come_from_a_font_of_the_system(fontconfig, caplog):
    with caplog.at_level(logging.WARNING):
        face = font(20, bold=True, text=CHINESE)
    assert os.fspath(face.path) == os.fspath(fontconfig.path) and not caplog.records
    assert drawn(CHINESE, face).any() and not (drawn(CHINESE, face) == drawn(CHINESE, font(20))).all()
    assert font(20, bold=True, text="Ada").path != face.path


@needs_fontconfig
@pytest.mark.parametrize("text", [CHINESE, JAPANESE, KOREAN], ids=["Chinese", "Japanese", "Korean"])
def test_of_many_fonts_the_one_with_the_letters_writes_the_name(text, system, tmp_path, caplog):
    """In a file of several fonts, as those of these scripts come."""
    folder = tmp_path / "fonts"
    folder.mkdir()
    collection = TTCollection()
    collection.fonts = [built("ABC"), built(f"Ada 0.9{text}")]
    collection.save(folder / "several.ttc")
    built("xyz").save(folder / "other.ttf")
    system(folder)
    with caplog.at_level(logging.WARNING):
        face = font(20, text=f"{text} 0.99")
    assert os.fspath(face.path) == os.fspath(folder / "several.ttc") and face.index == 1
    assert not caplog.records
    labelled = annotate(np.zeros((90, 300, 3), np.uint8), [Mark((5, 40, 60, 80), text, True)])
    boxes = annotate(np.zeros((90, 300, 3), np.uint8), [Mark((5, 40, 60, 80), "\ue000" * len(text), True)])
    assert not np.array_equal(labelled, boxes)


@needs_fontconfig
@needs_raqm
@pytest.mark.parametrize("text", [HEBREW, PERSIAN], ids=["Hebrew", "Persian"])
def test_a_font_of_the_system_also_runs_from_right_to_left(text, system, tmp_path, monkeypatch):
    usual = font(20, text=text)
    own = tmp_path / "ours.ttf"
    built("Ada").save(own)
    monkeypatch.setattr(lettering, "find_in_package", lambda package, file: own)
    lettering.font.cache_clear()
    lettering._font_file.cache_clear()
    system(Path(usual.path).parent)
    face = font(20, text=text)
    assert os.fspath(face.path) != os.fspath(own) and face.layout_engine == ImageFont.Layout.RAQM
    assert missing(text.replace("\u200c", ""), FontFile(face.path, 0)) == ""
    assert not np.array_equal(drawn(text, face), drawn(text[::-1], face))


def test_without_fontconfig_every_font_of_the_system_is_looked_at(made_font, monkeypatch):
    monkeypatch.setattr(system_fonts.shutil, "which", lambda name: None)
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", lambda: [str(made_font.path)])
    assert list(fonts_for(CHINESE, bold=False)) == [made_font]
    assert os.fspath(font(20, text=CHINESE).path) == os.fspath(made_font.path)


@pytest.mark.parametrize(
    "failure", [FileNotFoundError(2, "gone"), subprocess.TimeoutExpired("fc-match", 5),
                subprocess.CalledProcessError(1, "fc-match")]
)  # fmt: skip
def test_a_search_that_fails_finds_nothing(failure, monkeypatch):
    def fail(*_, **__):
        raise failure

    monkeypatch.setattr(system_fonts.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(system_fonts.subprocess, "run", fail)
    assert list(fonts_for(CHINESE, bold=False)) == []


PICTURES = {
    "a label": lambda text: annotate(np.zeros((90, 300, 3), np.uint8), [Mark((5, 40, 60, 80), text, True)]),
    "a headline": lambda text: contact_sheet(text, []),
    "a row": lambda text: contact_sheet("faces", [SheetRow(text)]),
}


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_letters_that_no_font_has_are_named_once(draw, caplog, no_other_font):
    with caplog.at_level(logging.WARNING):
        draw(f"Ada {CHINESE}")
        draw(f"Ada {CHINESE}")
    (note,) = caplog.records
    assert all(letter in note.getMessage() for letter in CHINESE) and "Ada" not in note.getMessage()


@needs_raqm
def test_letters_run_the_way_of_their_script():
    size = 24
    turned = drawn(HEBREW, font(size, text=HEBREW))
    assert (turned == drawn(HEBREW[::-1], font(size))).all() and not (
        turned == drawn(HEBREW, font(size))
    ).all()


@needs_raqm
def test_letters_that_join_are_joined():
    assert width(PERSIAN, font(30, text=PERSIAN)) < width(PERSIAN.replace("\u200c", ""), font(30))


def test_without_raqm_letters_are_drawn_one_by_one_and_a_note_says_so(monkeypatch, caplog):
    monkeypatch.setattr(lettering.features, "check", lambda name: False)
    with caplog.at_level(logging.WARNING):
        faces = [font(20, text=text) for text in (HEBREW, PERSIAN, "Ada")]
    assert all(face.layout_engine == ImageFont.Layout.BASIC for face in faces)
    (note,) = caplog.records
    assert "raqm" in note.getMessage()


def test_no_box_is_drawn_for_what_is_invisible():
    text, face = "A❤\ufe0f", font(20)
    assert shortened(text, face, 500) == "A❤"
