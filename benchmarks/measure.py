"""One workload on one system, in this process: `run.py` starts it in the system's environment."""

from __future__ import annotations

import argparse
import json
import platform
import time
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Final

from systems import system_named
from systems.cluster import System
from workloads import WORKLOADS
from workloads.workload import Workload

ENOUGH_S: Final = 30.0


def main() -> None:
    """Write the samples and the versions of what was measured to a file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--system", required=True)
    parser.add_argument("--workload", choices=WORKLOADS, required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args()

    entry = system_named(asked.system)
    samples = samples_of(WORKLOADS[asked.workload], entry.load(), asked.size)
    versions = {name: version(name) for name in entry.distributions}
    versions["python"] = platform.python_version()
    asked.output.write_text(json.dumps({"samples": samples, "versions": versions}))


def samples_of(workload: Workload, system: System, size: int) -> list[float]:
    """Return at least one sample; no more are begun once they have taken long enough."""
    samples: list[float] = []
    start_s = time.perf_counter()
    with closing(workload.measure(system, size)) as measured:
        for sample in measured:
            samples.append(sample)
            if time.perf_counter() - start_s > ENOUGH_S:
                break
    return samples


if __name__ == "__main__":
    main()
