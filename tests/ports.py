"""Ports for servers that have to be told where to listen."""

from __future__ import annotations

import random
import socket
from pathlib import Path

# From here on the kernel gives ports to connections and to servers that ask for any.
FIRST_GIVEN = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
FIRST = 10_000
LAST = max(FIRST_GIVEN, 2 * FIRST)


def free_port() -> int:
    """Return a port at which nobody listens, and that the kernel gives to nobody meanwhile."""
    while True:
        port = random.SystemRandom().randrange(FIRST, LAST)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:  # taken: another one
            continue
