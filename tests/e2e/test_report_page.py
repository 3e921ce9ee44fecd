"""The page of a report in a real browser."""

from __future__ import annotations

import shutil

import pytest
from support.browser import WIDTHS, chromium, requested, show

SECTIONS = (
    "summary",
    "similarity",
    "embedding-map",
    "scores",
    "trade-off",
    "worst",
    "people",
    "left-out",
)
SCROLLING = """
return [...document.querySelectorAll('main *')]
  .filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 1)
  .filter(e => getComputedStyle(e).display !== 'inline')
  .filter(e => !e.closest('thead'))
  .map(e => [e.className, Boolean(e.previousElementSibling) &&
             getComputedStyle(e.previousElementSibling).display !== 'none' &&
             e.previousElementSibling.textContent.includes('scroll sideways')])
"""
"""What scrolls sideways, and whether it says so."""

EDGES = "return [...document.querySelectorAll('section > *')].map(e => e.getBoundingClientRect().left)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        browser.get("about:blank")
        browser.get_log("performance")  # what the browser's own first page asked for
        yield browser


@pytest.fixture(scope="module")
def page(shared_program, pictures, hopper_path, tmp_path_factory):
    """A report of two people: Eileen Collins, in variations of one portrait, and Grace Hopper."""
    folder = tmp_path_factory.mktemp("report")
    shutil.copytree(pictures / "photos", folder / "people" / "Eileen <b>Collins")
    (folder / "people" / "Grace").mkdir()
    shutil.copy(hopper_path, folder / "people" / "Grace")
    done = shared_program("--model", "dlib", "report", folder / "people", "-o", folder / "report.html")
    assert done.code == 0, done.stderr
    return folder / "report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_shows_everything_and_asks_for_nothing(browser, page, width, scheme):
    show(browser, width, scheme)
    browser.get(page.as_uri())
    assert [url for url in requested(browser) if not url.startswith("data:")] == [page.as_uri()]
    assert browser.get_log("browser") == []

    run = browser.execute_script
    assert run("return [...document.querySelectorAll('main > section')].map(s => s.id)") == list(SECTIONS)
    titles = run(
        "return [...document.querySelectorAll('section')].map(s => s.getAttribute('aria-labelledby'))"
    )
    assert all(browser.find_element("id", title).text for title in titles)
    pictures = run("return [...document.images].map(i => [i.complete && i.naturalWidth > 0, i.alt])")
    assert len(pictures) >= 5 and all(loaded and alt for loaded, alt in pictures)
    used = run("return [...document.querySelectorAll('picture img')].map(i => i.currentSrc === i.src)")
    assert used and all(light is (scheme == "light") for light in used)
    # Only marked figures scroll sideways, never the page nor a table, and they say so.
    assert run("return document.documentElement.scrollWidth") <= width
    scrolling = run(SCROLLING)
    assert all(name == "frame" and said for name, said in scrolling), scrolling
    assert bool(scrolling) is (width < 500)
    # Text, figures and tables share one column.
    edges = run(EDGES)
    assert len(set(edges)) == 1
    assert run("return document.querySelectorAll('h1').length") == 1
    assert "Eileen <b>Collins" in browser.find_element("id", "people").text


def test_the_first_key_leads_past_the_navigation(browser, page):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    browser.get(page.as_uri())
    ActionChains(browser).send_keys(Keys.TAB).perform()
    link = browser.switch_to.active_element
    assert link.get_attribute("href").endswith("#main") and link.is_displayed()
    ActionChains(browser).send_keys(Keys.ENTER).perform()
    assert browser.execute_script("return document.activeElement.id") == "main"
