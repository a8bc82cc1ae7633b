"""Has anything become slower since the last release? Compares with the ratios that it stored.

No absolute time is compared, since machines differ: what counts is how gdistributed stands to
dask.distributed in the same run, and to a fixed loop that is timed before and after it; and how
many instructions a task costs the scheduler's brain. Runs with `make bench-check`; with
`ARGS=--store` it keeps what it finds in ``released.json``, as is done with each release.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.instructions import BASIC, ValgrindMissing, instructions_a_task, versions

HERE: Final = Path(__file__).resolve().parent
STORED: Final = HERE / "released.json"
WORKLOADS: Final = (
    "map-1000,map-10000,latency,chain,tree,graph,array,startup,import,clients-20,workers-200"
)
OURS: Final = "gdistributed"
PEER: Final = "dask"
# What is worse by more than this is told.
TOLERANCE: Final = 0.10

Measured = dict[str, dict[str, float]]


def measure(rounds: int) -> Measured:
    """Run the benchmarks; return ratios, and instructions, by kind and name; more is worse.

    The ratio to the peer is our time over its time. That to the loop is our time (of rates, its
    inverse) in units of the loop's.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "measured.json"
        command = [
            *(sys.executable, str(HERE / "run.py"), "--systems", f"{OURS},{PEER}"),
            *("--workloads", WORKLOADS, "--rounds", str(rounds), "--json", str(path)),
        ]
        subprocess.run(command, check=True)
        measured = json.loads(path.read_text())
    machine = measured["machine"]
    loop_ms = statistics.mean(machine[when]["calibration_ms"] for when in ("before", "after"))
    beside_peer: dict[str, float] = {}
    beside_loop: dict[str, float] = {}
    for figure in measured["figures"]:
        ours, peer = (_cost(figure, system) for system in (OURS, PEER))
        name = f"{figure['workload']} {figure['metric']}".strip()
        if ours is not None:
            beside_loop[name] = ours / loop_ms
            if peer is not None:
                beside_peer[name] = ours / peer
    return {
        f"cost beside {PEER}": beside_peer,
        "cost beside a fixed loop": beside_loop,
        "instructions a task": dict(_instructions()),
    }


def _cost(figure: dict[str, Any], system: str) -> float | None:
    value = figure["figures"].get(system)
    if value is None:
        return None
    return 1 / value if figure["more_is_better"] else float(value)


def _instructions() -> Iterator[tuple[str, float]]:
    try:
        for shape in BASIC:
            yield shape, instructions_a_task(shape)
    except ValgrindMissing as missing:
        print(f"instructions are not counted: {missing}", file=sys.stderr)


def compared(stored: Measured, found: Measured) -> Iterator[tuple[str, float]]:
    """Yield what was measured both times, and by what part it has become worse."""
    for kind, values in found.items():
        for name, value in values.items():
            if before := stored.get(kind, {}).get(name):
                yield f"{kind}: {name}", value / before - 1


def tell(changes: list[tuple[str, float]]) -> bool:
    """Print what has changed, the worst first; say whether something is worse than is tolerated."""
    for name, change in sorted(changes, key=lambda each: -each[1]):
        mark = "WORSE" if change > TOLERANCE else ""
        print(f"{name:56} {100 * change:+7.1f} %  {mark}")
    worse = [name for name, change in changes if change > TOLERANCE]
    percent = f"{100 * TOLERANCE:.0f} %"
    print(f"\n{len(worse)} of {len(changes)} have become worse by over {percent}.")
    return bool(worse)


def main() -> int:
    """Measure, and compare or store; 1 when something has become worse."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="3 by default")
    parser.add_argument(
        "--store", action="store_true", help="keep what is measured, for later comparisons"
    )
    asked = parser.parse_args()
    if not (asked.store or STORED.exists()):
        parser.error(f"there is no {STORED.name} to compare with: store one with --store")
    found = measure(asked.rounds)
    if asked.store:
        STORED.write_text(json.dumps({"versions": versions(), **found}, indent=1) + "\n")
        print(f"stored in {STORED.name}")
        return 0
    stored = json.loads(STORED.read_text())
    if (then := stored.pop("versions")) != versions():
        print(f"stored with {then}, this is {versions()}: counts of instructions may differ by it")
    return int(tell(list(compared(stored, found))))


if __name__ == "__main__":
    sys.exit(main())
