"""What nannies say to the scheduler, and what it asks of them."""

from __future__ import annotations

import logging
from typing import Any

import grpc.aio

from gdistributed.services.scheduler.shell import Shell
from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.wire.channel import Channels

logger = logging.getLogger("gdistributed.scheduler")

Context = grpc.aio.ServicerContext[Any, Any]


class Nannies:
    """The rpcs that have to do with nannies.

    Parameters
    ----------
    shell
        Runs the brain.
    channels
        Connections to nannies.
    """

    def __init__(self, shell: Shell, channels: Channels) -> None:
        self._shell = shell
        self._channels = channels

    async def ReportWorkerExit(
        self, request: pb.ReportWorkerExitRequest, _: Context
    ) -> pb.ReportWorkerExitResponse:
        """Hear how a worker's process ended: it is lost at once, with that cause."""
        exit = request.exit
        fields = {"worker": exit.worker_id, "cause": exit.cause}
        logger.info("a nanny says that its worker ended", extra=fields)
        self._shell.call(self._shell.brain.worker_exited, exit)
        return pb.ReportWorkerExitResponse()
