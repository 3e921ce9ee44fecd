"""What README and limitations say of presentation attacks is what the result file has."""

import json
from pathlib import Path

import pytest

from faceunlock.liveness.dialogue import DENIED
from faceunlock.liveness.turning import TURNED

PROJECT = Path(__file__).resolve().parents[1]
RESULT = json.loads((PROJECT / "benchmarks" / "results" / "liveness.json").read_text(encoding="utf-8"))
README, LIMITATIONS = (
    " ".join((PROJECT / name).read_text(encoding="utf-8").split())
    for name in ("README.md", "docs/limitations.md")
)


def percent(value):
    return f"{100 * value:.1f} %"


def stage(part, name):
    return next(one for one in RESULT[part]["stages"] if one["stage"] == name)


def lines():
    prints, turn = RESULT["prints"], stage("turning", "turn")
    moved = turn["apcer"]["print"]["by_clip"]
    (head,) = [clip for clip in RESULT["clips"] if clip["name"] == "turn"]
    yield f"{moved['errors']} of {moved['trials']} sequences of prints of {moved['people']} people"
    yield f"(at most {percent(moved['upper'])} of people; the furthest turn is {prints['highest_E1']:.3f})"
    yield f"the one head that turns does ({head['E1']:.3f} and {head['E2']:.3f})"
    texture = stage("five_photos", "texture")
    stopped, refused = texture["apcer"]["print"]["by_clip"], texture["bpcer"]
    assert stopped["upper"] == refused["upper"]
    yield f"it stops {stopped['trials'] - stopped['errors']} of {stopped['trials']} sets of five prints here"
    yield (
        f"refuses {refused['errors']} of {refused['trials']} sets of five photos "
        f"(at most {percent(refused['upper'])} of {refused['people']} people, for each)"
    )
    elsewhere = RESULT["elsewhere"]
    kept, sides = elsewhere["turn"], elsewhere["texture"]
    yield f"{kept['prints']['passed']} of {kept['prints']['clips']} clips of prints waved by 15 people"
    yield f"at most {percent(kept['prints']['upper_people'])} of people"
    yield f"{kept['phones_with_photos']['passed']} of {kept['phones_with_photos']['clips']} clips of photos"
    films = kept["films_of_turning_heads"]
    yield f"{films['passed']} of {films['clips']} on a phone turned far enough"
    folded = kept["folded_and_curved_rendered_prints"]
    yield f"({folded['passed']} of {folded['prints']} rendered ones turned)"
    turns = kept["live_turns_of_30_degrees"]
    share = f"{100 * turns['reaching_.25']:.0f} %"
    yield f"of {turns['clips']} turns of at least that, {share} reached {TURNED:g}"
    screens = [f"{100 * one:.0f}" for one in sides["screens_stopped_by_source"]]
    yield f"stopped {percent(sides['prints_stopped'])} of prints and, by source, "
    yield f"{', '.join(screens[:-1])} and {screens[-1]} % of screens, and refused 0 to 2.5 % of people"
    yield f"Below {DENIED:.2f} over five frontal frames"
    gone = elsewhere["gone"]
    material = gone["material"]
    yield (
        f"({material['screens']:,} screens, {material['moved_prints']:,} moved prints, "
        f"{material['live']:,} photos of people)"
    )
    yield "AUC of {:.2f} to {:.2f}".format(*gone["photo_checks_auc"])
    yield "`parallax` reached {:.2f} to {:.2f}".format(*gone["parallax_auc"])
    low, high = gone["parallax_without_a_score"]
    yield f"no number for {100 * low:.0f} to {100 * high:.0f} % of moved prints"


@pytest.mark.parametrize("line", lines())
def test_the_limitations_quote_the_result_file(line):
    assert line in LIMITATIONS


def test_the_readme_leads_with_what_holds_and_what_does_not():
    kept = RESULT["elsewhere"]["turn"]["prints"]
    assert f"0 of {kept['clips']} clips of prints waved by {kept['people']} people" in README
    assert f"(at most {percent(kept['upper_people'])} of people)" in README
    assert "A film of a turning head on a phone may." in README


def test_the_goals_are_met():
    """No moved print comes near a turn; the head that turns is seen on both sides."""
    moved = [clip for clip in RESULT["clips"] if clip["species"] == "print"]
    assert len(moved) == 12 and max(clip["E1"] for clip in moved) < 0.15
    (head,) = [clip for clip in RESULT["clips"] if clip["name"] == "turn"]
    assert head["E2"] >= TURNED
    (still,) = [clip for clip in RESULT["clips"] if clip["name"] == "still"]
    assert still["E1"] < 0.10
