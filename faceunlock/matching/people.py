"""An enrolled person: the rules for names, and what everything about a person must be like."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, cast

from faceunlock.errors import GalleryError
from faceunlock.files.invisible import belongs, is_invisible, without_invisible
from faceunlock.matching.templates import ModelIdentity, Template

if TYPE_CHECKING:
    from array import array

MAX_NAME_LENGTH = 64
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
"""ISO 8601, UTC, to the second."""

MAX_COUNT = 2**32 - 1
"""Photos in a template: a number of four bytes."""

_PLAIN_NAME = re.compile(r"(?!\.{1,2}\Z)[!-.0-\[\]-~]+(?: [!-.0-\[\]-~]+)*")
"""Printable ASCII without a slash or backslash, one space between words: most names, and quickly told."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_CLOCKS = re.compile(r"(?:T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ)*", re.ASCII)
"""The ends of times, from their tenth sign on: those are right on every day."""

_TIME_LENGTH = len("2025-01-31T09:30:00Z")


class LookSummary(NamedTuple):
    """What is listed of a look: fields as in `Look`, and the number of photos in its template."""

    name: str
    photos: int
    mean_similarity: float
    lowest_similarity: float
    created: str


class Summary(NamedTuple):
    """What is listed of a person: fields as in `Person`, and what is said of the person's own template.

    It has neither vectors nor what recognises the photos.
    """

    name: str
    identity: ModelIdentity
    photos: int
    mean_similarity: float
    lowest_similarity: float
    created: str
    updated: str
    looks: tuple[LookSummary, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """Another look of a person, such as with glasses: a template beside the person's own.

    Attributes
    ----------
    name : str
        Normalised by `normalise_name`.
    template : Template
        What is kept of the photos of this look; made by the same model as the person's own.
    created : str
        Time in UTC, as in `Person`.
    """

    name: str
    template: Template
    created: str


@dataclass(frozen=True, slots=True)
class Person:
    """One enrolled person.

    Attributes
    ----------
    name : str
        The name given at enrolment, normalised by `normalise_name`.
    template : Template
        What is kept of the person's photos.
    created, updated : str
        Times in UTC, ISO 8601, such as ``2025-01-31T09:30:00Z``.
    looks : tuple of Look
        Further looks, sorted by name.
    """

    name: str
    template: Template
    created: str
    updated: str
    looks: tuple[Look, ...] = ()

    @property
    def templates(self) -> tuple[tuple[str | None, Template], ...]:
        """Every template with the name of its look; None for the person's own, which comes first."""
        return ((None, self.template), *((look.name, look.template) for look in self.looks))

    @property
    def summary(self) -> Summary:
        """What is listed of the person."""
        own = self.template
        looks = [LookSummary(look.name, *_numbers(look.template), look.created) for look in self.looks]
        return Summary(self.name, own.identity, *_numbers(own), self.created, self.updated, tuple(looks))

    def look(self, name: str) -> Look | None:
        """Return the look of a name, in any of its spellings; None if there is none."""
        key = name_key(name)
        return next((look for look in self.looks if name_key(look.name) == key), None)

    def without_look(self, name: str) -> Person:
        """Return the person without a look."""
        key = name_key(name)
        return replace(self, looks=tuple(look for look in self.looks if name_key(look.name) != key))

    def with_look(self, name: str, template: Template) -> Person:
        """Return the person with a look; one of that name keeps its spelling and date, not its template."""
        known = self.look(name)
        new = Look(name, template, now()) if known is None else replace(known, template=template)
        looks = (*self.without_look(name).looks, new)
        return replace(self, looks=tuple(sorted(looks, key=lambda look: name_key(look.name))))


def now() -> str:
    """Return the current time as `Person` stores it, ISO 8601 in UTC."""
    return datetime.now(UTC).strftime(TIME_FORMAT)


def normalise_name(name: str) -> str:
    """Return the one spelling in which a new name is stored and shown.

    That is Unicode normal form C, with no white space around it and one space for each run of spaces inside.

    Parameters
    ----------
    name : str
        As a user typed it.

    Raises
    ------
    GalleryError
        ``bad-name`` unless the result has 1 to 64 characters, all of them printable (so no control
        characters and none that change the direction of text), has no slash or backslash, and is not ``.``
        or ``..``. Invisible characters are refused, too, except where they belong to a word or an emoji.

    Examples
    --------
    >>> normalise_name("  Ada   Lovelace ")
    'Ada Lovelace'
    """
    normal = known_name(name)
    for at, char in enumerate(normal):
        if is_invisible(char) and not belongs(normal, at):
            raise GalleryError("bad-name", f"The name {name!r} has the invisible character {char!a}")
    return normal


def known_name(name: str) -> str:
    """Return the spelling of a name that may have been stored by an earlier version.

    Those took some invisible characters anywhere, even names of nothing else. Such people can still be read,
    renamed and forgotten.

    Raises
    ------
    GalleryError
        ``bad-name``, as `normalise_name`.
    """
    normal = unicodedata.normalize("NFC", name.strip())
    unprintable = [char for at, char in enumerate(normal) if not _may_be_stored(normal, at)]
    normal = " ".join(normal.split())
    if not normal:
        raise GalleryError("bad-name", "The name is empty")
    shown = repr(name if len(name) <= MAX_NAME_LENGTH else name[:MAX_NAME_LENGTH] + "…")
    if unprintable:
        raise GalleryError("bad-name", f"The name {shown} has the unprintable character {unprintable[0]!a}")
    if len(normal) > MAX_NAME_LENGTH:
        raise GalleryError("bad-name", f"The name {shown} has {len(normal)} characters")
    if "/" in normal or "\\" in normal or normal in (".", ".."):
        raise GalleryError("bad-name", f"The name {shown} looks like a path")
    return normal


def _may_be_stored(name: str, at: int) -> bool:
    char = name[at]
    if char.isprintable() or unicodedata.category(char) == "Zs":
        return True
    return is_invisible(char) and belongs(name, at)


def name_key(name: str) -> str:
    """Return the key that all spellings of a name share, regardless of case, width and invisible characters.

    It is the compatibility caseless form of the Unicode standard (section 3.13, definition D146), of what
    can be seen.

    Examples
    --------
    >>> name_key("ADA") == name_key("ada") == name_key("Ａｄａ") == name_key("A\u034fda")
    True
    """
    if name.isascii():  # nothing to decompose and nothing invisible
        return name.lower()
    key = _caseless(name)
    seen = without_invisible(key)
    return key if seen == key else _caseless(seen)


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return names sorted as people are listed, regardless of case.

    Examples
    --------
    >>> in_order(["bob", "Cleo", "Ada"])
    ('Ada', 'bob', 'Cleo')
    """
    return tuple(sorted(names, key=name_key))


def name_keys(name: str) -> tuple[str, ...]:
    """Return every key under which a name may be stored, the one of an earlier version first.

    In keys of earlier versions invisible characters count.

    Examples
    --------
    >>> name_keys("Ada"), name_keys("Ada\u034f")
    (('ada',), ('ada\u034f', 'ada'))
    """
    return tuple(dict.fromkeys((_caseless(name), name_key(name))))


def _caseless(name: str) -> str:
    key = unicodedata.normalize("NFD", name)
    for _ in range(2):
        key = unicodedata.normalize("NFKC", key.casefold())
    return key


def well_formed(names: Sequence[str]) -> bool:
    """Return whether it is sure, without looking at each by itself, that all are names as they are stored.

    False only says that each has to be looked at with `known_name`.

    Examples
    --------
    >>> well_formed(["Ada", "Zoë Lovelace"]), well_formed(["Ada", "a/b"]), well_formed(["Ada "])
    (True, False, False)
    """
    lines = "\n" + "\n".join(names) + "\n"
    if not "".join(names).isprintable() or max(map(len, names), default=0) > MAX_NAME_LENGTH:
        return False
    if any(part in lines for part in ("\n\n", "\n ", " \n", "  ", "/", "\\", "\n.\n", "\n..\n")):
        return False
    return lines.count("\n") == len(names) + 1 and unicodedata.is_normalized("NFC", lines)


def check_person(person: Person) -> None:
    """Raise ValueError unless everything about a person is as a gallery requires it."""
    check_name(person.name)
    for moment in (person.created, person.updated):
        check_time(moment)
    check_template(person.template)
    if not person.looks:
        return
    check_looks([(look.name, look.created) for look in person.looks])
    for look in person.looks:
        check_template(look.template)
    require(
        all(look.template.identity == person.template.identity for look in person.looks),
        "a look was made by a different model",
    )


def check_looks(looks: Sequence[tuple[str, str]]) -> None:
    """Raise ValueError unless the names and dates of looks are those of one person."""
    for name, created in looks:
        check_name(name)
        check_time(created)
    keys = [name_key(name) for name, _ in looks]
    require(keys == sorted(set(keys)), "the looks are not sorted, or one occurs twice")


def check_name(name: object) -> None:
    """Raise ValueError unless a text is a name as `known_name` returns it."""
    if isinstance(name, str) and len(name) <= MAX_NAME_LENGTH and _PLAIN_NAME.fullmatch(name):
        return
    try:
        named = isinstance(name, str) and known_name(name) == name
    except GalleryError as error:
        raise ValueError(error.message) from error
    require(named, "the name is not normalised")


def check_time(moment: object) -> None:
    """Raise ValueError unless a text is a time as `Person` stores it."""
    require(isinstance(moment, str), "a time is not a text")
    if _TIME.fullmatch(str(moment)):  # much faster than strptime, which also takes digits left out
        datetime.fromisoformat(str(moment)[:-1])
        return
    datetime.strptime(str(moment), TIME_FORMAT).replace(tzinfo=UTC)


def check_times(moments: Collection[str]) -> None:
    """Raise ValueError unless all texts are times as `Person` stores them; a day is looked at once.

    Examples
    --------
    >>> check_times(["2025-01-31T09:30:00Z", "2025-01-31T23:59:59Z"])
    """
    clear = {*map(len, moments)} == {_TIME_LENGTH} and _CLOCKS.fullmatch("".join([m[10:] for m in moments]))
    for moment in {moment[:10]: moment for moment in moments}.values() if clear else moments:
        check_time(moment)


def check_template(template: Template) -> None:
    """Raise ValueError unless a template has a direction, photos and similarities as `Template` says.

    The vector must be a plain array, as it is read from a gallery or a record.
    """
    vector = cast("array[float]", template.vector_sum)
    require(len(vector) == template.identity.dimension, "the vector has the wrong length")
    length = math.hypot(*vector)
    require(math.isfinite(length) and length > 0, "the vector has no direction")
    require(is_count(template.count), "the number of photos is not positive")
    require(template.count <= MAX_COUNT, "the number of photos is too large")
    for field in ("mean_similarity", "lowest_similarity"):
        require(-1 <= getattr(template, field) <= 1, f"{field} is not between -1 and 1")


def _numbers(template: Template) -> tuple[int, float, float]:
    return template.count, template.mean_similarity, template.lowest_similarity


def require(holds: bool, otherwise: str) -> None:
    """Raise ValueError with a message unless something holds."""
    if not holds:
        raise ValueError(otherwise)


def is_count(value: object) -> bool:
    """Return whether a value is a whole number above zero."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
