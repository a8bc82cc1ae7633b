"""What happened at a scheduler as lines of JSON, for the event log.

Lines are made as soon as the brain is done with an event, so that the records are those of that
moment. All tasks that took the same edge at one instant share a line: a line for each would cost
more than the scheduler itself. docs/events.md has the form of each line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from json.encoder import encode_basestring_ascii
from operator import attrgetter
from typing import Any, Final

from google.protobuf import json_format, message

from gdistributed.core.scheduler.activity import Moved, RunLine
from gdistributed.core.scheduler.brain import SchedulerBrain
from gdistributed.core.scheduler.events import TASK, Line
from gdistributed.core.scheduler.records import (
    ClientRecord,
    TaskRecord,
    TemplateRecord,
    WorkerRecord,
)
from gdistributed.core.scheduler.states import (
    ERRED,
    FORGOTTEN,
    MEMORY,
    PROCESSING,
    RELEASED,
    State,
)
from gdistributed.observe.texts import are_plain, quoted, texts
from gdistributed.v1 import task_pb2
from gdistributed.version import __version__

FORMAT: Final = 1

HEADS_KEPT: Final = 20_000

# The states before and after, the worker and the prefix.
Edge = tuple[str, str, str, str]


class EventLines:
    """Makes lines of what is new at a brain.

    Parameters
    ----------
    brain
        Whose books say from now on which tasks were touched.
    wall_zero_s
        When the brain's clock stood at zero, in seconds since 1970.
    """

    def __init__(self, brain: SchedulerBrain, wall_zero_s: float) -> None:
        self._brain = brain
        self._zero_s = wall_zero_s
        self._events = brain.events.last
        self._runs = brain.activity.runs.last
        self._transfers = brain.activity.transfers.last
        self._templates: set[int] = set()
        self._clients: dict[str, ClientRecord] = {}
        self._collected: dict[Edge, list[str]] = {}
        self._origins: set[str] = set()
        self._heads: dict[Edge, str] = {}
        self._are_keys_plain = True
        self._lines: list[str] = []
        brain.books.touched = {}

    def header(self, now: float, facts: dict[str, Any]) -> str:
        """Return the first line of a log, with the facts of the server."""
        return self._line(now, "start", format=FORMAT, software=__version__, **facts)

    def stop(self, now: float) -> str:
        """Return the last line of a log that was closed."""
        return self._line(now, "stop")

    def metrics(self, workers: Iterable[WorkerRecord], now: float) -> Iterator[str]:
        """Yield a line for each worker: what it measured last."""
        for worker in workers:
            if worker.metrics is not None:
                metrics = plain(worker.metrics)
                seen = round(self._zero_s + worker.last_seen, 6)
                yield self._line(now, "metrics", name=worker.name, seen=seen, metrics=metrics)

    def take(self) -> list[str]:
        """Return what is new since the last time, each line with its end."""
        brain = self._brain
        if brain.activity.runs.last != self._runs:
            self._tell_runs()
        if brain.activity.transfers.last != self._transfers:
            self._tell_transfers()
        last = brain.events.last
        if last != self._events:
            events = brain.events.since(self._events + 1)
            self._events = last
            self._tell_events(events)
        if brain.books.touched:
            self._tell_touched(brain.books.touched)
        lines, self._lines = self._lines, []
        return lines

    def _line(self, now: float, event: str, **facts: object) -> str:
        line = {"time": round(self._zero_s + now, 6), "event": event, **facts}
        return json.dumps(line, separators=(",", ":")) + "\n"

    # Events

    def _tell_events(self, events: list[Line]) -> None:
        """Tell of each event; keys of tasks are collected by the edges that they took."""
        collected = self._collected
        for event in events:
            _, _, key, origin, target, worker, prefix, _ = event  # quicker than a slice
            try:
                collected[origin, target, worker, prefix].append(key)
            except KeyError:
                self._begin(event)
        self._tell_collected(events[-1][0])

    def _begin(self, event: Line) -> None:
        """Begin to collect at an edge, or tell what is no edge of a task.

        A line that is begun later stands later in the log. So a task may be in two of them only if
        it took the edge of the first one first: no edge may lead to where an earlier one starts.
        """
        now, kind, key, origin, target = event[:5]
        if kind != TASK or not origin:
            self._tell_collected(now)
            self._tell_other(event)
            return
        if target in self._origins:
            self._tell_collected(now)
        self._collected[event[3:7]] = [key]
        self._origins.add(origin)

    def _tell_collected(self, now: float) -> None:
        if not self._collected:
            return
        stamp = f'{{"time":{self._zero_s + now:.6f},"event":"task",'
        for edge, keys in self._collected.items():
            self._tell_edge(stamp, edge, keys)
        self._collected.clear()
        self._origins.clear()

    def _tell_edge(self, stamp: str, edge: Edge, keys: list[str]) -> None:
        """Tell of tasks that took an edge: with their facts, unless they are known no longer."""
        known = self._brain.books.tasks
        if edge[0] == RELEASED and self._are_keys_plain:
            self._are_keys_plain = are_plain(keys)  # each key is seen here first
        has_facts, alike = TOLD.get(edge[:2], NOTHING)
        head = stamp + self._head(edge)
        if not has_facts:
            self._lines.append(f'{head},"keys":{self._keys(keys)}}}\n')
            return
        try:
            tasks = list(map(known.__getitem__, keys))
        except KeyError:
            past = [key for key in keys if key not in known]
            self._lines.append(f'{head},"keys":{self._keys(past)}}}\n')
            tasks = [known[key] for key in keys if key in known]
        for some in apart(tasks, alike):
            names = self._keys(keys if len(some) == len(keys) else [task.key for task in some])
            self._lines.append(f'{head},"keys":{names}{self._facts(edge, some)}}}\n')

    def _keys(self, keys: Collection[str]) -> str:
        return quoted(keys) if self._are_keys_plain else texts(keys)

    def _head(self, edge: Edge) -> str:
        """Return what is the same for all tasks that take an edge, as a piece of JSON."""
        head = self._heads.get(edge)
        if head is None:
            if len(self._heads) > HEADS_KEPT:
                self._heads.clear()
            origin, target, worker, prefix = edge
            head = f'"prefix":{encode_basestring_ascii(prefix)},"from":"{origin}","to":"{target}"'
            if worker:
                head += f',"worker":{encode_basestring_ascii(worker)}'
            self._heads[edge] = head
        return head

    def _facts(self, edge: Edge, tasks: list[TaskRecord]) -> str:
        """Return what is known of tasks that took an edge and are alike, as a piece of JSON."""
        origin, target, facts = edge[0], edge[1], ""
        if origin == RELEASED:
            facts = self._facts_of_begun(tasks)
        if target == MEMORY:
            return facts + results(tasks)
        if target == ERRED and (error := tasks[0].error) is not None:
            return f'{facts},"error":{json.dumps(error_facts(error))}'
        if target == PROCESSING:
            facts += f',"attempts":{[task.attempt for task in tasks]}'
        if origin == PROCESSING and any(failures := [task.failures for task in tasks]):
            facts += f',"failures":{failures}'
        return facts

    def _facts_of_begun(self, tasks: list[TaskRecord]) -> str:
        """Return the facts of tasks that are new, or that are needed again."""
        facts = f',"wanted_by":{texts([client.id for client in tasks[0].wanted_by])}'
        if (template := tasks[0].template) is not None:
            facts += f',"template":{self._announced(template)}'
        if any([task.dependencies for task in tasks]):
            needed = ",".join([texts([each.key for each in task.dependencies]) for task in tasks])
            facts += f',"dependencies":[{needed}]'
        return facts

    def _tell_note(self, event: Line) -> None:
        now, _, key, _, text, worker, _, detail = event
        more = {"worker": worker} if worker else {}
        if detail:
            more["detail"] = detail
        self._lines.append(self._line(now, "note", key=key, text=text, **more))

    def _tell_other(self, event: Line) -> None:
        now, kind, name, origin, target, worker, _, detail = event
        if kind == TASK:
            self._tell_note(event)
            return
        facts: dict[str, Any] = {"name": name, "from": origin, "to": target}
        if worker:
            facts["worker"] = worker
        if detail:
            facts["detail"] = detail
        if kind == "worker" and target == "joined":
            record = self._brain.books.names.get(name)
            if record is not None:
                facts |= {"number": record.number, "hello": plain(record.hello)}
        if kind == "client":
            facts |= self._changed_clients()
        self._lines.append(self._line(now, kind, **facts))

    def _changed_clients(self) -> dict[str, Any]:
        """Return who has come and gone since the last time: names of clients need not be unique."""
        known, clients = self._clients, self._brain.books.clients
        gone = [each for each in known if each not in clients]
        come = [each for each in clients.values() if each.connected and each.id not in known]
        for each in gone:
            del known[each]
        known.update((client.id, client) for client in come)
        described = [{"id": each.id, "name": each.name, "host": each.host} for each in come]
        return {"come": described, "gone": gone}

    def _announced(self, template: TemplateRecord) -> int:
        """Return the number of a template, which is told before it is named first."""
        if template.number not in self._templates:
            self._templates.add(template.number)
            functions = []
            for function in template.functions:
                bare = task_pb2.Function()
                bare.CopyFrom(function)
                bare.ClearField("code")
                functions.append(plain(bare))
            facts = {"template": plain(template.message), "functions": functions}
            self._lines.append(self._line(self._brain.now, "template", **facts))
        return template.number

    # What is not an event

    def _tell_touched(self, touched: dict[TaskRecord, None]) -> None:
        """Tell of tasks that others want or hold than before, in the state in which they were."""
        groups: dict[tuple[object, object], list[str]] = {}
        for task in touched:
            if task.state is not FORGOTTEN:
                groups.setdefault((task.wanted_by, task.who_has), []).append(task.key)
        touched.clear()
        tasks = self._brain.books.tasks
        for keys in groups.values():
            first = tasks.get(keys[0])
            if first is not None:
                wanted_by = [client.id for client in first.wanted_by]
                holders = [worker.name for worker in first.who_has]
                facts = {"wanted_by": wanted_by, "holders": holders, "keys": keys}
                self._lines.append(self._line(self._brain.now, "facts", **facts))

    def _tell_runs(self) -> None:
        runs = self._brain.activity.runs.since(self._runs + 1)
        self._runs += len(runs)
        for columns in by_place(runs):
            now, keys, prefixes, workers, run_ns, fetch_ns, wait_ns, nbytes, failed = columns
            prefix, worker = prefixes[0], workers[0]
            line = (
                f'{{"time":{self._zero_s + now[-1]:.6f},"event":"runs",'
                f'"worker":{encode_basestring_ascii(worker)},'
                f'"prefix":{encode_basestring_ascii(prefix)},"keys":{self._keys(keys)},'
                f'"run_ns":{column(run_ns)}'
            )
            for name, values in (
                *(("fetch_ns", fetch_ns), ("wait_ns", wait_ns)),
                *(("nbytes", nbytes), ("failed", failed)),
            ):
                if any(values):
                    line += f',"{name}":{column(values)}'
            self._lines.append(line + "}\n")

    def _tell_transfers(self) -> None:
        transfers = self._brain.activity.transfers.since(self._transfers + 1)
        self._transfers += len(transfers)
        for line in transfers:
            moved = Moved(*line)._asdict()
            self._lines.append(self._line(moved.pop("now"), "transfer", **moved))


def apart(
    tasks: list[TaskRecord], alike: Callable[[TaskRecord], object] | None
) -> Iterable[list[TaskRecord]]:
    """Return tasks in groups in which they are alike; mostly they all are."""
    if alike is None or len(set(map(alike, tasks))) < 2:
        return (tasks,) if tasks else ()
    groups: dict[object, list[TaskRecord]] = {}
    for task in tasks:
        groups.setdefault(alike(task), []).append(task)
    return groups.values()


def failed_alike(task: TaskRecord) -> object:
    """Return what is the same for all tasks that have one error."""
    return id(task.error)


Alike = Callable[[TaskRecord], object] | None
held_alike: Final = attrgetter("who_has")
begun_alike: Final = attrgetter("template", "wanted_by")
brought_alike: Final = attrgetter("template", "wanted_by", "who_has")


def _told(origin: State, target: State) -> Alike:
    """Return by what tasks that took an edge are told apart; None where they are all alike."""
    if origin is RELEASED:
        return brought_alike if target is MEMORY else begun_alike
    if target is MEMORY:
        return held_alike
    return failed_alike if target is ERRED else None


# Of which edges there are facts to tell, and by what the tasks are told apart.
NOTHING: Final[tuple[bool, Alike]] = (False, None)
TOLD: Final[dict[tuple[str, str], tuple[bool, Alike]]] = {
    (origin, target): (True, _told(origin, target))
    for origin in State
    for target in State
    if target is not FORGOTTEN
    and (origin in (RELEASED, PROCESSING) or target in (MEMORY, ERRED, PROCESSING))
}


def by_place(runs: list[RunLine]) -> Iterator[tuple[Any, ...]]:
    """Yield runs of one prefix on one worker as columns; mostly they all are."""
    columns = tuple(zip(*runs, strict=True))
    _, _, prefixes, workers, *_ = columns
    if prefixes.count(prefixes[0]) == workers.count(workers[0]) == len(runs):
        yield columns
        return
    groups: dict[object, list[RunLine]] = {}
    for run in runs:
        groups.setdefault(run[2:4], []).append(run)
    for some in groups.values():
        yield tuple(zip(*some, strict=True))


def column(values: Sequence[int]) -> str:
    """Return numbers as JSON: as one number where all are the same."""
    if values.count(values[0]) == len(values):
        return str(values[0])
    return str(list(values))


def results(tasks: list[TaskRecord]) -> str:
    """Return what is known of results with the same holders, as a piece of JSON."""
    holders = texts([worker.name for worker in tasks[0].who_has])
    types = [task.type for task in tasks]
    if types.count(types[0]) == len(types):
        of_type = f'"type":{encode_basestring_ascii(types[0])}'
    else:
        of_type = f'"types":{texts(types)}'
    return f',"holders":{holders},"nbytes":{column([task.nbytes for task in tasks])},{of_type}'


def error_facts(error: message.Message) -> dict[str, Any]:
    """Return an error without the original object, which is for its own language and may be big."""
    facts = plain(error)
    facts.pop("exception", None)
    return facts


def plain(record: message.Message) -> dict[str, Any]:
    """Return a message as JSON has it, with the names of the .proto files."""
    return json_format.MessageToDict(record, preserving_proto_field_name=True)
