"""Whether a worker that fell silent is dead: its own port says so at once when it refuses.

Neither the grace in which a session may be resumed nor a connection whose end nobody noticed must
make a plain death slow.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from gdistributed.services.scheduler.shell import Shell
from gdistributed.v1 import worker_pb2

logger = logging.getLogger("gdistributed.scheduler")

# A nanny knows how its worker ended, and says so: hear it first.
NANNY_S: Final = 1.0
# A worker of which so many heartbeats are missing is knocked at, though its stream seems to live,
# or its port was still open as the stream broke: of a process that is killed some port is last.
MISSED_HEARTBEATS: Final = 2.5
KNOCK_TIMEOUT_S: Final = 5.0


class Knocks:
    """Knocks at the ports of workers that fell silent.

    Parameters
    ----------
    shell
        Runs the brain, which is told of those that are dead.
    """

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._watch: asyncio.Task[None] | None = None

    def begin(self, hello: worker_pb2.WorkerHello) -> None:
        """Knock at the port of a worker in the background, unless somebody does already."""
        worker_id = hello.worker_id
        if worker_id not in self._under_way:
            task = asyncio.get_running_loop().create_task(self._knock(hello))
            self._under_way[worker_id] = task
            task.add_done_callback(lambda _: self._under_way.pop(worker_id, None))

    def watch(self) -> None:
        """Look from now on for workers whose heartbeats are missing."""
        if self._watch is None:
            self._watch = asyncio.get_running_loop().create_task(self._look_for_silence())

    def close(self) -> None:
        """Stop all knocking."""
        for task in self._under_way.values():
            task.cancel()
        if self._watch is not None:
            self._watch.cancel()

    async def _look_for_silence(self) -> None:
        brain = self._shell.brain
        heartbeat_s = brain.settings.limits.heartbeat_s
        while True:
            await asyncio.sleep(heartbeat_s)
            due = self._shell.now() - MISSED_HEARTBEATS * heartbeat_s
            for worker in brain.books.workers.values():
                if worker.last_seen < due:
                    self.begin(worker.hello)

    async def _knock(self, hello: worker_pb2.WorkerHello) -> None:
        brain = self._shell.brain
        worker = brain.books.workers.get(hello.worker_id)
        last_seen = worker.last_seen if worker is not None else 0.0
        if hello.nanny_address:
            await asyncio.sleep(NANNY_S)
        if not await is_refused(hello.address):
            return  # perhaps it comes back: the grace says how long to wait
        is_there = worker is not None and brain.books.workers.get(worker.id) is worker
        if worker is not None and is_there and worker.last_seen == last_seen:
            cause = f"its process is gone: {hello.address} refuses connections"
            self._shell.call(brain.worker_lost, hello.worker_id, cause)


async def is_refused(address: str) -> bool:
    """Say whether nobody listens at an address; False also when that cannot be found out."""
    try:
        if address.startswith("unix:"):
            opening = asyncio.open_unix_connection(address.removeprefix("unix:"))
        else:
            host, _, port = address.rpartition(":")
            opening = asyncio.open_connection(host.strip("[]"), int(port))
        _, writer = await asyncio.wait_for(opening, KNOCK_TIMEOUT_S)
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    except (OSError, TimeoutError, ValueError):
        return False
    writer.close()
    return False
