"""Which people a template also matches."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.made_templates import make_template

from faceunlock.matching.crowd import Crowd
from faceunlock.matching.people import Person
from faceunlock.matching.second_names import same_faces
from faceunlock.matching.templates import ModelIdentity

WHEN = "2025-01-31T09:30:00Z"


def person(name, vector, **changes):
    return Person(name, make_template(vector, **changes), WHEN, WHEN)


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_a_match_is_a_cosine_at_or_above_the_threshold(cosine, threshold):
    other = person("Bob", np.float32([cosine, np.sqrt(1 - cosine**2)]))
    found = same_faces("Ada", make_template([1.0, 0.0]), Crowd.of([other]), threshold)
    similarity = float(make_template([1.0, 0.0]).centroid @ other.template.centroid)
    assume(abs(similarity - threshold) > 1e-12 or similarity in (0, 1, -1))
    assert [same.enrolled_as for same in found] == ["Bob"] * (similarity >= threshold)


@pytest.mark.parametrize("length", [1e-6, 1.0, 1e6])
def test_the_length_that_the_maker_of_a_file_wrote_does_not_matter(length):
    found = same_faces("Ada", make_template([length, 0.0]), Crowd.of([person("Bob", [3.0, 0.1])]), 0.9)
    assert found[0].similarity > 0.99


def test_the_same_name_and_other_models_are_passed_over():
    other = ModelIdentity("vggface2", "cd" * 32, "mtcnn-160", 2)
    people = [person("ADA", [1.0, 0.0]), person("Bob", [1.0, 0.0], identity=other), person("Cyd", [0.0, 1.0])]
    assert same_faces("Ada", make_template([1.0, 0.0]), Crowd.of(people), 0.5) == ()


def test_the_most_similar_person_is_first():
    people = [person("Bob", [1.0, 0.3]), person("Cyd", [1.0, 0.1])]
    found = same_faces("Ada", make_template([1.0, 0.0]), Crowd.of(people), 0.5)
    assert [same.enrolled_as for same in found] == ["Cyd", "Bob"]
