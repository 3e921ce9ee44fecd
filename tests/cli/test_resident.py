import json
import os

import pytest
from support.fakes import GREY, FakeDetector, FakeEmbedder, paint, save
from support.made_models import write_model

from faceunlock.agent.question import Declined, Question, SentPhoto
from faceunlock.cli import run
from faceunlock.cli.resident import KEPT, Answerer
from faceunlock.cli.session import Session
from faceunlock.errors import ModelError
from faceunlock.settings import locate
from faceunlock.unlock import FaceUnlock

pytestmark = pytest.mark.usefixtures("no_settings")


@pytest.fixture
def answerer(home, loaded):
    return Answerer(locate(home, {}))


@pytest.fixture
def answer(answerer, question):
    """Ask about a photo, as the server does."""

    def ask(photo, *words, fields=None):
        descriptor = os.open(photo, os.O_RDONLY)
        try:
            return answerer.answer(Question.from_fields(fields or question(photo, *words)), descriptor)
        finally:
            os.close(descriptor)

    return ask


@pytest.fixture
def command(monkeypatch, capfd, home, shipped):
    """The command itself, without a resident process."""

    def unlock(session, progress=None):
        return FaceUnlock(
            locations=session.locations,
            settings=session.settings,
            detector=FakeDetector(),
            embedder=FakeEmbedder(),
        )

    monkeypatch.setattr(Session, "unlock", unlock)

    def verify(photo, *words):
        code = run(["verify", str(photo), "--home", str(home), *words])
        return code, *capfd.readouterr()

    return verify


@pytest.fixture
def people(unlock, ada, bob):
    unlock.enroll("Ada", ada)
    unlock.enroll("Bob", bob)


PHOTOS = {
    "ada": paint(1, 9),
    "stranger": paint(7),
    "dark stranger": paint(7, brightness=0.1, blurred=True),
    "nobody": GREY,
    "crowd": paint(1, faces=2),
    "small": paint(1, side=12),
}
LINES = ["", "--json", "--as ada", "--as ada --json -q", "--as Zoe", "--as Zoe --json", "--quiet",
         "--threshold 0.999", "--threshold 0.1", "--faces largest", "--as ada/bob",
         "--model dlib --device cpu"]  # fmt: skip


@pytest.mark.parametrize("name", PHOTOS)
def test_the_answer_is_that_of_the_command(people, unlock, answer, command, tmp_path, name):
    photo = save(tmp_path / f"a {name}.png", PHOTOS[name])
    for line in LINES:
        unlock.unlock_attempts()
        code, *parts = answer(photo, *line.split())
        said = {"1": "", "2": ""}
        for stream, text in zip(parts[::2], parts[1::2], strict=True):
            said[stream] += text
        assert (int(code), said["1"], said["2"]) == command(photo, *line.split()), line


def test_colour_is_a_matter_of_the_terminal_that_asks(people, answer, command, monkeypatch, tmp_path):
    photo = save(tmp_path / "ada.png", paint(1, 9))
    plain = answer(photo)[2]
    monkeypatch.setattr("faceunlock.agent.client.wants_colour", lambda: True)
    monkeypatch.setattr("faceunlock.cli.console.wants_colour", lambda: True)
    for line in LINES:
        code, *parts = answer(photo, *line.split())
        said = "".join(text for stream, text in zip(parts[::2], parts[1::2], strict=True) if stream == "1")
        assert (int(code), said) == command(photo, *line.split())[:2], line
    coloured = answer(photo)[2]
    assert coloured == plain.replace("yes", "\x1b[1;32myes\x1b[0m") != plain


def test_a_file_that_is_no_photo_is_named_as_the_command_names_it(people, answer, command, tmp_path):
    (tmp_path / "odd").mkdir()
    photo = tmp_path / "odd" / "a\x1b[31m.jpg"
    photo.write_text("no photo")
    code, *parts = answer(f"{tmp_path}/odd/./a\x1b[31m.jpg", "--json")
    assert (int(code), parts[-1], parts[1] + parts[3]) == command(photo, "--json")
    assert json.loads(parts[-1])["error"]["message"].startswith(f"{tmp_path}/odd/a\x1b[31m.jpg: ")


def test_an_empty_gallery(answer, command, tmp_path):
    photo = save(tmp_path / "photo.png", paint(1))
    assert answer(photo) == [
        "2",
        "2",
        command(photo)[2].splitlines(True)[0],
        "2",
        command(photo)[2].splitlines(True)[1],
    ]


def test_what_changes_in_the_gallery_is_seen(people, unlock, answer, tmp_path):
    photo = save(tmp_path / "photo.png", paint(2, 9))
    assert answer(photo, "--as", "Bob")[0] == "0"
    unlock.forget("Bob")
    assert answer(photo, "--as", "Bob")[2].endswith("[not-enrolled]\n")
    assert answer(photo)[0] == "1"


def test_models_stay_loaded_but_not_for_every_setting(people, answer, loaded, tmp_path, home):
    photo = save(tmp_path / "photo.png", paint(2, 9))
    for _ in range(3):
        answer(photo)
        assert len(loaded) == 1
    for pixels in range(20, 20 + 2 * KEPT):
        (home / "config.toml").write_text(f"min_face_pixels = {pixels}\n")
        answer(photo)
    assert len(loaded) == 1 + 2 * KEPT
    (home / "cache" / "weights").mkdir(parents=True)
    (home / "cache" / "weights" / "x.json").write_text("{}")
    answer(photo)
    assert len(loaded) == 2 + 2 * KEPT, "other weights"


def test_a_model_in_a_folder_is_served_and_seen_to_change(people, answer, loaded, tmp_path, monkeypatch):
    photo = save(tmp_path / "photo.png", paint(2, 9))
    model = write_model(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    for named in (model, "mine", "./mine/"):
        assert answer(photo, "--model", str(named))[0] == "0"
    assert len(loaded) == 1
    (model / "model.json").touch()
    assert answer(photo, "--model", "mine")[0] == "0" and len(loaded) == 2
    for other in ("yours", "~/mine", "../mine/nothing"):
        with pytest.raises(Declined):
            answer(photo, "--model", other)


def test_what_could_not_be_loaded_is_tried_again(people, answer, loaded, tmp_path, monkeypatch):
    photo = save(tmp_path / "photo.png", paint(2, 9))

    def fail(*_args, **_options):
        raise ModelError("weights-missing")

    with monkeypatch.context() as patch:
        patch.setattr(FakeEmbedder, "embed", fail)
        assert "[weights-missing]" in answer(photo)[2]
    assert answer(photo)[0] == "0" and len(loaded) == 2


def test_the_settings_are_those_of_the_client(people, answer, question, home, tmp_path):
    photo = save(tmp_path / "photo.png", paint(2, 9))
    assert (
        "[face-too-small]"
        in answer(photo, fields=[*question(photo), "env:FACEUNLOCK_MIN_FACE_PIXELS=300"])[2]
    )
    (home / "config.toml").write_text("min_face_pixels = 300\n")
    assert "[face-too-small]" in answer(photo)[2]


def test_the_log_says_the_same(people, unlock, answer, command, tmp_path, monkeypatch):
    photo = save(tmp_path / "photo.png", paint(1, 9))
    monkeypatch.chdir(tmp_path)
    for name in ("photo.png", "./photo.png", str(photo)):
        answer(name)
        command(name)
    entries = unlock.attempts_log()
    assert len(entries) == 6 and len({entry.source for entry in entries}) == 1


def test_failures_are_counted_wherever_they_are_answered(people, answer, command, tmp_path):
    stranger = save(tmp_path / "stranger.png", paint(7))
    for _ in range(3):
        assert answer(stranger, "--as", "Ada")[0] == "1"
    for _ in range(2):
        assert command(stranger, "--as", "Ada")[0] == 1
    assert "[locked-out]" in answer(stranger, "--as", "Ada")[2]


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: [*fields, "env:FACEUNLOCK_DEVICE=cuda"],
        lambda fields: [*fields, "env:FACEUNLOCK_MIN_PHOTOS=none"],
        lambda fields: [*fields, "threshold=1.1"],
        lambda fields: [*fields, "threshold=."],
        lambda fields: [*fields, "unheard=of"],
        lambda fields: [*fields, "quiet=1", "quiet=1"],
        lambda fields: [field for field in fields if not field.startswith("package=")],
        lambda fields: [field.replace("version=", "version=9") for field in fields],
        lambda fields: [field.replace("home=", "home=/elsewhere") for field in fields],
        lambda fields: (
            ["home=" if field.startswith("home=") else field for field in fields] + ["env:XDG_DATA_HOME=/x"]
        ),
        lambda fields: [field for field in fields if not field.startswith("photo=")],
        lambda _: [""],
    ],
)
def test_what_could_be_answered_otherwise_is_declined(people, answer, question, tmp_path, change):
    photo = save(tmp_path / "photo.png", paint(2, 9))
    with pytest.raises(Declined):
        answer(photo, fields=change(question(photo)))


def test_only_open_regular_files_are_read(tmp_path):
    path = tmp_path / "photo"
    path.write_bytes(b"0123456789")
    (tmp_path / "empty").touch()
    refused = [
        os.open(path, os.O_WRONLY),
        os.open(path, os.O_PATH),
        os.open(tmp_path, os.O_RDONLY),
        os.open("/dev/zero", os.O_RDONLY),
        os.open(tmp_path / "empty", os.O_RDONLY),
        *os.pipe(),
    ]
    for descriptor in refused:
        with pytest.raises(Declined):
            SentPhoto(descriptor, "photo")
        os.close(descriptor)
    descriptor = os.open(path, os.O_RDONLY)
    assert os.read(descriptor, 5) == b"01234", "what its sender has read does not matter"
    sent = SentPhoto(descriptor, "photo")
    assert sent.read() == b"0123456789" and os.read(descriptor, 5) == b"56789"
    os.close(descriptor)
