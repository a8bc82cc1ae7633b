"""A client inside the scheduler: it waits for results on behalf of calls that have no stream."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from gdistributed.v1 import scheduler_pb2

if TYPE_CHECKING:
    from gdistributed.services.scheduler.shell import Shell

CONSOLE_ID: Final = "console"


class Console:
    """Wants keys for as long as a call waits for them."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._joined = False

    async def settled(self, key: str, timeout_s: float) -> bool:
        """Wait until a task is in memory or erred; False if it is not within the timeout."""
        if not self._joined:
            self._joined = True
            hello = scheduler_pb2.ClientHello(client_id=CONSOLE_ID)
            self._shell.call(self._shell.brain.client_joined, hello)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(future)
        batch = scheduler_pb2.FromClient()
        batch.hold.add(keys=[key])
        self._shell.call(self._shell.brain.on_client, CONSOLE_ID, batch)
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError:
            return False
        finally:
            self._leave(key, future)
        return True

    def _leave(self, key: str, future: asyncio.Future[None]) -> None:
        waiting = self._waiting[key]
        waiting.remove(future)
        if not waiting:
            del self._waiting[key]
            # After the caller has read the outcome: a result that nobody else wants goes with it.
            asyncio.get_running_loop().call_soon(self._release, key)

    def _release(self, key: str) -> None:
        if key not in self._waiting:
            batch = scheduler_pb2.FromClient(release=[key])
            self._shell.call(self._shell.brain.on_client, CONSOLE_ID, batch)

    def deliver(self) -> None:
        """Wake the calls whose keys have settled."""
        while (batch := self._shell.brain.clients.take(CONSOLE_ID)) is not None:
            keys = [report.key for report in batch.finished]
            keys += [report.key for report in batch.erred]
            keys += [report.key for report in batch.cancelled]
            for future in (each for key in keys for each in self._waiting.get(key, ())):
                if not future.done():
                    future.set_result(None)
