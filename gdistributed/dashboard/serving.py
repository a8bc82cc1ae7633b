"""The web server behind a dashboard's socket; it runs in the thread that calls it."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Final

import uvicorn

from gdistributed.dashboard.application import Application
from gdistributed.wire.loop_thread import new_event_loop

CLOSE_GRACE_S: Final = 1

logger = logging.getLogger("gdistributed.dashboard")


def serve(listener: socket.socket, host: str, scheduler: str, told_to_stop: socket.socket) -> None:
    """Serve a dashboard until it is told to stop.

    Parameters
    ----------
    listener
        Where visitors come.
    host
        The host of that socket, as it was named.
    scheduler
        Address of the scheduler that is asked.
    told_to_stop
        Can be read when it is time to stop.
    """
    logger.info("the dashboard has its first visitor", extra={"scheduler": scheduler})
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(listener, host, scheduler, told_to_stop))


async def _serve(
    listener: socket.socket, host: str, scheduler: str, told_to_stop: socket.socket
) -> None:
    application = Application(scheduler, host)
    server = server_of(application)

    def stop() -> None:
        loop.remove_reader(told_to_stop)
        application.live.close()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    loop.add_reader(told_to_stop, stop)
    try:
        await server.serve(sockets=[listener])
    finally:
        application.close()


def server_of(application: Application) -> uvicorn.Server:
    """Return a web server of an application, not started."""
    return uvicorn.Server(
        uvicorn.Config(
            application.routes,
            http="h11",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=CLOSE_GRACE_S,
        )
    )
