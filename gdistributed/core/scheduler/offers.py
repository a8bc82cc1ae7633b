"""What workers offer: functions by name, and codecs in which they read values.

A function that nobody offers is refused when it is submitted, with the names that are like it. A
task whose function was offered then waits in the state no_worker when these workers are gone.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from gdistributed.core.scheduler.records import RequirementRecord, TaskRecord, WorkerRecord
from gdistributed.errors import UnknownFunction
from gdistributed.v1 import value_pb2, worker_pb2

NEAR_AT_MOST: Final = 5
LISTED_AT_MOST: Final = 10
LIKENESS: Final = 0.5  # of difflib: 0 for nothing in common, 1 for the same
PICKLE: Final = "python/pickle5"


class Offers:
    """How many workers offer what, by runtime."""

    __slots__ = ("_names", "_tries", "_workers")

    def __init__(self) -> None:
        self._names: Counter[tuple[str, str]] = Counter()
        self._workers: Counter[str] = Counter()
        self._tries: Counter[str] = Counter()  # those that try any name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Offers) and (
            (self._names, self._workers, self._tries)
            == (other._names, other._workers, other._tries)
        )

    __hash__ = None  # type: ignore[assignment]

    def add(self, worker: WorkerRecord) -> None:
        """Count what a worker offers."""
        self._count(worker, 1)

    def remove(self, worker: WorkerRecord) -> None:
        """Count no longer what a worker offers."""
        self._count(worker, -1)

    def _count(self, worker: WorkerRecord, sign: int) -> None:
        for offer in worker.hello.runtimes:
            self._workers[offer.runtime] += sign
            self._tries[offer.runtime] += sign * offer.any_name
            for function in offer.functions:
                self._names[offer.runtime, function.name] += sign

    def has(self, runtime: str, name: str) -> bool:
        """Whether a worker announced this function."""
        return self._names[runtime, name] > 0

    def check(self, requirement: RequirementRecord) -> None:
        """Insist that a named function is one that some worker runs, if perhaps not now.

        Raises
        ------
        UnknownFunction
            If none does; the message lists near names.
        """
        runtime, name = requirement.runtime, requirement.function_name
        if not (requirement.eligible or self._tries[runtime] or self.has(runtime, name)):
            raise UnknownFunction(self._refusal(runtime, name))

    def _refusal(self, runtime: str, name: str) -> str:
        if not self._workers[runtime]:
            present = ", ".join(sorted(+self._workers)) or "none at all: there are no workers"
            return (
                f"no worker runs {runtime!r}, the runtime of the function {name!r}; "
                f"runtimes in the cluster: {present}"
            )
        refusal = f"no worker offers the function {name!r} in the runtime {runtime!r}"
        near = near_names(name, self._offered(runtime))
        if near:
            return f"{refusal}; offered under near names: {', '.join(map(repr, near))}"
        elsewhere = sorted(each for each in +self._workers if self.has(each, name))
        if elsewhere:
            return f"{refusal}; it is offered in {', '.join(map(repr, elsewhere))}"
        return f"{refusal}; see `gd functions` for those that are offered"

    def _offered(self, runtime: str) -> Iterator[str]:
        return (name for its, name in +self._names if its == runtime)


def near_names(name: str, names: Iterable[str]) -> list[str]:
    """Return the names that are most like one, best first; all of them where there are few."""
    listed = sorted(names)
    lower = {each.lower(): each for each in listed}
    near = difflib.get_close_matches(name.lower(), lower, NEAR_AT_MOST, LIKENESS)
    if near:
        return [lower[each] for each in near]
    return listed if len(listed) <= LISTED_AT_MOST else []


def is_offered(offers: Iterable[worker_pb2.RuntimeOffer], requirement: RequirementRecord) -> bool:
    """Whether what one worker offers includes the function of a requirement."""
    name = requirement.function_name
    for offer in offers:
        if offer.runtime == requirement.runtime:
            return (
                not name
                or any(name == each.name for each in offer.functions)
                or (offer.any_name and not requirement.is_announced)
            )
    return False


def decodes_of(hello: worker_pb2.WorkerHello) -> frozenset[str] | None:
    """Return the codecs that a worker reads in each of its runtimes; None for whatever comes."""
    limited = [offer.decodes for offer in hello.runtimes if offer.decodes]
    if not limited or all(PICKLE in decodes for decodes in limited):
        return None  # it reads Python's own codec, and so what everybody writes
    return frozenset.intersection(*map(frozenset, limited))


def can_hold(worker: WorkerRecord, task: TaskRecord) -> bool:
    """Whether a worker surely reads a result that is to be copied to it.

    Python reads what all others write. Others read what was made in their own runtime.
    """
    if worker.decodes is None:
        return True
    runtime = task.template.requirement.runtime if task.template is not None else ""
    return any(offer.runtime == runtime for offer in worker.hello.runtimes)


def can_be_handed(worker: WorkerRecord, task: TaskRecord) -> bool:
    """Whether a result that was kept here is in a codec that a worker reads."""
    if not task.value or worker.decodes is None:
        return bool(task.value)
    return (value_pb2.Payload.FromString(task.value).codec or "null") in worker.decodes
