"""A dashboard as `serve` has it."""

from __future__ import annotations

import asyncio

from gdistributed.dashboard.server import Dashboard


class ServedDashboard:
    """A dashboard that ends when it is told to."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard
        self._stopped = asyncio.Event()

    async def stop(self, grace_s: float) -> None:
        """End the pages that are open."""
        await asyncio.to_thread(self._dashboard.close)
        self._stopped.set()

    async def wait_stopped(self) -> None:
        """Wait until it was told to stop."""
        await self._stopped.wait()
