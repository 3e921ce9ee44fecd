"""Names have one spelling and one key; records carry a template exactly, and nothing else."""

from __future__ import annotations

import itertools
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.made_templates import make_template

from faceunlock.errors import GalleryError
from faceunlock.files.invisible import belongs, is_invisible
from faceunlock.matching.people import (
    MAX_NAME_LENGTH,
    Person,
    check_name,
    check_time,
    check_times,
    known_name,
    name_key,
    name_keys,
    normalise_name,
    well_formed,
)
from faceunlock.matching.records import (
    person_to_record,
    record_to_person,
    record_to_template,
    template_to_record,
)


@given(st.text(max_size=80))
def test_a_name_is_normalised_once_and_for_all_or_refused(name):
    try:
        normal = normalise_name(name)
    except GalleryError as error:
        assert error.slug == "bad-name"
        assert str(error).isprintable()
        return
    assert normalise_name(normal) == normal
    assert 1 <= len(normal) <= MAX_NAME_LENGTH
    assert not set(normal) & {"/", "\\"}
    invisible = [at for at, char in enumerate(normal) if is_invisible(char)]
    assert all(belongs(normal, at) for at in invisible)
    assert "".join(char for char in normal if not is_invisible(char)).isprintable()
    assert unicodedata.is_normalized("NFC", normal)


@given(st.text(max_size=80))
def test_the_key_does_not_depend_on_case_or_spelling(name):
    key = name_key(name)
    assert name_key(key) == key
    assert name_key(name.casefold()) == key
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert name_key(unicodedata.normalize(form, name)) == key


@pytest.mark.parametrize(
    "name",
    [
        "", "  ", ".", "..", " .. ", "a/b", "a\\b", "a\nb", "a\tb", "a\0b", "\x1b[31mred", "a\u202eb",
        "a\u200bb", "A\u200dda", "A\ufe0f", "A\u034f", "A\u3164", "\u3164", "\u2800",
        "\u115f\u1160", "a\u2028b", "\ud800", "\udcff", "\ufeffa", "x" * 65, "\u2066a\u2069",
    ],
)  # fmt: skip
def test_bad_names_are_refused_with_a_printable_message(name):
    with pytest.raises(GalleryError) as caught:
        normalise_name(name)
    assert caught.value.slug == "bad-name"
    caught.value.message.encode("utf-8")


@pytest.mark.parametrize(
    ("given", "kept"),
    [("Ada", "Ada"), ("  Ada \n", "Ada"), ("Ada\u00a0\u3000 L", "Ada L"), ("Ame\u0301lie", "Am\u00e9lie"),
     ("李小龍", "李小龍"), ("x" * 64, "x" * 64), ("O'Neil-Smith (2)", "O'Neil-Smith (2)")],
)  # fmt: skip
def test_good_names(given, kept):
    assert normalise_name(given) == kept


def test_keys_join_spellings_and_part_people():
    assert name_key("STRASSE") == name_key("straße")
    assert name_key("ﬁona") == name_key("Fiona")
    assert name_key("Ada") != name_key("Adá")


BLANK = "\u2800"
LOOKALIKES = ["\u200b", "\u200c", "\u200d", "\u034f", "\ufe0f", "\u3164", "\uffa0", "\u2060", "\u00ad",
              BLANK, "\u180b", "\U000e0100", "\u17b4"]  # fmt: skip


@given(st.text(max_size=20), st.sampled_from(LOOKALIKES), st.integers(0, 20))
def test_nobody_has_the_visible_name_of_somebody_else(name, invisible, at):
    other = name[:at] + invisible + name[at:]
    key = name_key(other)
    assert not any(map(is_invisible, key)) and name_key(key) == key
    assert all(name_key(stored) == key for stored in name_keys(other))
    if name.isalpha() and not any(map(is_invisible, name)):
        # What is blank and has a width parts two words.
        seen = f"{name[:at]} {name[at:]}".strip() if invisible == BLANK else name
        assert key == name_key(seen)


@pytest.mark.parametrize("invisible", LOOKALIKES)
@pytest.mark.parametrize("name", ["Ada", "A. L.", "علی", "李小龍"])
def test_invisible_characters_make_no_second_name(name, invisible):
    assert name_key(name + invisible) == name_key(invisible + name) == name_key(name)
    assert name_key(f"{name} {invisible} L") == name_key(f"{name} L")


@pytest.mark.parametrize(
    "name", ["علی\u200cرضا", "മോഹന്\u200d", "ශ්\u200dරී", "Ada ❤\ufe0f\u200d🔥", "葛\U000e0100城"]
)
def test_joiners_that_belong_to_a_name_are_kept_and_fold_away(name):
    assert normalise_name(name) == name
    bare = "".join(char for char in name if not is_invisible(char))
    assert name_key(name) == name_key(bare) and bare != name


@pytest.mark.parametrize("name", ["\u3164", "Ada\ufe0f", "Ada\u034f", "\u2800\u2800"])
def test_names_that_an_earlier_version_took_are_still_read(name):
    assert known_name(name) == name
    assert slug_of_bad(normalise_name, name) == "bad-name"
    moment = "2025-01-31T09:30:00Z"
    record = person_to_record(Person(name, make_template(), moment, moment))
    assert record_to_person(record).name == name


def slug_of_bad(call, name):
    with pytest.raises(GalleryError) as caught:
        call(name)
    return caught.value.slug


finite = st.floats(min_value=-1e6, max_value=1e6, allow_subnormal=False, width=32)


@given(
    st.lists(finite, min_size=1, max_size=8).filter(lambda values: max(map(abs, values)) > 1e-6),
    st.integers(1, 10**6),
    st.floats(-1, 1),
    st.binary(min_size=32, max_size=32),
    st.frozensets(st.binary(min_size=32, max_size=32).map(bytes.hex), max_size=4),
)
def test_a_record_carries_every_bit_of_a_template_as_it_is_stored(vector, count, similarity, key, hashes):
    template = make_template(
        vector, count=count, mean_similarity=similarity, lowest_similarity=similarity, photo_key=key,
        photo_hashes=hashes,
    )  # fmt: skip
    back = record_to_template(template_to_record(template))
    assert np.asarray(back.vector_sum).tobytes() == template.vector_sum.astype(np.float32).tobytes()
    assert np.asarray(back.vector_sum, dtype=np.float64).tobytes() == template.vector_sum.tobytes()
    assert np.asarray(back.vector_sum).dtype == np.float32
    for field in ("identity", "count", "mean_similarity", "lowest_similarity", "photo_key", "photo_hashes"):
        assert getattr(back, field) == getattr(template, field)


def test_numbers_of_numpy_become_plain():
    record = template_to_record(
        make_template(count=np.int64(3), mean_similarity=np.float64(0.5), vector_sum=np.ones(3, np.float32))
    )
    assert record_to_template(record).count == 3
    assert type(record["count"]) is int and type(record["mean_similarity"]) is float


def encoded(values) -> str:
    return template_to_record(make_template(values))["vector_sum"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vector_sum", encoded([1.0, 2.0])),
        ("vector_sum", encoded([1.0, 2.0, np.nan])),
        ("vector_sum", encoded([1.0, 2.0, np.inf])),
        ("vector_sum", encoded([0.0, 0.0, 0.0])),
        ("vector_sum", encoded([1e200, 1e200, 1e200])),
        ("vector_sum", "not base64!"),
        ("vector_sum", "é"),
        ("vector_sum", None),
        ("count", 0),
        ("count", True),
        ("count", 1.5),
        ("mean_similarity", float("nan")),
        ("mean_similarity", 1.01),
        ("lowest_similarity", "0.5"),
        ("lowest_similarity", False),
        ("photo_key", "00" * 31),
        ("photo_key", "zz" * 32),
        ("photo_hashes", ["00" * 32, "00" * 32]),
        ("photo_hashes", ["short"]),
        ("photo_hashes", "00" * 32),
        ("identity", None),
        ("identity", {"model": "dlib"}),
        ("identity", {"model": "", "weights_sha256": "ab" * 32, "preprocessing": "p", "dimension": 3}),
        ("identity", {"model": "m", "weights_sha256": "AB", "preprocessing": "p", "dimension": 3}),
        ("identity", {"model": "m", "weights_sha256": "ab" * 32, "preprocessing": "p", "dimension": 3.0}),
        ("more", 1),
    ],
)
def test_a_record_that_is_not_exactly_right_is_refused(field, value):
    record = template_to_record(make_template())
    record_to_template(record)
    with pytest.raises(ValueError):
        record_to_template(record | {field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "a/b"), ("name", " Ada"), ("name", None), ("created", "yesterday"), ("updated", 5), ("x", 1)],
)
def test_a_person_that_is_not_exactly_right_is_refused(field, value):
    moment = "2025-01-31T09:30:00Z"
    record = person_to_record(Person("Ada", make_template(), moment, moment))
    assert record_to_person(record).name == "Ada"
    with pytest.raises(ValueError):
        record_to_person(record | {field: value})


MOMENT = "2025-01-31T09:30:00Z"


def with_looks(*names):
    person = Person("Ada", make_template(), MOMENT, MOMENT)
    for number, name in enumerate(names):
        person = person.with_look(name, make_template((1.0, 0.0, number)))
    return person


@given(st.lists(st.sampled_from(["Glasses", "glasses", "Bart", "Hut", "ＨＵＴ"]), max_size=6))
def test_a_person_keeps_one_template_for_each_look(names):
    person = with_looks(*names)
    keys = [name_key(look.name) for look in person.looks]
    assert keys == sorted({name_key(name) for name in names})
    assert [look for look, _ in person.templates] == [None, *(look.name for look in person.looks)]
    for name in names:
        last = max(number for number, other in enumerate(names) if name_key(other) == name_key(name))
        assert person.look(name).template.vector_sum.tolist() == [1.0, 0.0, last]
        assert person.without_look(name).look(name) is None
    again = record_to_person(person_to_record(person))
    assert person_to_record(again) == person_to_record(person)
    assert ("looks" in person_to_record(person)) == bool(names)


def test_a_new_template_of_a_look_keeps_its_spelling_and_its_date():
    (look,) = with_looks("glasses").looks
    again = Person("Ada", make_template(), MOMENT, MOMENT, (look,)).with_look("GLASSES", make_template())
    assert (again.looks[0].name, again.looks[0].created) == ("glasses", look.created)


def look_record(**changes):
    return person_to_record(with_looks("hat"))["looks"][0] | changes


@pytest.mark.parametrize(
    "looks",
    [
        [], None, "hat", [None], [look_record(name="a/b")], [look_record(name=" hat")], [look_record(name=5)],
        [look_record(created="today")], [look_record(created=None)], [look_record(more=1)],
        [look_record(), look_record()], [look_record(name="Z"), look_record(name="a")],
        [look_record(template=None)], [look_record(template=template_to_record(make_template((1.0, 2.0))))],
    ],
)  # fmt: skip
def test_looks_that_are_not_exactly_right_are_refused(looks):
    record = person_to_record(with_looks("hat"))
    assert record_to_person(record).looks
    with pytest.raises(ValueError):
        record_to_person(record | {"looks": looks})


@pytest.mark.parametrize("length", range(5))
def test_names_that_are_quickly_told_are_those_that_may_be_stored(length):
    """Both short ways say yes only where `known_name` keeps a name as it is; one of them says it for each."""

    def as_it_is(name):
        try:
            return known_name(name) == name
        except GalleryError:
            return False

    def checked(name):
        try:
            check_name(name)
        except ValueError:
            return False
        return True

    letters = "a ./\\\u00e9e\u0301\u200d\u00a0\n\x7f" if length < 4 else "a ./\u0301\n"
    for chosen in itertools.product(letters, repeat=length):
        name = "".join(chosen)
        assert checked(name) == as_it_is(name), ascii(name)
        assert as_it_is(name) or not well_formed(["Ada", name, "Bob"]), ascii(name)
    assert checked("a" * 64) and not checked("a" * 65) and not well_formed(["a" * 65])
    assert well_formed(["Ada", "Zo\u00eb", "\u674e \u5c0f\u9f8d"])


@given(
    st.lists(
        st.sampled_from([
            "2025-01-31T09:30:00Z", "2025-01-31T23:59:59Z", "2024-02-29T00:00:00Z", "2025-1-31T9:30:00Z",
            "\u0662025-01-31T09:30:00Z", "2025-02-29T00:00:00Z", "2025-01-31T24:00:00Z",
            "2025-01-31T09:30:60Z", "2025-01-31T09:60:00Z", "2025-01-31T09:30:00",
            "2025-01-31T09:30:00ZT09:30:00Z", "2025-01-31", "", "0000-01-31T09:30:00Z",
            "2025-01-31T\u0662\u0663:30:00Z", "2025-01-31 09:30:00Z",
        ]),
        max_size=4,
    )
)  # fmt: skip
def test_many_times_are_right_where_each_is(moments):
    try:
        for moment in moments:
            check_time(moment)
    except ValueError:
        with pytest.raises(ValueError):
            check_times(moments)
    else:
        check_times(moments)


@pytest.mark.parametrize(
    ("moment", "valid"),
    [
        ("2025-01-31T09:30:00Z", True), ("2025-1-31T9:30:00Z", True), ("2025-02-30T09:30:00Z", False),
        ("2025-01-31T24:00:00Z", False), ("2025-01-31T09:30:00", False), ("once", False), ("", False),
        ("2025-01-31 09:30:00Z", False), ("\u0662025-01-31T09:30:00Z", True), (5, False),
        ("0000-01-31T09:30:00Z", False),
    ],
)  # fmt: skip
def test_times_as_they_are_stored(moment, valid):
    if valid:
        check_time(moment)
    else:
        with pytest.raises(ValueError):
            check_time(moment)
