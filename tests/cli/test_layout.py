"""Text and tables that fit a terminal."""

from __future__ import annotations

from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from faceunlock.cli.layout import drawn, short_names, wrapped
from faceunlock.files.text import table

WORDS = st.text(st.sampled_from("abcdefgh123é漢"), min_size=1, max_size=12)
CELLS = st.lists(WORDS, max_size=8).map(" ".join)
TABLES = st.integers(1, 7).flatmap(
    lambda n: st.tuples(
        st.lists(WORDS, min_size=n, max_size=n, unique=True),
        st.lists(st.lists(CELLS, min_size=n, max_size=n), max_size=5),
    )
)


@given(TABLES, st.integers(24, 140))
def test_no_line_of_a_table_is_wider_than_the_terminal_and_no_letter_is_lost(made, width):
    titles, rows = made
    text = drawn(table(*titles, rows=rows), width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    letters = "".join(text.split())
    for cell in [cell for row in rows for cell in row]:
        for letter in "".join(cell.split()):
            assert letters.count(letter) >= "".join("".join(row) for row in rows).count(letter)


@given(st.lists(WORDS, max_size=40).map(" ".join), st.integers(20, 100))
def test_wrapped_text_keeps_every_word_in_its_place(text, width):
    lines = wrapped(text, width).splitlines()
    assert " ".join(" ".join(lines).split()) == " ".join(text.split())
    assert all(cell_len(line) <= width for line in lines)


def test_what_fits_stays_as_it_is():
    assert wrapped("a  b   c\n\n  d", 10) == "a  b   c\n\n  d"


def test_a_line_that_is_a_command_stays_whole_so_that_it_can_be_copied():
    command = "    faceunlock --home /srv/faces/of/everybody enroll ada PHOTOS --look glasses"
    assert wrapped(f"What next?\n{command}", 40) == f"What next?\n{command}"
    said = "  faceunlock reads photos, and it keeps none of them."
    assert all(len(line) <= 40 for line in wrapped(said, 40).splitlines())


def test_gaps_between_phrases_stay():
    line = "epoch 12/30  loss 0.1989  EER 3.5 %  FNMR at FMR 1e-2 10 % (1 of 10)  about 11 s left"
    assert wrapped(line, 44).splitlines() == [
        "epoch 12/30  loss 0.1989  EER 3.5 %  FNMR at",
        "             FMR 1e-2 10 % (1 of 10)  about",
        "             11 s left",
    ]


def test_values_stay_below_their_label():
    lines = wrapped("security    normal: one stranger in a thousand gets in", 36).splitlines()
    assert lines == ["security    normal: one stranger in a", "            thousand gets in"] or lines == [
        "security    normal: one stranger in",
        "            a thousand gets in",
    ]
    assert all(len(line) <= 36 for line in lines)


@pytest.mark.parametrize("width", [30, 50, 80])
def test_a_command_stays_on_one_line(width):
    command = "faceunlock --home /srv/my/faces strangers pull lfw"
    lines = wrapped(f"There are few strangers here. To get thousands of them: {command}; then go on", width)
    assert any(command in line for line in lines.splitlines())


def test_the_answer_fits_eighty_columns_and_details_are_named():
    party = table(
        *("name", "similarity", "closest or reason", "face", "photo", "left,top,width,height"),
        rows=[("unknown", "0.7315", "Ada Lovelace", 1, "/home/ada/a/long/way/party.jpg", "226,249,79,108")],
        paths=("photo",),
        details=("left,top,width,height",),
    )
    narrow, wide = drawn(party, 60), drawn(party, 100)
    assert "226,249" not in narrow and narrow.endswith("(with -v also: left,top,width,height)")
    assert "226,249" in wide and "with -v" not in wide
    assert " party.jpg" in narrow and "/home" not in wide
    loud = drawn(party, 200, verbose=True)
    assert "/home/ada/a/long/way/party.jpg" in loud and "226,249" in loud


def test_words_wrap_and_numbers_stand_below_each_other():
    text = drawn(table("what", "count", rows=[("some long words here", 5), ("b", "1,000")]), 18)
    assert text.splitlines() == [
        "what         count",
        "───────────  ─────",
        "some long        5",
        "words here",
        "b            1,000",
    ]


def test_a_table_that_cannot_fit_becomes_a_paragraph_per_row():
    names = [f"Person{number:02}" for number in range(20)]
    text = drawn(table("person", *names, rows=[("Ada", *range(20))]), 40)
    assert text.startswith("person Ada\n  Person00 0; Person01 1; ")
    assert max(map(len, text.splitlines())) <= 40


def test_a_table_of_many_narrow_columns_gets_numbers_and_a_legend():
    names = [f"Somebody{number:02}" for number in range(20)]
    matrix = [[name, *(int(name == other) for other in names)] for name in names]
    lines = drawn(table("person \\ taken for", *names, rows=matrix), 80).splitlines()
    assert lines[0].split() == ["person", "\\", "taken", "for", *map(str, range(1, 21))]
    assert max(map(len, lines)) <= 80 and "1 Somebody00  2 Somebody01" in " ".join(lines)
    assert next(line for line in lines if line.startswith("Somebody03")).split()[4] == "1"


def test_a_long_path_is_cut_between_its_parts():
    text = drawn(table("photo", "face", rows=[("/home/ada/phone10/test/Ulin/Ulin6.jpg", 1)]), 32)
    assert text.splitlines()[2:] == ["/home/ada/phone10/test/        1", "Ulin/Ulin6.jpg"]


def test_a_number_stays_with_its_unit():
    assert wrapped(
        "failures  48.1 % (13 of 27; 95 % interval 28.7 % to 69.6 %, of people)", 58
    ).splitlines() == [
        "failures  48.1 % (13 of 27; 95 % interval 28.7 % to",
        "          69.6 %, of people)",
    ]


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join), max_size=6))
def test_short_names_tell_different_paths_apart(paths):
    names = short_names(paths)
    assert all(PurePath(path).match(name) for path, name in zip(paths, names, strict=True))
    for path, name in zip(paths, names, strict=True):
        assert [other for other, known in zip(paths, names, strict=True) if known == name] == [path] * (
            paths.count(path)
        )


def test_a_date_stays_on_one_line_with_its_time():
    long = "/home/ada/phone10/test/Ulin/on/a/long/way/Ulin6.jpg"
    text = drawn(table("time", "photo", rows=[("2026-11-29 02:25", long)]), 40, verbose=True)
    assert text.splitlines()[2].startswith("2026-11-29 02:25  /home")
