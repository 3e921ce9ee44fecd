"""The person and the group of each photo in a folder; reads names, never a photo.

A grouping comes from folders, from a CSV file or from the file names. A group is a set of people. No person
can be in two groups, because the statistics permute and resample people.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

from faceunlock.errors import AuditError, SettingsError
from faceunlock.files.reading import SMALL, read_file
from faceunlock.matching.people import name_key
from faceunlock.matching.wording import counted
from faceunlock.photos.photo import PhotoListing, find_photos, person_folders

FOLDERS = "folders"
PATTERN_PREFIX = "pattern:"
COLUMNS = ("photo", "person", "group")
DELIMITERS = (",", ";", "\t")
NAMED = 3
"""Maximum number of wrong lines that one message names."""

_NO_GROUPS = (
    "Use a folder per group, with one in it per person; or name the groups otherwise: "
    "--by pattern:REGEX, or --by FILE.csv."
)
"""What to do about a folder that has no groups in it."""


@dataclass(frozen=True, slots=True)
class GroupedPhoto:
    """One photo with its claimed person and group.

    Attributes
    ----------
    path : Path
    person : str
        Key of the person, unique in the grouping.
    group : str
        Name of the person's group.
    """

    path: Path
    person: str
    group: str


@dataclass(frozen=True, slots=True)
class Grouping:
    """The photos of an audit.

    Attributes
    ----------
    photos : tuple of GroupedPhoto
        All photos, group by group.
    source : str
        Where the grouping comes from, in words.
    people_known : bool
        False if nothing says who is on the photos, so that every photo counts as a different person.
    ungrouped : tuple of Path
        Photos of the folder without a group, which are not examined.
    skipped : int
        Files that are not photos.
    """

    photos: tuple[GroupedPhoto, ...]
    source: str
    people_known: bool
    ungrouped: tuple[Path, ...] = ()
    skipped: int = 0

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups, in their order."""
        return tuple(dict.fromkeys(photo.group for photo in self.photos))

    def labelled(self, labels: Mapping[str, str]) -> Grouping:
        """Return the grouping with other names for some groups; their order stays.

        Raises
        ------
        SettingsError
            ``usage`` if there is no such group, or two groups would have the same name.
        """
        groups = self.groups
        for name in labels:
            if name not in groups:
                raise SettingsError(
                    "usage", f"--label names the group {name}; the groups are: {', '.join(groups)}"
                )
        names = [labels.get(group, group) for group in groups]
        if len(set(names)) < len(names):
            raise SettingsError("usage", "--label gives two groups the same name")
        photos = (replace(photo, group=labels.get(photo.group, photo.group)) for photo in self.photos)
        return replace(self, photos=tuple(photos))


def read_grouping(folder: Path, by: str) -> Grouping:
    """Return the grouping of a folder's photos.

    Parameters
    ----------
    folder : Path
    by : str
        ``folders``; ``pattern:`` and a regular expression; or the path of a CSV file.

    Raises
    ------
    AuditError
        ``bad-grouping`` if the CSV file has a wrong line, a person is in two groups, or no photo has a group.
    PhotoError
        ``photo-not-found`` if there is no such folder.
    SettingsError
        ``usage`` if the pattern is not valid; ``file-unreadable`` if the CSV file cannot be read.
    """
    if by == FOLDERS:
        grouping = by_folders(folder)
    elif by.startswith(PATTERN_PREFIX):
        grouping = by_pattern(folder, by.removeprefix(PATTERN_PREFIX))
    else:
        grouping = by_csv(folder, Path(by))
    if not grouping.photos:
        left = (
            f": none of its {counted(len(grouping.ungrouped), 'photo')} has a group"
            if grouping.ungrouped
            else ""
        )
        raise AuditError(
            "bad-grouping",
            f"{folder} has no photo in any group by {grouping.source}{left}",
            hint=_NO_GROUPS if by == FOLDERS else None,
        )
    _refuse_two_groups(grouping.photos)
    if by == FOLDERS:
        return grouping  # already in the natural order of the folders
    return replace(grouping, photos=tuple(sorted(grouping.photos, key=lambda photo: photo.group)))


def by_folders(folder: Path) -> Grouping:
    """Return a grouping in which first-level folders are groups and second-level folders are people.

    A photo directly in a group's folder counts as a person of its own. A photo outside all groups has no
    group.
    """
    found = person_folders(folder)
    photos = []
    known = False
    for group, paths in found.people.items():
        for path in paths:
            inside = path.relative_to(folder).parts[1:]
            known = known or len(inside) > 1
            # A slash cannot occur in a folder's name, so nobody shares a key with a photo.
            person = f"{group}/{_normal(inside[0])}" if len(inside) > 1 else f"{group}//{inside[0]}"
            photos.append(GroupedPhoto(path, person, group))
    return Grouping(tuple(photos), "the folders", known, found.loose, found.skipped)


def by_pattern(folder: Path, expression: str) -> Grouping:
    r"""Return a grouping with group and person taken from the file names.

    Parameters
    ----------
    folder : Path
        Searched at any depth.
    expression : str
        A regular expression to search for in each file's name, with a named group ``group`` and
        optionally one named ``person``, such as ``^\d+_(?P<group>\d_\d)_``.

    Raises
    ------
    SettingsError
        ``usage`` if it is not a regular expression, or has no named group ``group``.
    """
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise SettingsError("usage", f"--by: the pattern is not a regular expression: {error}") from error
    if "group" not in pattern.groupindex:
        raise SettingsError("usage", "--by: the pattern needs a named group (?P<group>...)")
    known = "person" in pattern.groupindex
    listing = _photos_below(folder)
    photos, ungrouped = [], []
    for path in listing.photos:
        found = pattern.search(path.name)
        group = _normal(found["group"] or "") if found else ""
        person = _normal(found["person"] or "") if found and known else str(path)
        if group and person:
            photos.append(GroupedPhoto(path, name_key(person) if known else person, group))
        else:
            ungrouped.append(path)
    source = f"the pattern {expression}"
    return Grouping(tuple(photos), source, known, tuple(ungrouped), listing.skipped)


def by_csv(folder: Path, file: Path) -> Grouping:
    """Return a grouping with group and person taken from a CSV file.

    Parameters
    ----------
    folder : Path
        Photos in it that the file does not name have no group.
    file : Path
        UTF-8 or, as Excel writes it, UTF-16; separated by commas, semicolons or tabs, or by what a first line
        such as ``sep=;`` says; with the columns ``photo``, ``group`` and optionally
        ``person``. A photo's path is relative to the folder or, if it is not there, to the file's directory.

    Raises
    ------
    AuditError
        ``bad-grouping`` if a column is missing, a cell is empty, or a photo does not exist or is named
        twice. The message names the lines.
    SettingsError
        ``file-unreadable``.
    """
    listing = _photos_below(folder)
    rows = _rows(file)
    known = any("person" in row for _, row in rows)
    problems: list[str] = []
    first_line: dict[Path, int] = {}
    photos = []
    for line, row in rows:
        path = _named_photo(row["photo"], folder, file)
        empty = [column for column in COLUMNS if not row.get(column, "-")]
        if empty:
            problems.append(f"line {line}: the {empty[0]} is empty")
        elif path is None:
            problems.append(f"line {line}: there is no photo {row['photo']}")
        elif path.resolve() in first_line:
            problems.append(
                f"line {line}: {row['photo']} is already named in line {first_line[path.resolve()]}"
            )
        else:
            first_line[path.resolve()] = line
            person = name_key(row["person"]) if known else str(path)
            photos.append(GroupedPhoto(path, person, row["group"]))
    if problems:
        more = f"; and {len(problems) - NAMED} more" if len(problems) > NAMED else ""
        raise AuditError("bad-grouping", f"{file}: {'; '.join(problems[:NAMED])}{more}")
    ungrouped = tuple(path for path in listing.photos if path.resolve() not in first_line)
    return Grouping(tuple(photos), str(file), known, ungrouped, listing.skipped)


def _photos_below(folder: Path) -> PhotoListing:
    if folder.is_file():
        person_folders(folder)  # raises the error that it is not a folder
    return find_photos([folder])


def _rows(file: Path) -> list[tuple[int, dict[str, str]]]:
    """Return each row's line number and its cells by column, without surrounding white space."""
    try:
        content = read_file(file, SMALL)
        text = content.decode("utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError("file-unreadable", f"{file}: is not UTF-8 text") from error
    except FileNotFoundError as error:
        raise SettingsError(
            "file-unreadable",
            f"{file}: no such file",
            hint=f"--by takes {FOLDERS}, {PATTERN_PREFIX}REGEX, or the path of a CSV file.",
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError("file-unreadable", f"{file}: cannot be read: {reason}") from error
    delimiter, text = _delimiter(text)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    try:
        header = next((cells for cells in reader if any(cell.strip() for cell in cells)), [])
        columns = [cell.strip().casefold() for cell in header]
        _check_columns(file, columns, reader.line_num)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(columns):
                raise AuditError(
                    "bad-grouping",
                    f"{file}: line {reader.line_num}: {len(cells)} cells, but the first line has "
                    f"{len(columns)} columns",
                )
            row = dict(zip(columns, map(_normal, cells), strict=True))
            rows.append((reader.line_num, {name: row[name] for name in COLUMNS if name in row}))
    except csv.Error as error:
        raise AuditError("bad-grouping", f"{file}: line {reader.line_num}: {error}") from error
    return rows


def _delimiter(text: str) -> tuple[str, str]:
    """Return what separates cells, and the text without the line in which Excel says so.

    That line becomes empty, so that the numbers of the others stay.
    """
    said = re.match(r'\s*"?sep=(.)"?[ \t]*(?=\r|\n|$)', text, re.IGNORECASE)
    if said:
        return said[1], "\n" * text[: said.end()].count("\n") + text[said.end() :]
    header = next((line for line in text.splitlines() if line.strip(" \t" + "".join(DELIMITERS))), "")
    return max(DELIMITERS, key=header.count), text


def _check_columns(file: Path, columns: list[str], line: int) -> None:
    for needed in ("photo", "group"):
        if columns.count(needed) != 1:
            found = ", ".join(filter(None, columns)) or "nothing"
            raise AuditError(
                "bad-grouping",
                f"{file}: line {max(1, line)}: needs one column {needed}, has {found}",
                hint="The first line names the columns: photo,person,group (person may be left out).",
            )


def _named_photo(name: str, folder: Path, file: Path) -> Path | None:
    for place in (folder, file.parent):
        for spelling in (name, unicodedata.normalize("NFD", name)):
            try:
                if (place / spelling).is_file():
                    return place / spelling
            except ValueError:  # a null character in the path
                return None
    return None


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _refuse_two_groups(photos: Iterable[GroupedPhoto]) -> None:
    group_of: dict[str, GroupedPhoto] = {}
    for photo in photos:
        first = group_of.setdefault(photo.person, photo)
        if first.group != photo.group:
            raise AuditError(
                "bad-grouping",
                f"{photo.person} is in two groups: {first.group} ({first.path.name}) and {photo.group} "
                f"({photo.path.name})",
                hint="A person can be in only one group. If these are two people, give them different names.",
            )
