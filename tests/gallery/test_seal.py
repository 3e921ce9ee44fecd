"""What one key encrypts and vouches for, with nothing but texts."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceunlock.gallery.cipher import Cipher, SealRecord, Secret
from faceunlock.gallery.seal import PACKED, Plain, Sealed

KEY = bytes(range(32))
RECORD = SealRecord("00000000000000c1", "file", 4, {("people", "ada"): "a", ("people", "bob"): "b"})


@pytest.fixture
def sealed():
    return Sealed(
        dataclasses.replace(RECORD, manifest={}), Cipher(KEY, "00000000000000c1"), Secret(KEY, None)
    )


def test_what_is_sealed_comes_back_and_never_looks_the_same_twice():
    cipher = Cipher(KEY, "00000000000000c1")
    sealed = [cipher.seal("geheim Zoë", ["people", "ada"], generation=3) for _ in range(2)]
    assert sealed[0] != sealed[1] and "geheim" not in "".join(sealed)
    assert {cipher.unseal(text, ["people", "ada"]) for text in sealed} == {"geheim Zoë"}


@pytest.mark.parametrize("key, key_id", [(bytes(32), "00000000000000c1"), (KEY, "00000000000000c2")])
def test_another_key_or_another_name_of_it_opens_nothing(key, key_id):
    sealed = Cipher(KEY, "00000000000000c1").seal("text", ["people", "ada"], generation=1)
    with pytest.raises(ValueError):
        Cipher(key, key_id).unseal(sealed, ["people", "ada"])
    assert not Cipher(key, key_id).proves(RECORD, Cipher(KEY, "00000000000000c1").mac(RECORD))


@pytest.mark.parametrize("context", [["people", "bob"], ["calibrations", "ada"], ["people"], []])
def test_the_context_is_bound(context):
    sealed = Cipher(KEY, "00000000000000c1").seal("text", ["people", "ada"], generation=1)
    with pytest.raises(ValueError):
        Cipher(KEY, "00000000000000c1").unseal(sealed, context)


def test_the_generation_is_bound():
    prefix, generation, content = (
        Cipher(KEY, "00000000000000c1").seal("text", ["people"], generation=1).split(":")
    )
    assert generation == "1"
    with pytest.raises(ValueError):
        Cipher(KEY, "00000000000000c1").unseal(f"{prefix}:2:{content}", ["people"])


@pytest.mark.parametrize(
    "text", ["", "text", "sealed-1", "sealed-1:1:", "sealed-1:x:AAAA", "sealed-1:1:&", "sealed-2:1:"]
)
def test_what_was_never_sealed_is_refused(text):
    with pytest.raises(ValueError):
        Cipher(KEY, "00000000000000c1").unseal(text, [])


@pytest.mark.parametrize(
    "changes",
    [{"key_id": "00000000000000c2"}, {"place": "keyring"}, {"generation": 5}, {"manifest": {}},
     {"manifest": {("people", "ada"): "b", ("people", "bob"): "a"}}],
)  # fmt: skip
def test_a_record_is_proven_as_a_whole(changes):
    cipher = Cipher(KEY, "00000000000000c1")
    mac = cipher.mac(RECORD)
    assert cipher.proves(RECORD, mac)
    assert not cipher.proves(dataclasses.replace(RECORD, **changes), mac)
    assert not cipher.proves(RECORD, mac[:-1] + "é")


def test_a_record_survives_storage_and_nothing_else_is_one():
    row = ["00000000000000c1", "file", 4, RECORD.listing(), "mac"]
    assert SealRecord.from_row(row) == (RECORD, "mac")
    for column, wrong in (
        (0, None),
        (0, "../evil"),
        (0, "00000000000000C1"),
        (3, "[" * 100_000),
        (1, "cloud"),
        (2, 0),
        (2, "4"),
        (3, "[1]"),
        (3, "{}"),
        (3, "no"),
        (4, b""),
    ):
        with pytest.raises(ValueError):
            SealRecord.from_row([*row[:column], wrong, *row[column + 1 :]])


@pytest.mark.parametrize("table", ["people", "calibrations"])
def test_rows_count_only_as_the_manifest_lists_them(sealed, table):
    old_value, new_value = (b"old", b"new") if table == "people" else ("old", "new")
    old = sealed.write(table, ("ada", "Ada", old_value))
    new = sealed.write(table, ("ada", "Ada", new_value))
    assert sealed.read(table, new) == ["ada", "Ada", new_value]
    if table in PACKED:
        assert sealed.columns(table, [new, new]) == [("ada", "ada"), ("Ada", "Ada"), [new_value] * 2]
    for row in (old, Plain().write(table, ("ada", "Ada", new_value)), ("ada",)):
        with pytest.raises(ValueError):
            sealed.read(table, row)
        for rows in ([new, row], [row, new], [row]) if table in PACKED else ():
            with pytest.raises(ValueError):
                sealed.columns(table, rows)
    with pytest.raises(ValueError):
        sealed.read("photos" if table == "people" else "strangers", new)
    assert sealed.complete(table, []) == [("ada",)] and sealed.complete(table, [new]) == [new]
    assert sealed.lists(table, "ada") and not sealed.lists(table, "bob")
    assert sealed.drop(table, ["ada", "bob"]) == 1
    assert sealed.keys(table) == set() == Plain().keys(table)


@pytest.mark.parametrize(
    "values", [("ada", "A\0da", b"x"), ("ada", 5, b"x"), ("ada", b"Ada", b"x"), ("ada", "Ada", "x")]
)
def test_columns_of_another_type_are_refused(values):
    with pytest.raises((ValueError, TypeError)):
        Plain().write("people", values)
    with pytest.raises(ValueError):
        Plain().read("people", (*values, bytes(32)))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.binary(max_size=20), st.data())
def test_any_change_of_one_bit_of_sealed_bytes_is_noticed(content, context, data):
    cipher = Cipher(KEY, "00000000000000c1")
    sealed = cipher.seal_packed(content, context, generation=12)
    assert cipher.unseal_packed(sealed, context) == content
    changed = bytearray(sealed)
    changed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    for wrong, where in ((bytes(changed), context), (sealed, context + b"x"), (sealed[:-1], context)):
        with pytest.raises(ValueError):
            cipher.unseal_packed(wrong, where)


def test_the_number_of_a_change_is_used_once():
    cipher = Cipher(KEY, "00000000000000c1")
    assert Sealed(RECORD, cipher, Secret(KEY, None)).next_generation == 5
    assert Sealed(RECORD, cipher, Secret(KEY, (4, 9))).next_generation == 10
    assert (
        Secret(KEY, None).accepts(1) and Secret(KEY, (4, 9)).accepts(9) and not Secret(KEY, (4,)).accepts(3)
    )


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40), st.lists(st.text(max_size=10), max_size=4), st.data())
def test_any_change_of_one_character_is_noticed(text, context, data):
    cipher = Cipher(KEY, "00000000000000c1")
    sealed = cipher.seal(text, context, generation=12)
    assert cipher.unseal(sealed, context) == text
    position = data.draw(st.integers(0, len(sealed) - 1))
    character = data.draw(st.characters(codec="ascii").filter(lambda other: other != sealed[position]))
    with pytest.raises(ValueError):
        cipher.unseal(sealed[:position] + character + sealed[position + 1 :], context)
