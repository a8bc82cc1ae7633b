"""Measures gdistributed beside dask.distributed and Ray: `make bench`, or this file by itself.

It needs nothing but Python: what is measured lives in environments that are made in `.tools/bench`.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, NoReturn

from harness.descendants import adopt_orphans
from harness.environments import EnvironmentFailed, python_of
from harness.machine import machine_facts, weather
from harness.outcomes import DONE, Results
from harness.places import GO_WORKER
from harness.report import text_report
from harness.rounds import run_rounds
from harness.targets import TARGETS
from systems import OURS, SYSTEMS, SystemEntry, system_named
from systems.cluster import GO
from workloads import WORKLOADS
from workloads.workload import Workload

ROUNDS: Final = 3
PATIENCE_S: Final = 60.0


def main() -> int:
    """Measure, print the tables; 1 when gdistributed failed somewhere."""
    asked = _arguments()
    adopt_orphans()
    signal.signal(signal.SIGTERM, _stop)
    results = Results(
        systems=asked.systems,
        workloads=[_bounded(WORKLOADS[name], asked.timeout) for name in asked.workloads],
        quick=asked.quick,
    )
    tell_what_is_left_out(results)
    before = weather()
    try:
        pythons = {
            system.environment: Path(sys.executable)
            if asked.this_python
            else python_of(system.environment)
            for system in results.systems
        }
        run_rounds(results, asked.rounds or (1 if asked.quick else ROUNDS), pythons, PATIENCE_S)
    except EnvironmentFailed as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; this is what there is", file=sys.stderr)
    facts = machine_facts() | {"before": before, "after": weather()}
    print(text_report(results, facts))
    if asked.json:
        asked.json.write_text(json.dumps(_as_json(results, facts), indent=1) + "\n")
    ours = [outcome for outcome in results.outcomes if outcome.system == OURS]
    return int(any(outcome.state != DONE for outcome in ours))


def tell_what_is_left_out(results: Results) -> None:
    """Print which workloads are not measured for want of a worker in Go."""
    names = [workload.name for workload in results.workloads if GO in workload.needs]
    if names and not GO_WORKER.exists():
        print(f"no worker in Go (make build/gd-go-worker): no {', '.join(names)}", file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--systems",
        type=_chosen_systems,
        default=list(SYSTEMS.values()),
        metavar="A,B",
        help=f"which of {', '.join(SYSTEMS)}; {OURS}@COMMIT is what it was at that commit",
    )
    parser.add_argument(
        "--workloads",
        type=lambda text: _chosen(text, list(WORKLOADS)),
        default=list(WORKLOADS),
        metavar="A,B",
        help=f"which of {', '.join(WORKLOADS)}; patterns such as 'map-*' are understood",
    )
    parser.add_argument("--rounds", type=int, metavar="N", help=f"by default {ROUNDS}")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round")
    parser.add_argument(
        "--timeout", type=float, metavar="S", help="kill what takes longer than S seconds"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all raw samples there")
    parser.add_argument(
        "--this-python",
        action="store_true",
        help="measure what is installed beside this interpreter; make no environments",
    )
    return parser.parse_args()


def _chosen(text: str, names: list[str]) -> list[str]:
    """Return the names that the comma-separated patterns mean, in the order of the table."""
    patterns = text.split(",")
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise argparse.ArgumentTypeError(f"no {pattern!r}; there are {', '.join(names)}")
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def _chosen_systems(text: str) -> list[SystemEntry]:
    earlier = [name for name in text.split(",") if name.startswith(f"{OURS}@")]
    others = ",".join(name for name in text.split(",") if name not in earlier)
    chosen = _chosen(others, list(SYSTEMS)) if others else []
    return [system_named(name) for name in [*chosen, *earlier]]


def _bounded(workload: Workload, timeout_s: float | None) -> Workload:
    return workload if timeout_s is None else replace(workload, timeout_s=timeout_s)


def _as_json(results: Results, facts: dict[str, Any]) -> dict[str, Any]:
    targets = [target.as_json(results) for target in TARGETS]
    return {"machine": facts, **results.as_json(), "targets": targets}


def _stop(*_: object) -> NoReturn:
    """End by an exception, so that everything started is ended too."""
    print("told to stop (SIGTERM)", file=sys.stderr)
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
