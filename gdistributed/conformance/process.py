"""The process of the worker that is judged: started by its command, and always ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
from collections.abc import Callable
from typing import Final

from gdistributed.conformance.rule import NoWorker
from gdistributed.security.certificates import told_to_commands

PLACE: Final = "{address}"
LINES: Final = 12
LINES_NBYTES: Final = 4096
END_S: Final = 3.0
SOON_S: Final = 2.0


def words_of(command: str, address: str) -> list[str]:
    """Return the words of a command, with the address in its place, or behind them."""
    words = shlex.split(command)
    if any(PLACE in word for word in words):
        return [word.replace(PLACE, address) for word in words]
    return [*words, address]


class WorkerProcess:
    """A worker that runs, in a process group of its own.

    Made by `start`.
    """

    def __init__(self, process: asyncio.subprocess.Process, news: Callable[[], None]) -> None:
        self._process = process
        self._written = b""
        self._news = news
        self._reading = asyncio.create_task(self._read())
        self._waiting = asyncio.create_task(self._wait())

    @classmethod
    async def start(cls, command: str, address: str, news: Callable[[], None]) -> WorkerProcess:
        """Start a worker.

        Parameters
        ----------
        command
            The command line, for a shell's eyes.
        address
            Of the scheduler.
        news
            Called when it has ended.

        Raises
        ------
        NoWorker
            If there is no such program.
        """
        words = words_of(command, address)
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.PIPE,  # open: workers may end when it closes
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                env=dict(os.environ) | told_to_commands(),
            )
        except OSError as error:
            raise NoWorker(f"the command {shlex.join(words)!r} cannot be run: {error}") from None
        return cls(process, news)

    @property
    def exit_status(self) -> int | None:
        """How it ended, negative for a signal; None until then and until all it wrote is here."""
        return self._process.returncode if self._waiting.done() else None

    def ended_how(self) -> str:
        """Say how it ended, for people."""
        status = self.exit_status
        if status is None:
            return "it runs"
        if status < 0:
            return f"signal {signal.Signals(-status).name} ended it"
        return f"it ended with exit status {status}"

    def last_words(self) -> str:
        """Return the last lines that it has written, for people."""
        lines = self.written().splitlines()[-LINES:]
        if not lines:
            return "it has written nothing"
        return "\n".join(["the last lines that it has written:", *(f"  {line}" for line in lines)])

    def written(self) -> str:
        """Return the end of what it has written, to standard output and standard error."""
        return self._written.decode(errors="replace")

    def terminate(self) -> None:
        """Ask it to end, by SIGTERM."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    async def ends_soon(self) -> bool:
        """Wait a little for its end, which follows the end of its streams; say whether it came."""
        await asyncio.wait([self._waiting], timeout=SOON_S)
        return self.exit_status is not None

    async def end(self) -> None:
        """Let it end, and kill it if it does not go by itself."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._waiting), END_S)
        await self.kill()

    async def kill(self) -> None:
        """End it, and all that it has started, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._waiting
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def _read(self) -> None:
        stream = self._process.stdout
        while stream is not None and (data := await stream.read(LINES_NBYTES)):
            self._written = (self._written + data)[-LINES_NBYTES:]

    async def _wait(self) -> None:
        await self._process.wait()
        with contextlib.suppress(TimeoutError):  # a child of its own may hold the pipe
            await asyncio.wait_for(self._reading, 1.0)
        self._news()
