"""What the README shows is what happens."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from faceunlock.tasks.demo import make_pictures

PROJECT = Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
TRANSCRIPTS = (PROJECT / "docs" / "transcripts.md").read_text(encoding="utf-8")


def test_the_python_lines_run(prepared, tmp_path):
    make_pictures(tmp_path)
    (tmp_path / "photos").rename(tmp_path / "ada")
    (tmp_path / "photos").mkdir()
    (tmp_path / "ada").rename(tmp_path / "photos" / "ada")
    shutil.copy(tmp_path / "unseen.jpg", tmp_path / "selfie.jpg")
    (lines,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    environment = prepared.environment({"FACEUNLOCK_MODEL": "dlib"})
    done = subprocess.run(
        [sys.executable, "-c", lines],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    match, similarity, threshold = done.stdout.split()
    assert match == "True" and float(similarity) >= float(threshold) >= 0.9


def test_the_transcript_is_that_of_the_demonstration(prepared):
    (transcript,) = re.findall(r"```console\n\$ faceunlock demo\n(.*?)```", TRANSCRIPTS, re.DOTALL)
    # A command that is printed names the home that was chosen; a reader chose none.
    shown = prepared("demo").stdout.replace(f" --home {prepared.home}", "")

    def comparable(text):
        # Decoders and processors differ in the last digits; on the page, lines wrap.
        return re.sub(r"0\.\d+", "0.x", text).split()

    assert [*comparable(shown), "(exit", "code", "0)"] == comparable(transcript)


def test_a_yes_and_a_no_are_those_of_the_transcripts():
    lines = TRANSCRIPTS.replace("Eileen", "ada").splitlines()
    answers = [line for line in FIRST.group(1).splitlines() if not line.startswith("$ ")]
    assert [answer.split()[0] for answer in answers] == ["yes", "no"]
    assert all(answer in lines for answer in answers)


FIRST = re.search(r"```console\n(.*?)```", README, re.DOTALL)
"""The block in which a reader has got to a yes and a no."""


def words_read_and_commands_typed():
    """What lies between the first line and a yes and a no: the words on the page, and the lines to type."""
    before = README[: FIRST.end()]
    typed = [line for line in FIRST.group(1).splitlines() if line.startswith("$ ")]
    typed += re.findall(r"<!-- command: \w+ -->\n+```sh\n(.+?)\n```", before)
    typed += re.findall(r"`(ln -s [^`]+)`", before)
    seen = re.sub(r"<!--.*?-->|!\[.*?\]\(.*?\)|^```\w*$", " ", before, flags=re.MULTILINE)
    return len(seen.split()), len(typed)


def test_a_yes_and_a_no_are_a_few_words_and_commands_away():
    words, commands = words_read_and_commands_typed()
    assert 50 < words <= 200, words
    assert commands == 5 and len(README.splitlines()) <= 110
