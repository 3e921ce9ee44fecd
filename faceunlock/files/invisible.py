"""Characters that draw nothing: which they are, and where they are part of a word or an emoji.

A name may hold one only where it changes what is drawn. Everywhere else it would make two names look alike.
The rules for joiners are those of CONTEXTJ (RFC 5892, appendix A) and of Unicode UAX #31, without the exact
shapes of letters, which Python does not know.
"""

from __future__ import annotations

import re
import unicodedata

ZWNJ, ZWJ = "\u200c", "\u200d"
"""The zero-width non-joiner and joiner."""

_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Default_Ignorable_Code_Point of the Unicode standard."""

_BLANK = "\u2800\U00013441\U00013442\U00016fe4\U0001d159"
"""Characters that count as letters or symbols and have an empty picture."""

# Compiled, and kept, by `re` when they are first needed: most texts are ASCII.
_INVISIBLE = f"[{_IGNORABLE}{_BLANK}]"
_RUN = rf"\s*[{_IGNORABLE}{_BLANK}][\s{_IGNORABLE}{_BLANK}]*"

_CURSIVE = frozenset({"ADLAM", "ARABIC", "HANIFI", "MANDAIC", "MONGOLIAN", "NKO", "SYRIAC"})
"""Scripts with joined letters, by the first word of their letters' names."""

_VIRAMA = 9
"""Canonical combining class of the sign that takes a consonant's vowel away."""

_EMOJI = re.compile(
    "[\u2190-\u21ff\u2300-\u23ff\u2460-\u27bf\u2900-\u297f\u2b00-\u2bff\U0001f000-\U0001faff]"
)
_TEXT_STYLE, _EMOJI_STYLE, _KEYCAP = "\ufe0e", "\ufe0f", "\u20e3"


def is_invisible(char: str) -> bool:
    """Return whether a character has no picture of its own; white space has none either, and is not meant."""
    return not char.isascii() and re.fullmatch(_INVISIBLE, char) is not None


def belongs(text: str, at: int) -> bool:
    """Return whether an invisible character is part of a word or an emoji.

    That is a joiner between joined letters, beside a virama, or between two emoji; or a sign that selects
    the variant of an emoji, a Han or a Mongolian letter before it.

    Parameters
    ----------
    text : str
    at : int
        Position of the invisible character.

    Examples
    --------
    >>> persian, latin = "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "A\u200cda"
    >>> belongs(persian, 3), belongs(latin, 1)
    (True, False)
    """
    char, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
    if char == ZWNJ:
        return _beside_virama(text, at) or _between_joined_letters(text, at)
    if char == ZWJ:
        emoji = text[at - 2 : at - 1] if before == _EMOJI_STYLE else before
        return _beside_virama(text, at) or (_is_emoji(emoji) and _is_emoji(after))
    if char in (_TEXT_STYLE, _EMOJI_STYLE) and (_is_emoji(before) or after == _KEYCAP):
        return True
    if "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef":
        return _script(before) == "CJK"
    return "\u180b" <= char <= "\u180f" and char != "\u180e" and _script(before) == "MONGOLIAN"


def without_invisible(text: str) -> str:
    """Return a text without its invisible characters; one space is left where they stand beside white space.

    Examples
    --------
    >>> without_invisible("A\u034fda \u3164 L\u3164")
    'Ada L'
    """

    def left(run: re.Match[str]) -> str:
        if run.start() == 0 or run.end() == len(text):
            return ""
        return " " if any(char.isspace() or char in _BLANK for char in run.group()) else ""

    return text if text.isascii() else re.sub(_RUN, left, text)


def _is_emoji(char: str) -> bool:
    return re.fullmatch(_EMOJI, char) is not None


def _beside_virama(text: str, at: int) -> bool:
    """Return whether a letter and a virama of its script come before, or one on each side, as in Bengali."""
    for virama in (at - 1, at + 1):
        if 0 <= virama < len(text) and unicodedata.combining(text[virama]) == _VIRAMA:
            letter = _letter_before(text, min(virama, at))
            if letter and _script(letter) == _script(text[virama]):
                return True
    return False


def _between_joined_letters(text: str, at: int) -> bool:
    before, after = _letter_before(text, at), text[at + 1 : at + 2]
    is_letter = after != "" and unicodedata.category(after).startswith("L")
    return is_letter and _script(before) == _script(after) and _script(before) in _CURSIVE


def _letter_before(text: str, at: int) -> str:
    """Return the letter before a position, marks on it skipped; empty if there is none."""
    while at > 0:
        at -= 1
        kind = unicodedata.category(text[at])
        if kind.startswith("L"):
            return text[at]
        if not kind.startswith("M") or is_invisible(text[at]):
            return ""
    return ""


def _script(char: str) -> str:
    """Return the first word of a character's name, which is its script; empty for no character."""
    return unicodedata.name(char, "").partition(" ")[0] if char else ""
