"""Times as people read them."""

from __future__ import annotations

from typing import Final

# From so many seconds on, the unit and how many seconds it has.
UNITS: Final = (
    (86_400.0, "d", "h", 3600),
    (3600.0, "h", "min", 60),
    (60.0, "min", "s", 1),
)
SMALL: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


def in_words(seconds: float) -> str:
    """Return a time in at most two units.

    Examples
    --------
    >>> [in_words(each) for each in (0, 0.00025, 0.5, 2.25, 75, 3660, 90000)]
    ['0 s', '250 µs', '500 ms', '2.2 s', '1min 15s', '1h 1min', '1d 1h']
    """
    if seconds >= UNITS[-1][0]:
        for size, unit, smaller, part in UNITS:
            if seconds >= size:
                whole, rest = divmod(seconds, size)
                return f"{whole:.0f}{unit} {rest // part:.0f}{smaller}"
    for size, unit in SMALL:
        if seconds >= size:
            number = seconds / size
            return f"{number:.1f} {unit}" if number < 10 else f"{number:.0f} {unit}"
    return "0 s"
