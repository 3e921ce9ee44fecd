"""The page of ``faceunlock serve`` in a real browser, with the real program behind it."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image
from support.browser import WIDTHS, chromium, requested, show
from support.made_comparisons import made

from faceunlock.studies.score_file import write_scores
from faceunlock.unlock import FaceUnlock

SECONDS = 60
SERIOUS = ("serious", "critical")
CAMERA = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")


@pytest.fixture(scope="module")
def clip(pictures, tmp_path_factory):
    """A film of Eileen for the browser's camera."""
    photo = Image.open(pictures / "unseen.jpg").convert("RGB").resize((480, 480))
    frame = Image.new("RGB", (640, 480), "grey")
    frame.paste(photo, (80, 0))
    buffer = BytesIO()
    frame.save(buffer, "JPEG", quality=92)
    file = tmp_path_factory.mktemp("clip") / "eileen.mjpeg"
    file.write_bytes(buffer.getvalue() * 40)
    return file


@pytest.fixture(scope="module")
def browser(clip, tmp_path_factory):
    film = f"--use-file-for-fake-video-capture={clip}"
    with chromium(tmp_path_factory.mktemp("chromium"), *CAMERA, film) as browser:
        yield browser


@pytest.fixture(scope="module")
def home(first_enrolment, tmp_path_factory):
    home = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(first_enrolment[0], home)
    return home


@pytest.fixture(scope="module")
def address(shared_program, home):
    environment = shared_program.environment({"FACEUNLOCK_HOME": str(home)})
    with subprocess.Popen(
        shared_program.command("--model", "dlib", "serve", "--json", "-q"),
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        yield json.loads(process.stdout.readline())["data"]["address"]
        process.terminate()
        assert process.wait(SECONDS) == 0


@pytest.fixture
def page(browser, address):
    """The page, opened; afterwards nothing was asked for elsewhere, and nothing complained."""
    base = address.partition("?")[0]
    for kind in ("performance", "browser"):
        browser.get_log(kind)
    show(browser, 1280, "light")
    browser.get(address)
    wait(browser, f"location.href === '{base}' && document.readyState === 'complete'")
    yield Page(browser, base)
    assert {
        url for url in requested(browser) if not url.startswith((base, "data:", f"blob:{base}", "about:"))
    } == set()
    assert [entry for entry in browser.get_log("browser") if not _expected(entry)] == []


def _expected(entry):
    """A refusal is a status of 4xx, which the browser notes by itself."""
    return entry["source"] == "network" and " status of 4" in entry["message"]


def wait(browser, condition):
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, SECONDS, 0.05).until(
        lambda one: one.execute_script(f"return {condition}"), condition
    )


class Page:
    def __init__(self, browser, base):
        self.browser, self.base = browser, base

    def go(self, path):
        self.browser.get(self.base + path)
        wait(self.browser, "document.readyState === 'complete'")

    def wait(self, condition):
        wait(self.browser, condition)

    def one(self, name):
        return self.browser.find_element("id", name)

    def all(self, selector):
        return self.browser.find_elements("css selector", selector)

    def press(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.browser).send_keys(*keys).perform()

    def click(self, element):
        """A click as the keyboard or a screen reader gives it, wherever the page has scrolled to."""
        self.browser.execute_script("arguments[0].click()", element)

    def answered(self):
        self.wait("document.getElementById('result').hidden === false")


@pytest.fixture(scope="module")
def group(pictures, hopper_path, tmp_path_factory):
    """A photo of Eileen, who is enrolled, beside Grace, who is not."""
    left, right = (Image.open(one).convert("RGB") for one in (pictures / "unseen.jpg", hopper_path))
    right = right.resize((round(right.width * left.height / right.height), left.height))
    photo = Image.new("RGB", (left.width + right.width, left.height))
    photo.paste(left, (0, 0))
    photo.paste(right, (left.width, 0))
    file = tmp_path_factory.mktemp("group") / "<b>group.jpg"
    photo.save(file)
    return file


def test_a_group_photo_goes_in_and_names_come_out(page, group):
    page.one("try-file").send_keys(str(group))
    page.answered()
    assert page.one("found").text == "Eileen, and 1 unknown face"
    faces = page.all("#stage g")
    assert [face.get_attribute("class") for face in faces] == ["named", "unknown"]
    assert faces[0].get_attribute("aria-label").startswith("Face 1: Eileen, similarity 0.9")
    assert [row.text for row in page.all("#faces td[data-column='Name']")] == ["Eileen", "unknown"]
    picture = page.all("#stage img")[0]
    assert page.browser.execute_script("return arguments[0].naturalWidth > 0", picture)
    assert picture.get_attribute("alt") == "The photo <b>group.jpg"
    # Boxes lie on the picture as it is shown.
    for face in faces:
        box, shown = face.find_element("css selector", ".box").rect, picture.rect
        assert shown["x"] <= box["x"] and box["x"] + box["width"] <= shown["x"] + shown["width"] + 1
    page.click(page.all("#faces button")[1])
    page.wait("document.getElementById('why').hidden === false")
    assert "verify would say no" in page.one("why").text and "Eileen" in page.one("why").text


def test_the_camera_recognises_the_person(page):
    page.click(page.one("try-camera"))
    page.wait("document.getElementById('try-video').videoWidth > 0")
    page.click(page.one("try-shoot"))
    page.answered()
    assert page.one("found").text == "Eileen"
    assert (
        page.browser.execute_script("return document.getElementById('try-video').srcObject.active") is False
    )


def test_the_keyboard_alone_is_enough(page, pictures):
    from selenium.webdriver.common.keys import Keys

    page.press(Keys.TAB)
    assert page.browser.switch_to.active_element.get_attribute("href").endswith("#main")
    seen = []
    while page.browser.switch_to.active_element.get_attribute("id") != "folder-path":
        page.press(Keys.TAB)
        seen.append(page.browser.switch_to.active_element.get_attribute("id"))
        assert len(seen) < 20, seen
    assert "try-file" in seen and "try-camera" in seen
    page.press(str(pictures / "few"), Keys.ENTER)
    page.wait("document.getElementById('strip').hidden === false")
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.ENTER)
    page.answered()
    chosen = page.all("#strip [aria-selected='true']")
    assert len(chosen) == 1 and chosen[0] == page.all("#strip button")[1]
    assert page.browser.switch_to.active_element == page.one("found")
    page.press(Keys.TAB)
    assert page.browser.switch_to.active_element.get_attribute("aria-label").startswith("Face 1: Eileen")
    page.press(Keys.ENTER)
    page.wait("document.getElementById('why').hidden === false")
    assert "verify would say yes" in page.one("why").text
    # Beside the face stands the closest enrolled photo of the folder, which is not the photo itself.
    assert len(page.all("#why .two-faces img")) == 2
    assert "closest of the 2 enrolled photos" in page.one("why").text
    page.click(page.one("after"))
    page.wait("document.getElementById('turn-said').textContent.includes('3 of 3')")
    assert page.one("before") == page.browser.switch_to.active_element or page.one("after").get_property(
        "disabled"
    )
    assert page.one("folder-path").get_property("value") == str(pictures / "few")
    page.click(page.all("#places button")[0])
    page.wait(f"document.getElementById('folder-path').value === '{pictures}'")
    assert [one.text for one in page.all("#places button")] == ["↑ up", "few", "more", "photos"]


def test_what_is_no_photo_or_no_folder_is_said(page, tmp_path):
    page.one("folder-path").send_keys("/no/such/folder")
    page.one("folder-form").submit()
    page.wait("document.getElementById('try-error').hidden === false")
    assert "/no/such/folder is not a folder." in page.one("try-error").text
    (tmp_path / "a.jpg").write_bytes(b"no photo")
    page.one("try-file").send_keys(str(tmp_path / "a.jpg"))
    page.wait("document.getElementById('try-error').textContent.includes('a.jpg')")
    assert "known format" in page.one("try-error").text


def test_somebody_is_enrolled_renamed_and_forgotten(page, pictures):
    page.go("people")
    page.wait("document.querySelectorAll('#cards li').length === 1")
    page.one("name").send_keys("<i>Nadia")
    photos = sorted((pictures / "photos").glob("*.jpg"))[:4]
    page.one("enroll-file").send_keys("\n".join(map(str, photos)))
    assert len(page.all("#chosen li")) == 4
    page.click(page.all("#chosen button")[0])
    assert len(page.all("#chosen li")) == 3
    page.click(page.one("go"))
    # It is Eileen's face, so the page asks.
    page.wait("document.getElementById('question').open")
    assert "Eileen" in page.one("question-text").text
    page.click(page.one("question-yes"))
    page.wait("document.querySelectorAll('#cards li').length === 2")
    assert "<i>Nadia is enrolled." in page.one("outcome").text
    assert "3 of 3 photos were used" in page.one("outcome").text
    named = {card.find_element("css selector", "h3").text for card in page.all("#cards li")}
    assert named == {"Eileen", "<i>Nadia"} and not page.all("#cards i")

    def act(text):
        page.click(next(b for b in page.all("#cards button") if b.get_attribute("aria-label") == text))
        page.wait("document.getElementById('question').open")

    act("Rename: <i>Nadia")
    page.one("question-input").clear()
    page.one("question-input").send_keys("Nadia")
    page.click(page.one("question-yes"))
    page.wait("[...document.querySelectorAll('#cards h3')].some(h => h.textContent === 'Nadia')")
    act("Forget: Nadia")
    page.click(page.one("question-no"))
    page.wait("!document.getElementById('question').open")
    assert len(page.all("#cards li")) == 2
    act("Forget: Nadia")
    page.click(page.one("question-yes"))
    page.wait("document.querySelectorAll('#cards li').length === 1")


def test_a_refused_enrolment_shows_photo_by_photo_why(page, pictures, tmp_path):
    (tmp_path / "<b>no.jpg").write_bytes(b"no photo")
    for how, name in (("new", "Nadia"), ("look", "Eileen")):
        page.go("people")
        page.wait("document.querySelectorAll('#cards li').length === 1")
        page.browser.execute_script(f"document.getElementById('how').value = '{how}'")
        page.one("name").send_keys(name)
        page.one("enroll-file").send_keys(f"{pictures / 'unseen.jpg'}\n{tmp_path / '<b>no.jpg'}")
        page.click(page.one("go"))
        page.wait("document.getElementById('enroll-error').hidden === false")
        assert "1 usable" in page.one("enroll-error").text
        rows = [row.text.split("\n") for row in page.all("#outcome tbody tr")]
        assert [row[0] for row in rows] == ["<b>no.jpg", "unseen.jpg"]
        assert "left out" in " ".join(rows[0]) and "known format" in " ".join(rows[0])
        assert "could be used" in " ".join(rows[1])
        assert len(page.all("#chosen li")) == 2  # still there, to be taken out or added to


def test_the_camera_takes_photos_for_an_enrolment_by_itself(page):
    page.go("people")
    page.click(page.one("enroll-camera"))
    page.wait("document.querySelectorAll('#chosen li').length >= 1")
    assert page.one("enroll-said").text[0] in "12"
    page.click(page.one("enroll-close"))
    page.wait("document.getElementById('enroll-live').hidden")


def opened(page, path, field, value):
    """Go to a page, type where the data are, and start."""
    page.go(path)
    page.one(field).send_keys(str(value))
    page.click(page.all("#open button")[0])
    page.wait("document.getElementById('open-busy').hidden && document.getElementById('open-error').hidden")


@pytest.fixture(scope="module")
def people(pictures, hopper_path, tmp_path_factory):
    """A folder of two people: Eileen, in variations of one portrait, and Grace, enlarged and as she is."""
    folder = tmp_path_factory.mktemp("people")
    shutil.copytree(pictures / "photos", folder / "Eileen <b>Collins")
    (folder / "Grace").mkdir()
    shutil.copy(hopper_path, folder / "Grace" / "one.jpg")
    Image.open(hopper_path).convert("RGB").rotate(4).save(folder / "Grace" / "two.jpg")
    return folder


@pytest.fixture(scope="module")
def scores(home, tmp_path_factory):
    file = tmp_path_factory.mktemp("scores") / "scores.npz"
    names = tuple(f"person <b>{number}" for number in range(30))  # the driver takes no half characters
    with FaceUnlock(home) as unlock:
        identity = unlock.person("Eileen").template.identity
    write_scores(replace(made(people=30, strangers=30), names=names, identity=identity), file)
    return file


@pytest.fixture(scope="module")
def head(shared_program, people, tmp_path_factory):
    file = tmp_path_factory.mktemp("head") / "head"
    done = shared_program("--model", "dlib", "classify", "train", people, "-o", file)
    assert done.code == 0, done.stderr
    return file


def test_the_slider_moves_the_numbers(page, scores):
    from selenium.webdriver.common.keys import Keys

    opened(page, "threshold", "source", scores)
    page.wait("document.getElementById('fmr').textContent !== ''")
    page.browser.execute_script("document.getElementById('range').focus()")
    page.press(Keys.HOME)
    page.wait("document.getElementById('fnmr').textContent.startsWith('0 (')")
    let_in, line = page.one("fmr").text, page.one("line").get_attribute("x1")
    assert let_in.startswith("100 % ") and "confidence" in let_in
    assert page.one("admitted-title").text == "Strangers let in: 2,640"
    page.press(Keys.END)
    page.wait("document.getElementById('fmr').textContent.startsWith('0 (')")
    assert float(page.one("line").get_attribute("x1")) > float(line)
    assert page.one("refused-title").text == "Own photos refused: 60"
    page.click(page.all("#aim button")[0])  # one in 1,000, of which 30 people cannot tell
    page.wait("document.getElementById('save-error').hidden === false")
    assert "insufficient data" in page.one("save-error").text


def test_what_the_slider_shows_is_saved_if_it_may_be(page, scores):
    opened(page, "threshold", "source", scores)
    page.wait("document.getElementById('fmr').textContent !== ''")

    def typed(threshold):
        set_value = "const one = document.getElementById('number'); one.value = arguments[0];"
        page.browser.execute_script(f"{set_value} one.dispatchEvent(new Event('input'))", threshold)

    typed("-1")
    page.wait("document.getElementById('keeps').textContent.startsWith('It cannot be saved')")
    assert not page.one("use").is_enabled()
    typed("0.4321")
    page.wait("!document.getElementById('use').disabled")
    assert "It keeps a target FMR of " in page.one("keeps").text
    assert "below the threshold that comes with the model" in page.one("keeps").text
    assert page.one("use").text == "Use 0.4321"
    page.click(page.one("use"))
    page.wait("document.getElementById('question').open")
    asked = page.one("question-text").text
    assert "below the threshold that comes with the model" in asked and "Use 0.4321 all the same?" in asked
    assert "less than your aim" in asked
    page.click(page.one("question-no"))
    page.wait("!document.getElementById('question').open")
    assert page.one("saved").text == ""


def test_a_pair_and_a_photo_of_a_folder_are_opened(page, people):
    from selenium.webdriver.common.keys import Keys

    opened(page, "explore", "path", people)
    page.wait("document.getElementById('found').hidden === false")
    photos = len(page.all("#map > svg:first-child circle"))
    assert photos >= 5 and "of 2 people" in page.one("summary").text
    # Along both sides of the cells stand the faces, in colours that no cell has.
    shades = (
        "const copy = document.createElement('canvas'); copy.width = copy.height = 400;"
        "const brush = copy.getContext('2d', { willReadFrequently: true });"
        "brush.drawImage(document.getElementById('heat'), 0, 0);"
        "const seen = (x, y) => new Set(new Uint32Array(brush.getImageData(x, y, 24, 24).data.buffer)).size;"
        "return [seen(8, 80), seen(80, 8)]"
    )
    assert min(page.browser.execute_script(shades)) > 100
    page.browser.execute_script("document.getElementById('heat').focus()")
    page.press(*[Keys.ARROW_DOWN] * photos, Keys.ENTER)
    assert "no match" in page.one("pair-said").text and "Grace/two.jpg" in page.one("pair-said").text
    faces = page.all("#pair img")
    assert len(faces) == 2 and not page.all("#pair figcaption b")
    page.browser.execute_script("document.querySelector('#map > svg').focus()")
    page.press(Keys.ARROW_LEFT, Keys.ENTER)
    assert page.one("map-said").text == "Grace: Grace/two.jpg"
    assert "Most alike: Grace/one.jpg" in page.one("photo").text


def test_a_classifier_names_a_group_photo(page, head, group):
    page.go("classify")
    page.one("classify-file").send_keys(str(group))
    page.wait("document.getElementById('classify-error').hidden === false")
    page.one("head").send_keys(str(head))
    page.one("classify-file").send_keys(str(group))
    page.answered()
    assert page.one("found").text == "Eileen <b>Collins, Grace"
    assert len(page.all("#faces td[data-column='Probability']")) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_everything_fits_and_everybody_can_use_it(page, group, people, scores, head, width, scheme):
    axe = pytest.importorskip("axe_selenium_python").Axe(page.browser)
    show(page.browser, width, scheme)
    page.one("try-file").send_keys(str(group))
    page.answered()
    page.click(page.all("#faces button")[0])
    page.wait("document.getElementById('why').hidden === false")
    check(page, axe, width)
    page.go("people")
    page.wait("document.querySelectorAll('#cards li').length >= 1")
    check(page, axe, width)
    opened(page, "threshold", "source", scores)
    page.wait("document.getElementById('fmr').textContent !== ''")
    check(page, axe, width)
    opened(page, "explore", "path", people)
    page.wait("document.getElementById('found').hidden === false")
    page.click(page.one("heat"))
    check(page, axe, width)
    page.go("classify")
    page.one("head").send_keys(str(head))
    page.one("classify-file").send_keys(str(group))
    page.answered()
    check(page, axe, width)


def check(page, axe, width):
    assert page.browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert page.browser.execute_script("return document.querySelectorAll('h1').length") == 1
    axe.inject()
    found = axe.run()["violations"]
    serious = [
        (one["id"], [node["html"] for node in one["nodes"]]) for one in found if one["impact"] in SERIOUS
    ]
    assert serious == []
