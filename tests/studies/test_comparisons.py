from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.made_comparisons import ODD_NAME, made

from faceunlock.studies.comparisons import impostor_comparisons

IDS = st.lists(st.integers(0, 6), max_size=12).map(lambda ids: np.array(ids, dtype=np.int32))


@given(IDS, IDS)
def test_impostor_comparisons_are_the_pairs_of_different_people(probes, templates):
    assert impostor_comparisons(probes, templates) == sum(a != b for a in probes for b in templates)


def test_every_comparison_is_genuine_or_of_own_people_or_of_strangers():
    comparisons = made(people=4, strangers=3)
    genuine, own, strangers = comparisons.scores()
    assert (len(genuine), len(own), len(strangers)) == (8, 24, 12)
    for scores, template in (
        (genuine, genuine.person),
        (own, own.template_person),
        (strangers, strangers.template_person),
    ):
        np.testing.assert_array_equal(comparisons.similarity[scores.photo, template], scores.scores)
    np.testing.assert_array_equal(comparisons.probe_person[genuine.photo], genuine.person)
    np.testing.assert_array_equal(comparisons.probe_person[own.photo], own.probe_person)
    np.testing.assert_array_equal(comparisons.probe_person[strangers.photo], strangers.probe_person)
    assert own.photo.max() < comparisons.own_probes <= strangers.photo.min()


def test_without_strangers_there_are_no_scores_of_strangers():
    assert len(made(strangers=0).scores()[2]) == 0


def test_a_person_is_named_by_the_first_of_their_templates():
    comparisons = made()
    assert [comparisons.name_of(person) for person in (0, 1)] == ["Ada", ODD_NAME]
    twice = replace(comparisons, template_person=np.array([0, 1, 2, 3, 0], dtype=np.int32))
    assert twice.name_of(0) == "Ada"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"similarity": np.zeros((5, 13))}, "fit together"),
        ({"files": ("a",)}, "fit together"),
        ({"names": ("Ada",)}, "fit together"),
        ({"template_person": np.zeros(4, np.int32)}, "fit together"),
        ({"templates": 4}, "add up"),
        ({"own_probes": 14}, "add up"),
        ({"own_probes": -1}, "add up"),
        ({"failures": ()}, "failures"),
        ({"similarity": np.full((13, 5), np.nan)}, "cosine"),
        ({"similarity": np.full((13, 5), -1.5)}, "cosine"),
        ({"probe_person": np.full(13, 18, np.int32)}, "out of range"),
        ({"probe_person": np.full(13, -1, np.int32)}, "out of range"),
        ({"own_probes": 9}, "stranger"),
        ({"template_person": np.array([0, 1, 2, 3, 5], np.int32)}, "stranger"),
        (
            {
                "probe_person": np.zeros(13, np.int32),
                "template_person": np.zeros(5, np.int32),
                "own_probes": 13,
            },
            "nothing to judge",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        replace(made(), **changes)
