"""Whether a template shows a face that is already enrolled under another name: pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from faceunlock.matching.people import Person, name_key
from faceunlock.matching.templates import Template


@dataclass(frozen=True, slots=True)
class SameFace:
    """A template that matches another person's.

    Attributes
    ----------
    name : str
        Whose template was looked at.
    enrolled_as : str
        The enrolled person it matches.
    similarity : float
        Cosine of the two centroids, in [-1, 1].
    threshold : float
        Lowest similarity that is a match.
    """

    name: str
    enrolled_as: str
    similarity: float
    threshold: float


def same_faces(
    name: str, template: Template, people: Iterable[Person], threshold: float
) -> tuple[SameFace, ...]:
    """Return every person of another name who has a template that matches this one, most similar first.

    The centroids are compared, not the lengths of the sums: a length is whatever the maker of a file wrote.

    Parameters
    ----------
    name : str
        The person of `template`; people of this name are passed over.
    template : Template
        What was learned or is to be imported.
    people : iterable of Person
        People with a different model cannot be compared and are passed over.
    threshold : float
        The unlock threshold of the model, in [-1, 1].
    """
    found = []
    for person in people:
        if name_key(person.name) == name_key(name) or person.template.identity != template.identity:
            continue
        centroid = template.centroid
        similarity = min(1.0, max(float(centroid @ other.centroid) for _, other in person.templates))
        if similarity >= threshold:
            found.append(SameFace(name, person.name, similarity, threshold))
    return tuple(sorted(found, key=lambda same: -same.similarity))
