"""Strangers from real photos, by the real program."""

import tarfile

import pytest


@pytest.fixture
def lfw(collection, tmp_path):
    """Twelve people of LFW; the first has five photos."""
    people = sorted((collection / "lfw").iterdir())
    first = next(person for person in people if len(list(person.iterdir())) >= 5)
    others = [person for person in people if person != first][:11]
    folder = tmp_path / "lfw"
    folder.mkdir()
    for person, count in ((first, 5), *((other, 1) for other in others)):
        (folder / person.name).mkdir()
        for photo in sorted(person.iterdir())[:count]:
            (folder / person.name / photo.name).symlink_to(photo)
    return folder


def test_people_of_lfw_are_strangers_of_an_enrolment(prepared, lfw, pictures, tmp_path):
    words = ("--model", "dlib")
    added = prepared(*words, "strangers", "add", lfw, "--faces", "central", "--json").data
    assert (added["photos"], added["added"], added["bank"]["people"]) == (16, 16, 12)
    near = prepared(*words, "enroll", "Eileen", "few", cwd=pictures)
    assert "Closest of 12 strangers 0." in near.stdout
    # The same photos in an archive that is not the published one.
    with tarfile.open(tmp_path / "lfw-funneled.tgz", "w:gz", dereference=True) as archive:
        archive.add(lfw, "lfw_funneled")
    pulled = prepared(*words, "strangers", "pull", "lfw", "--from", tmp_path / "lfw-funneled.tgz", "--json")
    assert pulled.error["code"] == "file-unreadable"
    kept = [path for path in prepared.home.rglob("*") if path.is_file() and path.suffix in (".jpg", ".tgz")]
    assert kept == []
    (bank,) = prepared.home.glob("strangers-*.bank")
    assert bank.stat().st_mode & 0o777 == 0o600


def test_without_a_network_a_pull_is_one_clear_error(faceunlock):
    mirror = {"FACEUNLOCK_WEIGHTS_MIRROR": "http://127.0.0.1:9/nothing"}
    result = faceunlock("--model", "compact", "strangers", "pull", "lfw", "--json", env=mirror)
    assert result.error["code"] == "download-failed" and "Run it again to go on" in result.error["hint"]
    assert faceunlock("strangers", "--json").data == {"banks": []}
