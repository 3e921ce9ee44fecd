"""``pad-test`` and ``verify --require-live`` with painted photos."""

import json

import pytest
from support.fakes import paint, save


@pytest.fixture
def folders(tmp_path):
    for number in range(14):
        save(tmp_path / "live" / f"p{number}" / "1.png", paint(number, 1, side=80))
        save(tmp_path / "attack" / "blur" / f"a{number}" / "1.png", paint(number, 1, side=80, blurred=True))
        save(tmp_path / "attack" / "same" / f"a{number}" / "1.png", paint(number, 2, side=80))
    return "--live", tmp_path / "live", "--attack", tmp_path / "attack"


def test_the_report_names_every_rate_and_promises_nothing(faceunlock, folders):
    code, out, err = faceunlock("pad-test", *folders, "--target-bpcer", "0.3")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("live 14 (0 more without a usable face), attacks 28")
    assert [line.split()[0] for line in lines if not line.startswith(" ")][2:-3] == [
        "moire",
        "highlights",
        "sharpness",
    ]
    rates = [line for line in lines if line.startswith("  ")]
    assert len(rates) == 4 * 3 and all("95 % interval" in line and "people" in line for line in rates)
    assert any("APCER  blur: 0 (0 of 14, 14 people" in line for line in rates)
    assert lines[-1].startswith("Nothing is promised")


def test_a_dry_run_changes_nothing(faceunlock, ada, folders):
    faceunlock("enroll", "Ada", ada)
    _, out, _ = faceunlock("pad-test", *folders, "--dry-run")
    assert "nothing saved" in out
    code, out, err = faceunlock("verify", ada / "0.png", "--require-live")
    assert (code, out) == (2, "") and "[pad-not-measured]" in err


def test_what_a_check_refuses_is_no_answer(faceunlock, ada, folders, tmp_path):
    faceunlock("enroll", "Ada", ada)
    faceunlock("pad-test", *folders, "--target-bpcer", "0.3")
    attack = save(tmp_path / "attack.png", paint(1, 9, side=80, blurred=True))
    code, out, err = faceunlock("verify", attack, "--require-live", "--json")
    assert code == 2 and json.loads(out)["error"]["code"] == "not-live" and "check " in err
    entries = faceunlock.data("log")["entries"]
    assert entries[-1]["outcome"] == "not-live"


@pytest.mark.parametrize("words", [(), ("--live", "x"), ("--attack", "x")])
def test_both_folders_are_needed(faceunlock, words):
    code, out, err = faceunlock("pad-test", *words)
    assert (code, out) == (2, "") and "[usage]" in err


def test_a_damaged_record_lets_nothing_through(faceunlock, ada, folders, tmp_path):
    faceunlock("enroll", "Ada", ada)
    faceunlock("pad-test", *folders)
    (tmp_path / "home" / "pad.json").write_text("{}")
    code, out, err = faceunlock("verify", ada / "0.png", "--require-live")
    assert (code, out) == (2, "") and "[gallery-damaged]" in err and "pad-test" in err
