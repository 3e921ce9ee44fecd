"""``group``: the real program on real photos, and its page in a real browser."""

from __future__ import annotations

import shutil

import pytest
from support.browser import WIDTHS, chromium, requested, show


@pytest.fixture(scope="module")
def folder(pictures, tmp_path_factory):
    """Variations of one portrait of Eileen Collins, some of them twice, Grace Hopper, and a flower."""
    folder = tmp_path_factory.mktemp("library") / "my <b>library"
    shutil.copytree(pictures, folder)
    return folder


@pytest.fixture(scope="module")
def looked(shared_program, folder):
    """What was found in a home where Eileen is enrolled, and the page about it."""
    page = folder.parent / "groups.html"
    done = shared_program("--model", "dlib", "group", folder, "-o", page, "--known", "--json")
    assert done.code == 0, done.stderr
    return done.data, page


def test_groups_are_found_and_enrolled_under_the_name_that_another_process_gave(prepared, looked, folder):
    data, _ = looked
    (one,) = data["groups"]
    assert one["known"] == {"name": "Eileen", "faces": len(one["faces"])}
    (grace,) = data["alone"]
    assert grace["photo"].endswith("stranger.jpg") and data["left_out"] == []
    assert data["duplicates"] == 5  # of few and more, beside photos
    assert {face["number"] for face in one["faces"]} == {1}
    named = prepared("--model", "dlib", "group", folder, "--name", f"{one['group']}=Collins", "--json")
    assert named.code == 0 and named.data["groups"][0]["group"] == one["group"]
    assert named.data["enrolled"][0]["template_photos"] == len(one["faces"])
    assert prepared("verify", folder / "photos" / "original.jpg", "--as", "Collins").code == 0
    assert prepared("verify", folder / "stranger.jpg", "--as", "Collins").code == 1


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        browser.get("about:blank")
        browser.get_log("performance")  # what the browser's own first page asked for
        yield browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_shows_every_face_and_asks_for_nothing(browser, looked, width, scheme):
    data, page = looked
    show(browser, width, scheme)
    browser.get(page.as_uri())
    assert [url for url in requested(browser) if not url.startswith("data:")] == [page.as_uri()]
    assert browser.get_log("browser") == []
    run = browser.execute_script
    assert run("return [...document.querySelectorAll('main > section')].map(s => s.id)") == [
        *("groups", "alone", "made")
    ]
    pictures = run("return [...document.images].map(i => [i.complete && i.naturalWidth > 0, i.alt])")
    assert len(pictures) == data["faces"] and all(loaded and alt for loaded, alt in pictures)
    assert run("return document.documentElement.scrollWidth") <= width
    (one,) = data["groups"]
    text = browser.find_element("id", one["group"]).text
    assert text.startswith(one["group"]) and "Eileen" in text
    assert "my <b>library" in browser.find_element("tag name", "h1").text
    # The largest pictures that fit, side by side.
    row = run("return [...document.querySelector('article .row').children].map(e => e.offsetTop)")
    assert row.count(row[0]) >= min(len(row), 4)
