"""A worker that others reach by way of a proxy, which a test can meddle with."""

from __future__ import annotations

import asyncio

from gdistributed.services.worker.server import Worker
from tests.cluster.proxy import Proxy


class Behind(Worker):
    """Announces the address of a proxy in place of its own.

    Attributes
    ----------
    proxy
        Leads to it, from its start on.
    """

    proxy: Proxy | None = None

    @property
    def address(self) -> str:
        """Where others reach it."""
        return self.addresses[0] if self.proxy is None else self.proxy.address

    async def opening(self) -> None:
        self.proxy = Proxy(self.addresses[0])
        await super().opening()

    async def closed(self) -> None:
        await super().closed()
        if self.proxy is not None:
            await asyncio.to_thread(self.proxy.close)
