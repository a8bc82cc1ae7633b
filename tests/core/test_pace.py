"""Rates of the last seconds, and when the rest is done."""

from __future__ import annotations

import pytest

from gdistributed.core.pace import Pace, seconds_left


def pace_of(*notes: tuple[float, float]) -> Pace:
    pace = Pace(window_s=5.0)
    for now, count in notes:
        pace.note(count, now)
    return pace


def test_a_rate_is_that_of_the_last_seconds() -> None:
    assert pace_of().rate == 0
    assert pace_of((0, 7)).rate == 0
    assert pace_of((0, 0), (1, 10)).rate == 10
    assert pace_of((0, 0), (1, 1000), (6, 1000), (11, 1050)).rate == 10
    assert pace_of((0, 0), (100, 50)).rate == 0.5  # nobody looked in between


def test_a_count_that_falls_begins_anew() -> None:
    assert pace_of((0, 1000), (1, 0), (2, 10)).rate == 10


@pytest.mark.parametrize(
    ("remaining", "notes", "mean_s", "nthreads", "left_s"),
    [
        (0, [], 0, 0, 0),
        (100, [(0, 0), (1, 20)], 0.001, 4, 5),  # many have ended: by their rate
        (9, [(0, 0), (1, 1)], 10, 4, 30),  # few have: three rounds of four threads
        (1, [(0, 0)], 10, 4, 10),
        (9, [(0, 0), (2, 1)], 0, 4, 18),  # no run is known: by the rate, however rough
        (9, [(0, 0)], 0, 4, None),
    ],
)
def test_time_left(
    remaining: int,
    notes: list[tuple[float, float]],
    mean_s: float,
    nthreads: int,
    left_s: float | None,
) -> None:
    assert seconds_left(remaining, pace_of(*notes), mean_s, nthreads) == left_s
