"""One comparison for everybody says what one comparison for each says."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.made_templates import make_template

from faceunlock.matching import crowd as module
from faceunlock.matching.crowd import Crowd
from faceunlock.matching.people import Person, in_order
from faceunlock.matching.similarity import best_looks, decide, unit
from faceunlock.matching.templates import ModelIdentity

WHEN = "2025-01-31T09:30:00Z"
DIMENSION = 4
IDENTITY = make_template(np.ones(DIMENSION)).identity
OTHER = ModelIdentity("vggface2", "cd" * 32, "mtcnn-160", DIMENSION)


def people_of(random, count, identity=IDENTITY, first=0):
    """People with zero to two looks; their sums are float32, as those that are stored."""
    for number in range(first, first + count):

        def template():
            return make_template(random.normal(size=DIMENSION).astype(np.float32), identity=identity)

        person = Person(f"P{number}", template(), WHEN, WHEN)
        for look in ["hat", "scarf"][: random.integers(0, 3)]:
            person = person.with_look(look, template())
        yield person


def centroids(people):
    return {
        (person.name, look): unit(np.asarray(template.vector_sum, dtype=np.float64))
        for person in people
        for look, template in person.templates
    }


def same(found, expected):
    """The order in which a matrix product adds depends on its shape: the last bit may differ."""
    assert found.similarity == pytest.approx(expected.similarity, abs=1e-12)
    assert replace(found, similarity=expected.similarity) == expected


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(0, 2**32 - 1), st.sampled_from([1, 3 * DIMENSION, 1 << 16]))
def test_a_crowd_decides_as_one_comparison_after_the_other_does(count, seed, block):
    random = np.random.default_rng(seed)
    people = [*people_of(random, count)]
    probe = unit(random.normal(size=DIMENSION))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        (part,) = Crowd.of(people).parts
        same(part.decide(probe, 0.5), decide(probe, centroids(people), 0.5))
        probes = unit(random.normal(size=(3, DIMENSION)))
        expected = best_looks(
            probes, [[one for (name, _), one in centroids(people).items() if name == p.name] for p in people]
        )
        np.testing.assert_allclose(part.best_looks(probes), expected, atol=1e-12)
    gone = {person.name for person in people if random.random() < 0.4}
    there = [person for person in people if person.name not in gone]
    if there:
        same(part.without(gone).decide(probe, 0.5), decide(probe, centroids(there), 0.5))
        assert [*part.without(gone).names] == [person.name for person in there]
        one = there[0]
        same(part.without(gone).only([one.name]).decide(probe, 0.5), decide(probe, centroids([one]), 0.5))
    else:
        with pytest.raises(ValueError, match="nobody"):
            part.without(gone).decide(probe, 0.5)


def test_of_equals_the_first_by_name_is_chosen_wherever_it_is_stored():
    same = [Person(name, make_template([1.0, 0.5]), WHEN, WHEN) for name in ("bob", "Ada", "Zoë")]
    for people in (same, same[::-1]):
        (part,) = Crowd.of(people).parts
        decision = part.decide([1.0, 0.0], 0.5)
        assert (decision.name, decision.candidates, decision.match) == ("Ada", 3, True)


def test_what_is_not_a_number_matches_nobody():
    (part,) = Crowd.of([Person("Ada", make_template([1.0, 0.5]), WHEN, WHEN)]).parts
    assert not part.decide([np.nan, 0.0], -1.0).match


def test_models_are_kept_apart():
    random = np.random.default_rng(1)
    crowd = Crowd.of([*people_of(random, 3), *people_of(random, 2, OTHER, first=3)])
    assert len(crowd) == 5 and crowd.identities == (IDENTITY, OTHER)
    assert crowd.others(IDENTITY) == ("P3", "P4") and crowd.first() == ("P0", IDENTITY)
    assert [*crowd.made_by(OTHER).names] == ["P3", "P4"]
    assert crowd.made_by(ModelIdentity("x", "ef" * 32, "y", DIMENSION)) is None
    assert in_order(crowd.names()) == ("P0", "P1", "P2", "P3", "P4") and len(Crowd.of([])) == 0
