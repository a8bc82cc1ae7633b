"""One workload on one system, in this process: `run.py` starts it in the system's environment."""

from __future__ import annotations

import argparse
import json
import platform
from importlib.metadata import version
from pathlib import Path

from systems import system_named
from workloads import WORKLOADS


def main() -> None:
    """Write the samples and the versions of what was measured to a file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--system", required=True)
    parser.add_argument("--workload", choices=WORKLOADS, required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args()

    entry = system_named(asked.system)
    samples = list(WORKLOADS[asked.workload].measure(entry.load(), asked.size))
    versions = {name: version(name) for name in entry.distributions}
    versions["python"] = platform.python_version()
    asked.output.write_text(json.dumps({"samples": samples, "versions": versions}))


if __name__ == "__main__":
    main()
