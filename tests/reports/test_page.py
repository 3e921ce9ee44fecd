import stat

import pytest
from jinja2 import UndefinedError
from support.fakes import slug_of

from faceunlock.files.outputs import check_destination
from faceunlock.reports.figures import Figure
from faceunlock.reports.page import check_pictures, render_page, write_page, write_pictures


def figure(name="map", png=b"png"):
    return Figure(name, "Map", "A caption", "An alt text", "data:,light", "data:,dark", 10, 10, png)


def test_a_page_is_private_and_replaces_nothing_unasked(tmp_path):
    file = tmp_path / "page.html"
    check_destination(file)
    write_page(file, "<p>ä</p>")
    assert file.read_text("utf-8") == "<p>ä</p>"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert slug_of(check_destination, file) == slug_of(write_page, file, "other") == "file-exists"
    assert file.read_text("utf-8") == "<p>ä</p>"
    check_destination(file, overwrite=True)
    write_page(file, "other", overwrite=True)
    assert file.read_text() == "other" and list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("name", [".", "nowhere/page.html"])
def test_a_place_where_no_page_can_be(tmp_path, name):
    assert slug_of(check_destination, tmp_path / name, overwrite=True) == "file-unwritable"
    assert slug_of(write_page, tmp_path / name, "page") == "file-unwritable"


def test_names_that_are_no_text_can_be_written(tmp_path):
    write_page(tmp_path / "page.html", "a\udcffb")
    assert (tmp_path / "page.html").read_bytes() == b"a\\udcffb"


def test_pictures_are_private_files_named_after_their_figures(tmp_path):
    folder = tmp_path / "new" / "pictures"
    check_pictures(folder, ["map"])
    assert write_pictures(folder, [figure()]) == (folder / "map.png",)
    assert (folder / "map.png").read_bytes() == b"png"
    assert stat.S_IMODE((folder / "map.png").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert slug_of(check_pictures, folder, ["map"]) == "file-exists"
    assert slug_of(write_pictures, folder, [figure()]) == "file-exists"
    check_pictures(folder, ["map"], overwrite=True)
    write_pictures(folder, [figure(png=b"new")], overwrite=True)
    assert (folder / "map.png").read_bytes() == b"new"
    assert slug_of(check_pictures, folder / "map.png", ["map"]) == "file-unwritable"
    assert slug_of(write_pictures, folder / "map.png", [figure()]) == "file-unwritable"


def test_the_frame_of_a_page():
    page = render_page("base.html", version="1", created="2025-01-31")
    assert "default-src 'none'" in page and "<script" not in page
    assert '<a class="skip" href="#main">' in page and '<main id="main"' in page
    assert "prefers-color-scheme: dark" in page


def test_what_a_template_asks_for_in_vain_is_an_error():
    with pytest.raises(UndefinedError):
        render_page("base.html")


def test_names_are_escaped():
    page = render_page("base.html", version="<script>alert(1)</script>", created="")
    assert "<script>" not in page and "&lt;script&gt;" in page
