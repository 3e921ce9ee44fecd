"""The same tasks on a server as on a file; setting one up, searching it by index, and copies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.fakes import paint, save, save_person, slug_of
from support.made_templates import make_calibration, make_template

from faceunlock.errors import GalleryError
from faceunlock.gallery.postgres.gallery import ServerGallery
from faceunlock.gallery.postgres.search import ServerTemplates
from faceunlock.matching.similarity import unit
from faceunlock.matching.templates import ModelIdentity
from faceunlock.settings import load_settings
from faceunlock.tasks import server as tasks

ROUND = ModelIdentity("dlib", "ab" * 32, "aligned-150", 128)


@pytest.fixture
def url(server, database):
    return server.url(database)


@pytest.fixture
def on_server(open_home, url, tmp_path):
    settings = replace(load_settings(tmp_path / "none.toml", {}), min_sharpness=20.0, gallery=url)
    return open_home(settings=settings)


def random_template(rng, identity=ROUND):
    return make_template(rng.normal(size=identity.dimension), identity=identity)


@pytest.fixture(params=["file", "server"])
def either(request):
    return request.getfixturevalue("unlock" if request.param == "file" else "on_server")


def test_a_life_with_a_gallery(either, ada, bob, tmp_path, stranger_folder, home):
    """What each task says does not depend on where the gallery is."""
    unlock = either
    assert unlock.people() == () and slug_of(unlock.verify, ada / "0.png") == "nobody-enrolled"
    unlock.add_strangers(stranger_folder)
    assert [state.photos for state in unlock.strangers()] == [30]
    unlock.enroll("Ada", ada)
    unlock.enroll("Bob", bob)
    assert slug_of(unlock.enroll, "Eve", save_person(tmp_path / "eve", 1, 5, first=40)) == "second-name"
    probe = save(tmp_path / "probe.png", paint(1, 30))
    found = unlock.verify(probe)
    assert found.decision.match and found.decision.name == "Ada" and found.decision.candidates == 2
    assert not found.approximate and found.people == 2
    assert unlock.verify(probe, "Ada").decision.similarity == found.decision.similarity
    assert not unlock.verify(probe, "Bob").decision.match
    (photo,) = unlock.identify(save(tmp_path / "both.png", paint(1, 31, faces=2))).photos
    assert [face.name for face in photo.faces] == ["Ada", "Bob"]
    assert unlock.explain(probe).resembled.name == "Ada"
    unlock.enroll("Ada", save_person(tmp_path / "hat", 1, 5, first=60), look="hat", accept=True)
    assert unlock.verify(probe).decision.candidates == 3
    assert unlock.rename("Bob", "Robert").name == "Robert"
    file = tmp_path / "all.fu"
    assert unlock.export_to(file, "correct horse").people == ("Ada", "Robert")
    unlock.forget("Ada")
    assert unlock.import_from(file, "correct horse").added == ("Ada",)
    assert unlock.verify(probe).decision.match
    state = unlock.status()
    assert state.problems == () and state.people == ("Ada", "Robert") and state.templates == 3
    assert unlock.forget_strangers() == 30 and unlock.forget_all() == 2
    if state.settings.gallery != "local":
        assert not list(home.glob("*.db"))  # nothing is left on this machine


def test_nobody_waits_while_a_server_searches(on_server, ada, bob, tmp_path, monkeypatch):
    on_server.enroll("Ada", ada)
    on_server.enroll("Bob", bob)
    searched = []
    real = ServerTemplates._search

    def search(self, *arguments):
        searched.append(on_server.attempts._file._inside())
        return real(self, *arguments)

    monkeypatch.setattr(ServerTemplates, "_search", search)
    probe = save(tmp_path / "probe.png", paint(1, 30))
    assert on_server.verify(probe).decision.candidates == 2 and searched == [False]
    for _ in range(5):
        on_server.verify(probe, "Bob")
    found = on_server.verify(probe)  # without Bob, who is locked out: searched again, under the lock
    assert found.decision.match and found.decision.candidates == 1 and found.locked_out == ("Bob",)
    assert searched == [False, False, True]


def test_a_server_is_never_sealed(on_server):
    assert slug_of(on_server.protect) == "cannot-seal"
    assert slug_of(on_server.rotate) == "not-sealed" and not on_server.unprotect()
    assert not on_server.protection().sealed and on_server.protection().server


def test_the_state_of_both_kinds(unlock, on_server, url, ada, home):
    assert tasks.state(unlock) == tasks.GalleryState(str(home / "gallery.db"))
    on_server.enroll("Ada", ada)
    state = tasks.state(on_server)
    assert state.where == url and state.may_enroll and not state.encrypted and state.size > 0
    assert state.server.startswith("PostgreSQL ") and "pgvector" in state.server
    assert [(one.people, one.templates, one.size) for one in state.indexes] == [(1, 1, None)]
    assert slug_of(tasks.build_index, unlock) == slug_of(tasks.set_up_gallery, unlock) == "bad-gallery"


def test_an_index_finds_who_is_there_and_says_how_often(on_server, url, server, database, tmp_path):
    rng = np.random.default_rng(1)
    gallery = on_server.gallery
    with gallery.transaction():
        for number in range(300):
            gallery.add(f"P{number}", random_template(rng))
    assert tasks.drop_index(on_server) == 0
    (built,) = tasks.build_index(on_server, probes=50)
    assert (built.people, built.probes, built.identity) == (300, 50, ROUND)
    assert built.size > 0 and 0.9 <= built.recall <= 1 and built.least_recall < built.recall
    part = gallery.crowd().made_by(ROUND)
    assert part.approximate and len(part) == 300
    person = gallery.get("P7")
    exact = part.decide(person.template.centroid, 0.9)
    assert exact.match and exact.name == "P7" and exact.candidates == 300
    assert part.without({"P7"}).decide(person.template.centroid, 0.9).name != "P7"
    # An index that lost a row misses the person, and nobody else takes that place.
    server.run("DELETE FROM templates WHERE key = 'p7'", database)
    assert slug_of(gallery.crowd, kind=GalleryError) == "gallery-damaged"
    gallery.replace("P7", person.template)
    assert gallery.crowd().made_by(ROUND).decide(person.template.centroid, 0.9) == exact
    assert tasks.drop_index(on_server) == 1
    assert not gallery.crowd().made_by(ROUND).approximate


def test_what_an_index_misses_is_a_no_and_told_as_such(on_server, ada, tmp_path, monkeypatch):
    on_server.enroll("Ada", ada)
    tasks.build_index(on_server, probes=5)
    found = on_server.verify(save(tmp_path / "probe.png", paint(2, 30)))
    assert not found.decision.match and found.approximate
    from faceunlock.cli.answers.gallery import APPROXIMATE
    from faceunlock.cli.answers.verify import document, notes

    assert APPROXIMATE in notes(found, 0, 0) and document(found)["search"] == "approximate"
    by_name = on_server.verify(tmp_path / "probe.png", "Ada")
    assert not by_name.approximate and document(by_name)["search"] == "exact"
    yes = on_server.verify(save(tmp_path / "yes.png", paint(1, 30)))
    assert yes.decision.match and APPROXIMATE not in notes(yes, 0, 0)


def fill(gallery, rng, count=5):
    for number in range(count):
        gallery.add(f"P{number}", random_template(rng))
    look = random_template(rng)
    gallery.change("P1", lambda person: person.with_look("hat", look))
    gallery.save_calibration(ROUND, make_calibration(ROUND))


@pytest.mark.parametrize("to_server", [True, False])
@pytest.mark.parametrize("sealed", [True, False])
def test_a_copy_is_complete_and_can_be_finished(unlock, on_server, url, to_server, sealed, monkeypatch):
    rng = np.random.default_rng(2)
    monkeypatch.setattr("faceunlock.gallery.copying.BATCH", 2)
    local = unlock.gallery
    if sealed:
        local.protect("file")
    one, other = (local, on_server.gallery) if to_server else (on_server.gallery, local)
    way = ("local", url) if to_server else (url, "local")
    fill(one, rng)

    def stop(items, total, label):
        assert total == 5
        for number, item in enumerate(items):
            if number == 3:
                raise KeyboardInterrupt
            yield item

    with pytest.raises(KeyboardInterrupt):
        tasks.copy(unlock, *way, stop)
    assert len(other.people()) == 2
    done = tasks.copy(unlock, *way)
    assert (done.people, done.already, done.thresholds, done.banks) == (5, 2, 1, 0)
    again = tasks.copy(unlock, *way)
    assert again == replace(done, already=5)
    assert other.problems() == () and other.calibration(ROUND) == one.calibration(ROUND)
    for person in one.people():
        copied = other.get(person.name)
        assert (copied.created, copied.updated) == (person.created, person.updated)
        for (name, theirs), (label, ours) in zip(copied.templates, person.templates, strict=True):
            assert name == label and theirs.photo_hashes == ours.photo_hashes
            assert np.array_equal(theirs.vector_sum, ours.vector_sum)
    assert local.protection().sealed == sealed


def test_a_copy_never_replaces_what_is_different(unlock, on_server, url):
    rng = np.random.default_rng(3)
    fill(unlock.gallery, rng)
    on_server.gallery.add("P4", random_template(rng))
    with pytest.raises(GalleryError, match="P4") as caught:
        tasks.copy(unlock, "local", url)
    assert caught.value.slug == "import-conflict" and len(on_server.people()) == 1
    on_server.forget("P4")
    on_server.gallery.save_calibration(ROUND, make_calibration(ROUND, threshold=0.6))
    with pytest.raises(GalleryError, match="threshold"):
        tasks.copy(unlock, "local", url)
    assert on_server.people() == ()
    assert slug_of(tasks.copy, unlock, url, url) == "usage"
    assert slug_of(tasks.copy, unlock, "local", "/srv/faces") == "bad-gallery"


def test_a_copy_that_lost_somebody_is_told(unlock, on_server, url, monkeypatch):
    fill(unlock.gallery, np.random.default_rng(4))
    monkeypatch.setattr(ServerGallery, "restore", lambda self, person: None)
    assert slug_of(tasks.copy, unlock, "local", url) == "copy-differs"


def test_banks_of_strangers_are_copied_to_the_bit(unlock, on_server, url, stranger_folder):
    unlock.add_strangers(stranger_folder)
    done = tasks.copy(unlock, "local", url)
    assert done.banks == 1
    identity = unlock.strangers()[0].identity
    one, other = (gallery.strangers.read(identity) for gallery in (unlock.gallery, on_server.gallery))
    assert np.array_equal(one.embeddings, other.embeddings) and one.hashes == other.hashes
    assert tasks.copy(unlock, "local", url) == done
    unlock.forget_strangers("s4")
    assert slug_of(tasks.copy, unlock, "local", url) == "import-conflict"


def test_the_probes_of_an_index_are_as_similar_as_is_asked():
    rng = np.random.default_rng(5)
    for similarity in (0.3, 0.918, 1.0):
        vector = np.float32(unit(rng.normal(size=128)))
        probe = tasks._near(vector, similarity, rng)
        assert float(probe @ vector) == pytest.approx(similarity, abs=1e-6)
        assert float(np.linalg.norm(probe)) == pytest.approx(1, abs=1e-6)
