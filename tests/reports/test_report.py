from dataclasses import replace

import numpy as np
import pytest
from support.fakes import IDENTITY
from support.made_photos import made

from faceunlock.pipeline.models.shipped import shipped_calibration, shipped_pair_calibration
from faceunlock.reports.curves import _coarsest, _ticks, bars
from faceunlock.reports.report import FIGURES, Report, compose, draw, source_line
from faceunlock.reports.report_words import cannot_tell, conclusions
from faceunlock.studies.overview import study, summarise


def studied(counts, threshold=None, **options):
    pair, template = shipped_pair_calibration("dlib"), shipped_calibration("dlib")
    return study(made(counts, **options), pair, template, threshold=threshold)


def page_of(results, **options):
    figures = draw(results)
    values = {"own_threshold": False, "skipped": 0, **options}
    report = Report(
        "folder", "data", "2025-01-31T00:00:00Z", IDENTITY, study=results, figures=figures, **values
    )
    return report, compose(report, "1.2.3")


@pytest.fixture(scope="module")
def usual():
    """The report, the page and the study of three people, one of them with a failure."""
    results = studied([5, 4, 3], threshold=0.6, noise=1.5, failed=("A",))
    return *page_of(results, skipped=3), results


def test_people_and_who_is_nearest():
    people = summarise(made([4, 3, 1], failed=("C", "C", "Z")))
    assert [(one.name, one.photos, one.failures) for one in people] == [
        ("A", 4, 0), ("B", 3, 0), ("C", 1, 2), ("Z", 0, 1),
    ]  # fmt: skip
    assert people[2].consistency is None and people[2].margin is None and people[2].nearest in "AB"
    assert people[0].lowest < people[0].consistency < 1
    assert people[0].margin == people[0].consistency - people[0].nearest_similarity
    assert people[3].nearest is None
    nearest = {one.name: one for one in people}
    assert max(people[:3], key=lambda one: one.nearest_similarity).nearest in nearest


def test_a_page_has_every_section_and_figure(usual):
    report, page, _ = usual
    assert set(report.figures) == set(FIGURES) and not cannot_tell(report.study)
    for name in FIGURES:
        assert f'id="{name}"' in page
    assert page.count("<section") == 8 and "Cannot tell" not in page
    assert "3 files that are not photos" in page and "A/bad.jpg" in page
    assert "folder/" not in page
    assert "biometric data" in page and 'src="data:image/jpeg;base64,' in page


def test_the_page_says_once_what_all_figures_are_about(usual):
    report, page, _ = usual
    line = source_line(report)
    assert page.count(line) == 1 and line.startswith("All figures: ")
    for part in ("data", "12 photos of 3 people", "model dlib", "0.6000", "2025-01-31"):
        assert part in line
    for figure in report.figures.values():
        assert "model dlib" not in figure.caption, figure.name
        assert len(figure.alt) > 60 and len(figure.caption) > 60


def test_a_page_opens_with_its_conclusions_in_plain_words(usual):
    _, page, results = usual
    said = conclusions(results)
    places = [page.index(sentence[:40]) for sentence in said]
    assert places == sorted(places) and places[-1] < page.index("<figure")
    text = " ".join(said)
    assert said[0].startswith("With verify, people are recognised on ") and "With compare, " in said[1]
    assert "look more like themselves than like anybody else" in text
    assert "1 photo of 13 had no usable face" in text and "3 people cannot measure a model." in text
    fmr = results.templates.fmr
    assert ("nobody is taken for somebody else" in said[0]) == (fmr.errors == 0)
    assert f"({results.pairs.fnmr.trials - results.pairs.fnmr.errors:,} of " in said[1]


@pytest.mark.parametrize(("counts", "least"), [([1], 2), ([1, 1], 3), ([6], 3), ([3] * 25, 5)])
def test_conclusions_about_little_data_are_sentences(counts, least):
    said = conclusions(studied(counts))
    assert len(said) >= least and all(sentence[0].isupper() or sentence[0].isdigit() for sentence in said)
    assert all(sentence.endswith(".") and "nan" not in sentence for sentence in said)
    assert any("cannot measure" in sentence for sentence in said) == (len(counts) < 20)


def test_words_are_explained_where_they_are_first_used(usual):
    _, page, _ = usual
    for word in ("Similarity", "Threshold", "FMR, FNMR", "Embedding", "Trade-off"):
        assert f"<dt>{word}</dt>" in page
    assert page.index("<dt>Embedding</dt>") < page.index('id="map"')
    assert 'id="words"' not in page


def test_tables_name_their_columns_in_every_cell(usual):
    _, page, _ = usual
    for column in ("Photos", "Consistency", "Nearest other person"):
        assert page.count(f'data-column="{column}"') == 3


def test_no_face_is_on_a_page_without_faces():
    _, page = page_of(studied([5, 4, 3], faces=False))
    assert "image/jpeg" not in page and "shows no faces" in page


@pytest.mark.parametrize(
    ("counts", "missing"),
    [
        ([1], {"heatmap", "map", "photo-scores", "centroid-scores", "det"}),
        ([2], {"map", "centroid-scores", "det"}),
        ([6], {"det"}),
        ([1, 1, 1], {"centroid-scores", "det"}),
        ([1, 1], {"map", "centroid-scores", "det"}),
    ],
)
def test_what_few_photos_cannot_tell_is_said(counts, missing):
    results = studied(counts)
    report, page = page_of(results)
    assert set(cannot_tell(results)) == missing == set(FIGURES) - set(report.figures)
    assert page.count("Cannot tell:") >= len(missing)
    assert ">cannot tell" in page  # rates without comparisons


def test_people_who_are_told_apart_perfectly_have_no_curve():
    results = studied([4, 4], noise=0.01)
    assert "separates" in cannot_tell(results)["det"]


def test_a_large_folder_is_sampled_and_the_page_says_so():
    results = studied([2] * 120, dimension=32, faces=False)
    report, page = page_of(results)
    assert "A sample: 40 of 240 photos, 20 of 120 people" in report.figures["heatmap"].caption
    assert "100 of 120 people" in page
    assert "too many for colours" in report.figures["map"].caption


def test_names_cannot_break_the_page():
    results = studied([3, 3])
    samples = results.samples
    evil = "<script>alert(1)</script> $x_1^2$"
    names = tuple(evil if name == "A" else name for name in samples.person)
    renamed = replace(samples, person=names)
    _, page = page_of(study(renamed, results.pairs.calibration, results.templates.calibration))
    assert "<script" not in page and "&lt;script&gt;" in page


def test_a_name_in_any_script_can_be_drawn():
    results = studied([3, 3])
    samples = results.samples
    names = tuple("\u4e2d\U00010380" if name == "A" else name for name in samples.person)
    renamed = replace(samples, person=names, thumbnails=())
    report, _ = page_of(study(renamed, results.pairs.calibration, results.templates.calibration))
    assert "heatmap" in report.figures


def test_bars_hold_everything_and_the_threshold():
    edges = np.linspace(-1, 1, 1001)
    counts = np.zeros(1000, dtype=np.int64)
    counts[[300, 700]] = 1
    limits = bars(edges, counts, 0.9)
    assert limits[0] <= edges[300] and limits[-1] >= 0.9 and len(limits) <= 61
    assert np.allclose(np.diff(limits), limits[1] - limits[0])


def test_axes_of_a_det_plot_show_the_thresholds_in_use():
    assert _coarsest([0.1, 0.2]) == 0.5 and _coarsest([0.7]) == 0.9 and _coarsest([1.0]) > 0.99
    assert _coarsest([float("nan"), 0.1]) == 0.5
    ticks = _ticks(1e-6, 0.5)
    assert ticks[0] == 0.5 and ticks[-1] <= 1e-5 and ticks == sorted(ticks, reverse=True)
