import pytest
from support.fakes import GREY, save, save_person, slug_of, snapshot

from faceunlock.errors import PhotoError, ReportError, SettingsError


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("Ada", "Bob"), start=1):
        save_person(tmp_path / "people" / name, number, 3)
    return tmp_path / "people"


def test_a_folder_becomes_a_page_and_pictures(unlock, folder, home, tmp_path):
    save(folder / "Bob" / "grey.png", GREY)
    outcome = unlock.report(folder, tmp_path / "page.html", png=tmp_path / "pictures")
    page = outcome.page.read_text(encoding="utf-8")
    assert outcome.report.people == 2 and len(outcome.report.study.samples) == 6
    assert "Ada" in page and "no-face" in page and str(tmp_path) not in page.replace(str(folder), "")
    assert outcome.pictures and all(file.read_bytes().startswith(b"\x89PNG") for file in outcome.pictures)
    assert not (home / "gallery.db").exists(), "a report changes nothing in the gallery"


def test_nothing_is_written_if_anything_is_in_the_way(unlock, folder, tmp_path):
    (tmp_path / "page.html").write_text("mine")
    before = snapshot(tmp_path)
    assert slug_of(unlock.report, folder, tmp_path / "page.html", kind=ReportError) == "file-exists"
    assert (
        slug_of(unlock.report, folder, tmp_path / "no" / "page.html", kind=ReportError) == "file-unwritable"
    )
    assert snapshot(tmp_path) == before


def test_what_cannot_be_reported_on_is_named(unlock, folder, tmp_path):
    page = tmp_path / "page.html"
    save(tmp_path / "loose" / "a.png", GREY)
    save(tmp_path / "grey" / "Ada" / "a.png", GREY)
    assert slug_of(unlock.report, tmp_path / "missing", page, kind=PhotoError) == "photo-not-found"
    assert slug_of(unlock.report, tmp_path / "loose", page, kind=ReportError) == "bad-folder"
    assert slug_of(unlock.report, tmp_path / "grey", page, kind=ReportError) == "insufficient-data"
    assert slug_of(unlock.report, folder, page, threshold=2.0, kind=SettingsError) == "usage"
    assert not page.exists()
