import re

import numpy as np
import pytest
from support.made_templates import make_template

from faceunlock.matching import likeness
from faceunlock.matching.likeness import exceeds, likeness_of
from faceunlock.matching.people import Person
from faceunlock.matching.security import LEVELS, TARGETS, chances, level_of
from faceunlock.matching.wording import likeness_warning, threshold_meaning
from faceunlock.pipeline.models.shipped import shipped_calibration

MEASURED = ("compact", "dlib")


@pytest.mark.parametrize("model", MEASURED)
def test_every_level_is_measured_and_asks_more_than_the_one_before(model):
    levels = [shipped_calibration(model, level) for level in LEVELS]
    assert [one.target_fmr for one in levels] == [TARGETS[level] for level in LEVELS] == [1e-4, 1e-5, 1e-6]
    assert [level_of(one) for one in levels] == list(LEVELS)
    assert sorted({one.threshold for one in levels}) == [one.threshold for one in levels]
    for one in levels:
        assert one.fmr.value <= one.target_fmr < 3 * one.fmr.upper
        assert len(one.tail) == one.fmr.errors + 1 and one.fnmr.trials > 1000
    assert shipped_calibration(model) == levels[1]


@pytest.mark.parametrize("model", MEASURED)
@pytest.mark.parametrize("level", LEVELS)
def test_a_level_says_what_was_measured_and_which_bound_the_data_support(model, level):
    calibration = shipped_calibration(model, level)
    said = chances(calibration)
    strangers, bound = (
        int(re.search(f"{before} 1 (?:stranger )?in ([\\d,]+)", said).group(1).replace(",", ""))
        for before in ("about", "at most")
    )
    assert strangers == pytest.approx(1 / calibration.fmr.value, rel=0.06)
    assert bound == pytest.approx(1 / calibration.fmr.upper, rel=0.06) and bound < strangers
    often, of = map(int, re.search(r"about (\d+) times? in (\d+) on", said).groups())
    assert often / of == pytest.approx(calibration.fnmr.value, rel=0.05)
    assert said.startswith("about 1 stranger in ") and said.endswith("press photos over years")


def test_a_million_is_not_claimed_of_fewer_comparisons_than_that_takes():
    strict = shipped_calibration("compact", "strict")
    assert strict.fmr.upper > TARGETS["strict"]  # 2.8 million comparisons with a few errors
    assert f"at most 1 in {round(float(f'{1 / strict.fmr.upper:.2g}')):,}" in chances(strict)


@pytest.mark.parametrize("level", LEVELS)
def test_the_threshold_for_many_works_on_the_tail_of_its_level(level):
    calibration = shipped_calibration("compact", level)
    points = [calibration.threshold_for(n) for n in (1, 2, 5, 10, 100)]
    assert [point.threshold for point in points] == sorted(point.threshold for point in points)
    assert all(point.threshold >= calibration.threshold for point in points)
    supported = sum(point.supported for point in points)
    assert supported == {"relaxed": 5, "normal": 4, "strict": 1}[level]


@pytest.mark.parametrize("level", LEVELS)
def test_nothing_is_said_of_an_unmeasured_model(level):
    calibration = shipped_calibration("vggface2", level)
    assert calibration == shipped_calibration("vggface2")
    assert level_of(calibration) is None and chances(calibration) is None


def test_the_answer_names_a_level_other_than_the_usual():
    said = [
        threshold_meaning(one, one.threshold_for(1))
        for one in (shipped_calibration("compact", level) for level in LEVELS)
    ]
    assert [re.search(r"; (.*)$", text).group(1) for text in said] == [
        "shipped for relaxed, measured on LFW",
        "shipped, measured on LFW",
        "shipped for strict, measured on LFW",
    ]


@pytest.mark.parametrize("rate", [1e-6, 1e-4, 0.01, 0.3])
@pytest.mark.parametrize("trials", [1, 90, 702, 50_000])
def test_exceeding_a_rate_is_the_binomial_test(rate, trials):
    from scipy.stats import binom

    for errors in {
        0,
        1,
        2,
        3,
        int(trials * rate),
        int(trials * rate) + 9,
        min(trials, int(trials * rate * 1.3)),
    }:
        if errors <= trials:
            expected = bool(errors > trials * rate and binom.sf(errors - 1, trials, rate) < 0.05)
            assert exceeds(errors, trials, rate) == expected


def person(name, *vectors):
    made = Person(name, make_template(vectors[0], count=2), "2026-01-31T00:00:00Z", "2026-01-31T00:00:00Z")
    for number, vector in enumerate(vectors[1:]):
        made = made.with_look(f"look {number}", make_template(vector, count=2))
    return made


def test_people_who_look_alike_are_noticed_and_strangers_are_not():
    calibration = shipped_calibration("compact", "relaxed")
    ada, bob, eve = (
        person(*given) for given in (("Ada", (2, 0, 0)), ("Bob", (0, 2, 0)), ("Eve", (1.96, 0.4, 0)))
    )
    strangers = likeness_of([ada, bob], calibration)
    assert (strangers.pairs, strangers.alike, strangers.unexpected) == (2, 0, False)
    alike = likeness_of([bob, ada, eve], calibration)
    assert (alike.pairs, alike.alike, alike.unexpected) == (6, 2, True)
    assert set(alike.closest) == {"Ada", "Eve"} and 0.95 < alike.similarity <= 1.0
    assert "2 of 6 comparisons" in likeness_warning(alike) and "Eve" in likeness_warning(alike)
    twin = likeness_of([ada, person("Bob", (0, 2, 0), (2, 0, 0))], calibration)
    assert twin.alike == 2 and twin.similarity == pytest.approx(1.0)


def test_photos_that_scatter_count_with_their_mean():
    """A sum of two photos that is short means they differ, so they are less alike to anybody else, too."""
    calibration = shipped_calibration("compact", "relaxed")
    scattered = person("Ada", (1.2, 0, 0))
    found = likeness_of([scattered, person("Bob", (2, 0, 0))], calibration)
    assert (found.alike, found.closest) == (1, ("Bob", "Ada"))


def test_nothing_is_told_of_one_person_or_without_a_measurement():
    pair = [person("Ada", (2, 0, 0)), person("Bob", (2, 0, 0))]
    assert likeness_of(pair[:1], shipped_calibration("compact")) is None
    assert likeness_of(pair, shipped_calibration("vggface2")) is None


@pytest.mark.parametrize("block", [1, 2, 3])
def test_people_are_as_alike_however_many_are_compared_at_a_time(monkeypatch, block):
    random = np.random.default_rng(3)
    people = [
        person(f"P{number}", *random.normal(size=(1 + number % 3, 3)).round(2).tolist())
        for number in range(7)
    ]
    calibration = shipped_calibration("compact", "relaxed")
    whole = likeness_of(people, calibration)
    monkeypatch.setattr(likeness, "BLOCK", block)
    assert likeness_of(people, calibration) == whole
    monkeypatch.setattr(likeness, "MOST_PEOPLE", 6)
    assert likeness_of(people, calibration) is None
