"""What the README shows is what happens."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from faceunlock.tasks.demo import make_pictures

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


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
    (transcript,) = re.findall(r"```console\n\$ faceunlock demo\n(.*?)```", README, re.DOTALL)
    # A command that is printed names the home that was chosen; a reader chose none.
    shown = prepared("demo").stdout.replace(f" --home {prepared.home}", "")

    def comparable(text):
        # Decoders and processors differ in the last digits.
        return [re.sub(r"0\.\d+", "0.x", line) for line in text.splitlines() if line.strip()]

    assert comparable(shown) == comparable(transcript)
