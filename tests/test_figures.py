"""Every figure in README and docs comes from a committed result file."""

import json
import re
from math import ceil
from pathlib import Path

import pytest

from faceunlock.matching.security import TARGETS
from faceunlock.photos.pose import MOST_CUT_OFF, MOST_TURN
from faceunlock.photos.shade import LEAST_EYE_LIGHT

PROJECT = Path(__file__).resolve().parents[1]
RESULTS = PROJECT / "benchmarks" / "results"
README = (PROJECT / "README.md").read_text(encoding="utf-8")
MEASUREMENTS = (PROJECT / "docs" / "measurements.md").read_text(encoding="utf-8")
LIMITATIONS = (PROJECT / "docs" / "limitations.md").read_text(encoding="utf-8")


def joined(text):
    """Return a text without its line breaks, which may be anywhere in a page."""
    return " ".join(text.split())


def result(name):
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def percent(rate):
    counts = f"{rate['errors']:,} of {rate['trials']:,}"
    return f"{100 * rate['value']:.1f} % ({counts}; {100 * rate['lower']:.1f} to {100 * rate['upper']:.1f} %)"


def coming_with(name):
    return json.loads(
        (PROJECT / "faceunlock" / "pipeline" / "models" / "shipped" / f"{name}.json").read_text(
            encoding="utf-8"
        )
    )


MEASURED = ("retail-0095", "compact", "dlib")


def phone_lines():
    for model in MEASURED:
        phone = result(f"phone10-{model}")
        searches = phone["searches"]
        yield (
            f"| `{model}` | {phone['genuine_accepted']} of {phone['genuine']} accepted | "
            f"{phone['impostor_accepted']} of {phone['impostor']} accepted | {phone['lowest_genuine']:.3f} | "
            f"{phone['highest_impostor']:.3f} | {searches['named']} of {searches['probes']} named, "
            f"{searches['misnamed']} misnamed |"
        )


def lfw_lines():
    measured = {model: result(f"lfw-{model}") for model in MEASURED}
    for model, lfw in measured.items():
        protocol = lfw["protocol"]
        yield f"`{model}` {protocol['accuracy']:.4f} ± {protocol['standard_error']:.4f}"
        for level, row in lfw["levels"].items():
            fmr = row["fmr"]
            yield (
                f"| `{model}` | `{level}` | {row['threshold']:.3f} | {fmr['errors']} of {fmr['trials']:,} | "
                f"1 in {round(fmr['trials'] / fmr['errors']):,} | 1 in {round(1 / fmr['upper']):,} | "
                f"{percent(row['fnmr'])} |"
            )
        pair = result(f"lfw-pairs-{model}")["shipped"]
        fmr = pair["fmr"]
        yield (
            f"| `{model}` | {pair['threshold']:.3f} | {fmr['value']:.1e} ({fmr['errors']} of "
            f"{fmr['trials']:,} comparisons of {fmr['people']:,} people, at most {fmr['upper']:.1e}) | "
            f"{percent(pair['fnmr'])} |"
        )
    lfw = measured["compact"]
    pairs = lfw["all_pairs"]["genuine"] + lfw["all_pairs"]["impostor"]
    for kind, tables in (
        ("6,000 pairs", [one["protocol"] for one in measured.values()]),
        (f"all {pairs:,} pairs", [one["all_pairs"] for one in measured.values()]),
        ("centroids of 3 photos", [one["centroids_of_3"][0] for one in measured.values()]),
    ):
        for cells in zip(*(table["fnmr"] for table in tables), strict=True):
            row = " | ".join(percent(cell["fnmr"]) for cell in cells)
            yield f"| {kind} | {cells[0]['target_fmr']:.0e} | {row} |"
    acquired = lfw["photos"] - lfw["failures_to_acquire"]["errors"]
    yield f"a face was found on {acquired:,} of {lfw['photos']:,} photos"
    yield (
        f"{lfw['refused_by_verify']:,} show several people, with no face that dominates; "
        "`verify` would refuse those"
    )


def expected_lines():
    yield from phone_lines()
    yield from lfw_lines()
    groups = result("groups-compact")
    yield (
        f"{groups['faces_found']} of the {groups['faces_by_eye']} faces visible in "
        f"{len(groups['photos'])} photos"
    )
    yield (
        f"Of {groups['shown']} enrolled people on them, {groups['named']} named "
        f"and {groups['misnamed']} misnamed"
    )
    yield f"{groups['faces_found'] - groups['compared']} small faces were found, but not compared"
    bad = result("bad-photos")
    yield f"{bad['files']} damaged, odd and hostile files: {bad['tracebacks']} tracebacks"
    kills = result("killed-enrolments")
    missing = len(kills["reported_but_missing"])
    yield (
        f"{kills['kills']} enrolments killed at random moments: "
        f"{missing} people missing who had been reported as enrolled"
    )
    turned = result("orientations-compact")["cosines"]
    yield f"lowest cosine {min(min(values) for values in turned.values()):.4f}"
    head = result("five-people")["dlib"]
    right, drawn = head["trials"] - head["errors"], head["trials"] // head["runs"]
    yield (
        f"a head on `dlib` named {right} of {head['trials']} held-out photos of five people correctly, "
        f"in {head['runs']} draws of {drawn}"
    )


TASKS = {
    "verify-1mp": "`verify`, 1 megapixel",
    "verify-14mp": "`verify`, 14 megapixels",
    "enroll": "`enroll`, 78 phone photos",
    "calibrate": "`calibrate`, 300 LFW photos",
    "defaults": "`verify`, 1 megapixel, the defaults",
    "calibrate-default": "`calibrate`, 300 LFW photos, the default",
    "start": "start",
}


def speed_lines():
    sections = result("speed")["sections"]
    for section, title in TASKS.items():
        if section not in sections:
            continue
        for name, row in sections[section]["rows"]["contestants"].items():
            yield f"| {title} | {name} | {row['median_s']:.2f} s | {row['peak_mb']:.0f} MB |"


SPEED = (PROJECT / "docs" / "speed.md").read_text(encoding="utf-8")


def ratio_lines():
    sections = result("speed")["sections"]
    for section, title in TASKS.items():
        if section not in sections or section == "start":
            continue
        factors = {}
        for goal in sections[section]["rows"]["goals"]:
            factors.setdefault((goal["opponent"], goal["ours"]), {})[goal["of"]] = f"{goal['factor']:.1f} "
        for (opponent, ours), kinds in factors.items():
            yield f"| {title} | {opponent} | {ours} | {kinds['time']}| {kinds.get('memory', '')}|"


def calibrate_lines():
    parts = result("calibrate-parts")
    milliseconds = parts["milliseconds"]
    yield f"({parts['machine']['cpu']}, `python benchmarks/calibrate_parts.py`,"
    script = milliseconds["facenet-pytorch script"]
    yield f"| facenet-pytorch script | {script['all of it']:.0f} ms | {script['embed: network']:.0f} ms | | |"
    for model in ("casia-webface", "dlib"):
        own, bounds = milliseconds[f"faceunlock {model}"], parts[model]
        yield (
            f"| faceunlock {model} | {own['all of it']:.0f} ms | {own['embed: network']:.0f} ms | "
            f"{bounds['factor']:.1f} | {bounds['bound']:.1f} |"
        )


@pytest.mark.parametrize("line", [*ratio_lines(), *calibrate_lines()])
def test_the_page_on_speed_quotes_its_result_files(line):
    assert joined(line) in joined(SPEED)


def parity_lines():
    parity = result("parity")
    for name, title in (("lfw", "LFW"), ("phone10", "the phone photos")):
        part = parity[name]
        yield (
            f"{title}: {part['found_by_ours']:,} of {part['faces_of_the_reference']:,} faces, "
            f"the same subject in {part['same_subject_in_selfie_mode']:,} of {part['photos']:,} photos"
        )
    cosines = parity["embeddings"]
    lowest = min(value for key, value in cosines.items() if key.endswith("_lowest_cosine"))
    yield f"lowest cosine between the two over {cosines['crops']} faces: {lowest:.7f}"


def first_run_lines():
    row = result("first-run")["rows"]["compact"]
    first, second = (row[f"{name}_core_seconds"]["median"] for name in ("first", "second"))
    yield f"with `compact` on an empty cache takes {first:.2f} s of processor time, the second {second:.2f} s"


@pytest.mark.parametrize(
    "line",
    [*expected_lines(), *speed_lines(), *parity_lines(), *first_run_lines()],
)
def test_the_measurements_quote_the_result_files(line):
    assert joined(line) in joined(MEASUREMENTS)


def readme_lines():
    for model in MEASURED:
        shipped = result(f"lfw-{model}")["shipped"]
        size = 256 if model == "retail-0095" else 128
        yield f"| {size} numbers | {shipped['threshold']:.3f}, measured on LFW for an FMR of 1e-5 |"
    phone, lfw = result("phone10-retail-0095"), result("lfw-retail-0095")
    owners = f"{phone['genuine_accepted']} of {phone['genuine']} owners accepted"
    yield f"{owners}, {phone['impostor_accepted']} of {phone['impostor']} strangers"
    row = lfw["levels"]["normal"]
    fmr = row["fmr"]
    yield f"| {fmr['errors']} of {fmr['trials']:,}, at most 1 in {round(1 / fmr['upper']):,} |"
    yield f"| {percent(row['fnmr'])} |"
    yield f"| {lfw['protocol']['accuracy']:.4f} ± {lfw['protocol']['standard_error']:.4f} |"
    rows = result("speed")["sections"]["verify-1mp"]["rows"]["contestants"]
    ours, script = rows["faceunlock compact"], rows["facenet-pytorch script"]
    yield (
        f"| {ours['median_s']:.2f} s and {ours['peak_mb']:.0f} MB; a facenet-pytorch script takes "
        f"{script['median_s']:.2f} s and {script['peak_mb']:.0f} MB |"
    )
    bad = result("bad-photos")
    yield f"| {bad['tracebacks']} of {bad['files']} |"


@pytest.mark.parametrize("line", readme_lines())
def test_the_readme_quotes_the_result_files(line):
    assert line in README


def test_the_readme_shows_six_figures():
    figures = README.partition("## Six figures")[2].partition("\n## ")[0]
    assert len([line for line in figures.splitlines() if line.startswith("| ")]) == 1 + 6


def test_the_limitations_quote_what_strict_can_claim():
    text = joined(LIMITATIONS)
    for model in MEASURED:
        strict = result(f"lfw-{model}")["levels"]["strict"]
        assert f"1 in {round(1 / strict['fmr']['upper']):,}" in text
        assert f"{100 * strict['fnmr']['value']:.1f} %" in text


@pytest.mark.parametrize("model", MEASURED)
def test_all_phone_owners_are_above_strict_as_the_readme_says(model):
    phone, levels = result(f"phone10-{model}"), result(f"lfw-{model}")["levels"]
    assert phone["lowest_genuine"] > levels["strict"]["threshold"] > phone["highest_impostor"]
    assert phone["threshold"] == levels["normal"]["threshold"] > phone["highest_impostor"]


def test_the_limitations_quote_the_phone_photos():
    text = joined(LIMITATIONS)
    for model in MEASURED:
        phone = result(f"phone10-{model}")
        reached, needed = f"{phone['highest_impostor']:.3f}", f"{phone['threshold']:.3f}"
        assert f"{reached} at {needed}" in text or f"{reached} at a threshold of {needed}" in text


def tight_lines():
    """A table for each model, as one text: both have rows of the same names."""
    for model in ("retail-0095", "compact"):
        tight = result(f"tight-{model}")
        rows = [f"`{model}`, {tight['pairs']:,} pairs of {tight['people']:,} people"]
        for name, row in tight["cuts"].items():
            cells = [
                f"{1 - row[when]['accuracy']:.1%}".replace("%", " %")
                + f" | {row[when]['fnmr'][0]['value']:.1%}".replace("%", " %")
                for when in ("before", "after")
            ]
            rows.append(f"| {name} | {' | '.join(cells)} |")
        yield rows


@pytest.mark.parametrize("rows", tight_lines(), ids=lambda rows: rows[0])
def test_the_limitations_quote_the_tight_crops(rows):
    title, *table = rows
    assert title in LIMITATIONS
    assert "\n".join(table) in LIMITATIONS.partition(title)[2].partition("\n\n`")[0]


def test_the_limitations_compare_the_groups():
    worst = [
        max(group["fmr"]["value"] for group in result(f"audit-utk98-{model}")["three"]["groups"].values())
        for model in ("compact", "dlib", "retail-0095")
    ]
    told = (
        "{:.1f} % of the pairs in the worst of three groups match with `compact`, {:.1f} % with `dlib` and "
        "{:.1f} % with `retail-0095`"
    )
    assert told.format(*(100 * value for value in worst)) in joined(LIMITATIONS)


def test_the_limitations_quote_the_pairs():
    fnmr = result("lfw-pairs-compact")["shipped"]["fnmr"]["value"]
    assert f"{100 * fnmr:.0f} % of LFW's pairs of the same person stay below" in joined(LIMITATIONS)


def one_person_lines():
    compact, dlib = (result(f"one-person-{model}") for model in ("compact", "dlib"))
    for kind, title in (
        ("half", "phone users, half and half"),
        ("1 in 4", "phone users, 1 in 4"),
        ("1 in 8", "phone users, 1 in 8"),
        ("lfw half", "LFW, half and half"),
        ("lfw 1 in 4", "LFW, 1 in 4"),
    ):
        cells = (
            f"{row['refused']} of {row['mixtures']} ({100 * row['share_refused']:.0f} %)"
            for row in (measured["mixtures"][kind] for measured in (compact, dlib))
        )
        yield f"| {title} | {' | '.join(cells)} |"
    for kind, title in (("phone10", "the ten phone users alone"), ("lfw", "100 LFW people alone")):
        cells = (
            f"{row['refused']} of {row['people']} (before: {row['refused_before']})"
            for row in (measured["alone"][kind] for measured in (compact, dlib))
        )
        yield f"| {title} | {' | '.join(cells)} |"
    single = [measured["mixtures"]["1 in 8"] for measured in (compact, dlib)]
    left, taken, opened, anyway = (
        " and ".join(str(row[field]) for row in single)
        for field in ("left_out", "taken", "opens_for_the_second", "opens_without_the_second")
    )
    yield f"of {single[0]['mixtures']}, the photo was left out in {left} and taken in {taken}"
    yield f"The templates of {opened} accept another photo of the second person ({anyway} do without that"
    literal = " and ".join(
        str(measured["alone"]["lfw"]["refused_if_all_below_the_threshold_counted"])
        for measured in (compact, dlib)
    )
    yield f"If all that are left out as unlike the others counted, {literal} of these 100 people would be"
    names = [measured["second_names"] for measured in (compact, dlib)]
    noticed = " and ".join(
        f"{row['same person']['noticed']} of {row['same person']['pairs']}" for row in names
    )
    yield f"noticed for {noticed} people"
    wrong = " and ".join(f"{row['lfw']['noticed']} of {row['lfw']['pairs']:,}" for row in names)
    phones = " and ".join(f"{row['phone10']['noticed']} of {row['phone10']['pairs']}" for row in names)
    yield f"wrongly for {wrong} pairs of LFW people, and {phones} pairs of phone users"


@pytest.mark.parametrize("line", one_person_lines())
def test_the_limitations_quote_the_test_for_one_person(line):
    assert joined(line) in joined(LIMITATIONS)


@pytest.mark.parametrize("model", ["compact", "dlib"])
def test_single_people_are_hardly_refused_more_often_than_without_the_test_for_one_person(model):
    from faceunlock.pipeline import enrolment, groups

    measured = result(f"one-person-{model}")
    for row in measured["alone"].values():
        assert row["refused"] - row["refused_before"] <= 0.02 * row["people"]
    assert measured["rule"] == {
        "apart": groups.APART,
        "apart_unmeasured": groups.APART_UNMEASURED,
        "coherent": groups.COHERENT,
        "unlike_margin": enrolment.UNLIKE_MARGIN,
    }


@pytest.mark.parametrize("model", MEASURED)
def test_the_shipped_threshold_is_the_one_measured(model):
    measured = result(f"lfw-{model}")
    assert coming_with(model) == measured["levels"]
    assert measured["levels"]["normal"] == measured["shipped"]
    for level, row in measured["levels"].items():
        of_draws = [
            entry["threshold"]
            for draw in measured["centroids_of_3"]
            for entry in draw["fnmr"]
            if entry["target_fmr"] == TARGETS[level]
        ]
        assert len(of_draws) == 10
        # Two of the ten people with phone photos look alike, which LFW cannot tell.
        raised = (model, level) == ("retail-0095", "normal")
        phone = result(f"phone10-{model}")["highest_impostor"] if raised else 0.0
        lowest = ceil(100 * phone) / 100
        assert row["threshold"] == max(round(max(of_draws), 3), lowest)
        assert len(row["tail"]) == row["fmr"]["errors"] + 1
    assert coming_with(f"{model}-pairs") == result(f"lfw-pairs-{model}")["shipped"]


@pytest.mark.parametrize("model", MEASURED)
def test_the_threshold_for_pairs_is_the_plain_one_rounded_up(model):
    measured = result(f"lfw-pairs-{model}")
    (row,) = (row for row in result(f"lfw-{model}")["all_pairs"]["fnmr"] if row["target_fmr"] == 1e-5)
    assert measured["threshold"] == pytest.approx(row["threshold"], abs=1e-6)
    assert 0 <= measured["shipped"]["threshold"] - measured["threshold"] < 0.001
    assert len(measured["shipped"]["tail"]) == measured["shipped"]["fmr"]["errors"] + 1


def test_the_links_of_the_readme_lead_somewhere():
    """Those of the pages in docs: `tests/test_pages.py`."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", README):
        assert PROJECT.joinpath(target).exists(), target


def test_the_readme_names_both_commands():
    for name in ("demo", "tests"):
        assert re.search(rf"<!-- command: {name} -->\n+```sh\n.+?```", README, re.DOTALL)


AUDIT = (PROJECT / "docs" / "audit.md").read_text(encoding="utf-8")


def audit_lines():
    measured = result("audit-utk98-dlib")
    published = measured["published"]["sums_of_squares"]
    for name, group in measured["three"]["groups"].items():
        fmr = group["fmr"]
        counts = f"{fmr['errors']} of {fmr['trials']:,}; at most {100 * fmr['upper']:.1f} %"
        told = f"{published[name]} " if name in published else ""
        yield (
            f"| `{name}` | {group['photos']} | {group['failures_to_acquire']['errors']} | "
            f"{group['sum_of_squares']:.2f} | {100 * fmr['value']:.1f} % ({counts}) | {told}|"
        )
    smallest = min(row["p_corrected"] for row in measured["three"]["differences"])
    yield f"the smallest corrected p is {smallest:.4f}."
    yield f"({measured['three']['most_similar'][0]['similarity']:.3f}) is one photograph under two ages"
    yield f"FMR at {measured['three']['threshold']:.3f}"


def compact_audit_lines():
    measured = result("audit-utk98-compact")["three"]
    for name, group in measured["groups"].items():
        fmr = group["fmr"]
        yield (
            f"`{name}` {100 * fmr['value']:.1f} % "
            f"({fmr['errors']} of {fmr['trials']:,}; at most {100 * fmr['upper']:.1f} %)"
        )
    smallest = min(row["p_corrected"] for row in measured["differences"])
    yield f"its own threshold for pairs, {measured['threshold']:.3f}"
    yield f"the smallest corrected p is {smallest:.4f} ([result]"


@pytest.mark.parametrize("line", [*audit_lines(), *compact_audit_lines()])
def test_the_audit_page_quotes_its_result_file(line):
    assert joined(line) in joined(AUDIT)


TRAINING = (PROJECT / "docs" / "training.md").read_text(encoding="utf-8")


STEPS_OF_COMPACT = {
    "dlib": "`dlib` as it is, crops of 150 pixels",
    "start": "its weights behind crops of 112 pixels",
    "start-int8": "the same in eight bits",
    "light": "trained on for 4 epochs, in eight bits: `compact`",
}


def compact_lines():
    measured, latency = result("train-compact")["rows"], result("latency")["rows"]["compact"]
    for name, step in STEPS_OF_COMPACT.items():
        row = measured[name]
        draws = row["fnmr_centroids_of_3"]["0.001"]
        rates = [
            row["eer"],
            *(row["fnmr"][target]["value"] for target in ("0.01", "0.001", "0.0001")),
            sum(draws) / len(draws),
        ]
        told = " | ".join(f"{100 * rate:.1f} %" for rate in rates)
        yield (f"| {step} | {told} | {row['mean_impostor']:.2f} / {row['mean_genuine']:.2f} |")
    trained = measured["light"]
    yield f"on {trained['photos']:,} photos of {trained['people']} people"
    yield f"{trained['genuine']:,} genuine and {trained['impostor']:,} impostor pairs"
    fnmr = trained["fnmr"]["0.001"]
    yield f"is {100 * fnmr['lower']:.1f} to {100 * fnmr['upper']:.1f} %"
    yield f"takes {latency['median_ms']:.1f} ms on two cores"
    yield f"the file has {latency['size_bytes'] / 1e6:.1f} MB"


TAUGHT = {
    "not taught": "`compact`",
    "taught, last layer": "only the last layer",
    "taught, epoch 1": "1 epoch",
    "taught, epoch 2": "2 epochs",
    "taught, epoch 3": "3 epochs",
    "retail-0095": "the teacher",
}


def taught_lines():
    """How `compact` did that `retail-0095` taught, on held-out people and on LFW."""
    rows = result("train-compact")["rows"]
    for name, words in TAUGHT.items():
        row = rows[name]
        pairs = [100 * row["fnmr"][target]["value"] for target in ("0.001", "0.0001")]
        draws = [row["fnmr_centroids_of_3"][target] for target in ("0.001", "0.0001", "1e-05")]
        rates = [*pairs, *(100 * sum(one) / len(one) for one in draws)]
        yield f"| {words} | {' | '.join(f'{rate:.1f} %' for rate in rates)} |"
    for target in (1e-3, 1e-4, 1e-5):
        means = []
        for name in ("lfw-compact", "lfw-compact-taught"):
            draws = [
                rate["fnmr"]["value"]
                for draw in result(name)["centroids_of_3"]
                for rate in draw["fnmr"]
                if rate["target_fmr"] == target
            ]
            assert len(draws) == 10
            means.append(100 * sum(draws) / 10)
        yield f"{means[0]:.1f} % without and {means[1]:.1f} % with"
    for name in ("lfw-compact", "lfw-compact-taught"):
        (pairs,) = [
            rate["fnmr"]["value"] for rate in result(name)["all_pairs"]["fnmr"] if rate["target_fmr"] == 1e-5
        ]
        yield f"{100 * pairs:.1f} %"


@pytest.mark.parametrize("line", [*compact_lines(), *taught_lines()])
def test_the_page_on_training_quotes_how_compact_was_made(line):
    assert joined(line) in joined(TRAINING)


def test_compact_is_the_variant_that_was_measured():
    from faceunlock.pipeline.models.registry import MODELS

    assert MODELS["compact"].sha256 == result("train-compact")["rows"]["light"]["weights_sha256"]


def test_the_page_on_training_quotes_the_killed_trainings():
    measured = result("killed-training")
    trainings = measured["trainings_killed_three_times"]
    assert measured["kills"] == 3 * trainings and len(measured["losses"]) == 5
    line = (
        f"killed {measured['kills']} times in {trainings} trainings of five losses, three times each, "
        f"also while a checkpoint was being written: {measured['with_other_weights']} of them ended with "
        "different weights"
    )
    assert line in joined(TRAINING)


NETWORKS_OF_ATT = {
    "tutorial": "the tutorial's Siamese network",
    "ours": "ours, 60 epochs",
    "shifted": "ours, 60 epochs, `--shift 3`",
    "longer": "ours, 150 epochs",
    "started": "`dlib`'s weights, trained on",
    "dlib": "`dlib` as it is",
}
NETWORKS_OF_FIVE = {
    "tutorial": "the tutorial's classifier",
    "ours": "ours",
    "dlib": "a head on `dlib`",
}


def with_deviation(mean, deviation):
    plus_minus = "" if deviation is None else f" ± {100 * deviation:.1f}"
    return f"{100 * mean:.1f}{plus_minus} %"


def experiment_lines():
    att, five = result("att"), result("five-people")
    for name, row in att["chosen_by"].items():
        yield f"| {name} | {100 * row['eer']:.1f} % | {row['auc']:.3f} |"
    for kind, sets in (("seeds", "s5, s6, s7"), ("folds", "three others each")):
        for network, title in NETWORKS_OF_ATT.items():
            found = att[kind][network]
            if found["runs"]:
                eer = with_deviation(found["eer"], found["eer_deviation"])
                highest = f"{100 * found['eer_highest']:.1f} %"
                yield f"| {title} | {sets} | {found['runs']} | {eer} | {highest} | {found['auc']:.3f} |"
        for network in ("ours", "shifted", "longer"):
            shared = att[kind]["same_test_sets"][network]
            if shared["runs"]:
                theirs, own = (f"{100 * shared[name]['eer']:.1f} %" for name in ("tutorial", "own"))
                runs = f"{shared['runs']} runs of both"
                yield f"{NETWORKS_OF_ATT[network]}, {sets}: {own} against {theirs} ({runs})"
    rows = {(row["network"], row["seed"]): row["eer"] for row in att["rows"]}
    for change, sentence in (
        ("shifted", "of the {} sets, {} come out better with it, {} worse and {} the same"),
        (
            "longer",
            "of the {} sets of three others, {} came out better than with 60, {} worse and {} the same",
        ),
    ):
        both = [(rows["ours", seed], eer) for (network, seed), eer in rows.items() if network == change]
        better, worse = (sum(sign * plain > sign * other for plain, other in both) for sign in (1, -1))
        yield sentence.format(len(both), better, worse, len(both) - better - worse)
    for network in ("ours", "shifted", "longer"):
        fresh = att["folds"][network].get("on_people_it_was_not_chosen_on", {"runs": 0})
        if fresh["runs"]:
            eer = with_deviation(fresh["eer"], fresh["eer_deviation"])
            yield f"{NETWORKS_OF_ATT[network]}, the {fresh['runs']} sets without them: {eer}"
    for network, title in NETWORKS_OF_FIVE.items():
        found = five[network]
        if found["runs"]:
            right = with_deviation(found["right"], found["right_deviation"])
            lowest = f"{100 * found['right_lowest']:.1f} %"
            counts = f"{found['errors']} of {found['trials']}"
            yield f"| {title} | {found['runs']} | {counts} | {right} | {lowest} |"
    shared = five["same_draws"]
    theirs, own = shared["tutorial"], shared["ours"]
    yield f"On the {shared['runs']} draws of both, ours misnames {own} photos, the tutorial's {theirs}"


@pytest.mark.parametrize("line", experiment_lines())
def test_the_page_on_training_quotes_both_experiments(line):
    assert joined(line) in joined(TRAINING)


def test_ten_people_at_home_are_told_what_the_page_shows():
    page = (PROJECT / "docs" / "at-home.md").read_text(encoding="utf-8")
    found = result("at-home-retail-0095")
    for way in ("alone", "with_strangers", "without_photos"):
        shown = found[way]["shown"]
        assert "\n".join([f"$ {shown['command']}", *shown["lines"]]) in page
    near, alone, bank = found["nearest"], found["alone"], found["with_strangers"]
    assert (
        f"between {near[0]:.2f} and {near[-1]:.2f}, where {found['shipped_threshold']:.2f} is needed. "
        f"{found['taken_for_an_owner']} of the ten" in page
    )
    assert f"The bank holds {found['strangers']:,} people of LFW" in page and found["strangers"] >= 4000
    # A threshold is found, with bounds; without the bank there is none.
    assert bank["supported"] and bank["fmr"]["upper"] <= bank["target_fmr"] == 0.001
    assert alone["error"]["code"] == "insufficient-data"
    assert f"reaches {100 * bank['fnmr']['upper']:.1f} %" in page


def expected_of_the_dialogue():
    measured = result("dialogue")
    film = measured["films"]["head-pose-female"]
    blind, cut = film["blindly"], film["cut_for_the_dialogue"]
    prints, photos = measured["prints_moved_by_hand"], measured["photos_turned_as_asked"]
    steep = [photos["to_40_degrees"], photos["to_60_degrees"]]
    cost = measured["milliseconds_a_frame_on_one_core"]["640x480"]
    total = prints["dialogues"] + sum(one["dialogues"] for one in steep)
    yes = prints["yes"] + sum(one["yes"] for one in steep)
    upper = [100 * one["people_upper_95"] for one in (prints, steep[0])]
    yield f"answered {blind['yes']} of {blind['trials']:,} whole dialogues"
    yield f"(at most {100 * blind['upper_95']:.2f} %)"
    yield f"it answered {cut['yes']:,} of {cut['trials']:,} (at most {100 * cut['upper_95']:.1f} %)"
    yield f"moved by hand ({prints['people']} people, {prints['dialogues']} dialogues)"
    yield f"up to 40 and 60 degrees ({steep[0]['dialogues']} dialogues each)"
    yield f"{yes} of {total:,} were answered (at most {upper[0]:.1f} % and {upper[1]:.1f} % of people"
    yield f"costs {cost['mean']:.0f} ms a frame of 640x480 on one core"
    yield f"(95 % of frames at most {cost['p95']:.0f} ms)"


@pytest.mark.parametrize("line", expected_of_the_dialogue())
def test_the_limitations_quote_the_dialogue(line):
    assert line in LIMITATIONS


def test_following_a_face_takes_at_most_40_ms_a_frame():
    costs = result("dialogue")["milliseconds_a_frame_on_one_core"].values()
    assert all(cost["p95"] <= 40 and cost["frames"] >= 100 for cost in costs)


POSED = ("retail-0095", "compact")


def together(rows, low, high):
    """Add up the bins that begin from `low` on and below `high`."""
    chosen = [row for row in rows if low <= row["from"] < high]
    return {key: sum(row[key] for row in chosen) for key in ("photos", "refused")}


def refusals(found, label, key, low, high):
    """Return a row of a table: how many photos of some bins are refused, for each result."""
    rows = [together(one[key], low, high) for one in found]
    cells = [
        f"{row['refused']:,} of {row['photos']:,} ({100 * row['refused'] / row['photos']:.0f} %)"
        for row in rows
    ]
    return f"| {label} | {' | '.join(cells)} |"


def pose_lines():
    found = [result(f"pose-{model}") for model in POSED]
    turn, cut = found[0]["most_turn"], found[0]["most_cut_off"]
    yield refusals(found, f"turned by up to {turn:.0f} degrees", "turns", 0, turn)
    yield refusals(found, "turned further", "turns", turn, 91)
    yield refusals(found, f"cut, 5 to {100 * cut:.0f} % of the box outside", "cuts", 0.05, cut)
    yield refusals(found, f"cut, more than {100 * cut:.0f} % outside", "cuts", cut, 2)
    yield refusals(found, "cut, but the box found is hardly outside", "cuts", 0, 0.05)
    lfw, phone = ([one[data] for one in found] for data in ("lfw", "phone10"))
    yield (
        f"Turned further than the limit are {phone[0]['turned']} of {phone[0]['photos']} photos of phone "
        f"users and {lfw[0]['turned']} of {lfw[0]['photos']:,} of LFW, cut off {phone[0]['cut_off']} and "
        f"{lfw[0]['cut_off']}. Of the turned ones of LFW, {lfw[0]['turned_but_yes']} (`retail-0095`) and "
        f"{lfw[1]['turned_but_yes']} (`compact`) are a yes all the same"
    )
    yield f"{found[0]['cut_photos_lost']:,} of {found[0]['cut_photos']:,} cut photos"


@pytest.mark.parametrize("line", pose_lines())
def test_the_limitations_quote_how_a_face_stands(line):
    assert joined(line) in joined(LIMITATIONS)


@pytest.mark.parametrize("model", POSED)
def test_the_limits_of_how_a_face_stands_are_the_measured_ones(model):
    measured = result(f"pose-{model}")
    assert (measured["most_turn"], measured["most_cut_off"]) == (MOST_TURN, MOST_CUT_OFF)
    cut = together(measured["cuts"], MOST_CUT_OFF, 2)
    little = together(measured["cuts"], 0.05, MOST_CUT_OFF)
    assert cut["refused"] / cut["photos"] > 2 * little["refused"] / little["photos"]
    assert measured["phone10"]["turned"] == measured["phone10"]["cut_off"] == 0


def test_turned_faces_are_refused_more_often_by_the_model_that_comes_with_the_package():
    turns = result("pose-compact")["turns"]
    beyond, within = together(turns, MOST_TURN, 91), together(turns, 0, MOST_TURN)
    assert beyond["refused"] / beyond["photos"] > 2 * within["refused"] / within["photos"]


def eye_lines():
    found = [result(f"eyes-{model}") for model in POSED]
    limit = found[0]["least_eye_light"]
    words = f"{100 * limit:.0f} % of the cheeks' light"
    yield refusals(found, f"LFW, eyes with at least {words}", "lights", limit, 2)
    yield refusals(found, "LFW, eyes darker than that", "lights", 0, limit)
    yield refusals(found, "shade drawn over the eyes, down to less than that", "shaded", 0, limit)
    lfw, phone = ([one[data] for one in found] for data in ("lfw", "phone10"))
    yield (
        f"Of {phone[0]['photos']} photos of phone users {phone[0]['shaded']} are below the limit; of "
        f"{lfw[0]['photos']:,} of LFW {lfw[0]['shaded']}, of which {lfw[0]['shaded_but_yes']} "
        f"(`retail-0095`) and {lfw[1]['shaded_but_yes']} (`compact`) are a yes all the same"
    )
    groups = found[1]["groups"]
    medians = [f"{group['median']:.2f}" for group in groups]
    portraits, shaded = (sum(group[key] for group in groups) for key in ("photos", "shaded"))
    yield (
        f"Of {portraits} portraits of three groups of people, {shaded} are below it; the medians of the "
        f"groups are {', '.join(medians[:-1])} and {medians[-1]}"
    )
    yield f"{found[0]['shaded_photos_lost']} of {found[0]['shaded_photos']:,} photos with drawn shade"


@pytest.mark.parametrize("line", eye_lines())
def test_the_limitations_quote_how_light_the_eyes_are(line):
    assert joined(line) in joined(LIMITATIONS)


@pytest.mark.parametrize("model", POSED)
def test_the_limit_of_the_eyes_is_the_measured_one(model):
    measured = result(f"eyes-{model}")
    assert measured["least_eye_light"] == LEAST_EYE_LIGHT
    for key in ("lights", "shaded"):
        dark = together(measured[key], 0, LEAST_EYE_LIGHT)
        light = together(measured["lights"], LEAST_EYE_LIGHT, 2)
        assert dark["refused"] / dark["photos"] > 2 * light["refused"] / light["photos"]
    assert measured["phone10"]["shaded"] == 0
    assert {group["shaded"] for group in measured["groups"]} == {0}
