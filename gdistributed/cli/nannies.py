"""Nannies of one command: all in this process, each with a worker process of its own below it.

One nanny for each worker keeps what the protocol says of a nanny simple; that they share a process
keeps them cheap, and lets one signal end them all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from gdistributed.services.nanny.keeper import Lifetime
    from gdistributed.services.nanny.options import WorkerOptions
    from gdistributed.services.nanny.server import Nanny

MARGIN_S: Final = 5.0

logger = logging.getLogger("gdistributed.nanny")


class Nannies:
    """Several nannies, started and stopped as one."""

    def __init__(self, nannies: Sequence[Nanny]) -> None:
        self._nannies = nannies

    async def start(self) -> None:
        """Start all; if one cannot, none stays."""
        try:
            for nanny in self._nannies:
                await nanny.start()
        except BaseException:
            await self.stop(0.0)
            raise

    async def drain(self) -> None:
        """End all workers without a loss."""
        await asyncio.gather(*(nanny.drain() for nanny in self._nannies))

    async def stop(self, grace_s: float) -> None:
        """End all workers, then their nannies; a worker has the grace, and a moment more."""
        await asyncio.gather(*(nanny.stop(grace_s + MARGIN_S) for nanny in self._nannies))

    async def wait_stopped(self) -> None:
        """Wait until all have stopped."""
        await asyncio.gather(*(nanny.wait_stopped() for nanny in self._nannies))

    def kill_workers(self) -> None:
        """Kill all workers without waiting."""
        for nanny in self._nannies:
            nanny.kill_worker()

    @property
    def has_failed(self) -> bool:
        """Whether a nanny gave up."""
        return any(nanny.failure is not None for nanny in self._nannies)


def run_nannies(
    each: Sequence[WorkerOptions], ports: Sequence[int], lifetime: Lifetime, with_parent: bool
) -> None:
    """Run workers with nannies until a signal, or until all have ended.

    Raises
    ------
    click.exceptions.Exit
        With code 1 if workers do not start; they have said why.
    """
    from gdistributed.cli.serving import serve
    from gdistributed.services.nanny.server import Nanny

    made: list[Nannies] = []

    async def make() -> Nannies:
        nannies = Nannies(
            [
                Nanny(
                    scheduler=of.scheduler,
                    hostname=of.host,
                    port=port,
                    worker_port=of.port,
                    contact_address=of.contact_address,
                    nthreads=of.nthreads,
                    name=of.name,
                    memory_limit=of.memory_limit_nbytes,
                    max_spill=of.max_spill_nbytes,
                    local_directory=of.local_directory,
                    compression=of.compression,
                    shared_memory=of.shared_memory,
                    profile_interval=of.profile_interval_s,
                    log_level=of.log_level,
                    log_format=of.log_format,
                    lifetime=lifetime,
                    functions=of.functions,
                    runtimes=of.runtimes,
                )
                for of, port in zip(each, ports, strict=True)
            ]
        )
        made.append(nannies)
        await nannies.start()
        return nannies

    def kill_all() -> None:
        for nannies in made:
            nannies.kill_workers()

    stopped = serve(make, with_parent=with_parent, drain=Nannies.drain, at_once=kill_all)
    if stopped is not None and stopped.has_failed:
        raise click.exceptions.Exit(1)
