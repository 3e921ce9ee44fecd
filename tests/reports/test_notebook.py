"""What a notebook shows of a result: well-formed, self-contained, nothing that somebody named runs."""

import base64
import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from faceunlock.reports.notebook import MOST_LINES, Line, as_html

FACE = b"\xff\xd8 not really"


def rows(html):
    # HTML leaves `img` open; XML does not.
    return ElementTree.fromstring(re.sub(r"(<img [^>]*)>", r"\1/>", html)).findall("tr")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60))
def test_a_name_stays_a_text(name):
    (row,) = rows(as_html([Line(True, name)]))
    assert row.findall("td")[2].text == (name or None)


def test_a_line_has_its_faces_its_mark_and_its_words():
    yes, no, neither = rows(as_html([Line(True, "a", (FACE, FACE)), Line(False, "b"), Line(None, "c")]))
    sources = [image.get("src") for image in yes.iter("img")]
    assert [base64.b64decode(one.removeprefix("data:image/jpeg;base64,")) for one in sources] == [FACE] * 2
    assert [row.findall("td")[1].text for row in (yes, no, neither)] == ["✓", "✗", None]
    assert not list(no.iter("img"))


def test_many_lines_end_in_a_number():
    found = rows(as_html([Line(None, str(number)) for number in range(MOST_LINES + 5)]))
    assert len(found) == MOST_LINES + 1 and found[-1].findall("td")[2].text == "and 5 more"


def test_nothing_is_loaded_and_nothing_runs():
    html = as_html([Line(True, '"><script>alert(1)</script>', (FACE,))])
    assert "<script" not in html and "http" not in html and "<style" not in html
