from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceunlock.matching.scores import (
    GenuineScores,
    ImpostorScores,
    pool,
    separate,
    split_people,
    worst_pairs,
)
from faceunlock.matching.similarity import similarities, unit


def score_comparisons(probes, probe_person, centroids, template_person):
    """Compare every probe, a unit vector, with every centroid, as `verify` does; see `separate`."""
    probes, centroids = np.asarray(probes, dtype=np.float64), np.asarray(centroids, dtype=np.float64)
    compared = len(probes) > 0 and len(centroids) > 0
    similarity = similarities(probes, centroids) if compared else np.empty((len(probes), len(centroids)))
    return separate(similarity, probe_person, template_person)


def test_scores_are_refused_unless_they_are_similarities_of_known_people():
    for scores in ([1.5], [np.nan], [-1.1], [np.inf], [[0.5]]):
        with pytest.raises(ValueError, match=r"-1 to 1|dimension"):
            GenuineScores(scores, [0])
    with pytest.raises(ValueError, match="ids"):
        GenuineScores([0.5, 0.6], [0])
    with pytest.raises(ValueError, match="ids"):
        ImpostorScores([0.5, 0.6], [0, 1], [1])
    with pytest.raises(ValueError, match="two people"):
        ImpostorScores([0.5], [3], [3])


def test_photos_are_numbered_unless_the_caller_numbers_them():
    assert GenuineScores([0.5, 0.6], [0, 0]).photo.tolist() == [0, 1]
    assert ImpostorScores([0.5, 0.6], [0, 0], [1, 2], [7, 7]).photo.tolist() == [7, 7]


def test_a_comparison_takes_twenty_bytes():
    impostor = ImpostorScores([0.5] * 10, [0] * 10, [1] * 10)
    arrays = (impostor.scores, impostor.probe_person, impostor.template_person, impostor.photo)
    assert sum(array.nbytes for array in arrays) == 20 * len(impostor)


def test_every_probe_meets_every_centroid(monkeypatch):
    generator = np.random.default_rng(1)
    probes, centroids = unit(generator.normal(size=(7, 5))), unit(generator.normal(size=(3, 5)))
    probe_person, template_person = np.array([0, 0, 1, 1, 2, 9, 9]), np.array([2, 0, 1])
    table = similarities(probes, centroids)
    monkeypatch.setattr("faceunlock.matching.scores.BLOCK", 6)  # two probes at a time
    genuine, impostor = score_comparisons(probes, probe_person, centroids, template_person)
    assert len(genuine) == 5
    assert len(impostor) == 7 * 3 - 5
    for score, person, photo in zip(genuine.scores, genuine.person, genuine.photo, strict=True):
        assert person == probe_person[photo]
        assert score == pytest.approx(table[photo, list(template_person).index(person)])
    for i, photo in enumerate(impostor.photo):
        assert impostor.probe_person[i] == probe_person[photo]
        column = list(template_person).index(impostor.template_person[i])
        assert impostor.scores[i] == pytest.approx(table[photo, column])
    assert impostor.photo.tolist() == sorted(impostor.photo)


def test_no_probe_or_no_centroid_is_no_comparison():
    for probes, probe_person, centroids, template_person in (
        (np.empty((0, 2)), [], [[1.0, 0.0]], [0]),
        ([[1.0, 0.0]], [0], np.empty((0, 2)), []),
    ):
        genuine, impostor = score_comparisons(probes, probe_person, centroids, template_person)
        assert len(genuine) == len(impostor) == 0


def test_strangers_are_pooled_but_never_confused_with_own_people():
    own = ImpostorScores([0.1, 0.2], [0, 1], [1, 0])
    pooled = pool(own, ImpostorScores([0.3, 0.4], [5, 6], [0, 1], [3, 4]))
    assert pooled.scores.tolist() == [0.1, 0.2, 0.3, 0.4]
    assert pooled.probe_person.tolist() == [0, 1, 5, 6]
    assert pooled.template_person.tolist() == [1, 0, 0, 1]
    assert pooled.photo.tolist() == [0, 1, 3, 4]
    for person in (1, 2):
        with pytest.raises(ValueError, match="ids of their own"):
            pool(ImpostorScores([0.1], [0], [1]), ImpostorScores([0.3, 0.1], [person, 9], [0, 2]))


def test_only_people_with_more_than_k_photos_get_a_centroid():
    names = ["ada"] * 4 + ["bob"] * 3 + ["eve"]
    split = split_people(names, k=3, seed=0)
    assert split.enrolled == ("ada",)
    assert len(split.templates) == 3
    assert set(split.templates) < {0, 1, 2, 3}
    assert sorted(split.templates + split.probes) == list(range(8))


names = st.lists(st.sampled_from(["ada", "bob", "eve", "\udcff"]), max_size=30)


@given(names, st.integers(1, 4), st.integers(0, 3))
def test_the_choice_of_photos_does_not_depend_on_other_people(people, k, seed):
    def chosen(listing: list[str], name: str) -> list[bool]:
        split = split_people(listing, k, seed)
        return [position in split.templates for position, person in enumerate(listing) if person == name]

    split = split_people(people, k, seed)
    assert len(split.templates) == k * len(split.enrolled)
    assert sorted(split.templates + split.probes) == list(range(len(people)))
    alone = [name for name in people if name == "ada"]
    assert chosen(people, "ada") == chosen(alone, "ada") == chosen(people[::-1], "ada")


def test_seed_and_name_change_the_choice():
    names = ["ada"] * 30
    assert split_people(names, 3, 0) == split_people(names, 3, 0)
    assert split_people(names, 3, 0).templates != split_people(names, 3, 1).templates
    assert split_people(names, 3, 0).templates != split_people(["bob"] * 30, 3, 0).templates
    with pytest.raises(ValueError, match="at least one photo"):
        split_people(names, 0, 0)


similarity = st.lists(st.sampled_from([-0.5, 0.0, 0.25, 0.5, 0.75]), max_size=12)


@given(similarity, similarity, st.integers(0, 14))
def test_worst_pairs_are_those_that_sorting_all_would_give(mated, other, count):
    genuine = GenuineScores(mated, [0] * len(mated))
    impostor = ImpostorScores(other, [0] * len(other), [1] * len(other))
    lowest, highest = worst_pairs(genuine, impostor, count)
    assert lowest.tolist() == sorted(range(len(mated)), key=lambda i: mated[i])[:count]
    assert highest.tolist() == sorted(range(len(other)), key=lambda i: -other[i])[:count]
