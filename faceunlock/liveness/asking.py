"""What a person is asked to do before a camera: turns in random order, pauses, and the words for them."""

from __future__ import annotations

from enum import StrEnum
from itertools import product
from random import Random
from typing import Literal

Side = Literal["left", "right"]
"""A side of the person who turns."""

TURNS = 3
"""Turns that are asked for: with both sides among them, six orders, of which a film knows none."""

TURN_SECONDS = 4.0
"""Time for each turn, and for coming back."""

PAUSES = (0.5, 1.5)
"""Shortest and longest time for which a head that came back must wait for the next word, in seconds.

A film of a head that goes to and fro does not wait.
"""

LONGEST = 2 * TURNS * TURN_SECONDS + (TURNS - 1) * PAUSES[1]
"""How long the turns can take in all, in seconds."""


class Word(StrEnum):
    """Something to tell the person."""

    LOOK = "look"
    LEFT = "left"
    RIGHT = "right"
    FURTHER_LEFT = "further-left"
    FURTHER_RIGHT = "further-right"
    BACK = "back"
    SLOWER = "slower"
    DARK = "dark"
    DONE = "done"


def random_turns(random: Random) -> tuple[Side, ...]:
    """Return `TURNS` turns in random order, both sides among them; every such order is equally likely.

    Examples
    --------
    >>> sorted(set(random_turns(Random(1))))
    ['left', 'right']
    """
    sides: tuple[Side, ...] = ("left", "right")
    orders = [order for order in product(sides, repeat=TURNS) if set(order) == set(sides)]
    return random.choice(orders)


def random_pauses(random: Random) -> tuple[float, ...]:
    """Return the pauses between turns, in seconds.

    Examples
    --------
    >>> len(random_pauses(Random(1)))
    2
    """
    return tuple(random.uniform(*PAUSES) for _ in range(TURNS - 1))
