"""The gallery: every enrolled person's template and every saved calibration, in one private file.

Each row carries a checksum and is checked whenever it is read: a row that is not exactly as it was
written is an error, never a guess. A damaged row blocks only what needs it: other people are still found by
`Gallery.get`, and `Gallery.forget` and `Gallery.replace` of the damaged person work because they do
not trust the row; whatever looks at everybody (`Gallery.people`, `Gallery.models`) refuses, naming the
person. How the file is kept whole and private is the matter of `faceunlock.gallery_file`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from faceunlock.errors import GalleryError
from faceunlock.gallery_file import GalleryFile
from faceunlock.person import (
    Person,
    identity_to_record,
    name_key,
    normalise_name,
    now,
    person_to_record,
    record_to_identity,
    record_to_person,
)
from faceunlock.templates import ModelIdentity, Template

__all__ = ["Gallery", "Person", "name_key", "normalise_name"]

Row = tuple[Any, ...]

_PERSON = "SELECT key, name, created, updated, template, checksum FROM people"
_CALIBRATION = "SELECT identity, data, checksum FROM calibrations"


class Gallery:
    """The people enrolled in one directory.

    The file is opened at the first use and held until `close` or the end of a ``with`` block;
    if it was removed or exchanged meanwhile, the next use sees that. Queries on a gallery that does
    not exist find it empty and create nothing. Names are found whatever their case. Use one object
    per thread.

    Every method raises `GalleryError`: ``insecure-permissions`` if others could have changed the
    directory or the file, ``gallery-damaged``, ``gallery-newer``, ``gallery-busy`` if another
    process holds the lock for longer than `busy_timeout`, ``gallery-unwritable`` if the system
    refuses.

    Parameters
    ----------
    directory : Path
        The private directory that holds, or will hold, ``gallery.db``.
    busy_timeout : float
        How long to wait for another process, in seconds.

    Examples
    --------
    >>> Gallery(Path("/nonexistent/faceunlock")).people()
    ()
    """

    def __init__(self, directory: Path, *, busy_timeout: float = 10.0) -> None:
        self._file = GalleryFile(directory, busy_timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        self._file.close()

    @property
    def path(self) -> Path:
        """The file, which need not exist."""
        return self._file.path

    # people

    def people(self) -> tuple[Person, ...]:
        """Return everybody who is enrolled, sorted by name."""
        found = [self._person(row) for row in self._file.query(_PERSON)]
        return tuple(sorted(found, key=lambda person: name_key(person.name)))

    def get(self, name: str) -> Person:
        """Return one person.

        Raises
        ------
        GalleryError
            ``not-enrolled``, with the closest names as a hint; ``bad-name``.
        """
        rows = self._file.query(f"{_PERSON} WHERE key = ?", name_key(normalise_name(name)))
        if not rows:
            raise self._not_enrolled(name)
        return self._person(rows[0])

    def add(self, name: str, template: Template) -> Person:
        """Enrol somebody new.

        Raises
        ------
        GalleryError
            ``already-enrolled``; ``bad-name``.
        """
        moment = now()
        person = Person(normalise_name(name), template, moment, moment)
        with self._file.transaction():
            self._refuse_enrolled(person.name)
            self.restore(person)
        return person

    def replace(self, name: str, template: Template) -> Person:
        """Enrol somebody, in place of an earlier enrolment under that name if there is one.

        The spelling of the name and the date of the first enrolment are kept, unless the earlier
        row is damaged.

        Raises
        ------
        GalleryError
            ``bad-name``.
        """
        moment = now()
        person = Person(normalise_name(name), template, moment, moment)
        with self._file.transaction():
            for row in self._file.query(f"{_PERSON} WHERE key = ?", name_key(person.name)):
                with contextlib.suppress(GalleryError):
                    earlier = self._person(row)
                    person = Person(earlier.name, template, earlier.created, moment)
            self.restore(person)
        return person

    def update(self, name: str, merge: Callable[[Template], Template]) -> Person:
        """Change a template by reading and writing it in one transaction, so that no other change is lost.

        Parameters
        ----------
        name : str
            An enrolled person.
        merge : callable
            Takes the present template and returns the new one; keep it short, since other writers
            wait. If it raises, nothing is changed.

        Raises
        ------
        GalleryError
            ``not-enrolled``.
        """
        self.get(name)  # a name that is not enrolled must not create a gallery
        with self._file.transaction():
            person = self.get(name)
            person = Person(person.name, merge(person.template), person.created, now())
            self.restore(person)
        return person

    def rename(self, old: str, new: str) -> Person:
        """Give a person another name, or the same in another spelling.

        Raises
        ------
        GalleryError
            ``not-enrolled``; ``already-enrolled`` if the new name is somebody else's; ``bad-name``.
        """
        new = normalise_name(new)
        self.get(old)  # a name that is not enrolled must not create a gallery
        with self._file.transaction():
            person = self.get(old)
            if name_key(new) != name_key(person.name):
                self._refuse_enrolled(new)
                self.forget(person.name)
            person = Person(new, person.template, person.created, now())
            self.restore(person)
        return person

    def forget(self, name: str) -> None:
        """Delete a person: template, photo key, hashes and name, overwritten in the file.

        Works on a damaged row too; it is then also found by the name that the error message gave.

        Raises
        ------
        GalleryError
            ``not-enrolled``; ``bad-name``.
        """
        key = name_key(normalise_name(name))
        if not self._file.query("SELECT 1 FROM people WHERE key IN (?, ?)", key, name):
            raise self._not_enrolled(name)
        with self._file.transaction() as connection:
            if not connection.execute("DELETE FROM people WHERE key IN (?, ?)", (key, name)).rowcount:
                raise self._not_enrolled(name)

    def forget_all(self) -> int:
        """Delete everybody, damaged rows too, and return how many they were; calibrations stay."""
        if not self._file.query("SELECT 1 FROM people LIMIT 1"):
            return 0
        with self._file.transaction() as connection:
            return connection.execute("DELETE FROM people WHERE TRUE").rowcount

    def restore(self, person: Person) -> None:
        """Store a person with the dates given, in place of whoever has that name.

        Raises
        ------
        ValueError
            If the person is not valid: a bug of the caller, since nothing a user says gets here
            unchecked.
        """
        record = person_to_record(person)
        record_to_person(record)
        values = (
            name_key(person.name), person.name, person.created, person.updated, _document(record["template"])
        )  # fmt: skip
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO people VALUES (?, ?, ?, ?, ?, ?)",
                (*values, _checksum(*values)),
            )

    def models(self) -> tuple[ModelIdentity, ...]:
        """Return the models that made the templates, each once, sorted by id."""
        found = {person.template.identity for person in self.people()}
        return tuple(sorted(found, key=lambda identity: (identity.model, identity.weights_sha256)))

    # calibrations

    def calibration(self, identity: ModelIdentity) -> dict[str, Any] | None:
        """Return the calibration saved for a model, exactly this model, or None."""
        rows = self._file.query(
            f"{_CALIBRATION} WHERE identity = ?",
            _document(identity_to_record(identity)),
        )
        return self._calibration(rows[0])[1] if rows else None

    def calibrations(self) -> tuple[tuple[ModelIdentity, dict[str, Any]], ...]:
        """Return every saved calibration with its model."""
        rows = self._file.query(f"{_CALIBRATION} ORDER BY identity")
        return tuple(self._calibration(row) for row in rows)

    def save_calibration(self, identity: ModelIdentity, data: dict[str, Any]) -> None:
        """Save the calibration of a model in place of an earlier one.

        Parameters
        ----------
        identity : ModelIdentity
            The model that was calibrated.
        data : dict
            JSON types only; tuples come back as lists.

        Raises
        ------
        ValueError
            If a number in `data` is not finite: JSON has no such numbers.
        """
        values = (_document(identity_to_record(identity)), _document(data))
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO calibrations VALUES (?, ?, ?)",
                (*values, _checksum(*values)),
            )

    def forget_calibration(self, identity: ModelIdentity) -> bool:
        """Delete the calibration of a model and return whether there was one, damaged or not."""
        key = _document(identity_to_record(identity))
        if not self._file.query("SELECT 1 FROM calibrations WHERE identity = ?", key):
            return False
        with self._file.transaction() as connection:
            return connection.execute("DELETE FROM calibrations WHERE identity = ?", (key,)).rowcount == 1

    # state

    def problems(self) -> tuple[str, ...]:
        """Return one sentence for each thing in the gallery that cannot be trusted, damaged rows first."""
        found: list[str] = []
        with _noting(found):
            for row in self._file.query(_PERSON):
                with _noting(found):
                    self._person(row)
            for row in self._file.query(_CALIBRATION):
                with _noting(found):
                    self._calibration(row)
        return tuple(found)

    def transaction(self) -> contextlib.AbstractContextManager[object]:
        """Return a context in which all changes are one change: all of them happen, or none.

        The lock is taken at the beginning, so what is read inside stays true until the end.
        """
        return self._file.transaction()

    def _person(self, row: Row) -> Person:
        key, name, created, updated, template, _ = row
        try:
            _verify(row)
            fields = {"name": name, "created": created, "updated": updated, "template": json.loads(template)}
            return record_to_person(fields)
        except ValueError as error:
            raise GalleryError(
                "gallery-damaged",
                f"{self.path}: what is stored of {key!r} is damaged: {error}",
                hint=f"Run: faceunlock forget {key!r} — then enrol this person again, or import an export.",
            ) from error

    def _calibration(self, row: Row) -> tuple[ModelIdentity, dict[str, Any]]:
        try:
            _verify(row)
            identity, data = record_to_identity(json.loads(row[0])), json.loads(row[1])
        except ValueError as error:
            raise GalleryError(
                "gallery-damaged",
                f"{self.path}: the calibration of {row[0]!s:.60} is damaged: {error}",
                hint="Run: faceunlock calibrate — again, to replace it.",
            ) from error
        return identity, data

    def _refuse_enrolled(self, name: str) -> None:
        if self._file.query("SELECT 1 FROM people WHERE key = ?", name_key(name)):
            raise GalleryError("already-enrolled", f"{name!r} is already enrolled")

    def _not_enrolled(self, name: str) -> GalleryError:
        names = {name_key(enrolled): enrolled for (enrolled,) in self._file.query("SELECT name FROM people")}
        import difflib

        close = [names[key] for key in difflib.get_close_matches(name_key(name), names)]
        hint = f"Did you mean {' or '.join(close)}? See: faceunlock people" if close else None
        return GalleryError("not-enrolled", f"{name!r} is not enrolled", hint=hint)


def _document(value: object) -> str:
    """Return the one JSON text of a value: equal values have equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _checksum(*values: str) -> str:
    return hashlib.sha256(_document(values).encode("ascii")).hexdigest()


def _verify(row: Row) -> None:
    """Compare a row, whose last field is its checksum, with that checksum."""
    *values, checksum = row
    if not all(isinstance(value, str) for value in values) or _checksum(*values) != checksum:
        raise ValueError("its checksum does not match")


@contextlib.contextmanager
def _noting(found: list[str]) -> Iterator[None]:
    """Append the sentence of an error instead of raising it."""
    try:
        yield
    except GalleryError as error:
        found.append(f"{error.message}. {error.hint}")
