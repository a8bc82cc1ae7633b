"""A dashboard's life: a socket that listens, and behind it nothing until somebody looks.

The web server and all that it needs are imported when the first visitor comes, in a thread with an
event loop of its own. So a dashboard that nobody opens takes no time and hardly any memory.
"""

from __future__ import annotations

import importlib.util
import logging
import selectors
import socket
import threading
from typing import Final

from gdistributed.dashboard.listening import host_and_port, listen
from gdistributed.errors import UsageError
from gdistributed.settings import DEFAULT_DASHBOARD_PORT, LOOPBACK
from gdistributed.wire.addresses import join_host_port
from gdistributed.wire.hosts import link_to, told_address

PACKAGES: Final = ("starlette", "uvicorn")
INSTALL: Final = "pip install 'gdistributed[dashboard]'"
DEFAULT_ADDRESS: Final = join_host_port(LOOPBACK, DEFAULT_DASHBOARD_PORT)
CLOSE_TIMEOUT_S: Final = 5.0

logger = logging.getLogger("gdistributed.dashboard")


def is_installed() -> bool:
    """Say whether the packages are there that a dashboard needs."""
    return all(importlib.util.find_spec(package) for package in PACKAGES)


def open_dashboard(address: str | bool | None) -> Dashboard | None:
    """Open the dashboard that was asked for, if any; it is to be told its scheduler by `show`.

    Parameters
    ----------
    address
        Where to listen, as `Dashboard` takes it; True for the default; None, False or "" for no
        dashboard.

    Returns
    -------
    The dashboard; None where none is wanted, and where its packages are missing and nobody named an
    address: the log then says how to get it.

    Raises
    ------
    UsageError
        If its packages are missing and an address was given.
    """
    if not address:
        return None
    if address is True and not is_installed():
        logger.info("no dashboard: its packages are not installed", extra={"install": INSTALL})
        return None
    return Dashboard(DEFAULT_ADDRESS if address is True else address)


class Dashboard:
    """Listens for people with a browser, from its making on; serves them after `show`.

    Parameters
    ----------
    address
        "HOST:PORT", or parts of it; 127.0.0.1:8787 by default. Where the port is taken, the next
        free one is.

    Attributes
    ----------
    address
        Where it listens, as others are told it.

    Raises
    ------
    UsageError
        If the packages are missing that it needs.
    AddressInUse
        If the host is not this one, or no port is free.
    """

    def __init__(self, address: str = DEFAULT_ADDRESS) -> None:
        if not is_installed():
            raise UsageError(f"a dashboard needs packages that are not installed: {INSTALL}")
        self._host, port = host_and_port(address)
        self._listener = listen(self._host, port)
        self._stopping, self._told_to_stop = socket.socketpair()
        self._thread: threading.Thread | None = None
        port = self._listener.getsockname()[1]
        self.address = told_address(join_host_port(self._host, port))

    @property
    def link(self) -> str:
        """What to open in a browser."""
        return link_to(self.address)

    def show(self, scheduler: str) -> None:
        """Serve pages about the cluster of the scheduler at this address; once."""
        self._thread = threading.Thread(
            target=self._serve_visitors, args=(scheduler,), name="dashboard", daemon=True
        )
        self._thread.start()

    def _serve_visitors(self, scheduler: str) -> None:
        with self._listener, self._told_to_stop:
            if self._somebody_comes():
                from gdistributed.dashboard.serving import serve

                serve(self._listener, self._host, scheduler, self._told_to_stop)

    def _somebody_comes(self) -> bool:
        """Wait for the first visitor, or for the end."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._told_to_stop, selectors.EVENT_READ)
            ready = [key.fileobj for key, _ in selector.select()]
        return self._told_to_stop not in ready

    def stop(self) -> None:
        """Begin to end the pages that are open, and to listen no longer; do not wait for it."""
        self._stopping.close()

    def close(self) -> None:
        """Stop, and wait until nothing is left. Closing again changes nothing."""
        self.stop()
        if self._thread is not None:
            self._thread.join(CLOSE_TIMEOUT_S)
        else:
            self._listener.close()
            self._told_to_stop.close()
