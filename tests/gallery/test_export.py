"""An export opens with its passphrase and no other, and an import changes all or nothing."""

from __future__ import annotations

import json
import os
import stat
import tracemalloc
import zlib
from contextlib import closing
from dataclasses import replace

import pytest
from support.made_templates import make_calibration, make_template

from faceunlock.errors import FaceUnlockError
from faceunlock.gallery import export as transfer
from faceunlock.gallery import export_content
from faceunlock.gallery.export import ImportSummary, export_gallery, import_gallery
from faceunlock.gallery.gallery import Gallery
from faceunlock.matching.records import identity_to_record, template_to_record
from faceunlock.matching.templates import ModelIdentity

PASSPHRASE = "correct horse battery"
MODEL = make_template().identity
OTHER_MODEL = ModelIdentity("vggface2", "cd" * 32, "mtcnn-160", 3)


@pytest.fixture(autouse=True)
def cheap_key_derivation(monkeypatch):
    """The real costs are used where they matter; elsewhere 128 MiB for each call would only be slow."""
    monkeypatch.setattr(transfer, "SCRYPT", {"n": 2**4, "r": 8, "p": 1})


@pytest.fixture
def source(tmp_path):
    with Gallery(tmp_path / "source") as gallery:
        gallery.add("Ada", make_template([3.0, 1 / 3]))
        gallery.add("Bob", make_template([2.0], count=2))
        gallery.save_calibration(MODEL, make_calibration(MODEL, 0.7))
        yield gallery


@pytest.fixture
def target(tmp_path):
    with Gallery(tmp_path / "target", busy_timeout=0.1) as gallery:
        yield gallery


@pytest.fixture
def file(source, tmp_path):
    path = tmp_path / "gallery.export"
    export_gallery(source, path, PASSPHRASE)
    return path


def slug_of(action, *args, **options) -> str:
    with pytest.raises(FaceUnlockError) as caught:
        action(*args, **options)
    return caught.value.slug


def state(gallery) -> object:
    people = [
        (person.name, person.created, template_to_record(person.template)) for person in gallery.people()
    ]
    return people, gallery.calibrations()


def test_an_export_brings_everything_to_an_empty_gallery_with_the_real_costs(
    source, target, tmp_path, monkeypatch
):
    monkeypatch.undo()
    assert transfer.SCRYPT == {"n": 2**17, "r": 8, "p": 1}
    file = tmp_path / "gallery.export"
    written = export_gallery(source, file, PASSPHRASE)
    assert (written.file, written.people, written.calibrations) == (file, ("Ada", "Bob"), (MODEL,))
    assert written.size == file.stat().st_size
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    read = import_gallery(target, file, PASSPHRASE, admit=lambda calibration: None)
    assert read == ImportSummary(added=("Ada", "Bob"), calibrations_added=(MODEL,), thresholds_added=(0.7,))
    assert state(target) == state(source)


def test_nothing_readable_is_in_the_file(file, source):
    record = template_to_record(source.get("Ada").template)
    content = file.read_bytes()
    for text in ('"Ada"', '"Bob"', record["vector_sum"], record["photo_key"], "threshold"):
        assert text.encode() not in content


def test_two_exports_share_neither_salt_nor_nonce(source, file, tmp_path):
    export_gallery(source, tmp_path / "again", PASSPHRASE)
    first, second = (json.loads(path.read_bytes().split(b"\n")[1]) for path in (file, tmp_path / "again"))
    assert first["salt"] != second["salt"] and first["nonce"] != second["nonce"]


def test_an_existing_file_is_kept_unless_it_may_be_replaced(source, file, tmp_path):
    before = file.read_bytes()
    assert slug_of(export_gallery, source, file, PASSPHRASE) == "file-exists"
    assert file.read_bytes() == before
    export_gallery(source, file, "another passphrase", overwrite=True)
    assert file.read_bytes() != before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gallery.export", "source"]


def test_a_file_that_appears_during_the_export_is_kept(source, tmp_path, monkeypatch):
    path = tmp_path / "gallery.export"
    derive = transfer._derive

    def derive_meanwhile(*arguments):
        path.write_bytes(b"somebody else's")
        return derive(*arguments)

    monkeypatch.setattr(transfer, "_derive", derive_meanwhile)
    assert slug_of(export_gallery, source, path, PASSPHRASE) == "file-exists"
    assert path.read_bytes() == b"somebody else's"


def test_what_cannot_be_written_or_read_is_an_error(source, target, tmp_path):
    assert slug_of(export_gallery, source, tmp_path / "none" / "file", PASSPHRASE) == "file-unwritable"
    assert slug_of(export_gallery, source, tmp_path, PASSPHRASE, overwrite=True) == "file-unwritable"
    assert slug_of(import_gallery, target, tmp_path / "none", PASSPHRASE) == "file-unreadable"
    assert slug_of(import_gallery, target, tmp_path, PASSPHRASE) == "file-unreadable"
    assert slug_of(export_gallery, target, tmp_path / "file", PASSPHRASE) == "nobody-enrolled"


@pytest.mark.parametrize("passphrase", ["", "seven77", "a\u0301" * 7, "\udcff" * 8])
def test_unfit_passphrases_are_refused_before_anything_is_written(source, target, tmp_path, passphrase):
    assert slug_of(export_gallery, source, tmp_path / "file", passphrase) == "usage"
    assert slug_of(import_gallery, target, tmp_path / "file", passphrase) in {"usage", "file-unreadable"}
    assert not (tmp_path / "file").exists()


def test_a_passphrase_does_not_depend_on_how_it_is_composed(source, target, tmp_path):
    export_gallery(source, tmp_path / "file", "caf\u00e9 cr\u00e8me")
    assert import_gallery(target, tmp_path / "file", "cafe\u0301 cre\u0300me").added == ("Ada", "Bob")


def test_a_wrong_passphrase_changes_nothing(file, target):
    assert slug_of(import_gallery, target, file, "correct horse batterY") == "bad-passphrase"
    assert not target.path.exists()


def test_every_flipped_byte_is_noticed(file, target):
    content = file.read_bytes()
    ciphertext = content.index(b"\n", content.index(b"\n") + 1) + 1
    positions = [*range(ciphertext), *range(ciphertext, len(content), 7), len(content) - 1]
    slugs = set()
    for position in positions:
        file.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        slugs.add(slug_of(import_gallery, target, file, PASSPHRASE))
    assert slugs == {"export-damaged", "bad-passphrase"}
    assert not target.path.exists()


def test_every_truncation_is_told_from_a_wrong_passphrase(file, target):
    content = file.read_bytes()
    for length in [*range(0, len(content), 11), len(content) - 1]:
        file.write_bytes(content[:length])
        assert slug_of(import_gallery, target, file, PASSPHRASE) == "export-damaged"
    file.write_bytes(content + b"x")
    assert slug_of(import_gallery, target, file, PASSPHRASE) == "export-damaged"


def with_header(file, **changes):
    magic, header, rest = file.read_bytes().split(b"\n", 2)
    changed = json.loads(header) | changes
    file.write_bytes(b"\n".join([magic, json.dumps(changed).encode(), rest]))


@pytest.mark.parametrize(
    "changes",
    [
        {"n": 2**18}, {"n": 2**14, "r": 128}, {"n": 2**17, "p": 2},
        {"n": 2**40}, {"n": 2**20}, {"r": 2**20}, {"p": 2**30}, {"n": 3}, {"n": 1}, {"n": 0}, {"n": -2},
        {"r": 0}, {"n": "16"}, {"n": True}, {"n": 16.0}, {"p": None}, {"n": 2**16, "r": 1}, {"kdf": "md5"},
        {"cipher": "none"}, {"salt": ""}, {"nonce": "AAAA"}, {"salt": 5}, {"salt": "é"}, {"size": 10**9},
        {"size": None}, {"more": 1},
    ],
)  # fmt: skip
def test_a_hostile_header_is_refused_before_it_costs_anything(file, target, changes, monkeypatch):
    monkeypatch.setattr(transfer, "_derive", lambda *_: pytest.fail("derived a key"))
    with_header(file, **changes)
    assert slug_of(import_gallery, target, file, PASSPHRASE) == "export-damaged"


def test_a_changed_header_that_is_plausible_is_noticed_too(file, target):
    with_header(file, p=2)
    assert slug_of(import_gallery, target, file, PASSPHRASE) == "bad-passphrase"


def test_a_newer_format_asks_for_an_update(file, target):
    file.write_bytes(file.read_bytes().replace(b"EXPORT 1\n", b"EXPORT 3\n", 1))
    with pytest.raises(FaceUnlockError) as caught:
        import_gallery(target, file, PASSPHRASE)
    assert caught.value.slug == "export-damaged" and "Update" in caught.value.hint


def test_sizes_are_bounded(source, file, target, tmp_path, monkeypatch):
    monkeypatch.setattr(export_content, "MAX_CONTENT_BYTES", 100)
    assert slug_of(export_gallery, source, tmp_path / "more", PASSPHRASE) == "file-unwritable"
    assert slug_of(import_gallery, target, file, PASSPHRASE) == "export-damaged"
    monkeypatch.setattr(transfer, "MAX_FILE_BYTES", 100)
    with pytest.raises(FaceUnlockError, match="larger than an export can be"):
        import_gallery(target, file, PASSPHRASE)


def sealed(content: object) -> bytes:
    """An authentic export of a content that faceunlock would not write."""
    raw = content if isinstance(content, bytes) else zlib.compress(json.dumps(content).encode())
    return transfer._seal(raw, PASSPHRASE.encode())


def person(**changes) -> dict:
    moment = "2025-01-31T09:30:00Z"
    plain = {
        "name": "Ada",
        "created": moment,
        "updated": moment,
        "template": template_to_record(make_template()),
    }
    return plain | changes


def calibration(**changes) -> dict:
    identity = {"model": "dlib", "weights_sha256": "ab" * 32, "preprocessing": "p", "dimension": 3}
    return {"identity": identity, "data": {"threshold": 0.5}} | changes


@pytest.mark.parametrize(
    "content",
    [
        b"not compressed",
        zlib.compress(b"{}")[:-1],
        zlib.compress(b"{}") + b"more",
        zlib.compress(b"[" * 100_000),
        zlib.compress(b"\xff"),
        [],
        {},
        {"people": [], "calibrations": {"a": 1}},
        {"people": None, "calibrations": []},
        {"people": [person(name="a/b")], "calibrations": []},
        {"people": [person(created="now")], "calibrations": []},
        {"people": [person(template={})], "calibrations": []},
        {"people": [person(), person(name="ADA")], "calibrations": []},
        {"people": [], "calibrations": [calibration(data=[1])]},
        {"people": [], "calibrations": [calibration(data={"threshold": float("nan")})]},
        {"people": [], "calibrations": [calibration(identity={})]},
        {"people": [person()], "calibrations": [7]},
    ],
)
def test_an_authentic_file_is_checked_as_strictly_as_the_gallery(target, tmp_path, content):
    file = tmp_path / "file"
    file.write_bytes(sealed({"people": [person()], "calibrations": [calibration()]}))
    assert import_gallery(target, file, PASSPHRASE).added == ("Ada",)
    before = state(target)
    file.write_bytes(sealed(content))
    assert slug_of(import_gallery, target, file, PASSPHRASE, on_conflict="replace") == "export-damaged"
    assert state(target) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 2}, {"count": 10**400}, {"mean_similarity": 0.5, "lowest_similarity": 0.6},
        {"photo_hashes": [f"{number:064x}" for number in range(6)]},
        {"count": 7}, {"count": 10**6},
    ],
)  # fmt: skip
def test_a_template_that_no_photos_could_make_is_refused(target, tmp_path, changes):
    template = template_to_record(make_template([3.0, 0.0, 0.0]))
    file = tmp_path / "file"
    file.write_bytes(sealed({"people": [person(template=template)], "calibrations": []}))
    assert import_gallery(target, file, PASSPHRASE).added == ("Ada",)
    target.forget_all()
    file.write_bytes(sealed({"people": [person(template=template | changes)], "calibrations": []}))
    assert slug_of(import_gallery, target, file, PASSPHRASE) == "export-damaged"


def test_a_template_has_the_dimension_of_its_model(file, target):
    with pytest.raises(FaceUnlockError, match="vectors of 2 numbers") as caught:
        import_gallery(target, file, PASSPHRASE, dimensions={"dlib": 128})
    assert caught.value.slug == "export-damaged" and not target.people()
    assert import_gallery(target, file, PASSPHRASE, dimensions={"vggface2": 512}).added == ("Ada", "Bob")


def test_a_calibration_arrives_only_when_asked_for(file, target):
    read = import_gallery(target, file, PASSPHRASE)
    assert (read.calibrations_added, read.calibrations_left_out) == ((), (MODEL,))
    assert target.calibrations() == ()


@pytest.mark.parametrize(
    "data",
    [
        {"threshold": 0.5}, {}, make_calibration(MODEL) | {"threshold": "low"},
        make_calibration(MODEL) | {"threshold": -2.0}, make_calibration(OTHER_MODEL),
        make_calibration(MODEL) | {"status": "calibrated"}, make_calibration(MODEL) | {"more": 1},
    ],
)  # fmt: skip
def test_a_calibration_that_is_none_never_gets_in(target, tmp_path, data):
    file = tmp_path / "file"
    entry = calibration(identity=identity_to_record(MODEL), data=data)
    file.write_bytes(sealed({"people": [person()], "calibrations": [entry]}))
    assert slug_of(import_gallery, target, file, PASSPHRASE, admit=lambda _: None) == "export-damaged"
    assert target.people() == ()
    assert import_gallery(target, file, PASSPHRASE).calibrations_left_out == (MODEL,)
    assert target.calibrations() == ()


BOMBS = {
    "spaces": b'{"people": [], "calibrations": []}' + b" " * 60_000_000,
    "lists": b'{"people": [' + b"[]," * 300_000 + b'[]], "calibrations": []}',
    "numbers": b'{"people": [' + b"1," * 600_000 + b'1], "calibrations": []}',
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_takes_little_memory(target, tmp_path, bomb):
    file = tmp_path / "file"
    file.write_bytes(sealed(zlib.compress(BOMBS[bomb], 9)))
    assert file.stat().st_size < 65_000
    tracemalloc.start()
    try:
        assert slug_of(import_gallery, target, file, PASSPHRASE) == "export-damaged"
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_an_export_that_shrinks_unusually_well_is_still_read(source, target, tmp_path):
    same = {
        "identity": replace(MODEL, dimension=60_000), "count": 10**6, "mean_similarity": 1e-4,
        "lowest_similarity": 0.0,
    }  # fmt: skip
    for number in range(3):
        source.add(f"Person {number}", make_template([0.5] * 60_000, **same))
    export_gallery(source, tmp_path / "file", PASSPHRASE)
    assert import_gallery(target, tmp_path / "file", PASSPHRASE).added[-1] == "Person 2"


def test_the_same_templates_are_no_conflict(file, source):
    before = state(source)
    assert import_gallery(source, file, PASSPHRASE) == ImportSummary(
        identical=("Ada", "Bob"), calibrations_kept=(MODEL,)
    )
    assert state(source) == before


def test_conflicts_are_refused_as_a_whole_and_named(file, target):
    target.add("ADA", make_template([9.0]))
    before = state(target)
    with pytest.raises(FaceUnlockError, match="Ada") as caught:
        import_gallery(target, file, PASSPHRASE)
    assert caught.value.slug == "import-conflict" and "Bob" not in caught.value.message
    assert state(target) == before


def test_conflicts_are_skipped(file, target):
    target.add("Ada", make_template([9.0]))
    summary = import_gallery(target, file, PASSPHRASE, on_conflict="skip")
    assert (summary.added, summary.skipped, summary.replaced) == (("Bob",), ("Ada",), ())
    assert target.get("Ada").template.vector_sum.tolist() == [9.0]


def test_conflicts_are_replaced_even_where_the_row_here_is_damaged(file, target, source):
    target.add("Ada", make_template([9.0]))
    target.add("Bob", make_template([2.0], count=2))
    with target.transaction() as connection:
        connection.execute("UPDATE people SET template = '' WHERE key = 'ada'")
    summary = import_gallery(target, file, PASSPHRASE, on_conflict="replace")
    assert (summary.replaced, summary.identical, summary.added) == (("Ada",), ("Bob",), ())
    assert template_to_record(target.get("Ada").template) == template_to_record(source.get("Ada").template)


def test_a_calibration_measured_here_is_never_replaced(file, target):
    target.save_calibration(MODEL, {"threshold": 0.9})
    target.save_calibration(OTHER_MODEL, {"threshold": 0.8})
    summary = import_gallery(target, file, PASSPHRASE, on_conflict="replace", admit=lambda _: None)
    assert (summary.calibrations_added, summary.calibrations_kept) == ((), (MODEL,))
    assert target.calibration(MODEL) == {"threshold": 0.9}


def test_a_failure_in_the_middle_changes_nothing(file, target, monkeypatch):
    target.add("Cleo", make_template())
    before = state(target)

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Gallery, "save_calibration", fail)
    with pytest.raises(KeyboardInterrupt):
        import_gallery(target, file, PASSPHRASE, admit=lambda _: None)
    assert state(target) == before


def test_an_import_beside_another_writer_is_busy(file, target):
    target.add("Cleo", make_template())
    with closing(Gallery(target.path.parent)) as other, other.transaction():
        assert slug_of(import_gallery, target, file, PASSPHRASE) == "gallery-busy"
    assert [person.name for person in target.people()] == ["Cleo"]


@pytest.mark.skipif(os.name != "posix", reason="there are no named pipes here")
def test_a_pipe_is_not_waited_for(target, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert slug_of(import_gallery, target, tmp_path / "pipe", PASSPHRASE) == "file-unreadable"
