"""A TCP proxy on loopback whose connections a test can cut, and what passes by it spoil."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

Meddle = Callable[[bytes], bytes]


class Proxy:
    """Passes bytes between those who connect and one address.

    Parameters
    ----------
    target
        Where connections are passed on to, as "host:port".

    Attributes
    ----------
    meddle
        Changes what comes from there; it may also wait, or cut the connections.
    passed_nbytes
        How much has come from there.
    """

    def __init__(self, target: str) -> None:
        self.meddle: Meddle | None = None
        self.passed_nbytes = 0
        host, _, port = target.rpartition(":")
        self._target = host, int(port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut(self) -> None:
        """Break all connections; new ones may be made at once."""
        ends, self._ends = self._ends, []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Listen no longer, and break all connections; harmless twice."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listening.close()
        self.cut()
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._target)
            except OSError:  # nobody listens there any more
                near.close()
                continue
            self._ends += near, far
            for source, sink, change in ((near, far, None), (far, near, self._change)):
                thread = threading.Thread(target=_pump, args=(source, sink, change))
                self._threads.append(thread)
                thread.start()

    def _change(self, data: bytes) -> bytes:
        self.passed_nbytes += len(data)
        return data if self.meddle is None else self.meddle(data)


def _pump(source: socket.socket, sink: socket.socket, change: Meddle | None) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data if change is None else change(data))
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    source.close()  # the other direction closes the other end


@contextlib.contextmanager
def proxy_to(target: str) -> Iterator[Proxy]:
    """Run a proxy for the time of a `with` block."""
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
