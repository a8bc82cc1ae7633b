"""What a browser does, done by hand: requests, calls in JSON, and a stream that is read."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.waiting import until

TIMEOUT_S = 30.0
JSON = {"Content-Type": "application/json"}


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:  # noqa: ANN401
        return json.loads(self.body)


def ask(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """Make one request; a refusal is an answer, too."""
    request = urllib.request.Request(url, body, dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


def call(link: str, method: str, worker: str = "", **request: object) -> Answer:
    """Call a method of the protocol."""
    query = f"?{urllib.parse.urlencode({'worker': worker})}" if worker else ""
    return ask(f"{link}api/{method}{query}", json.dumps(request).encode(), JSON)


@dataclass
class Told:
    """One event of a stream, and when it came."""

    time: float
    event: str
    data: Any


class Listening:
    """Reads a dashboard's stream on a thread, until the end of a `with` block."""

    def __init__(self, link: str) -> None:
        self.told: list[Told] = []
        self.ended = False
        where = urllib.parse.urlparse(link)
        self._connection = http.client.HTTPConnection(where.netloc, timeout=TIMEOUT_S)
        self._connection.request("GET", f"{where.path}api/stream")
        self._answer = self._connection.getresponse()
        self.content_type = self._answer.headers.get_content_type()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        event = ""
        for line in self._answer:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "event":
                event = value
            elif name == "data":
                self.told.append(Told(time.monotonic(), event, json.loads(value)))
        self.ended = True

    def of(self, event: str) -> list[Told]:
        return [told for told in self.told if told.event == event]

    def wait_for(self, event: str, times: int = 1) -> Told:
        """Wait until an event has come so many times; the last of them."""
        until(lambda: len(self.of(event)) >= times, f"{event}, {times} times")
        return self.of(event)[times - 1]

    def wait_until_ended(self) -> None:
        until(lambda: self.ended, "the end of the stream")

    def close(self) -> None:
        """Go away, as a page does that is closed."""
        if self._connection.sock is not None:
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(TIMEOUT_S)
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
