"""``--overwrite`` in every command that writes: nothing that was read is ever replaced."""

import pytest
from support.fakes import paint, save, save_person


@pytest.fixture
def people(tmp_path):
    for number, name in enumerate(("Ada", "Bob", "Cyd"), start=1):
        save_person(tmp_path / "people" / name, number, 5)
    save(tmp_path / "strangers" / "0.png", paint(100))
    return tmp_path / "people"


@pytest.mark.parametrize(
    "line",
    [
        "compare {photo} {other} -o {photo}",
        "compare {photo} {other} -o {other}",
        "compare {photo} {people} -o {other}",
        "compare {photo} {people} -o {link}",
        "report {people} -o {photo}",
        "report {people} -o {link}",
        "report {people} -o {page} --png {figures}",
        "audit {people} -o {photo}",
        "audit {people} -o {link}",
        "audit {people} --png {figures}",
        "classify train {people} -o {head} --plot {photo}",
        "calibrate {people} --split 2 --save-scores {photo}",
        "calibrate {people} --split 2 --impostors {strangers} --save-scores {stranger}",
        "crop {people} -o {linked}",
        "identify {people} -o {linked}",
    ],
)
def test_a_photo_that_was_read_is_never_replaced(faceunlock, people, tmp_path, line):
    photo = people / "Ada" / "0.png"
    faceunlock("enroll", "Ada", people / "Ada")
    (tmp_path / "link.png").symlink_to(people / "Bob" / "1.png")
    (tmp_path / "linked" / "Ada").mkdir(parents=True)
    (tmp_path / "linked" / "Ada" / "0.png").hardlink_to(photo)
    places = {
        "photo": photo,
        "other": people / "Bob" / "0.png",
        "people": people,
        "figures": photo.parent,
        "page": tmp_path / "page.html",
        "head": tmp_path / "head",
        "linked": tmp_path / "linked",
        "link": tmp_path / "link.png",
        "strangers": tmp_path / "strangers",
        "stranger": tmp_path / "strangers" / "0.png",
    }
    for figure in _figures(line):
        save(photo.parent / f"{figure}.png", paint(1, 51))
    before = {file: file.read_bytes() for file in sorted(tmp_path.rglob("*.png"))}
    words = [word.format(**places) for word in line.split()]
    code, _, err = faceunlock(*words, "--overwrite")
    assert code == 2 and "one of the source photos [file-exists]" in err, err
    assert {file: file.read_bytes() for file in sorted(tmp_path.rglob("*.png"))} == before


@pytest.mark.parametrize(
    "line",
    [
        "export {home}/gallery.db",
        "export {home}/attempts.db",
        "export {home}/keys/0123456789abcdef.key",
        "export {secret} --passphrase-file {secret}",
        "report {people} -o {home}/gallery.db",
        "audit {people} -o {home}/config.toml",
        "audit {people} --by {table} -o {table}",
        "calibrate {people} --split 2 --save-scores {home}/gallery.db",
    ],
)
def test_neither_the_gallery_nor_a_table_that_was_read_is_replaced(
    faceunlock, people, home, tmp_path, monkeypatch, line
):
    monkeypatch.setenv("FACEUNLOCK_PASSPHRASE", "correct horse battery")
    faceunlock("enroll", "Ada", people / "Ada")
    faceunlock("verify", people / "Ada" / "0.png")
    table, secret = tmp_path / "table.csv", tmp_path / "secret"
    rows = [f"{file.relative_to(people)},{file.parent.name},a" for file in people.rglob("*.png")]
    table.write_text("\n".join(["photo,person,group", *rows]))
    secret.write_text("correct horse battery")
    secret.chmod(0o600)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    words = [word.format(home=home, people=people, table=table, secret=secret) for word in line.split()]
    code, _, err = faceunlock(*words, "--overwrite")
    assert code == 2 and "faceunlock reads it itself [file-exists]" in err, err
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def _figures(line):
    from faceunlock.reports import audit_figures, report

    if "--png" not in line:
        return []
    return (audit_figures if "audit" in line else report).FIGURES
