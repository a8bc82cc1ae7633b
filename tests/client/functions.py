"""Functions for tests to submit."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path


class CustomError(Exception):
    """An exception whose `__init__` takes more than it gives to its base."""

    def __init__(self, code: int, place: str) -> None:
        super().__init__(f"{code} in {place}")
        self.code = code


def inc(x: int) -> int:
    return x + 1


def add(x: int, y: int) -> int:
    return x + y


def fail(message: str) -> None:
    raise ValueError(message)


def fail_custom() -> None:
    raise CustomError(7, "heaven")


def divide(x: int, y: int) -> float:
    return inner_divide(x, y)


def inner_divide(x: int, y: int) -> float:
    return x / y


async def coroutine_inc(x: int) -> int:
    await asyncio.sleep(0)
    return x + 1


def make_lock() -> object:
    return threading.Lock()


def is_locked(lock: threading.Lock) -> bool:
    return lock.locked()


def wait_for_file(path: str) -> str:
    """Run until a file is there."""
    while not Path(path).exists():
        time.sleep(0.01)
    return path


def append_line(path: str, line: str) -> str:
    """Leave a trace of having run."""
    with Path(path).open("a") as file:
        file.write(line + "\n")
    return line


def keyword(x: int, *, y: int = 0, z: int = 0) -> tuple[int, int, int]:
    return x, y, z
