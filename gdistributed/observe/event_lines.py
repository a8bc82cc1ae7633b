"""What happened at a scheduler as lines of JSON, for the event log.

Lines are made as soon as the brain is done with an event, so that the records are those of that
moment. All tasks that took the same step at one instant share a line: a line for each would cost
more than the scheduler itself. docs/events.md has the form of each line.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any, Final

import orjson
from google.protobuf import json_format, message

from gdistributed.core.scheduler.activity import Moved, Row
from gdistributed.core.scheduler.brain import SchedulerBrain
from gdistributed.core.scheduler.events import TASK, Event, Line, one_by_one
from gdistributed.core.scheduler.paths import FROM, Path
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
    QUEUED,
    RELEASED,
    WAITING,
)
from gdistributed.v1 import task_pb2
from gdistributed.version import __version__

FORMAT: Final = 2

HEADS_KEPT: Final = 20_000

ENTERED: Final = FROM[RELEASED].then[WAITING].then[QUEUED]
HANDED: Final = FROM[QUEUED].then[PROCESSING]
DONE: Final = FROM[PROCESSING].then[MEMORY]

# What a line tells, by the names of its fields.
Facts = dict[str, Any]
# The states that tasks went through, the worker and the prefix.
Step = tuple[Path, str, str]


class EventLines:
    """Makes lines of what is new at a brain.

    Parameters
    ----------
    brain
        Whose books say from now on which tasks were touched.
    wall_zero_s
        When the brain's clock stood at zero, in seconds since 1970.

    Attributes
    ----------
    nbytes
        Size of the lines that were not cut off yet.
    """

    def __init__(self, brain: SchedulerBrain, wall_zero_s: float) -> None:
        self.nbytes = 0
        self._lines: list[bytes] = []
        self._brain = brain
        self._zero_s = wall_zero_s
        self._events = brain.events.last
        self._runs = brain.activity.runs.last
        self._transfers = brain.activity.transfers.last
        self._templates: set[int] = set()
        self._clients: dict[str, ClientRecord] = {}
        self._collected: dict[Step, list[str]] = {}
        self._origins: set[str] = set()
        self._heads: dict[Step, Facts] = {}
        self._ended: dict[tuple[str, str], list[Row]] = {}
        brain.books.touched, brain.books.arrays = {}, {}

    def start(self, now: float, facts: Facts) -> None:
        """Tell the facts of the server in the first line of a log."""
        self._say(now, "start", format=FORMAT, software=__version__, **facts)

    def stop(self, now: float) -> None:
        """Write the last line of a log that is closed."""
        self._say(now, "stop")

    def end(self) -> None:
        """Let the brain's books say no longer what happens to them."""
        self._brain.books.touched = self._brain.books.arrays = None

    def metrics(self, workers: Iterable[WorkerRecord], now: float) -> None:
        """Tell what each worker measured last."""
        for worker in workers:
            if worker.metrics is not None:
                metrics = plain(worker.metrics)
                seen = self._time(worker.last_seen)
                self._say(now, "metrics", name=worker.name, seen=seen, metrics=metrics)

    def cut(self) -> list[bytes]:
        """Return the lines since the last cut."""
        lines, self._lines, self.nbytes = self._lines, [], 0
        return lines

    def tell(self) -> None:
        """Tell what is new since the last time."""
        brain, begin = self._brain, len(self._lines)
        if brain.activity.runs.last != self._runs:
            self._collect_runs()
        if brain.activity.transfers.last != self._transfers:
            self._tell_transfers()
        last = brain.events.last
        if last != self._events:
            events = brain.events.since(self._events + 1)
            self._events = last
            self._tell_events(events)
        if brain.books.touched:
            self._tell_touched(brain.books.touched)
        if brain.books.arrays:
            brain.books.arrays.clear()
        if self._ended:
            self._tell_ended_runs(begin)

    def _say(self, now: float, event: str, **facts: object) -> None:
        self._add({"time": self._time(now), "event": event, **facts})

    def _add(self, facts: Facts) -> None:
        """Add a line of JSON."""
        line = as_line(facts)
        self.nbytes += len(line)
        self._lines.append(line)

    def _time(self, now: float) -> float:
        """Return a time of the brain's clock in seconds since 1970, to the microsecond."""
        return int((self._zero_s + now) * 1e6) / 1e6  # a fifth of the time of `round`

    # Events

    def _tell_events(self, lines: list[Line]) -> None:
        """Tell of events; keys of tasks are collected by the steps that they took."""
        collected = self._collected
        for line in lines:
            keys, _, now, kind, path, worker, prefix, _ = line
            if kind != TASK or not path.origin:
                self._tell_collected(now)
                for _, event in one_by_one([line]):
                    self._tell_other(event)
            elif (step := (path, worker, prefix)) in collected:
                collected[step] += keys
            else:
                self._begin(now, step, keys)
        self._tell_collected(now)

    def _begin(self, now: float, step: Step, keys: list[str]) -> None:
        """Begin to collect at a step.

        A line that is begun later stands later in the log. So a task may be in two of them only if
        it took the step of the first one first: none may lead to where an earlier one starts.
        """
        path = step[0]
        if path.target in self._origins:
            self._tell_collected(now)
        self._collected[step] = keys[:]
        self._origins.add(path.origin)

    def _tell_collected(self, now: float) -> None:
        if not self._collected:
            return
        start = {"time": self._time(now), "event": "task"}
        for step, keys in self._collected.items():
            self._tell_step(start | self._head(step), step, keys)
        self._collected.clear()
        self._origins.clear()

    def _head(self, step: Step) -> Facts:
        """Return what is the same for all tasks that take a step."""
        head = self._heads.get(step)
        if head is None:
            if len(self._heads) > HEADS_KEPT:
                self._heads.clear()
            path, worker, prefix = step
            head = {"prefix": prefix, "from": path.origin}
            if path.via:
                head["via"] = path.via
            head["to"] = path.target
            if worker:
                head["worker"] = worker
            self._heads[step] = head
        return head

    def _tell_step(self, line: Facts, step: Step, keys: list[str]) -> None:
        """Tell of tasks that took a step: with their facts, unless they are known no longer."""
        path = step[0]
        if path is DONE and self._tell_results(line, step[1:], keys):
            return
        line["keys"] = keys
        if path is HANDED and (first := self._first_attempt(keys)):
            line["first_attempt"] = first
        elif path is ENTERED and (array := self._facts_of_arrays(keys)):
            line |= array
        elif has_facts(path):
            self._tell_facts(line, path)
            return
        self._add(line)

    def _tell_facts(self, line: Facts, path: Path) -> None:
        """Tell of tasks that took a step, those together that are alike."""
        keys, known = line["keys"], self._brain.books.tasks
        try:
            tasks = list(map(known.__getitem__, keys))
        except KeyError:
            past = [key for key in keys if key not in known]
            self._add(line | {"keys": past})
            tasks = [known[key] for key in keys if key in known]
        for some in apart(tasks, alike_after(path)):
            these = keys if len(some) == len(keys) else [task.key for task in some]
            self._add(line | {"keys": these} | self._facts(path, some))

    def _first_attempt(self, keys: list[str]) -> int:
        """Return the attempt of the first of these runs if they are numbered one by one, else 0.

        Attempts grow as tasks are handed out, so the first and the last tell.
        """
        known = self._brain.books.tasks
        first, last = known.get(keys[0]), known.get(keys[-1])
        if first is None or last is None or last.attempt - first.attempt != len(keys) - 1:
            return 0
        return first.attempt

    def _facts_of_arrays(self, keys: list[str]) -> Facts:
        """Return the facts of begun tasks if they are arrays that are alike.

        Within an array tasks come one after the other, so the first and the last tell; but for
        what was given up at once, which is touched.
        """
        books = self._brain.books
        tasks, arrays = books.tasks, books.arrays
        if not arrays or books.touched:
            return {}
        firsts: list[TaskRecord] = []
        at = 0
        while at < len(keys):
            first = tasks.get(keys[at])
            count = arrays.get(first, 0) if first is not None else 0
            last = tasks.get(keys[at + count - 1]) if 0 < count <= len(keys) - at else None
            if first is None or last is None or last.rank - first.rank != count - 1:
                return {}
            firsts.append(first)
            at += count
        alike = len(apart(firsts, begun_alike)) == 1
        return self._facts_of_begun(firsts) if alike else {}

    def _facts(self, path: Path, tasks: list[TaskRecord]) -> Facts:
        """Return what is known of tasks that took a step and are alike."""
        target = path.target
        facts = self._facts_of_begun(tasks) if is_begun(path) else {}
        if target == MEMORY:
            facts["holders"] = [worker.name for worker in tasks[0].who_has]
            add_results(facts, [each.nbytes for each in tasks], [each.type for each in tasks])
            return facts
        if target == ERRED and (error := tasks[0].error) is not None:
            facts["error"] = error_facts(error)
            return facts
        if target == PROCESSING:
            facts["attempts"] = [task.attempt for task in tasks]
        if path.origin == PROCESSING and any(failures := [task.failures for task in tasks]):
            facts["failures"] = failures
        return facts

    def _facts_of_begun(self, tasks: list[TaskRecord]) -> Facts:
        """Return the facts of tasks that are new, or that are needed again."""
        facts: Facts = {"wanted_by": [client.id for client in tasks[0].wanted_by]}
        if (template := tasks[0].template) is not None:
            facts["template"] = self._announced(template)
        if any([task.dependencies for task in tasks]):
            facts["dependencies"] = [[each.key for each in task.dependencies] for task in tasks]
        return facts

    def _tell_note(self, event: Event) -> None:
        more = {"worker": event.worker} if event.worker else {}
        if event.detail:
            more["detail"] = event.detail
        self._say(event.now, "note", key=event.subject, text=event.target, **more)

    def _tell_other(self, event: Event) -> None:
        now, kind, name = event[:3]
        if kind == TASK:
            self._tell_note(event)
            return
        facts: Facts = {"name": name, "from": event.origin, "to": event.target}
        if event.worker:
            facts["worker"] = event.worker
        if event.detail:
            facts["detail"] = event.detail
        if kind == "worker" and event.target == "joined":
            record = self._brain.books.names.get(name)
            if record is not None:
                facts |= {"number": record.number, "hello": plain(record.hello)}
        if kind == "client":
            facts |= self._changed_clients()
        self._say(now, kind, **facts)

    def _changed_clients(self) -> Facts:
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
            self._say(self._brain.now, "template", **facts)
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
                self._say(self._brain.now, "facts", **facts)

    def _collect_runs(self) -> None:
        """Collect the runs that ended: most are told with the results that they brought."""
        runs, ended = self._brain.activity.runs, self._ended
        for rows, _, _, prefix, worker in runs.since(self._runs + 1):
            if (worker, prefix) in ended:
                ended[worker, prefix] += rows
            else:
                ended[worker, prefix] = rows[:]
        self._runs = runs.last

    def _tell_results(self, line: Facts, place: tuple[str, str], keys: list[str]) -> bool:
        """Tell of results with the runs that brought them, if these brought just them.

        They are there and nowhere else: of what has been copied since, it is told later.
        """
        rows = self._ended.get(place)
        if rows is None or list(map(first_of, rows)) != keys:
            return False
        del self._ended[place]
        line["runs"] = rows
        self._add(line)
        return True

    def _tell_ended_runs(self, begin: int) -> None:
        """Tell of runs that were not told of with their results, which they go before."""
        start = {"time": self._time(self._brain.now), "event": "runs"}
        lines = [
            as_line(start | {"worker": worker, "prefix": prefix, "runs": rows})
            for (worker, prefix), rows in self._ended.items()
        ]
        self._ended.clear()
        self.nbytes += sum(map(len, lines))
        self._lines[begin:begin] = lines

    def _tell_transfers(self) -> None:
        transfers = self._brain.activity.transfers.since(self._transfers + 1)
        self._transfers += len(transfers)
        for line in transfers:
            moved = Moved(*line)._asdict()
            self._say(moved.pop("now"), "transfer", **moved)


def apart(
    tasks: list[TaskRecord], alike: Callable[[TaskRecord], object] | None
) -> Collection[list[TaskRecord]]:
    """Return tasks in groups in which they are alike; mostly they all are."""
    if not tasks:
        return ()
    if alike is None or (kinds := list(map(alike, tasks))).count(kinds[0]) == len(kinds):
        return (tasks,)
    groups: dict[object, list[TaskRecord]] = {}
    for task in tasks:
        groups.setdefault(alike(task), []).append(task)
    return groups.values()


def failed_alike(task: TaskRecord) -> object:
    """Return what is the same for all tasks that have one error."""
    return id(task.error)


def refused_alike(task: TaskRecord) -> object:
    """Return what is the same for all tasks that were begun alike and failed at once."""
    return begun_alike(task), id(task.error)


Alike = Callable[[TaskRecord], object] | None
first_of: Final = itemgetter(0)
held_alike: Final = attrgetter("who_has")
begun_alike: Final = attrgetter("template", "wanted_by")
brought_alike: Final = attrgetter("template", "wanted_by", "who_has")


@cache
def is_begun(path: Path) -> bool:
    """Say whether tasks that took a step are new, or needed again."""
    return RELEASED in path.states[:-1]


@cache
def has_facts(path: Path) -> bool:
    """Say whether there is more to tell of tasks than which step they took."""
    if path.target == FORGOTTEN:
        return False
    told = path.origin == PROCESSING or path.target in (MEMORY, ERRED, PROCESSING)
    return told or is_begun(path)


@cache
def alike_after(path: Path) -> Alike:
    """Return by what tasks that took a step are told apart; None where they are all alike."""
    if path.target == MEMORY:
        return brought_alike if is_begun(path) else held_alike
    if path.target == ERRED:
        return refused_alike if is_begun(path) else failed_alike
    return begun_alike if is_begun(path) else None


def column(values: Sequence[int]) -> Sequence[int] | int:
    """Return numbers as they stand in a line: as one number where all are the same."""
    return values[0] if values.count(values[0]) == len(values) else values


def add_results(line: Facts, nbytes: Sequence[int], types: Sequence[str]) -> None:
    """Add to a line what is known of results with the same holders."""
    line["nbytes"] = column(nbytes)
    if types.count(types[0]) == len(types):
        line["type"] = types[0]
    else:
        line["types"] = types


def as_line(facts: Facts) -> bytes:
    """Return a line of JSON, with its end."""
    return orjson.dumps(facts, option=orjson.OPT_APPEND_NEWLINE)


def error_facts(error: message.Message) -> Facts:
    """Return an error without the original object, which is for its own language and may be big."""
    facts = plain(error)
    facts.pop("exception", None)
    return facts


def plain(record: message.Message) -> Facts:
    """Return a message as JSON has it, with the names of the .proto files."""
    return json_format.MessageToDict(record, preserving_proto_field_name=True)
