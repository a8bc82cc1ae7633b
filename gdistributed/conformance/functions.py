"""The functions that a worker offers to be judged, in Python: `gd worker --functions` takes them.

A worker of another language offers five functions with the same names and meaning.
"""

from __future__ import annotations

import time
from typing import Final

from gdistributed.data.offered_functions import function

NAMES: Final = tuple(f"conformance.{name}" for name in ("echo", "list", "repeat", "wait", "fail"))


@function(name="conformance.echo")
def echo(value: object) -> object:
    """Return the argument: nothing, bytes, text, or plain data."""
    return value


@function(name="conformance.list")
def as_list(*values: object) -> list[object]:
    """Return all arguments, however many, as one list."""
    return list(values)


@function(name="conformance.repeat")
def repeat(text: str, count: int) -> str:
    """Return a text, repeated so many times."""
    return text * count


@function(name="conformance.wait")
def wait(seconds: float) -> list[float]:
    """Wait for so many seconds, or until the run is cancelled.

    The result is a list of two numbers: when that began and ended, in seconds of any one clock.
    """
    began = time.monotonic()
    time.sleep(seconds)
    return [began, time.monotonic()]


@function(name="conformance.fail")
def fail(message: str) -> None:
    """Fail, with this message: raise, throw or return an error, as the language has it."""
    raise ValueError(message)
