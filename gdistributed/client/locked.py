"""One caller at a time has the brain of a client, for the time of a `with` block."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gdistributed.client.connection import Connection
    from gdistributed.core.client.brain import ClientBrain


class Locked(AbstractContextManager["ClientBrain"]):
    """One object for all uses: a generator for each would cost as much as a submission."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> ClientBrain:
        return self._connection.enter()

    def __exit__(self, *error: object) -> None:
        self._connection.leave()
