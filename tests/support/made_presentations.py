"""Presentations for tests: scores alone, and painted pictures of heads that turn and of flat pictures."""

from __future__ import annotations

import numpy as np
from support.fakes import FakeDetector, paint, save
from support.made_heads import HEAD, PICTURE, View, face

from faceunlock.liveness.measuring import Presentation, measure
from faceunlock.liveness.turning import Excursions
from faceunlock.photos.face import Face

AHEAD = 100
"""The variation of a painted face that looks ahead; each step from it is a hundredth of a radian."""

FLAT = 200
"""People from this number on are flat pictures."""

TURN = [0, 0, 0, 0, 0, 20, 45, 60, 60, 60, 30, 0, 0, -30, -60, -60, -60, -20, 0, 0]
"""Hundredths of a radian: ahead, to the right, back, to the left, back."""


class TurningDetector(FakeDetector):
    """Finds painted faces, with the landmarks of a head turned by their variation."""

    def detect(self, image):
        return [_turned(image, one) for one in super().detect(image)]


def _turned(image, found):
    left, top, right, _ = found.box
    _, person, variation = image[int(top), int(left) + 1]
    yaw = (int(variation) - AHEAD) / 100
    centre = ((left + right) / 2, top + 0.3 * (right - left))
    view = View(yaw=yaw, centre=centre, eyes=0.4 * (right - left))
    points = face(PICTURE if person >= FLAT else HEAD, view).landmarks
    return Face(found.box, points, found.confidence)


class FakeTexture:
    """Takes the blue of the lower left corner for a score: 255 is live."""

    def score(self, image, face):
        return float(image[-1, 0, 2]) / 255


def save_sequence(folder, person, angles=TURN, *, live=True):
    """Write the frames of a clip: 0000.png, 0001.png, ..."""
    for number, angle in enumerate(angles):
        image = paint(person, AHEAD + angle, side=80)
        image[-1, :, 2] = 250 if live else 5
        save(folder / f"{number:04}.png", image)
    return folder


def made(people=8, attacks=8, *, live=0.4, attack=0.03, texture=(0.9, 0.1), species="print", asked=True):
    """Return clips with these turns to the lesser side, each a little different."""

    def clips(start, count, turn, score, kind):
        return [
            Presentation(
                f"{start}{number}",
                kind,
                clip=True,
                asked=asked and kind is None,
                turned=Excursions(0.0, turn + number / 1000, turn + 0.05),
                texture=None if score is None else score,
            )
            for number in range(count)
            for _ in range(2)
        ]

    return [
        *clips("p", people, live, texture and texture[0], None),
        *clips("a", attacks, attack, texture and texture[1], species),
    ]


def judged(presentations, **options):
    return measure(presentations, created="2026-01-31T00:00:00+00:00", data="x", **options)


def folders(tmp_path, people=3):
    """Write live people who turn, one who does not, and prints that are moved; return both folders."""
    for number in range(people):
        save_sequence(tmp_path / "live" / f"p{number}" / "turn-1", number)
    save_sequence(tmp_path / "live" / "p0" / "still", 0, np.zeros(6, int))
    for number in range(people):
        save_sequence(tmp_path / "attack" / "print" / f"a{number}" / "1", FLAT + number, live=False)
    save_sequence(tmp_path / "attack" / "film" / "a0" / "1", 50, live=True)
    return tmp_path / "live", tmp_path / "attack"
