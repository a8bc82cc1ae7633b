"""How many instructions a task costs the scheduler's brain, however busy the machine is.

The shapes of `brain_alone` are played twice under callgrind, with few tasks and with more: what the
second run takes more, divided by the tasks that it has more, is the cost of a task without the
start of Python. The count differs by less than a percent from run to run; it does depend on the
versions of Python and protobuf, which are told with it. Runs with `make bench-check`, or by itself:
``python -m benchmarks.instructions``.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import version

from benchmarks.brain_alone import SHAPES, Played

FEW, MORE = 1_000, 3_000
WORKERS = 10
BASIC = ("independent", "tree", "layers of 1,000, one dependency")
COLLECTED = re.compile(r"Collected : (\d+)")
TIMEOUT_S = 600.0


class ValgrindMissing(Exception):
    """There is no valgrind here."""


def instructions_a_task(shape: str) -> float:
    """Return the cost of a task of a shape.

    Raises
    ------
    ValgrindMissing
        If it is not installed.
    """
    few_tasks, few = _counted(shape, FEW)
    more_tasks, more = _counted(shape, MORE)
    return (more - few) / (more_tasks - few_tasks)


def versions() -> dict[str, str]:
    """Return what the counts depend on beside our own code."""
    return {
        "python": platform.python_version(),
        "protobuf": version("protobuf"),
        "processor": platform.machine(),
    }


def _counted(shape: str, count: int) -> tuple[int, int]:
    """Play a shape under callgrind; return how many tasks it had, and all instructions."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise ValgrindMissing("valgrind is not installed: Debian has it in the package valgrind")
    done = subprocess.run(
        [
            *(valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null"),
            *(sys.executable, "-m", "benchmarks.instructions", "--play", shape),
            *("--tasks", str(count)),
        ],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONMALLOC": "malloc"},
    )
    found = COLLECTED.search(done.stderr)
    if found is None:
        raise RuntimeError(f"callgrind did not say what it counted: {done.stderr[-500:]}")
    return int(done.stdout), int(found[1])


def main() -> None:
    """Count, and print a line for each shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--play", choices=BASIC, help=argparse.SUPPRESS)
    parser.add_argument("--tasks", type=int, default=FEW, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.play:
        print(SHAPES[asked.play](Played(WORKERS), asked.tasks))
        return
    for shape in BASIC:
        print(f"{shape:40} {instructions_a_task(shape):10,.0f} instructions a task")


if __name__ == "__main__":
    main()
