"""What a task costs the scheduler's brain with more workers and more tasks: `make bench-scale`.

Workers and the client are played, so that ten thousand of them fit on one machine; the brain is the
real one. Each cell of the table is a process of its own. Writes docs/scale.md and docs/scale.svg.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import platform
import statistics
import subprocess
import sys
import tracemalloc
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil

from benchmarks.brain_alone import GRAPH_TASKS, Played
from benchmarks.scale_report import page, plot
from gdistributed.cli.serving import collect_rarely

WORKERS: Final = (10, 100, 1_000, 10_000)
TASKS: Final = (100_000, 1_000_000)
WARM_TASKS: Final = 50_000
ROUNDS: Final = 3
DOCS: Final = Path(__file__).parent.parent / "docs"


@dataclass(frozen=True)
class Cell:
    """What came out for one number of workers and one of tasks.

    Attributes
    ----------
    microseconds
        Time inside the brain for a task, from its submission to its release; median of rounds.
    held_nbytes
        Memory of the process for each task that is done and held.
    left
        What is allocated after all was released, against before; 1.0 is the same.
    resident
        The same for the memory of the whole process, which the allocator returns in large pieces.
    """

    workers: int
    tasks: int
    microseconds: float
    held_nbytes: float
    left: float
    resident: float


def main() -> int:
    """Measure all cells, print the table and write the page; 1 when a target was missed."""
    options = _arguments()
    if options.cell:
        print(json.dumps(asdict(measured(*options.cell, rounds=options.rounds))))
        return 0
    cells = []
    for tasks in options.tasks:
        for workers in options.workers:
            cells.append(_in_a_process(workers, tasks, options.rounds))
            print(f"{workers:>6} workers {tasks:>9,} tasks  {cells[-1].microseconds:.1f} µs a task")
    rows = [asdict(cell) for cell in cells]
    text, is_reached = page(rows, f"Python {platform.python_version()}, {platform.machine()}")
    print(text)
    if options.write:
        (DOCS / "scale.md").write_text(text)
        (DOCS / "scale.svg").write_text(plot(rows))
    return 0 if is_reached else 1


def measured(workers: int, tasks: int, rounds: int) -> Cell:
    """Play a cluster: submit, run, hold, release; the first round only warms it."""
    collect_rarely()
    played = Played(workers)
    _round(played, WARM_TASKS, 0)
    costs, held, resident = [], [], []
    for number in range(rounds):
        before = _memory_nbytes()
        played.spent_s = 0.0
        at_most = _round(played, tasks, number + 1)
        costs.append(played.spent_s / tasks * 1e6)
        held.append((at_most - before) / tasks)
        resident.append(_memory_nbytes() / before)
    cost, held_nbytes = statistics.median(costs), statistics.median(held)
    return Cell(workers, tasks, cost, held_nbytes, _left(workers), resident[-1])


def _left(workers: int) -> float:
    """Return how much is allocated after tasks were run and released, against before."""
    tracemalloc.start()
    played = Played(workers)
    _round(played, WARM_TASKS, 0)
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    _round(played, WARM_TASKS, 1)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return after / before


def _round(played: Played, tasks: int, number: int) -> int:
    """Run tasks that have nothing to do with each other; return the memory while all are held."""
    keys = [f"f{number}-{each:08d}" for each in range(tasks)]
    for begin in range(0, tasks, GRAPH_TASKS):
        played.submit_array(keys[begin : begin + GRAPH_TASKS])
    played.run_all()
    held_nbytes = _memory_nbytes()
    played.release(keys)
    if played.brain.books.tasks:
        raise RuntimeError(f"{len(played.brain.books.tasks)} tasks were not forgotten")
    return held_nbytes


def _memory_nbytes() -> int:
    """Return what the process uses, once what is free was given back."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    return int(psutil.Process().memory_info().rss)


def _in_a_process(workers: int, tasks: int, rounds: int) -> Cell:
    command = [sys.executable, "-m", "benchmarks.scale", "--rounds", str(rounds), "--cell"]
    done = subprocess.run(
        [*command, str(workers), str(tasks)], check=True, capture_output=True, text=True
    )
    return Cell(**json.loads(done.stdout))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS)
    parser.add_argument("--tasks", type=int, nargs="+", default=TASKS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--write", action="store_true", help="write docs/scale.md and .svg")
    parser.add_argument("--cell", type=int, nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
