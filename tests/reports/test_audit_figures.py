"""The distance matrix of an audit: a mean in every block, and hatching between the groups."""

from types import SimpleNamespace

import numpy as np
import pytest
from support.fakes import IDENTITY, embedding

from faceunlock.reports import audit_figures
from faceunlock.reports.audit_figures import HATCHED, MEAN, draw_figures, mean_distances
from faceunlock.reports.figures import DARK, LIGHT
from faceunlock.studies.audit import GroupedEmbeddings, audit_groups


def report(sizes=(4, 3, 2), photos=2):
    people = sum(sizes)
    owner = np.repeat(np.arange(people), photos)
    material = GroupedEmbeddings(
        np.stack([embedding(person, photo, 0.2) for person in range(people) for photo in range(photos)]),
        tuple(map(str, range(people * photos))),
        owner,
        np.repeat(np.arange(len(sizes)), sizes)[owner],
        tuple(f"group {number}" for number in range(len(sizes))),
    )
    audit = audit_groups(material, 0.7, permutations=99)
    return SimpleNamespace(material=material, audit=audit, identity=IDENTITY, folder="f", source="folders")


def drawn(given, monkeypatch, scheme=LIGHT):
    found = []
    monkeypatch.setattr(audit_figures, "render", lambda draw, **words: found.append((draw, words)))
    audit_figures._distances(given)
    draw, words = found[0]
    return draw(scheme).axes[0], words


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_every_block_has_its_mean_and_pairs_of_two_groups_are_hatched(monkeypatch, scheme):
    given = report()
    axes, words = drawn(given, monkeypatch, scheme)
    means = [text.get_text() for text in axes.texts if text.get_gid() == MEAN]
    assert means == [f"{mean:.3f}" for mean in mean_distances(given).ravel()]
    hatched = [patch for patch in axes.patches if patch.get_gid() == HATCHED]
    assert len(hatched) == 6 and all(patch.get_hatch() for patch in hatched)
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "group 0 (8)", "group 1 (6)", "group 2 (4)",
    ]  # fmt: skip
    assert "group 0" in words["alt"] and "model" not in words["caption"].lower()


def test_means_are_those_of_two_people(monkeypatch):
    monkeypatch.setattr(audit_figures, "BLOCK", 20)
    given = report()
    means, material = mean_distances(given), given.material
    for i in range(3):
        for j in range(3):
            expected = [
                np.linalg.norm(material.embeddings[a] - material.embeddings[b])
                for a in np.flatnonzero(material.group == i)
                for b in np.flatnonzero(material.group == j)
                if material.person[a] != material.person[b]
            ]
            assert means[i, j] == pytest.approx(np.mean(expected), rel=1e-5)


def test_many_groups_have_no_room_for_means(monkeypatch):
    axes, _ = drawn(report(sizes=(1,) * 12), monkeypatch)
    assert not [text for text in axes.texts if text.get_gid() == MEAN]
    assert len([patch for patch in axes.patches if patch.get_gid() == HATCHED]) == 12 * 11


def test_all_figures_can_be_drawn():
    assert set(draw_figures(report())) == set(audit_figures.FIGURES)
