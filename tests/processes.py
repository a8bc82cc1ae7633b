"""Real `gd` processes for tests: started, waited for by what they log, and always ended."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 40.0


GD = (sys.executable, "-m", "gdistributed")


class GdProcess:
    """One running `gd` command, or a program that takes the same arguments.

    Use it in a `with` block, or ask `Cluster` for one: what still runs at the end is killed.

    Parameters
    ----------
    arguments
        What follows `gd` on the command line.
    cwd
        Folder to run in.
    before
        A command that becomes this one, for instance to enter a network namespace.
    program
        What runs.
    """

    def __init__(
        self,
        *arguments: str,
        cwd: Path | None = None,
        before: Sequence[str] = (),
        program: Sequence[str] = GD,
    ) -> None:
        self.arguments = arguments
        self.lines: list[str] = []
        self._grown = threading.Condition()
        self._process = subprocess.Popen(
            [*before, *program, *arguments, "--stop-with-parent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=cwd,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, pattern: str, times: int = 1) -> re.Match[str]:
        """Wait until so many logged lines contain the pattern; the last match."""
        deadline = time.monotonic() + TIMEOUT_S
        with self._grown:
            while True:
                found = [match for line in self.lines if (match := re.search(pattern, line))]
                if len(found) >= times:
                    return found[times - 1]
                ended = not self._reader.is_alive()
                if ended or not self._grown.wait(deadline - time.monotonic()):
                    raise AssertionError(f"gd {self.arguments} never said {pattern!r}:\n{self.log}")

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end; the exit code."""
        try:
            code = self._process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"gd {self.arguments} does not end:\n{self.log}") from None
        self._reader.join(TIMEOUT_S)
        return code

    def close(self) -> None:
        """End it gracefully, or by force. A worker is not made to give its data away first."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"gd {self.arguments} had to be killed:\n{self.log}") from None
        finally:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    self._reader.join(TIMEOUT_S)
                    pipe.close()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            with self._grown:
                self.lines.append(line.rstrip("\n"))
                self._grown.notify_all()
        with self._grown:
            self._grown.notify_all()


@dataclass
class Cluster:
    """A scheduler and workers, each a process; more can be started beside them."""

    scheduler: GdProcess
    address: str
    workers: list[GdProcess]
    processes: ExitStack

    def start(self, *arguments: str) -> GdProcess:
        """Start one more `gd` command, ended together with the cluster."""
        return started(self.processes, *arguments)


def started(
    processes: ExitStack,
    *arguments: str,
    before: Sequence[str] = (),
    program: Sequence[str] = GD,
    cwd: Path | None = None,
) -> GdProcess:
    """Start a `gd` command that ends with the stack."""
    process = GdProcess(*arguments, before=before, program=program, cwd=cwd)
    processes.callback(process.close)
    return process


def address_of(process: GdProcess) -> str:
    """Where a server says that it listens."""
    return process.wait_for(r"(\d+\.\d+\.\d+\.\d+:\d+)")[1]


@contextmanager
def running_cluster(nworkers: int = 2, *options: str) -> Iterator[Cluster]:
    """Run a scheduler and workers of one thread with these options, named ada, bob, cyd ..."""
    with ExitStack() as processes:
        scheduler = started(processes, "scheduler", "--port", "0")
        address = address_of(scheduler)
        names = ["ada", "bob", "cyd", "dan"][:nworkers]
        common = ("--no-nanny", "--nthreads", "1")
        workers = [
            started(processes, "worker", address, *common, "--name", name, *options)
            for name in names
        ]
        for worker in workers:
            worker.wait_for("registered")
        yield Cluster(scheduler, address, workers, processes)
