"""The functions that run on workers, alike for all systems."""

from __future__ import annotations

import os
import time
from functools import cache
from typing import Any


def same(value: object) -> object:
    """Return the argument: as good as no work at all, and the result can be checked."""
    return value


def now(_number: int) -> float:
    """Return the time of day in seconds."""
    return time.time()


def increment(value: int) -> int:
    """Return the next number."""
    return value + 1


def add(left: int, right: int) -> int:
    """Return the sum of two numbers."""
    return left + right


def nap(duration_s: float, _number: int) -> int:
    """Be busy for a while; return the worker's process id."""
    time.sleep(duration_s)
    return os.getpid()


def block(nbytes: int, number: int) -> tuple[int, Any]:
    """Return the worker's process id and an array that compresses badly.

    It takes a while, so that a second block is made by the second worker.
    """
    time.sleep(0.2)
    return os.getpid(), _array(nbytes, number)


def shared_block(nbytes: int, number: int) -> tuple[int, Any]:
    """Return what `block` does, but made in shared memory (gdistributed alone has that)."""
    import numpy as np

    from gdistributed import shared_array

    time.sleep(0.2)
    array = shared_array(nbytes // 8, np.uint64)
    array[:] = _array(nbytes, number)
    return os.getpid(), array


def maker(made: tuple[int, Any]) -> int:
    """Return which process made a block."""
    return made[0]


def nbytes_of(*blocks: tuple[int, Any]) -> int:
    """Return the size of blocks, all of which must be here for that."""
    return sum(numbers.nbytes for _, numbers in blocks)


def keep_block(nbytes: int, _number: int) -> int:
    """Make what `kept_block` returns on this worker; return its process id."""
    _block_of_this_worker(nbytes)
    return nap(0.05, 0)


def kept_block(nbytes: int, _number: int) -> Any:  # noqa: ANN401
    """Return an array that this worker has had all the time."""
    return _block_of_this_worker(nbytes)


def large(nbytes: int) -> Any:  # noqa: ANN401
    """Return an array."""
    return _array(nbytes, 1)


def some_bytes(nbytes: int, _number: int) -> bytes:
    """Return bytes that do not compress, others each time."""
    return os.urandom(nbytes)


def length(data: bytes, _number: int = 0) -> int:
    """Return the length of what must be here for that."""
    return len(data)


def small(number: int) -> bytes:
    """Return 1 KiB, another one for each number."""
    return number.to_bytes(8, "little") * 128


def blocks_of(count: int, nbytes: int, number: int) -> list[Any]:
    """Return so many arrays of that size, full of a number."""
    import numpy as np

    return [np.full(nbytes // 8, number, dtype=np.int64) for _ in range(count)]


def sum_of_firsts(blocks: list[Any]) -> int:
    """Return the sum of the first numbers of blocks, all of which must be here for that."""
    return sum(int(numbers[0]) for numbers in blocks)


def filled(number: int, block_info: Any = None) -> Any:  # noqa: ANN401
    """Return a chunk of a dask array, full of a number."""
    import numpy as np

    return np.full(block_info[None]["chunk-shape"], number, dtype=np.int64)


@cache
def _block_of_this_worker(nbytes: int) -> Any:  # noqa: ANN401
    return _array(nbytes, 0)


def _array(nbytes: int, number: int) -> Any:  # noqa: ANN401
    """Return numbers that compress badly."""
    import numpy as np

    numbers = np.arange(number, number + nbytes // 8, dtype=np.uint64)
    numbers *= np.uint64(0x9E3779B97F4A7C15)
    return numbers
