"""Marked places where a rare choice may be taken: only the simulator takes them, at random.

What is rare and must work all the same is so exercised far more often than it happens. Such a
choice is always one that could have come about anyway: a batch that is closed early, a message that
is sent twice, a task that is not given back.
"""

from __future__ import annotations

from collections.abc import Callable

# Asked with the name of a place whether the rare choice is taken there, this time.
Rarely = Callable[[str], bool]


def never(place: str) -> bool:
    """Take no rare choice: what holds everywhere but in the simulator."""
    return False
