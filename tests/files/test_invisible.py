"""Characters that draw nothing stay only where they are part of a word or an emoji."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceunlock.files.invisible import belongs, is_invisible, without_invisible

WORDS = {
    "Persian": "علی\u200cرضا",
    "Persian with a mark": "مُحمّد\u200cرضا",
    "Malayalam, at the end": "മോഹന്\u200d",
    "Sinhala": "ශ්\u200dරී",
    "Devanagari": "क्\u200dष",
    "Devanagari, not joined": "क्\u200cष",
    "Bengali ya-phalaa": "র\u200d্যাব",
    "a family": "👨\u200d👩\u200d👧",
    "a profession with a skin colour": "👩🏽\u200d⚕\ufe0f",
    "a flag": "🏳\ufe0f\u200d🌈",
    "a heart": "❤\ufe0f",
    "a key cap": "1\ufe0f\u20e3",
    "a Han variant": "葛\U000e0100城",
    "Mongolian": "ᠠ\u180bᠨ",
}


@pytest.mark.parametrize("word", WORDS.values(), ids=WORDS)
def test_what_belongs_to_a_word_stays(word):
    invisible = [at for at, char in enumerate(word) if is_invisible(char)]
    assert invisible and all(belongs(word, at) for at in invisible)


@pytest.mark.parametrize(
    "text",
    ["A\u200dda", "A\u200cda", "\u200d", "\u200cعلی", "علی\u200c", "علی\u200cAda", "علی\u200dرضا",
     "\u094d\u200d", "a\u094d\u200d", "👨\u200dA", "A\u200d👨", "👨\u200d", "A\ufe0f", "\ufe0f", "1\ufe0f",
     "A\U000e0100", "a\u180b",
     "ᠠ\u180e", "A\u034f", "\u3164", "\u115f", "\u2800", "\u00ad", "\u202e", "\u2066", "\ufeff", "\u200b",
     "م\u034f\u200cر", "\U000e0041"],
)  # fmt: skip
def test_what_only_hides_does_not_belong(text):
    invisible = [at for at, char in enumerate(text) if is_invisible(char)]
    assert invisible and not belongs(text, invisible[-1])


@given(
    st.text(st.characters(exclude_categories=("Cs",)) | st.sampled_from("\u200c\u200d\ufe0f\u3164 \u2800"))
)
def test_nothing_invisible_is_left_and_everything_else_is(text):
    left = without_invisible(text)
    assert not any(map(is_invisible, left)) and without_invisible(left) == left
    others = [char for char in text if not is_invisible(char) and not char.isspace()]
    assert [char for char in left if not char.isspace()] == others
    if not any(map(is_invisible, text)):
        assert left == text


def test_controls_of_direction_and_every_format_character_in_use_are_invisible_or_unprintable():
    shown = [
        char
        for char in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(char) == "Cf" and not is_invisible(char) and char.isprintable()
    ]
    assert not shown
