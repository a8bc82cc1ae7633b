"""A scheduler, and workers that nannies watch over: real processes."""

from __future__ import annotations

import time
from contextlib import ExitStack

import psutil

from tests.processes import TIMEOUT_S, GdProcess, address_of, started


class Nursery:
    """A scheduler, and `gd worker` commands beside it.

    Parameters
    ----------
    processes
        Ends all of them.
    options
        Of `gd scheduler`.
    """

    def __init__(self, processes: ExitStack, *options: str) -> None:
        self._processes = processes
        self.scheduler = started(processes, "scheduler", "--port", "0", *options)
        self.address = address_of(self.scheduler)

    def worker(self, *arguments: str) -> GdProcess:
        """Start `gd worker`, and wait until its first worker is there."""
        command = started(self._processes, "worker", self.address, "--nthreads", "1", *arguments)
        command.wait_for("registered")
        return command

    def workers(self, *names: str) -> dict[str, GdProcess]:
        """Start several, each with a nanny, at the same time."""
        commands = {
            name: started(
                self._processes, "worker", self.address, "--nthreads", "1", "--name", name
            )
            for name in names
        }
        for command in commands.values():
            command.wait_for("registered")
        return commands


def worker_process(command: GdProcess) -> psutil.Process:
    """Return the process of a command's only worker, once there is one."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        if children := psutil.Process(command.pid).children():
            return children[0]
        time.sleep(0.01)
    raise AssertionError(f"{command.arguments} has no worker:\n{command.log}")
