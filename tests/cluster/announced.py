"""A worker's process that announces another address than its own: that of a proxy before it."""

from __future__ import annotations

import logging
import sys

from gdistributed.services.worker.server import Worker
from gdistributed.settings import WorkerSettings


class Announced(Worker):
    """Others are told to reach it at `announced`."""

    announced = ""

    @property
    def address(self) -> str:
        """Where others reach it."""
        return self.announced


def serve(scheduler: str, port: str, announced: str, name: str) -> None:
    """Serve until the process is killed, or its input is closed."""
    logging.basicConfig(level=logging.INFO)
    Announced.announced = announced
    settings = WorkerSettings(shared_memory=False)
    with Announced(scheduler, port=int(port), nthreads=1, name=name, settings=settings):
        sys.stdin.read()


if __name__ == "__main__":
    serve(*sys.argv[1:])
