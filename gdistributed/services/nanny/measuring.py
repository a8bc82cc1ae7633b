"""Measurements of another process: its memory now and at most, its CPU time, files and threads."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psutil
from google.protobuf import timestamp_pb2

from gdistributed.services.process_memory import measure_memory
from gdistributed.v1 import nanny_pb2

# How often Linux has killed a process for want of memory, on the machine or in a container.
KILLS: Final = Path("/proc/vmstat")


class Gauge:
    """Measures one process while it lives.

    Parameters
    ----------
    process_id
        Of the process.

    Attributes
    ----------
    peak_nbytes
        The largest resident memory that was seen.
    """

    def __init__(self, process_id: int) -> None:
        self.peak_nbytes = 0
        self._process = psutil.Process(process_id)
        self._process.cpu_percent(None)  # the first call begins the measurement

    def memory_nbytes(self) -> int:
        """Return the memory in use; 0 when the process is gone."""
        memory = measure_memory(self._process.pid)
        self.peak_nbytes = max(self.peak_nbytes, *memory)  # the peak may lie between measurements
        return memory.in_use

    def measure(self) -> nanny_pb2.MonitorResourcesResponse:
        """Measure all; without figures when the process is gone."""
        try:
            with self._process.oneshot():
                return nanny_pb2.MonitorResourcesResponse(
                    time=_now(),
                    process_id=self._process.pid,
                    cpu_percent=self._process.cpu_percent(None),
                    memory_nbytes=self.memory_nbytes(),
                    open_files=self._process.num_fds(),
                    threads=self._process.num_threads(),
                )
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # the latter for one that just died
            return no_process()


def no_process() -> nanny_pb2.MonitorResourcesResponse:
    """Return the measurement of nothing."""
    return nanny_pb2.MonitorResourcesResponse(time=_now())


def memory_kills() -> int:
    """Return how often Linux has killed a process for want of memory; 0 where it does not say."""
    try:
        lines = KILLS.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _now() -> timestamp_pb2.Timestamp:
    time = timestamp_pb2.Timestamp()
    time.GetCurrentTime()
    return time
