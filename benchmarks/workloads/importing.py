"""How long it takes to import what users import, in a new interpreter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from typing import Final

from systems.cluster import System

from workloads.workload import Metric, Workload

TIMED: Final = """
from time import perf_counter
begun = perf_counter()
{imports}
print(perf_counter() - begun)
"""


def importing(system: System, size: int) -> Generator[float]:
    """Yield seconds; the start of the interpreter is not among them."""
    command = [sys.executable, "-c", TIMED.format(imports=system.imports)]
    for _ in range(size):
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
        yield float(done.stdout)


WORKLOADS: Final = (
    Workload(
        name="import",
        title="import",
        metrics=(Metric("", "s", more_is_better=False),),
        measure=importing,
        size=9,
        quick_size=3,
    ),
)
