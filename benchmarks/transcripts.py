"""Write docs/transcripts.md and docs/images/picture.png: what the program says on a terminal of 80 columns.

Run: python benchmarks/transcripts.py

Every command runs in a terminal of its own, with a new home and the model ``compact``, so that nothing is
downloaded. The photos are variations of two public-domain portraits that come inside packages: Eileen Collins
(NASA, in scikit-image) and Grace Hopper (US Navy, in matplotlib). The names of the files say what was done.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageFilter

from faceunlock.tasks.demo import PERSON, STRANGER, VARIATIONS, inside, make_pictures

DOCS = Path(__file__).resolve().parents[1] / "docs"
COLUMNS, ROWS = 80, 50
NEAR = 3.5
"""Blur, in pixels, at which the same portrait falls just short of the threshold."""

HEIGHT = 480
WIDTH_OF_PICTURE = 620


@dataclass(frozen=True)
class Step:
    """A command of the page, what is typed into it, and the words around it."""

    title: str
    words: str
    command: str
    typed: tuple[str, ...] = ()


STEPS = (
    Step(
        "Does it work here?",
        "Public-domain portraits, in a gallery that is deleted again.",
        "faceunlock demo",
    ),
    Step(
        "Set it up",
        "`init` asks for a name and a folder, learns the face, and tries to know it again. Here the answers "
        "are `Eileen` and `photos`.",
        "faceunlock init",
        ("Eileen", "photos"),
    ),
    Step("A yes", "The exit code says the same as the first word.", "faceunlock verify selfie.jpg"),
    Step(
        "A no", "Another person. The name is that of the closest enrolled.", "faceunlock verify stranger.jpg"
    ),
    Step(
        "A near miss",
        "The right person on a blurred photo. The answer is still no, and it says what to do.",
        "faceunlock verify blurred.jpg --as Eileen",
    ),
    Step("Why it was a no", "Every measure beside its limit.", "faceunlock explain blurred.jpg --as Eileen"),
    Step(
        "Who is in this picture?",
        "Eileen is enrolled, Grace is not. `-o` writes the copy that the README shows.",
        "faceunlock identify group.jpg -o annotated",
    ),
    Step(
        "A classifier for people you know",
        "Learned from a folder per person; nobody needs to be enrolled.",
        "faceunlock classify train friends -o friends-head",
    ),
    Step("", "", "faceunlock classify name group.jpg --head friends-head --faces all"),
    Step("What happened here", "Every attempt is logged.", "faceunlock log"),
)

HEAD = """# Transcripts

What the program says on a terminal of 80 columns, written by `python benchmarks/transcripts.py`.
The photos are variations of two public-domain portraits: Eileen Collins (NASA) and Grace Hopper (US Navy).
The model is `compact`, which comes with the package, so that you see the same without a download
(`export FACEUNLOCK_MODEL=compact`). Progress bars are gone when a command ends; on your terminal, `yes` is
green and `no` is red. To try it with the same portraits: `faceunlock demo --photos FOLDER`.
"""


def main() -> None:
    """Run every command, and write the page and the picture."""
    with tempfile.TemporaryDirectory() as folder:
        page = recorded(Path(folder))
        picture = Image.open(Path(folder) / "photos-and-more" / "annotated" / "group.jpg")
        picture.thumbnail((WIDTH_OF_PICTURE, WIDTH_OF_PICTURE), Image.Resampling.LANCZOS)
        picture.quantize(160, dither=Image.Dither.NONE).save(DOCS / "images" / "picture.png", optimize=True)
    (DOCS / "transcripts.md").write_text(page, encoding="utf-8")
    print(page)


def recorded(folder: Path, cache: Path | None = None) -> str:
    """Return the page.

    Parameters
    ----------
    folder : Path
        An empty folder for the photos and the home.
    cache : Path, optional
        A cache of prepared networks to start with; without it, they are prepared.
    """
    home, here = folder / "home", folder / "photos-and-more"
    home.mkdir(mode=0o700)
    here.mkdir()
    make_photos(here)
    if cache is not None:
        shutil.copytree(cache, home / ".cache" / "faceunlock")
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("FACEUNLOCK_", "XDG_"))
    }
    environment |= {"HOME": str(home), "LOGNAME": "eileen", "FACEUNLOCK_MODEL": "compact", "NO_COLOR": "1"}
    environment["FACEUNLOCK_CAMERA"] = str(
        folder / "none"
    )  # so that `init` asks the same question everywhere
    parts = [HEAD]
    for step in STEPS:
        shown, code = on_a_terminal(step, here, environment)
        title = f"## {step.title}\n\n{step.words}\n\n" if step.title else ""
        parts.append(f"{title}```console\n$ {step.command}\n{shown}\n(exit code {code})\n```\n")
    return "\n".join(parts)


def make_photos(folder: Path) -> None:
    """Write the photos: those of `demo`, a blurred one, two people side by side, and a folder of each."""
    make_pictures(folder)
    (folder / "unseen.jpg").rename(folder / "selfie.jpg")
    portraits = {
        name: Image.open(inside(*where)).convert("RGB")
        for name, where in (("eileen", PERSON), ("grace", STRANGER))
    }
    portraits["eileen"].filter(ImageFilter.GaussianBlur(NEAR)).save(folder / "blurred.jpg", quality=92)
    crops = [
        portraits["eileen"].crop((115, 10, 335, 230)).resize((HEIGHT, HEIGHT), Image.Resampling.LANCZOS),
        portraits["grace"].crop((66, 30, 446, 410)).resize((HEIGHT, HEIGHT), Image.Resampling.LANCZOS),
    ]
    both = Image.new("RGB", (2 * HEIGHT, HEIGHT))
    for number, crop in enumerate(crops):
        both.paste(crop, (number * HEIGHT, 0))
    both.save(folder / "group.jpg", quality=92)
    for name, portrait in portraits.items():
        own = folder / "friends" / name
        own.mkdir(parents=True)
        for variation, vary in VARIATIONS.items():
            vary(portrait).save(own / f"{variation}.jpg", quality=92)


def on_a_terminal(step: Step, here: Path, environment: Mapping[str, str]) -> tuple[str, int]:
    """Run a command on a terminal, type what it asks for, and return what is left on the screen."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    command = [sys.executable, "-m", *shlex.split(step.command)]
    with subprocess.Popen(
        command, cwd=here, env=dict(environment), stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        written, waiting = b"", list(step.typed)
        with contextlib.suppress(OSError):  # Linux's way to say that the other end is closed
            while part := os.read(ours, 1 << 16):
                written += part
                if waiting and written.endswith(b": "):
                    os.write(ours, waiting.pop(0).encode() + b"\n")
        os.close(ours)
    return "\n".join(screen(written.decode())), process.returncode


_CODES = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-z])|[\r\n]|[^\x1b\r\n]+")


def screen(written: str) -> list[str]:
    """Return the lines that a terminal shows in the end: bars that were cleared away are gone."""
    lines, row, column = [""], 0, 0
    for token in _CODES.finditer(written):
        kind, text = token.group(2), token.group()
        if text == "\r":
            column = 0
        elif text == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif kind == "A":
            row = max(0, row - int(token.group(1) or 1))
        elif kind == "K":
            lines[row] = "" if token.group(1) == "2" else lines[row][:column]
        elif kind is None:
            for piece in _pieces(text, column):
                if column == COLUMNS:
                    row, column = row + 1, 0
                    lines += [""] * (row + 1 - len(lines))
                before = lines[row].ljust(column)
                lines[row] = before[:column] + piece + before[column + len(piece) :]
                column += len(piece)
    return [
        line.rstrip() for line in lines[: max((i for i, line in enumerate(lines) if line), default=0) + 1]
    ]


def _pieces(text: str, column: int) -> Iterator[str]:
    """Yield parts of a text, each of which fits on what is left of its line."""
    while text:
        room = COLUMNS - column or COLUMNS
        yield text[:room]
        column, text = min(COLUMNS, column % COLUMNS + len(text[:room])), text[room:]


if __name__ == "__main__":
    main()
