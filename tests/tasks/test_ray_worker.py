"""What a worker of a Ray cluster makes of photos, and what it says of those it cannot read."""

import pytest
from support.fakes import GREY, IDENTITY, FakeDetector, FakeEmbedder, paint, save, save_person, slug_of
from support.made_ray import asked_for, words

from faceunlock.errors import ModelError
from faceunlock.gallery.journal import record_key
from faceunlock.photos.photo import load_photo
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.pipeline.packing import pack
from faceunlock.tasks import ray_worker
from faceunlock.tasks.ray_worker import Actor, Looker, answers, fingerprint


@pytest.fixture
def looker(made_cluster, unlock):
    def make(known=(), identity=IDENTITY):
        return Looker(words(unlock), identity, "context", frozenset(known))

    return make


def by_index(found):
    return {answer.index: answer for answer in found}


def test_a_worker_sees_what_this_machine_sees(looker, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_worker, "TOGETHER", 3)
    photos = [*save_person(tmp_path, 1, 7), save(tmp_path / "grey.png", GREY)]
    found = by_index(looker().look([asked_for(photo, index) for index, photo in enumerate(photos)]))
    here = list(Acquisition(FakeDetector(), FakeEmbedder()).samples(photos))
    assert [found[index].packed for index in range(8)] == [pack(outcome) for outcome in here]
    assert [found[index].digest for index in range(8)] == [load_photo(photo).digest for photo in photos]


def test_a_known_photo_is_not_looked_at_again(looker, tmp_path):
    (photo,) = save_person(tmp_path, 1, 1)
    digest = load_photo(photo).digest
    (answer,) = looker({record_key("context", digest)}).look([asked_for(photo)])
    assert (answer.state, answer.digest, answer.packed) == ("known", digest, b"")
    assert next(looker({record_key("other", digest)}).look([asked_for(photo)])).state == "seen"


def test_large_files_are_looked_at_one_at_a_time(looker, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_worker, "BYTES_TOGETHER", 1)
    photos = save_person(tmp_path, 1, 3)
    assert len(by_index(looker().look([asked_for(p, i) for i, p in enumerate(photos)]))) == 3


@pytest.mark.parametrize("changes", [{"size": 1}, {"modified": 5}])
def test_another_file_of_the_same_name_is_not_looked_at(looker, tmp_path, changes):
    (photo,) = save_person(tmp_path, 1, 1)
    (answer,) = looker().look([asked_for(photo, **changes)])
    assert answer.state == "unread" and b"another file" in answer.packed


def test_what_cannot_be_read_is_said_and_the_rest_is_looked_at(looker, tmp_path):
    gone, text = save(tmp_path / "gone.png", paint(1)), tmp_path / "text.png"
    text.write_text("no photo")
    (photo,) = save_person(tmp_path, 1, 1)
    asked = [asked_for(one, index) for index, one in enumerate((gone, text, photo))]
    gone.unlink()
    found = by_index(looker().look(asked))
    assert [found[index].state for index in range(3)] == ["unread", "unread", "seen"]
    assert b"No such file" in found[0].packed


def test_other_weights_are_refused(looker):
    other = type(IDENTITY)(IDENTITY.model, "0" * 64, IDENTITY.preprocessing, IDENTITY.dimension)
    assert slug_of(looker, identity=other) == "weights-corrupt"


def test_an_actor_says_why_it_cannot_load(made_cluster, unlock, tmp_path, monkeypatch):
    pyarrow = pytest.importorskip("pyarrow")
    (photo,) = save_person(tmp_path, 1, 1)
    one = asked_for(photo)
    asked = pyarrow.Table.from_pylist(
        [{"index": 0, "path": one.path, "size": one.size, "modified": one.modified}]
    )
    given = words(unlock), IDENTITY, "context", frozenset()
    (row,) = Actor(*given)(asked).to_pylist()
    assert row["state"] == "seen" and row["node"]

    def broken(settings, words):
        raise ModelError("weights-missing", "they are not here")

    monkeypatch.setattr(ray_worker, "loaded", broken)
    table = Actor(*given)(asked)
    (row,) = table.to_pylist()
    assert table.schema == answers() and (row["index"], row["state"]) == (-1, "error")
    assert row["packed"].startswith(b"weights-missing\nthey are not here\n")


def test_the_fingerprint_names_what_decides():
    found = fingerprint()
    assert {"faceunlock", "Python", "numpy", "onnxruntime", "pillow"} <= set(found)
    assert found == fingerprint() and "unknown" not in (found["numpy"], found["pillow"])
