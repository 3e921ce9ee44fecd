import json
import pickle
import stat
import zipfile
from dataclasses import fields, replace
from io import BytesIO

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fakes import IDENTITY
from support.made_comparisons import made

from faceunlock.errors import CalibrationError
from faceunlock.files.outputs import check_destination
from faceunlock.studies import score_file
from faceunlock.studies.calibration_report import report_for
from faceunlock.studies.comparisons import Comparisons
from faceunlock.studies.score_file import read_scores, write_scores


def assert_equal(first, second):
    for entry in fields(Comparisons):
        one, other = getattr(first, entry.name), getattr(second, entry.name)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other, err_msg=entry.name)
        else:
            assert one == other, entry.name


@pytest.fixture
def kept(tmp_path):
    write_scores(made(), tmp_path / "kept.npz")
    return tmp_path / "kept.npz"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a file, and a place to put bytes that are not quite these."""
    file = tmp_path_factory.mktemp("scores") / "damaged.npz"
    write_scores(made(), file)
    return file.read_bytes(), file


def refused(file, slug="scores-damaged"):
    with pytest.raises(CalibrationError) as caught:
        read_scores(file)
    assert caught.value.slug == slug and str(file) in caught.value.message
    return caught.value.message


def rewrite(file, **members):
    """Replace members of a file, by their names without the ending; None leaves one out."""
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    for stem, value in members.items():
        content[next(name for name in content if name.startswith(stem))] = value
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in content.items():
            if value is not None:
                archive.writestr(name, value)
    return file


def rewrite_record(file, **values):
    with zipfile.ZipFile(file) as archive:
        record = json.loads(archive.read("record.json"))
    return rewrite(file, record=json.dumps({**record, **values}))


def npy(array, **options):
    buffer = BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), **options)
    return buffer.getvalue()


# there and back


def test_everything_comes_back(kept):
    assert_equal(read_scores(kept), made())


@pytest.mark.parametrize("target", [0.3, 0.5, 1e-4])
def test_the_report_is_the_same_for_every_target(kept, target):
    assert report_for(read_scores(kept), target) == report_for(made(), target)


@settings(max_examples=30)
@given(people=st.integers(2, 6), strangers=st.integers(0, 4), seed=st.integers(0, 1000))
def test_all_comparisons_come_back(tmp_path_factory, people, strangers, seed):
    file = tmp_path_factory.mktemp("any") / "kept.npz"
    comparisons = made(people, strangers, seed)
    write_scores(comparisons, file)
    assert_equal(read_scores(file), comparisons)


def test_the_same_comparisons_give_the_same_bytes(kept, tmp_path):
    write_scores(made(), tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == kept.read_bytes()


def test_numpy_reads_the_arrays(kept):
    with np.load(kept, allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["similarity"], made().similarity)


def test_only_the_owner_may_read_it(kept):
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_millions_of_comparisons_take_about_eight_bytes_each(tmp_path):
    people = 1680
    probe_person = np.arange(people, dtype=np.int32)
    similarity = np.random.default_rng(0).uniform(-1, 1, (people, people))
    large = replace(
        made(people, 0),
        similarity=similarity,
        probe_person=probe_person,
        own_probes=people,
        files=tuple(f"people/{number}/some photo.jpg" for number in range(people)),
    )
    write_scores(large, tmp_path / "large.npz")
    assert (tmp_path / "large.npz").stat().st_size < 8 * similarity.size + 100 * people
    assert_equal(read_scores(tmp_path / "large.npz"), large)


# what is there is not lost


def test_a_file_that_is_there_stays(kept):
    before = kept.read_bytes()
    for call in (
        lambda: write_scores(made(seed=1), kept),
        lambda: check_destination(kept, kind=CalibrationError),
    ):
        with pytest.raises(CalibrationError, match="already exists") as caught:
            call()
        assert caught.value.slug == "file-exists"
    assert kept.read_bytes() == before
    check_destination(kept, overwrite=True, kind=CalibrationError)
    write_scores(made(seed=1), kept, overwrite=True)
    assert_equal(read_scores(kept), made(seed=1))
    assert list(kept.parent.iterdir()) == [kept]


def test_a_place_that_cannot_be_written_is_known_beforehand(tmp_path):
    for place in (tmp_path, tmp_path / "missing" / "kept.npz"):
        for call in (
            lambda place=place: check_destination(place, overwrite=True, kind=CalibrationError),
            lambda place=place: write_scores(made(), place, overwrite=True),
        ):
            with pytest.raises(CalibrationError, match=str(place)) as caught:
                call()
            assert caught.value.slug == "file-unwritable"


@pytest.mark.parametrize("limit", ["MAX_PHOTOS", "MAX_COMPARISONS", "MAX_RECORD_BYTES"])
def test_what_could_not_be_read_is_not_written(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(score_file, limit, 4)
    with pytest.raises(CalibrationError) as caught:
        write_scores(made(), tmp_path / "kept.npz")
    assert caught.value.slug == "file-unwritable" and not list(tmp_path.iterdir())


# what cannot be trusted


def test_what_is_not_there_or_no_file_is_unreadable(tmp_path):
    refused(tmp_path / "missing.npz", "file-unreadable")
    refused(tmp_path, "file-unreadable")


def test_bytes_changed_anywhere_are_found_or_do_not_matter(whole):
    content, file = whole
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        file.write_bytes(damaged)
        try:
            # Some bytes of an archive mean nothing to us, such as the hour of a member.
            assert_equal(read_scores(file), made())
        except CalibrationError as error:
            assert error.slug == "scores-damaged"


@settings(max_examples=150)
@given(data=st.data())
def test_bytes_changed_at_many_places_are_found(whole, data):
    content, file = whole
    places = st.dictionaries(st.integers(0, len(content) - 1), st.integers(0, 255), min_size=1, max_size=20)
    damaged = bytearray(content)
    for position, value in data.draw(places).items():
        damaged[position] = value
    file.write_bytes(damaged)
    try:
        assert_equal(read_scores(file), made())
    except CalibrationError as error:
        assert error.slug == "scores-damaged"


def test_a_file_cut_anywhere_is_damaged(whole):
    content, file = whole
    for length in range(0, len(content), 7):
        file.write_bytes(content[:length])
        refused(file)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "other").write_bytes(content)
    refused(tmp_path / "other")


def test_a_pickle_inside_is_never_run(kept, tmp_path, capfd):
    class Trap:
        def __reduce__(self):
            return print, ("the trap ran",)

    trap = pickle.dumps(np.array([Trap()], dtype=object))
    objects = npy(np.array([[Trap()]], dtype=object), allow_pickle=True)
    for content in (trap, objects):
        for name in ("similarity", "probe_person", "template_person"):
            refused(rewrite(kept, **{name: content}))
            kept.unlink()
            write_scores(made(), kept)
    refused(rewrite(kept, record=trap))
    assert "the trap ran" not in capfd.readouterr().out


def test_an_archive_of_numpy_with_other_members_is_refused(tmp_path, kept):
    np.savez(tmp_path / "other.npz", similarity=made().similarity)
    assert "members are not the expected ones" in refused(tmp_path / "other.npz")
    assert "members are not the expected ones" in refused(rewrite(kept, probe_person=None))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_comes_twice_is_refused(kept):
    with zipfile.ZipFile(kept, "a") as archive:
        archive.writestr("record.json", "{}")
    assert "twice" in refused(kept)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((13, 5), dtype=np.float32),
        np.zeros((13, 5), dtype=">f8"),
        np.zeros((13, 4)),
        np.zeros((5, 13)),
        np.zeros(65),
        np.zeros((13, 5), order="F"),
        np.full((13, 5), np.nan),
        np.full((13, 5), np.inf),
        np.full((13, 5), 1.001),
        np.array("text"),
    ],
)
def test_only_cosines_of_the_right_shape_are_taken(kept, array):
    refused(rewrite(kept, similarity=npy(array)))


@pytest.mark.parametrize(
    "change", [b"\x94NUMPY", b"\x93NUMPY\x02", b"(1000000000000, 5)", b"(13, 5, 1)", b"(-13, -5)"]
)
def test_a_header_that_lies_is_refused(kept, change):
    honest = npy(made().similarity)
    lie = honest.replace(b"(13, 5)", change) if change.startswith(b"(") else change + honest[len(change) :]
    assert lie != honest
    refused(rewrite(kept, similarity=lie))


@pytest.mark.parametrize("end", [b"\0", b"\0" * 8])
def test_an_array_longer_than_it_says_is_refused(kept, end):
    refused(rewrite(kept, similarity=npy(made().similarity) + end))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "something-else"),
        ("version", 2),
        ("version", None),
        ("people", -1),
        ("people", True),
        ("people", 2.0),
        ("people", 10**4000),
        ("templates", 4),
        ("own_probes", 14),
        ("own_probes", 9),
        ("data", None),
        ("created", "yesterday"),
        ("created", 7),
        ("identity", {}),
        ("identity", {**score_file.identity_to_record(IDENTITY), "weights_sha256": "short"}),
        ("plan", {"split": 3, "seed": 0}),
        ("plan", {"split": 0, "seed": 0, "rule": "central"}),
        ("plan", {"split": 3, "seed": -1, "rule": "central"}),
        ("plan", {"split": 3, "seed": 0.5, "rule": "central"}),
        ("plan", {"split": 3, "seed": 0, "rule": "oldest"}),
        ("plan", {"split": 3, "seed": 0, "rule": ["central"]}),
        ("plan", [3, 0, "central"]),
        ("plan", {"split": 3, "seed": 0, "rule": "central", "more": 1}),
        ("failures", []),
        ("failures", [{"photo": "a", "reason": 7, "detail": ""}]),
        ("failures", "none"),
        ("failures_to_acquire", {}),
        ("failures_to_acquire", None),
        ("files", ["a"]),
        ("files", [7] * 13),
        ("files", None),
        ("names", {}),
        ("more", 1),
    ],
)
def test_every_value_of_the_record_is_checked(kept, name, value):
    refused(rewrite_record(kept, **{name: value}))


def test_a_record_that_is_no_number_or_too_deep_is_refused(kept):
    for record in (b"NaN", b"[" * 100_000, b"{}", b"7", b"\xff", b'{"format": Infinity}'):
        refused(rewrite(kept, record=record))


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("probe_person", [0] * 13),  # strangers are one of the people
        ("probe_person", [*np.repeat(range(5), 2), 5, 6, 2**30]),
        ("probe_person", [-1, *np.repeat(range(5), 2)[1:], 5, 6, 7]),
        ("template_person", [0, 1, 2, 3, 2**31 - 1]),
        ("template_person", [0, 1, 2, 3, 7]),
    ],
)
def test_people_who_cannot_be_are_refused(kept, name, ids):
    refused(rewrite(kept, **{name: npy(np.array(ids, dtype=np.int32))}))


def test_comparisons_without_an_impostor_are_refused(kept):
    rewrite(
        kept,
        similarity=npy(np.ones((2, 1))),
        probe_person=npy(np.zeros(2, np.int32)),
        template_person=npy(np.zeros(1, np.int32)),
    )
    message = refused(rewrite_record(kept, files=["a", "b"], names=["Ada"], templates=1, own_probes=2))
    assert "nothing to judge" in message


# bounded


def test_a_file_that_is_too_large_is_not_read_whole(kept, monkeypatch):
    monkeypatch.setattr(score_file, "MAX_FILE_BYTES", kept.stat().st_size - 1)
    assert "larger than" in refused(kept)


@pytest.mark.parametrize("limit", ["MAX_COMPARISONS", "MAX_RECORD_BYTES", "MAX_PHOTOS"])
def test_what_unpacks_to_more_than_the_limit_is_refused(kept, monkeypatch, limit):
    monkeypatch.setattr(score_file, limit, 12)
    refused(kept)


def test_a_member_that_unpacks_to_far_more_than_its_array_is_not_unpacked(kept):
    bomb = npy(made().similarity) + bytes(1 << 26)
    assert "too large" in refused(rewrite(kept, similarity=bomb))


def test_a_member_packed_in_another_way_is_refused(kept):
    with zipfile.ZipFile(kept) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(kept, "w", method) as archive:
            for name, value in content.items():
                archive.writestr(name, value)
        refused(kept)
