"""On what machine, with what code, and in what weather the figures came about."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from harness.places import CHECKOUT

CALIBRATION_STEPS: Final = 2_000_000


def machine_facts() -> dict[str, Any]:
    """Return what the figures depend on, as plain data."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("describe", "--always", "--dirty", "--abbrev=12"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _first_value(Path("/proc/cpuinfo"), "model name") or platform.processor(),
        "cpus": os.cpu_count(),
        "memory": _first_value(Path("/proc/meminfo"), "MemTotal"),
        "python": platform.python_version(),
    }


def available_mib() -> int:
    """Return how much memory programs may still take, in MiB."""
    words = _first_value(Path("/proc/meminfo"), "MemAvailable").split()
    return int(words[0]) // 1024 if words else sys.maxsize  # not Linux: nobody says


def weather() -> dict[str, float]:
    """Return how busy the machine is: its load, and how long a fixed piece of work takes.

    Figures of two rounds, or of two runs, are alike only if these are.
    """
    start_s = time.perf_counter()
    total = 0
    for number in range(CALIBRATION_STEPS):
        total += number & 7
    calibration_ms = (time.perf_counter() - start_s) * 1e3
    return {"load": os.getloadavg()[0], "calibration_ms": round(calibration_ms, 2)}


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True)
    return done.stdout.strip()


def _first_value(path: Path, name: str) -> str:
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith(name):
                return line.partition(":")[2].strip()
    return ""
