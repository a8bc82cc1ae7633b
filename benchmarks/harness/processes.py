"""Runs `measure.py` for one workload on one system: bounded, and without a trace afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from systems import SystemEntry
from workloads.workload import Workload

from harness.descendants import kill_descendants
from harness.outcomes import DONE, FAILED, TIMEOUT, Outcome
from harness.places import BENCHMARKS, MEASURE

LOG_LINES_KEPT: Final = 20
SETTINGS_OF_SYSTEMS: Final = ("DASK_", "RAY_", "GDISTRIBUTED_", "GRPC_", "PYTHON")


def measured(
    system: SystemEntry, workload: Workload, size: int, round_number: int, python: Path
) -> Outcome:
    """Measure in a fresh process; whatever happens there is an outcome, never an exception."""
    start_s = time.perf_counter()
    with _folder() as folder:
        output, log = folder / "output.json", folder / "log"
        command = [
            str(python), str(MEASURE), "--system", system.name, "--workload", workload.name,
            "--size", str(size), "--output", str(output),
        ]  # fmt: skip
        try:
            with log.open("wb") as log_file:
                exit_code = _exit_code(command, folder, log_file.fileno(), workload.timeout_s)
        finally:
            left_behind = kill_descendants()
        state = TIMEOUT if exit_code is None else FAILED if exit_code else DONE
        found: dict[str, Any] = json.loads(output.read_text()) if state == DONE else {}
        last_lines = log.read_text(errors="replace").splitlines()[-LOG_LINES_KEPT:]
    return Outcome(
        system=system.name,
        workload=workload.name,
        round=round_number,
        state=state,
        **found,
        elapsed_s=time.perf_counter() - start_s,
        last_words="" if state == DONE else "\n".join(last_lines),
        left_behind=left_behind,
    )


def _exit_code(command: list[str], folder: Path, log: int, timeout_s: float) -> int | None:
    """Run a command in a process group of its own; None when it had to be killed."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _environment(folder: Path) -> dict[str, str]:
    """Return variables with which no setting of this user or machine has a say in the result."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(SETTINGS_OF_SYSTEMS)
    }
    here = {"HOME": str(folder), "TMPDIR": str(folder), "PYTHONPATH": str(BENCHMARKS)}
    return kept | here


@contextmanager
def _folder() -> Iterator[Path]:
    """Make a folder, home and scratch of the measured system. Ray's sockets need a short path."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
