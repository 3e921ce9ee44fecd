"""Real pictures of prints before the real detector: no dialogue with one is ever answered.

The whole set is measured by ``benchmarks/dialogue.py``. Whoever is on the picture counts as the right person
here, so that only the turns refuse it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.fakes import FakeEmbedder, read_photo
from support.made_prints import held_up

from faceunlock.errors import PhotoError
from faceunlock.liveness.asking import Word
from faceunlock.photos.camera import Camera
from faceunlock.pipeline.detection import load_detector
from faceunlock.pipeline.runtime import choose_engine
from tests.support.made_heads import Stage

ENDS = {"turn-too-slow", "turn-wrong-way", "turn-too-soon", "turn-too-fast", "not-frontal", "no-face",
        "face-jumped", "face-lost", "frames-stopped"}  # fmt: skip


class Anybody(FakeEmbedder):
    """Takes every face for the first person."""

    def crop(self, image: np.ndarray, one: Any) -> np.ndarray:
        return np.tile(np.array([[(1, 2, 3), (0, 1, 0), (0, 60, 0)]], np.uint8), (3, 1, 1))


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load_detector(choose_engine("cpu", tmp_path_factory.mktemp("cache"), photos=1))


@pytest.fixture
def show(open_home, ada, detector, monkeypatch) -> Callable[[Any], str]:
    open_home().enroll("Ada", ada)
    live = open_home(detector=detector, embedder=Anybody())
    monkeypatch.setattr(
        "faceunlock.tasks.turns.requirement", lambda gates, smallest: lambda image, face: None
    )

    def session(frame: Callable[[float], Any], tell: Callable[[Word], None] = lambda _: None) -> str:
        stage = Stage(frame, 10.0)
        monkeypatch.setattr(
            "faceunlock.photos.camera.open_camera", lambda device, films: Camera(stage, device, live=False)
        )
        with pytest.raises(PhotoError) as caught:
            live.verify_live("0", "Ada", tell=tell)
        live.attempts.release(None)
        return caught.value.slug

    return session


@pytest.mark.parametrize("number", [0, 4, 8])
def test_a_print_moved_and_bent_by_hand(collection: Path, show: Any, number: int) -> None:
    folder = sorted((collection / "turns" / "print").iterdir())[number]
    film = [read_photo(path).image for path in sorted(folder.iterdir())]
    film += film[-2:0:-1]
    assert show(lambda now: film[round(now * 10) % len(film)] if now < 9 else None) in ENDS


@pytest.mark.parametrize("steepest", [40, 60])
def test_a_photo_turned_as_asked(collection: Path, show: Any, steepest: int) -> None:
    photo = read_photo(sorted((collection / "phone10" / "enroll").glob("*/*"))[0]).image
    wanted = {"left": steepest, "right": -steepest, "back": 0, "look": 0}
    state = {"wanted": 0, "angle": 0.0}

    def frame(now: float) -> np.ndarray:
        state["angle"] += max(-8.0, min(8.0, state["wanted"] - state["angle"]))
        return held_up(photo, state["angle"])

    assert show(frame, lambda word: state.update(wanted=wanted.get(str(word), state["wanted"]))) in ENDS
