"""Groups of faces that get the names of people: what a group is called, and how it is enrolled."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.errors import EnrolmentError, GalleryError
from faceunlock.files.text import quoted
from faceunlock.matching.people import name_key, normalise_name
from faceunlock.tasks.enrolling import EnrolmentOutcome, finish
from faceunlock.tasks.planning import Planned, Wanted

if TYPE_CHECKING:
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.pipeline.samples import Sample
    from faceunlock.tasks.workspace import Workspace

TAG_LENGTH = 8
"""Characters of a tag, 5 bits each: of 10,000 groups, two have the same one in 1 of 20,000 folders."""

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no letter can be taken for a digit."""

_TAG = re.compile(f"[{_DIGITS}]{{{TAG_LENGTH}}}")


def tag_of(faces: Sequence[tuple[bytes, int]]) -> str:
    """Return the name of a group of faces, whatever their order and the names of their files.

    Parameters
    ----------
    faces : sequence of (bytes, int)
        SHA-256 of each photo's content, and the face's number on it.

    Examples
    --------
    >>> tag_of([(b"one", 1), (b"two", 1)]) == tag_of([(b"two", 1), (b"one", 1)])
    True
    >>> len(tag_of([(b"one", 1)])), tag_of([(b"one", 1)]) == tag_of([(b"one", 2)])
    (8, False)
    """
    one = hashlib.sha256(b"group of faces 1")
    for digest, number in sorted(faces):
        one.update(hashlib.sha256(digest + number.to_bytes(4, "big")).digest())
    value = int.from_bytes(one.digest(), "big")
    return "".join(_DIGITS[(value >> 5 * place) & 31] for place in range(TAG_LENGTH))


def is_tag(text: str) -> bool:
    """Return whether a text may be the name of a group.

    Examples
    --------
    >>> is_tag("k7q2m9xd"), is_tag("3")
    (True, False)
    """
    return _TAG.fullmatch(text) is not None


class Naming:
    """Whom the named groups will be, checked as far as possible before any photo is read.

    Parameters
    ----------
    workspace : Workspace
        Its gallery stores the templates.
    names : mapping of str to str
        The person of a group, by its tag.
    add, even_so : bool
        As for `faceunlock.tasks.group.group`, which also says what is raised.
    """

    def __init__(self, workspace: Workspace, names: Mapping[str, str], *, add: bool, even_so: bool) -> None:
        self._workspace = workspace
        self._tags: dict[str, list[str]] = {}
        self._planned: dict[str, Planned] = {}
        for tag, given in names.items():
            if not is_tag(tag):
                raise GalleryError(
                    "unknown-group",
                    f"{quoted(tag)} is not the name of a group, which has {TAG_LENGTH} letters and digits",
                    hint="Copy it from the first column of: faceunlock group FOLDER",
                )
            name = normalise_name(given)
            key = name_key(name)
            self._tags.setdefault(key, []).append(tag)
            if key not in self._planned:
                there = add and workspace.gallery.enrolled(name)
                if not there and workspace.gallery.enrolled(name):
                    raise GalleryError(
                        "already-enrolled",
                        f"{name} is already enrolled",
                        hint="Use --add to add the faces of the group, or give it another name.",
                    )
                wanted = Wanted(name, None, add=there, replace=False, even_so=even_so)
                self._planned[key] = Planned(wanted, wanted.known(workspace), [], 0)

    def check(self, identity: ModelIdentity) -> None:
        """Refuse a model that did not make the templates that are added to; ``model-mismatch``."""
        for planned in self._planned.values():
            self._workspace.choice.check(planned.known, identity)

    def enroll(
        self, groups: Mapping[str, Sequence[Sample]], identity: ModelIdentity
    ) -> tuple[EnrolmentOutcome, ...]:
        """Enroll everybody who was named, or nobody.

        Parameters
        ----------
        groups : mapping of str to sequence of Sample
            What an enrolment learns from, by the tag of each group.
        identity : ModelIdentity
            What made the embeddings.
        """
        if not self._planned:
            return ()
        for tag in (tag for tags in self._tags.values() for tag in tags):
            if tag not in groups:
                raise GalleryError("unknown-group", f"there is no group {tag} now; nobody was enrolled")
        with self._workspace.gallery.transaction():
            return tuple(
                self._enrolled(planned, [one for tag in self._tags[key] for one in groups[tag]], identity)
                for key, planned in self._planned.items()
            )

    def _enrolled(
        self, planned: Planned, samples: Sequence[Sample], identity: ModelIdentity
    ) -> EnrolmentOutcome:
        sources = replace(planned, photos=[Path(sample.photo) for sample in samples])
        try:
            return finish(self._workspace, sources, samples, identity)
        except EnrolmentError as error:
            error.message = f"{planned.wanted.name}: {error.message}"
            if error.slug == "several-people":
                error.hint = (
                    "Name only the groups of this person; if a group mixes people, raise --threshold."
                )
            raise
