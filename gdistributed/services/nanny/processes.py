"""`gd` commands as child processes that never outlive this one.

A child is started with a pipe as its standard input and the flag `--stop-with-parent`: it ends when
the pipe is closed, which the operating system does even when this process is killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import sysconfig
import threading
from collections import deque
from collections.abc import Sequence
from typing import Final

from gdistributed.errors import ClusterError
from gdistributed.security.certificates import told_to_commands

KEPT_LINES: Final = 20
EXIT_POLL_S: Final = 0.01
LAST_WORDS_S: Final = 1.0
# One thread for each task is what the cluster counts on; libraries that start more get slower.
ONE_THREAD_EACH: Final = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


class ChildProcess:
    """One running `gd` command.

    Parameters
    ----------
    title
        What messages call it, for instance "worker 0".
    arguments
        What follows `gd` on the command line.
    descriptors
        Open files that the child is to inherit, beside the usual three.

    It is in a session of its own, so that Ctrl-C at the terminal does not reach it: its parent
    decides when it ends. What it prints is passed on line by line, and the last lines are kept for
    error messages.
    """

    def __init__(
        self, title: str, arguments: Sequence[str], descriptors: Sequence[int] = ()
    ) -> None:
        self.title = title
        self.last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._process = subprocess.Popen(
            # -u: what a process printed is known even when it is killed
            [sys.executable, "-u", "-m", "gdistributed", *arguments, "--stop-with-parent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=child_environment(),
            pass_fds=descriptors,
            start_new_session=True,
        )
        self._readers = [
            threading.Thread(
                target=self._pass_on, args=names, name=f"{names[0]} of {title}", daemon=True
            )
            for names in (("stdout",), ("stderr",))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def process_id(self) -> int:
        """Process id of the child."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code of the child; None while it runs."""
        return self._process.poll()

    def last_words(self) -> list[str]:
        """The last lines that the child printed, once it has ended."""
        for reader in self._readers:
            reader.join(LAST_WORDS_S)  # a process that the child has left behind may go on printing
        return list(self.last_lines)

    def ended(self, doing: str) -> ClusterError:
        """The error that says how the child ended, with its last words."""
        words = "".join(f"\n    {line}" for line in self.last_words()) or " nothing."
        code = self.wait()
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return ClusterError(f"{self.title} {how} {doing}. It said:{words}")

    def send_signal(self, number: int) -> None:
        """Send the child a signal, if it runs."""
        if self.exit_code is None:
            self._process.send_signal(number)

    def terminate(self) -> None:
        """Ask the child to stop gracefully."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Stop the child at once."""
        self.send_signal(signal.SIGKILL)

    def wait(self) -> int:
        """Wait for the child's end; its exit code."""
        return self._process.wait()

    async def stop(self, grace_s: float) -> None:
        """End the child: gracefully, or by force after the grace."""
        self.terminate()
        try:
            async with asyncio.timeout(grace_s):
                while self.exit_code is None:
                    await asyncio.sleep(EXIT_POLL_S)
        except TimeoutError:
            self.kill()
            self.wait()
        self.release()

    def release(self) -> None:
        """Close the pipe by which a child, now ended, knew that we live."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _pass_on(self, name: str) -> None:
        with getattr(self._process, name) as lines:
            for line in lines:
                self.last_lines.append(line.rstrip("\n"))
                print(line, end="", file=getattr(sys, name), flush=True)


def child_environment() -> dict[str, str]:
    """The environment of a child: ours, one thread a task, and where we import from."""
    environment = ONE_THREAD_EACH | dict(os.environ) | told_to_commands()
    if places := _own_import_places():
        environment["PYTHONPATH"] = os.pathsep.join(places)
    return environment


def _own_import_places() -> list[str]:
    """Entries of `sys.path` that a fresh interpreter would not have: scripts, user's folders."""
    common = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    standard = sysconfig.get_path("stdlib")
    return [
        os.path.abspath(place)
        for place in sys.path
        if place not in common and not place.startswith(standard) and not place.endswith(".zip")
    ]
