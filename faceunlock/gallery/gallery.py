"""The gallery: every enrolled person's template and every saved calibration, in one private file.

Each row carries a checksum that is checked at every read. A row that is not exactly as it was written is an
error, never a guess. A damaged row blocks only the calls that need it. `Gallery.get` still finds other
people. `Gallery.forget` and `Gallery.replace` still work for the damaged person, because they do not trust
the row. Methods that read everybody (`Gallery.people`, `Gallery.models`) raise an error that names the
person. `faceunlock.gallery.file` keeps the file intact. `faceunlock.gallery.guard` and
`faceunlock.gallery.seal` verify its rows and, in a sealed gallery, encrypt them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from faceunlock.errors import GalleryError
from faceunlock.files.text import quoted
from faceunlock.gallery.bank import BankFiles, StrangerBanks
from faceunlock.gallery.cipher import Place, document
from faceunlock.gallery.desktop_keyring import DesktopKeyring
from faceunlock.gallery.entries import (
    asked_for,
    calibration_of,
    delete_people,
    noting,
    person_of,
    write_person,
)
from faceunlock.gallery.file import CALIBRATIONS, PEOPLE, GalleryFile
from faceunlock.gallery.guard import Guard, ProtectionState
from faceunlock.gallery.keeper import Keeper
from faceunlock.gallery.keys import KeyStore
from faceunlock.gallery.people_columns import summaries_of
from faceunlock.gallery.people_rows import PeopleRows
from faceunlock.gallery.seal import Plain
from faceunlock.gallery.store import BankStore, Connection, Database, Where
from faceunlock.matching.people import Person, Summary, known_name, name_key, normalise_name, now
from faceunlock.matching.records import identity_to_record
from faceunlock.matching.templates import ModelIdentity, Template

if TYPE_CHECKING:
    from faceunlock.matching.candidates import Everybody
    from faceunlock.matching.crowd import Crowd

__all__ = ["Gallery", "Person", "name_key", "normalise_name"]

_CALIBRATION = "SELECT identity, data, checksum FROM calibrations"


class Gallery:
    """The people enrolled in one directory.

    The file is opened at the first use and stays open until `close` or the end of a ``with`` block. If
    it was removed or replaced meanwhile, the next use notices. Queries on a gallery that does not exist
    find it empty and create nothing. Names match regardless of case. Use one object per thread.

    Every method raises `GalleryError`: ``insecure-permissions`` if others could have changed the
    directory or the file, ``gallery-damaged``, ``gallery-newer``, ``gallery-busy`` if another
    process holds the lock for longer than `busy_timeout`, ``gallery-unwritable`` if the system refuses
    the write. A sealed gallery also raises ``gallery-tampered``, ``key-missing`` and ``keyring-unavailable``.

    Parameters
    ----------
    directory : Path
        The private directory that holds, or will hold, ``gallery.db``.
    busy_timeout : float
        How long to wait for another process, in seconds.
    keys : Path, optional
        The private directory for the key files of sealed galleries; ``keys`` in `directory` if omitted.
    keyring_timeout : float
        How long to wait for the desktop keyring, in seconds.

    Attributes
    ----------
    strangers : StrangerBanks
        The strangers that enrolled people are compared with.

    Examples
    --------
    >>> Gallery(Path("/nonexistent/faceunlock")).people()
    ()
    """

    def __init__(
        self,
        directory: Path,
        *,
        busy_timeout: float = 10.0,
        keys: Path | None = None,
        keyring_timeout: float = 15.0,
    ) -> None:
        file = GalleryFile(directory, busy_timeout)
        keyring = DesktopKeyring(keyring_timeout)
        guard = Guard(file, KeyStore(keys or directory / "keys", file.path, keyring))
        self._hold(file, guard, BankFiles(directory))

    def _hold(self, file: Database, guard: Keeper, contents: BankStore) -> None:
        """Keep people in these tables, trusted as `guard` decides, and banks of strangers in `contents`."""
        self._file, self._guard = file, guard
        self._rows = PeopleRows(file)
        self.strangers = StrangerBanks(file, guard, contents)
        self._crowd: tuple[object, Crowd] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and forget the key; the next use opens it again."""
        self._file.close()
        self._guard.forget_key()
        self._crowd = None

    @property
    def path(self) -> Where:
        """Path of the file, which need not exist; or the address of the database."""
        return self._file.path

    # people

    def people(self, *, marks: bool = True) -> tuple[Person, ...]:
        """Return everyone enrolled, sorted by name.

        Parameters
        ----------
        marks : bool
            Whether to read what recognises the photos; without it, the templates have an empty `photo_key`
            and no `photo_hashes`, and are read faster.
        """
        with self._guard.reading() as seal:
            found = [person_of(*row, seal, self.path) for row in self._rows.everybody(seal, marks=marks)]
        return tuple(sorted(found, key=lambda person: name_key(person.name)))

    def summaries(self) -> tuple[Summary, ...]:
        """Return what is listed of everyone enrolled, sorted by name; their vectors are not looked at.

        It is many times faster than `people`, and raises as it does.
        """
        with self._guard.reading() as seal:
            try:
                found = summaries_of(self._rows.batches(), seal)
            except ValueError:
                found = [person.summary for person in self.people(marks=False)]
        return tuple(sorted(found, key=lambda one: name_key(one.name)))

    def intact_people(self, *, marks: bool = True) -> tuple[Person, ...]:
        """Return everyone whose row can be trusted; damaged rows are passed over. Parameters as `people`."""
        found: list[Person] = []
        with self._guard.reading() as seal:
            for row in self._rows.everybody(seal, marks=marks):
                with contextlib.suppress(GalleryError):
                    found.append(person_of(*row, seal, self.path))
        return tuple(found)

    def each(self) -> Generator[Person, None, None]:
        """Yield everyone enrolled, in no order, without holding all of them in memory."""
        with self._guard.reading() as seal:
            for row in self._rows.everybody(seal):
                yield person_of(*row, seal, self.path)

    def crowd(self, *, intact: bool = False) -> Everybody:
        """Return everyone's templates: as arrays, or as what a server searches.

        As long as nobody changes the gallery, they are read once.

        Parameters
        ----------
        intact : bool
            Pass over damaged rows instead of raising the error that names one.
        """
        from faceunlock.gallery.crowd_rows import crowd_of
        from faceunlock.matching.crowd import Crowd

        with self._guard.reading() as seal:
            moment = self._guard.moment()
            if self._crowd is not None and moment is not None and self._crowd[0] == moment:
                return self._crowd[1]
            self._crowd = None
            try:
                crowd = crowd_of(self._rows.batches(), seal)
            except ValueError:
                people = self.intact_people(marks=False) if intact else self.people(marks=False)
                return Crowd.of(people)
            self._crowd = (moment, crowd)
        return crowd

    def is_empty(self) -> bool:
        """Return whether nobody is enrolled; rows are not looked at."""
        with self._guard.reading() as seal:
            return self._rows.is_empty(seal)

    def enrolled(self, name: str) -> bool:
        """Return whether somebody has this name, in any of its spellings; the row is not looked at."""
        with self._guard.reading() as seal:
            return self._is_enrolled(seal, known_name(name))

    def get(self, name: str) -> Person:
        """Return one person.

        Raises
        ------
        GalleryError
            ``not-enrolled``, with the closest names as a hint; ``bad-name``.
        """
        with self._guard.reading() as seal:
            key = self._rows.key(seal, known_name(name))
            found = self._rows.one(seal, key)
            if found is None:
                raise self._not_enrolled(name)
            row, marks = found
            return person_of(asked_for(key, [row], seal, self.path), marks, seal, self.path)

    def add(self, name: str, template: Template) -> Person:
        """Enroll a new person.

        Raises
        ------
        GalleryError
            ``already-enrolled``; ``bad-name``.
        """
        moment = now()
        person = Person(normalise_name(name), template, moment, moment)
        with self._guard.changing() as change:
            self._refuse_enrolled(change.seal, person.name)
            self.restore(person)
        return person

    def replace(self, name: str, template: Template) -> Person:
        """Enroll a person and replace an earlier enrolment under that name, if there is one.

        The spelling of the name and the date of the first enrolment are kept, unless the earlier
        row is damaged. Looks are not kept.

        Raises
        ------
        GalleryError
            ``bad-name``.
        """
        moment = now()
        person = Person(normalise_name(name), template, moment, moment)
        with self._guard.changing() as change:
            if self._is_enrolled(change.seal, person.name):
                with contextlib.suppress(GalleryError):
                    earlier = self.get(person.name)
                    person = Person(earlier.name, template, earlier.created, moment)
            self.restore(person)
        return person

    def update(self, name: str, merge: Callable[[Template], Template]) -> Person:
        """Read and write a template in one transaction, so that no concurrent change is lost.

        Parameters
        ----------
        name : str
            An enrolled person.
        merge : callable
            Takes the current template and returns the new one. Keep it fast, since other writers wait.
            If it raises, nothing is changed.

        Raises
        ------
        GalleryError
            ``not-enrolled``.
        """
        return self.change(name, lambda person: replace(person, template=merge(person.template)))

    def change(self, name: str, alter: Callable[[Person], Person]) -> Person:
        """Read and write everything about a person in one transaction; as `update`."""
        self.get(name)  # a name that is not enrolled must not create a gallery
        with self._guard.changing():
            person = replace(alter(self.get(name)), updated=now())
            self.restore(person)
        return person

    def rename(self, old: str, new: str) -> Person:
        """Give a person a different name, or a different spelling of the same name.

        Raises
        ------
        GalleryError
            ``not-enrolled``; ``already-enrolled`` if someone else has the new name; ``bad-name``.
        """
        new = normalise_name(new)
        self.get(old)  # a name that is not enrolled must not create a gallery
        with self._guard.changing() as change:
            person = self.get(old)
            if self._rows.key(change.seal, new) != self._rows.key(change.seal, person.name):
                self._refuse_enrolled(change.seal, new, "Choose another name; see: faceunlock people")
            self.forget(person.name)
            person = replace(person, name=new, updated=now())
            self.restore(person)
        return person

    def forget(self, name: str) -> None:
        """Delete a person: template, photo key, hashes and name, all overwritten in the file.

        It also works on a damaged row, under the name that the error message gave.

        Raises
        ------
        GalleryError
            ``not-enrolled``; ``bad-name``.
        """
        with self._guard.reading() as seal:
            key = self._rows.key(seal, known_name(name))
            if not self._rows.is_known(seal, key) and not self._rows.is_known(seal, name):
                raise self._not_enrolled(name)
        with self._guard.changing() as change:
            if not delete_people(change, *{key, name}):
                raise self._not_enrolled(name)

    def forget_all(self) -> int:
        """Delete everyone, including damaged rows, and return how many there were; calibrations stay.

        It also works on a sealed gallery that cannot be verified, or whose key or keyring cannot be had: a
        deletion needs no key. Then the calibrations and the strangers are deleted as well, and the
        gallery is no longer sealed. It is empty, so that lets nobody in.
        """
        try:
            if self.is_empty():
                self._guard.check_next_key()
                return 0
            with self._guard.changing() as change:
                keys = self._rows.keys()
                delete_people(change, *change.seal.missing(PEOPLE, keys))
                return delete_people(change, *keys)
        except GalleryError as error:
            if error.slug not in ("gallery-tampered", "key-missing", "keyring-unavailable"):
                raise
            forgotten = self._guard.start_again()
            self.strangers.remove_unnamed()
            return forgotten

    def restore(self, person: Person) -> None:
        """Store a person with the given dates, replacing anyone of the same name.

        Raises
        ------
        ValueError
            If the person is not valid. That is a bug of the caller, since user input is checked before
            it gets here.
        """
        with self._guard.changing() as change:
            write_person(change, self._rows.key(change.seal, person.name), person)

    def models(self) -> tuple[ModelIdentity, ...]:
        """Return the distinct models that made the templates, sorted by id."""
        return self.crowd().identities

    # calibrations

    def calibration(self, identity: ModelIdentity) -> dict[str, Any] | None:
        """Return the calibration saved for exactly this model, or None."""
        key = document(identity_to_record(identity))
        with self._guard.reading() as seal:
            rows = self._file.query(f"{_CALIBRATION} WHERE identity = ?", key)
            if not rows and not seal.lists(CALIBRATIONS, key):
                return None
            return calibration_of(asked_for(key, rows, seal, self.path), seal, self.path)[1]

    def calibrations(self) -> tuple[tuple[ModelIdentity, dict[str, Any]], ...]:
        """Return every saved calibration with its model."""
        with self._guard.reading() as seal:
            rows = self._file.query(f"{_CALIBRATION} ORDER BY identity")
            return tuple(calibration_of(row, seal, self.path) for row in seal.complete(CALIBRATIONS, rows))

    def save_calibration(self, identity: ModelIdentity, data: dict[str, Any]) -> None:
        """Save the calibration of a model, replacing an earlier one.

        Parameters
        ----------
        identity : ModelIdentity
            The model that was calibrated.
        data : dict
            JSON types only; tuples come back as lists.

        Raises
        ------
        ValueError
            If a number in `data` is not finite, because JSON has no such numbers.
        """
        values = (document(identity_to_record(identity)), document(data))
        with self._guard.changing() as change:
            change.write(CALIBRATIONS, values)

    # protection

    def protection(self) -> ProtectionState:
        """Return whether the gallery is sealed and where its key is, without using the key."""
        return self._guard.state()

    def derived_key(self, purpose: str) -> bytes | None:
        """Return a key that depends on the key of a sealed gallery and on the purpose; None if not sealed."""
        with self._guard.reading() as seal:
            return seal.derived_key(purpose)

    def protect(self, place: Place | None = None) -> bool:
        """Encrypt every row; see `faceunlock.gallery.guard.Guard.protect`."""
        return self._guard.protect(place)

    def rotate(self, place: Place | None = None) -> None:
        """Encrypt every row with a new key; see `faceunlock.gallery.guard.Guard.rotate`."""
        self._guard.rotate(place)

    def unprotect(self) -> bool:
        """Decrypt every row; see `faceunlock.gallery.guard.Guard.unprotect`."""
        return self._guard.unprotect()

    # state

    def problems(self) -> tuple[str, ...]:
        """Return one sentence for each thing in the gallery that cannot be trusted, damaged rows first."""
        found: list[str] = []
        with noting(found), self._guard.reading() as seal:
            for person, marks in self._rows.everybody(seal):
                with noting(found):
                    person_of(person, marks, seal, self.path)
            for row in seal.complete(CALIBRATIONS, self._file.query(_CALIBRATION)):
                with noting(found):
                    calibration_of(row, seal, self.path)
        with noting(found):
            waiting = self.protection().waiting
            if waiting is not None:
                found.append(
                    f"{self.path} is missing or empty, but {waiting} is the key of a sealed gallery there. "
                    "Restore the gallery from a copy; otherwise the next enrolment begins a new sealed one"
                )
        return tuple(found)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Return a context in which either all changes happen or none.

        The lock is taken at the start, so what is read inside stays true until the end.
        """
        with self._guard.changing() as change:
            yield change.connection

    def _is_enrolled(self, seal: Plain, name: str) -> bool:
        return self._rows.is_known(seal, self._rows.key(seal, name))

    def _refuse_enrolled(self, seal: Plain, name: str, hint: str | None = None) -> None:
        if self._is_enrolled(seal, name):
            raise GalleryError("already-enrolled", f"{quoted(name)} is already enrolled", hint=hint)

    def _not_enrolled(self, name: str) -> GalleryError:
        close = self._rows.near(name)
        hint = f"Did you mean {' or '.join(close)}? See: faceunlock people" if close else None
        return GalleryError("not-enrolled", f"{quoted(name)} is not enrolled", hint=hint)
