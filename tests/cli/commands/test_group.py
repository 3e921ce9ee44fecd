"""``faceunlock group`` with painted photos."""

import json
import stat
from html.parser import HTMLParser

import pytest
from support.fakes import GREY, FakeDetector, FakeEmbedder, paint, save, save_person, snapshot

from faceunlock.cli.answers.group import FACES_SHOWN, UNSURE_SHOWN, faces_shown, similar_pairs
from faceunlock.cli.session import Session
from faceunlock.tasks.group import FaceGroup, GroupedFace, KnownAs, Similar
from faceunlock.unlock import FaceUnlock

AT = ("--threshold", "0.7")


@pytest.fixture
def library(tmp_path):
    """Person 1 on six photos, person 2 on four, together on one; a stranger, and a face too small."""
    folder = tmp_path / "my library"
    save_person(folder / "a", 1, 5)
    save_person(folder / "b", 2, 3)
    save(folder / "both.png", paint(1, 50, faces=2))
    save(folder / "stranger.png", paint(7, 0, faces=2, second_side=20))
    return folder


def test_a_line_for_each_group_and_how_to_go_on(faceunlock, library):
    code, out, err = faceunlock("group", library, *AT)
    lines = out.splitlines()
    assert code == 0 and len(lines) == 4
    assert lines[0] == "2 groups of 10 faces, 1 face alone, in 10 photos (needs 0.700 on average)"
    assert lines[1] == "group\tfaces\tphotos\ttightness\tunsure\tfirst photo\tmaybe also"
    tag, *cells = lines[2].split("\t")
    assert cells[:2] == ["6", "6"] and cells[2].startswith("0.9")
    assert cells[3:] == ["", str(library / "a" / "0.png"), ""]
    notes = err.splitlines()
    assert notes[0] == "Faces left out: 1 too small. See each with -v."
    assert f"group '{library}' --threshold 0.7 --name {tag}=NAME" in notes[-1]
    assert faceunlock("group", library, *AT)[1] == out
    _, _, err = faceunlock("group", library, *AT, "-v")
    assert f"{library / 'stranger.png'}: face-too-small: face 2 is 20 pixels wide\n" in err
    assert "11 faces, 55 pairs, threshold 0.7000: your own threshold, nothing is known about it\n" in err
    _, _, err = faceunlock("group", library, "-v")
    assert "for two photos (shipped 20" in err
    assert "If all were strangers, about 0.000" in err


def test_json(faceunlock, library, tmp_path):
    (library / "broken.jpg").write_bytes(b"no photo")
    code, out, err = faceunlock("group", library, *AT, "--json")
    data = json.loads(out)["data"]
    assert code == 0 and "broken.jpg: unreadable-photo" in err
    assert [len(one["faces"]) for one in data["groups"]] == [6, 4] and len(data["alone"]) == 1
    both = [face for one in data["groups"] for face in one["faces"] if face["photo"].endswith("both.png")]
    assert [(face["number"], face["box"]) for face in both] == [(1, [20, 20, 60, 60]), (2, [120, 20, 60, 60])]
    assert data["threshold"] == 0.7 and data["threshold_status"] == "override"
    assert data["target_fmr"] is None and data["page"] is None and data["enrolled"] == []
    assert data["groups"][0]["known"] is None and data["groups"][0]["similar"] is None


def test_looking_changes_nothing_and_names_are_enrolled(faceunlock, library, tmp_path):
    data = faceunlock.data("group", library, *AT)
    one, two = (group["group"] for group in data["groups"])
    assert faceunlock.data("people")["people"] == []
    code, out, err = faceunlock("group", library, *AT, "--name", f"{one}=Anna", "--name", f"{two}=Ben Li")
    assert code == 0 and [line.partition(":")[0] for line in out.splitlines()] == [
        "Anna enrolled",
        "Ben Li enrolled",
    ]
    assert "used 6 of 6 photos" in out and "To enroll" not in err
    code, out, _ = faceunlock("group", library, *AT, "--known")
    lines = out.splitlines()
    assert code == 0 and lines[1].split("\t")[5] == "known"
    assert [line.split("\t")[5] for line in lines[2:]] == ["Anna 6/6", "Ben Li 4/4"]
    assert faceunlock("verify", library / "a" / "0.png")[0] == 0
    code, _, err = faceunlock("group", library, *AT, "--name", f"{one}=Anna")
    assert code == 2 and "[already-enrolled]" in err
    assert "Use --add to add the faces of the group, or give it another name." in err
    save(library / "new.png", paint(1, 60))
    code, out, err = faceunlock("group", library, *AT, "--name", f"{one}=Cyd")
    assert (code, out) == (
        2,
        "",
    ) and f"there is no group {one} now; nobody was enrolled [unknown-group]" in err
    assert "Look again: faceunlock --home" in err


def test_a_refused_group_says_why(faceunlock, tmp_path):
    save_person(tmp_path / "in", 1, 2)
    (one,) = faceunlock.data("group", tmp_path / "in", *AT)["groups"]
    code, out, err = faceunlock("group", tmp_path / "in", *AT, "--name", f"{one['group']}=Anna")
    assert (code, out) == (2, "") and "Anna: 2 usable, but at least 3 photos needed [too-few-photos]" in err
    assert faceunlock.data("people")["people"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--name", "anna"), "--name takes GROUP=NAME, not 'anna'"),
        (
            ("--name", "3=anna"),
            "'3' is not the name of a group, which has 8 letters and digits [unknown-group]",
        ),
        (("--name", "aaaaaaaa=x", "--name", "aaaaaaaa=y"), "the group aaaaaaaa has two names: x and y"),
        (("--add",), "--add and --even-so need --name"),
        (("--overwrite",), "--overwrite needs -o"),
        (("--name", "aaaaaaaa=x", "-o", "p.html"), "-o and --name cannot be combined"),
        (("--known",), "[nobody-enrolled]"),
        (("--threshold", "3"), "[usage]"),
    ],
)
def test_wrong_input(faceunlock, library, words, said):
    before = snapshot(library)
    code, out, err = faceunlock("group", library, *words)
    assert (code, out) == (2, "") and said in err and snapshot(library) == before


def test_no_group_is_one_and_what_cannot_be_read_is_two(faceunlock, tmp_path):
    save(tmp_path / "in" / "a.png", paint(1))
    code, out, err = faceunlock("group", tmp_path / "in")
    assert code == 1 and out.startswith("no group, 1 face alone, in 1 photo") and err == ""
    (tmp_path / "in" / "broken.jpg").write_bytes(b"no photo")
    assert faceunlock("group", tmp_path / "in")[0] == 2
    save(tmp_path / "grey" / "a.png", GREY)
    assert "no face was found on 1 photo [no-face]" in faceunlock("group", tmp_path / "grey")[2]
    (tmp_path / "empty").mkdir()
    assert "[photo-not-found]" in faceunlock("group", tmp_path / "empty")[2]


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data

    def all(self, name, **attributes):
        return [one for tag, one in self.tags if tag == name and attributes.items() <= one.items()]


def test_the_page_has_a_row_for_each_group(faceunlock, library, tmp_path):
    page = tmp_path / "groups.html"
    data = faceunlock.data("group", library, *AT, "-o", page)
    assert data["page"] == str(page) and stat.S_IMODE(page.stat().st_mode) == 0o600
    text = page.read_text()
    found = Page(text)
    assert [one["id"] for one in found.all("article")] == [one["group"] for one in data["groups"]]
    faces = found.all("img")
    assert len(faces) == 11 and all(one["src"].startswith("data:image/jpeg;base64,/9j/") for one in faces)
    assert faces[0]["alt"].startswith("Face in ") and "http" not in text.replace("http-equiv", "")
    assert "2 groups of 10 faces, 1 face alone" in found.words and "Faces left out" in found.words
    assert f"To enroll a group: faceunlock --home {tmp_path / 'home'} group " in found.words
    assert f" --threshold 0.7 --name {data['groups'][0]['group']}=NAME" in found.words
    code, out, err = faceunlock("group", library, *AT, "-o", page)
    assert (code, out) == (2, "") and "[file-exists]" in err and page.read_text() == text
    assert faceunlock("group", library, *AT, "-o", page, "--overwrite")[0] == 0
    photo = sorted(library.rglob("*.png"))[0]
    before = photo.read_bytes()
    code, out, err = faceunlock("group", library, *AT, "-o", photo, "--overwrite")
    assert (code, out) == (2, "") and "[file-exists]" in err and photo.read_bytes() == before
    # The page shows faces only where somebody asked for one.
    assert "base64" not in faceunlock("group", library, *AT, "--json")[1]


def test_the_page_marks_what_is_unsure_and_escapes_names(faceunlock, tmp_path, monkeypatch):
    folder = tmp_path / "<b>in"
    save_person(folder, 1, 30)

    def unlock(session, progress=None):
        embedder = FakeEmbedder(noise=1.0)
        return FaceUnlock(
            locations=session.locations, settings=session.settings, detector=FakeDetector(), embedder=embedder
        )

    monkeypatch.setattr(Session, "unlock", unlock)
    code, out, err = faceunlock("group", folder, "--threshold", "0.5", "-o", tmp_path / "p.html", "-v")
    assert code == 0 and "may be one person; if so, give both the same name." in err
    rows = [line.split("\t") for line in out.splitlines()[2:]]
    unsure = sum(int(row[4] or 0) for row in rows)
    assert unsure and {row[6] for row in rows} - {""} <= {row[0] for row in rows}
    text = (tmp_path / "p.html").read_text()
    assert len(Page(text).all("li", **{"class": "unsure"})) == unsure
    assert "<b>in" not in text and "&lt;b&gt;in" in text and "May be the same person as" in text


def made(tag, similar, known=None):
    return FaceGroup(
        tag, (), 0.9, None if similar is None else Similar(similar, 0.6), known and KnownAs(known, 1)
    )


def test_each_pair_is_told_once_unless_both_are_known_to_be_one_person():
    assert similar_pairs([made("a", "b"), made("b", "a"), made("c", "a"), made("d", None)]) == [
        ("a", "b"),
        ("c", "a"),
    ]
    assert similar_pairs([made("a", "b", "Ada"), made("b", "a", "Ada")]) == []
    assert similar_pairs([made("a", "b", "Ada"), made("b", "a", "Bob"), made("c", "a")]) == [
        ("a", "b"),
        ("c", "a"),
    ]


def test_groups_that_mix_people_are_not_enrolled_as_one(faceunlock, library):
    tags = [group["group"] for group in faceunlock.data("group", library, *AT)["groups"]]
    words = [word for tag in tags for word in ("--name", f"{tag}=Anna")]
    code, out, err = faceunlock("group", library, *AT, *words)
    assert (code, out) == (2, "") and "Anna: the photos show 2 people" in err
    assert "if a group mixes people, raise --threshold" in err and "several-people: person 2" in err
    assert faceunlock.data("people")["people"] == []


def faces(sure, unsure):
    made = [GroupedFace(f"{at}.png", 1, None, None, likeness=0.9 - at / 1000) for at in range(sure)]
    marks = ["unlike" if at % 2 else "same-photo" for at in range(unsure)]
    return made + [
        GroupedFace(f"u{at}.png", 1, None, None, likeness=0.5 - at / 1000, unsure=mark)
        for at, mark in enumerate(marks)
    ]


@pytest.mark.parametrize(
    ("sure", "unsure", "shown"),
    [
        (5, 2, (5, 2)),
        (100, 0, (FACES_SHOWN, 0)),
        (100, 2, (FACES_SHOWN - 2, 2)),
        (100, 100, (FACES_SHOWN - UNSURE_SHOWN, UNSURE_SHOWN)),
        (3, 100, (3, FACES_SHOWN - 3)),
        (0, 5, (0, 5)),
    ],
)
def test_a_row_shows_the_most_alike_and_some_of_the_unsure(sure, unsure, shown):
    found = faces_shown(faces(sure, unsure)[::-1])
    assert (
        sum(face.unsure is None for face in found),
        sum(face.unsure is not None for face in found),
    ) == shown
    marks = [face.unsure is not None for face in found]
    assert marks == sorted(marks)
    assert [face.likeness for face in found[: shown[0]]] == sorted(
        (face.likeness for face in found[: shown[0]]), reverse=True
    )
