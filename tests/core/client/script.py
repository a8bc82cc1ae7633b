"""A client's brain, told what happens in a line each, and asked what it said."""

from __future__ import annotations

from gdistributed.core.client.brain import ClientBrain
from gdistributed.core.client.futures import Arrivals, Countdown, FutureRecord, Watch
from gdistributed.settings import LimitSettings
from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.v1 import task_pb2

FUNCTION = task_pb2.Function(id="python:operator.add", runtime="python", name="operator.add")


class Script:
    """Drives one brain. Messages get their numbers as a session would give them."""

    def __init__(self, batch_nbytes: int = 1_000_000) -> None:
        self.brain = ClientBrain(LimitSettings(batch_nbytes=batch_nbytes))
        self.woken: list[str] = []
        self._sent = 0
        self._received = 0
        self.brain.session_began()

    def template(self, prefix: str = "add") -> int:
        return self.brain.template(
            FUNCTION, task_pb2.TaskTemplate(function_id=FUNCTION.id, prefix=prefix)
        )

    def submit(self, key: str, *dependencies: str) -> FutureRecord:
        """What the shell does for one call of `Client.submit`."""
        is_new = key not in self.brain.records
        record = self.brain.want(key)
        if is_new:
            self.brain.submit(key, self.template(), dependencies, key.encode())
        return record

    def countdown(self, *records: FutureRecord, stops_at_error: bool = False) -> Countdown:
        watch = Countdown(lambda: self.woken.append("countdown"), len(records), stops_at_error)
        self.brain.watch(records, watch)
        self._wake()
        return watch

    def arrivals(self, *records: FutureRecord) -> Arrivals:
        watch = Arrivals(lambda: self.woken.append("arrivals"))
        self.brain.watch(records, watch)
        self._wake()
        return watch

    def say(self, acknowledged: int = 0, **fields: object) -> None:
        """The scheduler says something."""
        self._received += 1
        batch = pb.ToClient(sequence=self._received, acknowledged=acknowledged, **fields)
        self.brain.on_scheduler(pb.ToClient.FromString(batch.SerializeToString()))
        self._wake()

    def finish(self, *keys: str, value: bytes = b"value", holders: tuple[int, ...] = ()) -> None:
        reports = [
            task_pb2.TaskFinished(key=key, type="int", value=value, holders=holders) for key in keys
        ]
        self.say(finished=reports)

    def err(self, key: str, message: str = "no") -> None:
        erred = task_pb2.TaskErred(key=key)
        erred.error.message = message
        self.say(erred=[erred])

    def take(self) -> pb.FromClient | None:
        """Take one batch, numbered as the session numbers it."""
        batch = self.brain.take()
        if batch is not None:
            self._sent += 1
            batch.sequence = self._sent
        return batch

    def said(self) -> list[pb.FromClient]:
        """Take all that is to be sent."""
        batches = []
        while (batch := self.take()) is not None:
            batches.append(batch)
        return batches

    def _wake(self) -> None:
        fired: list[Watch] = self.brain.fired
        self.brain.fired = []
        for watch in fired:
            watch.wake()


def submitted(batches: list[pb.FromClient]) -> list[str]:
    """Return the keys of all tasks submitted in batches."""
    keys: list[str] = []
    for batch in batches:
        for graph in batch.graphs:
            keys.extend(task.key for task in graph.tasks)
            for array in graph.arrays:
                keys.extend(array.keys)
    return keys
