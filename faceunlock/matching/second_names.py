"""Whether a template shows a face that is already enrolled under another name: pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from faceunlock.matching.people import name_key
from faceunlock.matching.templates import Template

if TYPE_CHECKING:
    from faceunlock.matching.candidates import Everybody


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


def same_faces(name: str, template: Template, people: Everybody, threshold: float) -> tuple[SameFace, ...]:
    """Return every person of another name who has a template that matches this one, most similar first.

    The centroids are compared, not the lengths of the sums: a length is whatever the maker of a file wrote.

    Parameters
    ----------
    name : str
        The person of `template`; people of this name are passed over.
    template : Template
        What was learned or is to be imported.
    people : Everybody
        People with a different model cannot be compared and are passed over.
    threshold : float
        The unlock threshold of the model, in [-1, 1].
    """
    everybody = people.made_by(template.identity)
    if everybody is None:
        return ()
    others = everybody.near([template.centroid], threshold)
    scores = others.best_looks([template.centroid])[0]
    key = name_key(name)
    found = [
        SameFace(name, others.names[at], float(scores[at]), threshold)
        for at in map(int, np.flatnonzero(scores >= threshold))
        if name_key(others.names[at]) != key
    ]
    return tuple(sorted(found, key=lambda same: (-same.similarity, name_key(same.enrolled_as))))
