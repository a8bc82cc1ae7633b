"""Whether a worker whose stream broke is dead: its own port says so at once when it refuses.

The grace in which a session may be resumed must not make a plain death slow.
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
KNOCK_TIMEOUT_S: Final = 5.0


class Knocks:
    """Knocks at the ports of workers whose streams broke.

    Parameters
    ----------
    shell
        Runs the brain, which is told of those that are dead.
    """

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._under_way: set[asyncio.Task[None]] = set()

    def begin(self, hello: worker_pb2.WorkerHello) -> None:
        """Knock at the port of a worker in the background."""
        task = asyncio.get_running_loop().create_task(self._knock(hello))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def close(self) -> None:
        """Stop all knocking."""
        for task in self._under_way:
            task.cancel()

    async def _knock(self, hello: worker_pb2.WorkerHello) -> None:
        if hello.nanny_address:
            await asyncio.sleep(NANNY_S)
        brain = self._shell.brain
        worker = brain.books.workers.get(hello.worker_id)
        if worker is None or worker.is_connected:
            return
        if not await is_refused(hello.address):
            return  # perhaps it comes back: the grace says how long to wait
        if not worker.is_connected and brain.books.workers.get(worker.id) is worker:
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
