"""The HTTP API answers what the command line answers, with a status for each kind of error."""

from __future__ import annotations

import json
import threading

import pytest
from support.fakes import GREY, FakeDetector, FakeEmbedder, paint, save
from support.served import enrol_ada, png, serving

from faceunlock.errors import SLUGS, GalleryError, ModelError
from faceunlock.unlock import FaceUnlock
from faceunlock.web import uploads
from faceunlock.web.answers import OTHER, STATUSES


def photo(person=1, variation=9, name="photo.png", **options):
    return png(paint(person, variation, **options), name)


def test_verify_says_what_the_command_says(shared):
    reply = shared.api("POST", "verify", [("photo", photo()), ("name", "Ada")])
    assert reply.document["command"] == "verify"
    assert reply.data["match"] is True and reply.data["name"] == "Ada"
    no = shared.api("POST", "verify", [("photo", photo(2)), ("name", "ada")])
    assert no.status == 200 and no.data["match"] is False


def test_the_document_is_the_one_of_the_command_line(tmp_path, monkeypatch, capfd):
    from faceunlock.cli import run
    from faceunlock.cli.session import Session

    home = tmp_path / "home"
    enrol_ada(home, tmp_path)
    monkeypatch.setattr(
        Session,
        "unlock",
        lambda session, progress=None: FaceUnlock(home, detector=FakeDetector(), embedder=FakeEmbedder()),
    )
    file = save(tmp_path / "photo.png", paint(1, 9))
    sent = ("photo.png", file.read_bytes())
    with serving(home) as client:
        for words, method, path, fields in (
            (["identify", str(file)], "POST", "identify", [("photos", sent)]),
            (["verify", str(file), "--as", "Ada"], "POST", "verify", [("photo", sent), ("name", "Ada")]),
            (["compare", str(file), str(file)], "POST", "compare", [("photo", sent), ("other", sent)]),
            (["people"], "GET", "people", None),
            (["people", "show", "Ada"], "GET", "people/Ada", None),
            (["people", "show", "Eve"], "GET", "people/Eve", None),
            (["enroll", "Eve", str(file)], "POST", "people/Eve", [("photos", sent)]),
        ):
            code = run(["--home", str(home), *words, "--json"])
            printed = json.loads(capfd.readouterr().out.replace(json.dumps(str(file)), '"photo.png"'))
            reply = client.api(method, path, fields)
            assert reply.document == printed
            assert (reply.status == 200) is (code in (0, 1))


def test_attempts_count_whoever_asks(served):
    for _ in range(5):
        assert not served.api("POST", "verify", [("photo", photo(2)), ("name", "Ada")]).data["match"]
    refused = served.api("POST", "verify", [("photo", photo()), ("name", "Ada")])
    assert refused.status == 429 and refused.slug == "locked-out"
    assert 0 < int(refused.headers["retry-after"]) <= refused.document["error"]["seconds_left"]


def test_everybody_on_several_photos_is_named(shared):
    fields = [("photos", photo(name="one.png")), ("photos", photo(7, faces=2, name="two.png"))]
    data = shared.api("POST", "identify", fields).data
    assert data["names"] == ["Ada"] and [one["photo"] for one in data["photos"]] == ["one.png", "two.png"]
    assert data["faces"] == 3


def test_a_person_comes_gets_a_look_another_name_and_goes(served):
    photos = [("photos", photo(3, number, f"{number}.png")) for number in range(4)]
    assert served.api("POST", "people/Bob", photos).data["saved"]
    again = served.api("POST", "people/Bob", photos)
    assert again.status == 409 and again.slug == "already-enrolled"
    dry = served.api("POST", "people/Cyd", [*photos, ("dry_run", "true"), ("even_so", "true")])
    assert dry.data["saved"] is False
    look = [("photos", photo(3, number, f"{number}.png")) for number in range(10, 13)]
    assert served.api("POST", "people/Bob", [*look, ("look", "glasses")]).data["look"] == "glasses"
    assert served.api("PATCH", "people/Bob", [("name", "Böb B")]).data == {"name": "Böb B", "was": "Bob"}
    name = "people/B%C3%B6b%20B"
    assert served.api("GET", name).data["looks"][0]["name"] == "glasses"
    assert served.api("DELETE", f"{name}/looks/glasses").data["look"] == "glasses"
    assert served.api("DELETE", name).data["forgotten"] == 1
    assert served.api("GET", name).status == 404
    assert [one["name"] for one in served.api("GET", "people").data["people"]] == ["Ada"]


def test_a_second_name_and_an_unlike_look_need_a_yes(served):
    same = [("photos", photo(1, number, f"{number}.png")) for number in range(20, 24)]
    assert served.api("POST", "people/Eve", same).slug == "second-name"
    assert served.api("POST", "people/Eve", [*same, ("even_so", "true")]).data["same_faces"]
    other = [("photos", photo(5, number, f"{number}.png")) for number in range(4)]
    assert served.api("POST", "people/Ada", [*other, ("look", "mask")]).slug == "unlike-the-person"
    assert served.api("POST", "people/Ada", [*other, ("look", "mask"), ("accept", "true")]).data["saved"]


def test_a_refused_enrolment_says_which_photos_would_do(served):
    ada = [("photos", photo(1, number, f"ada{number}.png")) for number in range(20, 24)]
    poor = [("photos", png(GREY, "grey.png")), ("photos", ("text.jpg", b"no photo"))]

    def refused(name, fields):
        return served.api("POST", f"people/{name}", fields).document["error"]

    few = refused("Eve", [*ada[:1], *poor])
    assert few["code"] == "too-few-photos" and few["usable"] == ["ada20.png"]
    assert {one["photo"]: one["reason"] for one in few["left_out"]} == {
        "grey.png": "no-face",
        "text.jpg": "unreadable-photo",
    }
    second = refused("Eve", [*ada, *poor])
    assert second["code"] == "second-name" and len(second["usable"]) == 4 and len(second["left_out"]) == 2
    stranger = [("photos", photo(5, number, f"other{number}.png")) for number in range(4)]
    look = refused("Ada", [*stranger, *poor, ("look", "mask")])
    assert look["code"] == "unlike-the-person" and len(look["usable"]) == 4 and len(look["left_out"]) == 2
    two = refused("Eve", [*ada, *stranger, *poor])
    assert two["code"] == "several-people" and len(two["left_out"]) == 2 and "usable" in two
    assert sorted(map(sorted, two["groups"])) == [
        [f"ada{number}.png" for number in range(20, 24)],
        [f"other{number}.png" for number in range(4)],
    ]
    nothing = served.api("POST", "identify", poor[1:]).document["error"]
    assert [one["photo"] for one in nothing["left_out"]] == ["text.jpg"] and nothing["usable"] == []
    assert "left_out" not in served.api("GET", "people/Eve").document["error"]


def test_two_tabs_that_enroll_at_once_do_not_both_succeed(served):
    photos = [("photos", photo(3, number, f"{number}.png")) for number in range(4)]
    replies = []
    tabs = [
        threading.Thread(target=lambda: replies.append(served.api("POST", "people/Bob", photos)))
        for _ in range(2)
    ]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join(20)
    assert sorted(reply.status for reply in replies) == [200, 409]
    assert served.api("GET", "people/Bob").data["photos"] == 4


def test_photos_that_cannot_be_used_say_why(shared):
    for sent, slug in (
        (png(GREY), "no-face"),
        (photo(faces=2), "several-faces"),
        (("a.png", b"not a photo"), "unreadable-photo"),
        (("a.png", b""), "unreadable-photo"),
        (png(paint(1, 1), "x.png")[1][:200], "unreadable-photo"),
    ):
        given = sent if isinstance(sent, tuple) else ("x.png", sent)
        reply = shared.api("POST", "verify", [("photo", given), ("name", "Ada")])
        assert reply.status == 422 and reply.slug == slug, reply
    half = png(paint(1, 1))[1]
    reply = shared.api("POST", "identify", [("photos", ("half.png", half[: len(half) // 2]))])
    assert reply.status == 422 and "half.png" in reply.document["error"]["message"]


@pytest.mark.parametrize(
    ("path", "fields", "words"),
    [
        ("verify", [], "photo is missing"),
        ("verify", [("photo", "text")], "a file, not a text"),
        ("verify", [("photo", ("a", b"x")), ("photo", ("b", b"x"))], "twice"),
        ("verify", [("photo", photo()), ("name", ("a", b"x"))], "a text, not a file"),
        ("verify", [("photo", photo()), ("threshold", "high")], "must be a number"),
        ("verify", [("photo", photo()), ("threshold", "nan")], "-1 to 1"),
        ("verify", [("photo", photo()), ("threshold", "2")], "-1 to 1"),
        ("verify", [("photo", photo()), ("security", "lax")], "one of relaxed, normal, strict"),
        ("verify", [("photo", photo()), ("threshold", "0"), ("security", "strict")], "cannot be combined"),
        ("verify", [("photo", photo()), ("colour", "red")], "no field colour"),
        ("people/Ada", [("photos", photo()), ("add", "yes")], "true or false"),
        ("people/Ada", [("photos", photo()), ("add", "true"), ("replace", "true")], "exclude each other"),
    ],
)
def test_forms_that_mean_nothing_are_refused(shared, path, fields, words):
    reply = shared.api("POST", path, fields)
    assert reply.status == 400 and reply.slug == "usage"
    assert words in reply.document["error"]["message"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{}", "application/json"),
        (b"", None),
        (b"x", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary=y"),
        (b"--y\r\n", "multipart/form-data; boundary=y"),
        (b"--y\r\nA: b\r\n\r\nx\r\n--y--", "multipart/form-data; boundary=y"),
        (b"\xff" * 100, "multipart/form-data; boundary=\xff"),
    ],
)
def test_bodies_that_are_no_form_are_refused(shared, body, kind):
    headers = {} if kind is None else {"Content-Type": kind}
    reply = shared.api("POST", "verify", body=body, headers=headers)
    assert reply.status == 400 and reply.slug == "usage"


def test_uploads_are_bounded(shared, monkeypatch):
    huge = {"Content-Type": "multipart/form-data; boundary=y", "Content-Length": str(200 << 20)}
    assert shared.api("POST", "verify", headers=huge).status == 413  # refused before a byte of it came
    monkeypatch.setattr(uploads, "MAX_UPLOAD", 1 << 20)
    fields = [("photo", ("big.png", b"\x89PNG" + b"x" * (2 << 20)))]
    assert shared.api("POST", "verify", fields).slug == "photo-too-large"
    many = [("photos", ("a.png", b"x"))] * (uploads.MAX_PHOTOS + 1)
    assert shared.api("POST", "identify", many).status == 400


def test_a_bomb_is_refused_by_its_header(shared):
    bomb = png(GREY.repeat(30, axis=0).repeat(30, axis=1))  # 5.8 million pixels, more than the limit here
    assert len(bomb[1]) < 100_000
    for path, field in (("verify", "photo"), ("identify", "photos")):
        reply = shared.api("POST", path, [(field, bomb)])
        assert reply.status == 413 and reply.slug == "photo-too-large"


def test_names_are_only_names(served, tmp_path):
    hostile = '<img src=x onerror=alert(1)>"&'
    sent = [("photos", photo(4, n, f"..\\..\\<b>{n}.png")) for n in range(4)]
    done = served.api("POST", "people/%3Cb%3EEve%3C%2Fb%3E", sent)
    assert done.status in (400, 404)  # a slash is no part of a name, however it is written
    done = served.api("POST", "people/%3Cb%3EEve", sent)
    assert done.data["name"] == "<b>Eve" and done.data["used"][0] == "<b>0.png"
    assert served.api("PATCH", "people/%3Cb%3EEve", [("name", hostile)]).data["name"] == hostile
    page = served("GET", "/people").body.decode()
    assert "onerror" not in page
    for bad in ("..%2F..", "%00", "a%0ab", "x" * 65):
        assert served.api("POST", f"people/{bad}", sent).status in (400, 404)


def test_read_only_changes_nothing(tmp_path):
    enrol_ada(tmp_path / "home", tmp_path)
    with serving(tmp_path / "home", read_only=True) as client:
        for method, path in (("POST", "people/Bob"), ("PATCH", "people/Ada"), ("DELETE", "people/Ada")):
            reply = client.api(method, path, [("photos", photo())])
            assert reply.status == 403 and reply.slug == "read-only"
        assert client.api("POST", "identify", [("photos", photo())]).data["names"] == ["Ada"]
        assert b"Read only" in client("GET", "/people").body


def test_what_is_not_there_says_so(shared):
    for method, path, status in (("GET", "nothing", 404), ("GET", "verify", 405), ("PUT", "people", 405)):
        reply = shared.api(method, path)
        assert reply.status == status and reply.slug == "usage"
    assert shared("GET", "/static/../server.py").status == 404
    assert shared("GET", "/static/%2e%2e/server.py").status == 404


def test_a_model_that_failed_is_opened_again(tmp_path):
    made = []

    def unlock():
        made.append(FaceUnlock(tmp_path / "home", detector=FakeDetector(), embedder=FakeEmbedder()))
        return made[-1]

    def broken(photos, **options):
        raise ModelError("weights-missing")

    with serving(tmp_path / "home", unlock=unlock) as client:
        assert client.api("POST", "identify", [("photos", photo())]).slug == "nobody-enrolled"
        made[0].identify = broken
        reply = client.api("POST", "identify", [("photos", photo())])
        assert reply.status == OTHER and reply.slug == "weights-missing"
        assert client.api("POST", "identify", [("photos", photo())]).slug == "nobody-enrolled"
        assert len(made) == 2


def test_every_status_is_of_a_slug_that_there_is():
    assert set(STATUSES) <= set(SLUGS)
    retryable = {slug for slug, status in STATUSES.items() if status == OTHER}
    assert not retryable
    assert GalleryError("gallery-damaged").slug not in STATUSES


def test_a_bug_is_a_500_and_does_not_end_the_server(tmp_path, caplog):
    def unlock():
        made = FaceUnlock(tmp_path / "home", detector=FakeDetector(), embedder=FakeEmbedder())
        made.identify = lambda photos, **options: 1 / 0
        return made

    with serving(tmp_path / "home", unlock=unlock) as client:
        reply = client.api("POST", "identify", [("photos", photo())])
        assert reply.status == 500 and b"Traceback" not in reply.body and b"division" not in reply.body
        assert "content-security-policy" in reply.headers
        assert client.api("GET", "people").status == 200
    assert "ZeroDivisionError" in caplog.text
