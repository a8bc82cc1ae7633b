"""A worker's brain to talk to in short words. The end of each script audits the books."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType

from gdistributed.core.worker.audit import audit
from gdistributed.core.worker.brain import SCHEDULER, WorkerBrain
from gdistributed.core.worker.records import Fetch
from gdistributed.settings import WorkerSettings
from gdistributed.v1 import error_pb2, task_pb2, worker_pb2

TEMPLATE = 1
SECOND_NS = 1_000_000_000


class Script:
    """Plays the scheduler and the runtime. What the brain said must all be read before the end."""

    def __init__(self, nthreads: int = 1, **settings: object) -> None:
        self.brain = WorkerBrain(nthreads, WorkerSettings(**settings))  # type: ignore[arg-type]
        self.tell(templates=[task_pb2.TaskTemplate(id=TEMPLATE, function_id="python:f")])
        self.running: dict[str, int] = {}

    def __enter__(self) -> Script:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            audit(self.brain)
            assert self.said() == {}
            assert self.began() == []
            assert self.asked() == []
            assert self.dropped() == []

    # ---- The scheduler

    def tell(self, **fields: object) -> None:
        self.brain.on_scheduler(worker_pb2.ToWorker(**fields), now=0)  # type: ignore[arg-type]
        audit(self.brain)

    def peers(self, *numbers: int) -> None:
        self.tell(
            peers=[task_pb2.Peer(number=n, worker_id=f"w{n}", address=f"host:{n}") for n in numbers]
        )

    def run(
        self,
        key: str,
        *dependencies: worker_pb2.Dependency,
        attempt: int = 1,
        rank: int = 0,
        expected_ns: int = SECOND_NS,
    ) -> None:
        self.tell(
            run=[run(key, *dependencies, attempt=attempt, rank=rank, expected_ns=expected_ns)]
        )

    def cancel(self, key: str, attempt: int = 1) -> None:
        self.tell(cancel=[worker_pb2.TaskAttempt(key=key, attempt=attempt)])

    def revoke(self, key: str, attempt: int = 1, *, taken_back: bool = False) -> bool:
        """Ask for a run back; `taken_back` is what the runtime says of one that was given to it."""
        self.tell(revoke=[worker_pb2.TaskAttempt(key=key, attempt=attempt)])
        for run in self.brain.to_withdraw:
            self.brain.run_withdrawn(run, 0, taken_back=taken_back)
        self.brain.to_withdraw.clear()
        [answer] = self.mail().revoked
        assert (answer.key, answer.attempt) == (key, attempt)
        return answer.given_back

    def free(self, *keys: str) -> None:
        self.tell(free=keys)

    # ---- The runtime and the peers

    def finish(self, key: str, attempt: int = 1, nbytes: int = 10, value: bytes = b"") -> None:
        report = task_pb2.TaskFinished(key=key, attempt=attempt, nbytes=nbytes, value=value)
        self.brain.tasks_ended([report], [], now=0)
        audit(self.brain)

    def err(self, key: str, attempt: int = 1) -> None:
        error = error_pb2.TaskError(type="ValueError")
        failure = task_pb2.TaskErred(key=key, attempt=attempt, error=error)
        self.brain.tasks_ended([], [failure], now=0)
        audit(self.brain)

    def hold(self, *keys: str, nbytes: int = 10) -> None:
        for key in keys:
            put = self.brain.data_put(worker_pb2.StoredData(key=key, nbytes=nbytes), now=0)
            self.tell(claim=[worker_pb2.ClaimedData(key=key, put=put)])
        audit(self.brain)

    def arrive(self, fetch: Fetch, *keys: str, nbytes: int = 10) -> None:
        stored = [worker_pb2.StoredData(key=key, nbytes=nbytes) for key in keys]
        self.brain.fetched(fetch, stored, now=0)
        audit(self.brain)

    def end(self, fetch: Fetch, *, unreachable: bool = False) -> None:
        self.brain.fetch_ended(fetch, now=0, unreachable=unreachable)
        audit(self.brain)

    # ---- What the brain wants done; reading it empties it

    def mail(self) -> worker_pb2.FromWorker:
        whole = worker_pb2.FromWorker()
        while (batch := self.brain.outbox.take(SCHEDULER)) is not None:
            whole.MergeFrom(batch)
        return whole

    def said(self) -> dict[str, list[str]]:
        """Return the keys of all reports by their kind."""
        return {
            field.name: [getattr(item, "key", item) for item in items]
            for field, items in self.mail().ListFields()
        }

    def began(self) -> list[str]:
        began = [record.key for record in self.brain.to_run]
        self.brain.to_run.clear()
        return began

    def asked(self) -> list[tuple[str, list[str]]]:
        return [(fetch.peer.worker_id, list(fetch.wanted)) for fetch in self.fetches()]

    def fetches(self) -> list[Fetch]:
        fetches = list(self.brain.to_fetch)
        self.brain.to_fetch.clear()
        return fetches

    def dropped(self) -> list[str]:
        dropped = list(self.brain.to_drop)
        self.brain.to_drop.clear()
        return dropped


def run(
    key: str,
    *dependencies: worker_pb2.Dependency,
    attempt: int = 1,
    rank: int = 0,
    expected_ns: int = SECOND_NS,
) -> worker_pb2.RunTask:
    return worker_pb2.RunTask(
        key=key,
        attempt=attempt,
        template=TEMPLATE,
        rank=rank,
        expected_ns=expected_ns,
        dependencies=dependencies,
    )


def needs(key: str, *holders: int, nbytes: int = 10, value: bytes = b"") -> worker_pb2.Dependency:
    return worker_pb2.Dependency(key=key, nbytes=nbytes, holders=holders, value=value)


def names(attempts: Iterable[worker_pb2.TaskAttempt]) -> list[tuple[str, int]]:
    return [(name.key, name.attempt) for name in attempts]
