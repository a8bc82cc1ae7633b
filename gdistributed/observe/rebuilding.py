"""The state of a scheduler is built again from the lines of its event log.

Nothing is decided here: the books say what the log says. What the log does not tell, such as which
tasks a worker was asked to give back, is not there.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

from google.protobuf import json_format

from gdistributed.core.numbered import Numbered
from gdistributed.core.scheduler.activity import Moved, Runs, note_run
from gdistributed.core.scheduler.brain import SchedulerBrain
from gdistributed.core.scheduler.estimates import learn_run
from gdistributed.core.scheduler.events import TASK, Events
from gdistributed.core.scheduler.paths import Path, path_of
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
    NO_WORKER,
    PROCESSING,
    QUEUED,
    RELEASED,
    State,
)
from gdistributed.core.words import word_of_status
from gdistributed.v1 import error_pb2, task_pb2, worker_pb2

Line = dict[str, Any]
STATUSES: Final = {word_of_status(number): number for number in worker_pb2.WorkerStatus.values()}


class Rebuilt:
    """A brain that knows what an event log tells, and does nothing.

    Parameters
    ----------
    start
        The first line of the log.

    Attributes
    ----------
    brain
        Its clock stands at zero at the start of the log.
    """

    def __init__(self, start: Line) -> None:
        self._zero_s = float(start["time"])
        self.brain = SchedulerBrain(epoch=int(start.get("epoch", 1)))
        self.brain.events = Events(kept=sys.maxsize)
        self.brain.activity.runs = Runs(sys.maxsize)
        self.brain.activity.transfers = Numbered(sys.maxsize)
        self._templates: dict[int, TemplateRecord] = {}
        self._awaited: dict[str, TaskRecord] = {}
        self._rank = 0
        self._take: dict[str, Callable[[Line], None]] = {
            "task": self._tasks,
            "runs": self._runs,
            "note": self._note,
            "facts": self._facts,
            "template": self._template,
            "transfer": self._transfer,
            "worker": self._worker,
            "client": self._client,
            "metrics": self._metrics,
            "data": self._event,
        }

    def apply(self, line: Line) -> None:
        """Let a line count; one of an unknown kind does not."""
        take = self._take.get(line["event"])
        if take is not None:
            self.brain.now = line["time"] - self._zero_s
            take(line)

    def tidy(self) -> None:
        """Throw out of the queues what is in them no longer, before somebody looks."""
        for requirement in self.brain.books.requirements.values():
            requirement.queue = [each for each in requirement.queue if each[2].state is QUEUED]
            heapq.heapify(requirement.queue)
            requirement.stale = 0

    # Tasks

    def _tasks(self, line: Line) -> None:
        path = path_of([line["from"], *line.get("via", ()), line["to"]])
        worker = line.get("worker", "")
        if "runs" in line:
            self._runs(line)
            rows = line["runs"]
            line = line | {
                "keys": [row[0] for row in rows],
                "holders": [worker],
                "nbytes": [row[4] for row in rows],
                "types": [row[6] for row in rows],
            }
        columns: Line = {
            name: column(line, name)
            for name in ("dependencies", "nbytes", "types", "attempts", "failures")
            if name in line
        }
        if "first_attempt" in line:
            first: int = line["first_attempt"]
            columns["attempts"] = list(range(first, first + len(line["keys"])))
        error = None
        if "error" in line:
            error = parsed(line["error"], error_pb2.TaskError())
        for index, key in enumerate(line["keys"]):
            facts = {name: values[index] for name, values in columns.items()}
            task = self._known(key, line, facts.get("dependencies", ()))
            self._step(task, path, worker)
            task.error = error
            self._arrive(task, line, worker, facts)

    def _known(self, key: str, line: Line, dependencies: Iterable[str]) -> TaskRecord:
        """Return a task; a new one is entered."""
        task = self.brain.books.tasks.get(key)
        if task is not None:
            return task
        template = self._template_of(line) if line["prefix"] else None
        task = self._awaited.pop(key, None) or TaskRecord(key, template)
        task.template = template
        self._rank += 1
        task.rank = self._rank + (template.rank if template is not None else 0)
        task.dependencies = tuple(self._dependency(each) for each in dependencies)
        self.brain.books.add_task(task)
        return task

    def _dependency(self, key: str) -> TaskRecord:
        """Return what a task needs; at one instant it may be told of later."""
        task = self.brain.books.tasks.get(key)
        return task if task is not None else self._awaited.setdefault(key, TaskRecord(key, None))

    def _template_of(self, line: Line) -> TemplateRecord:
        """Return the template of a line; one is made up for tasks of which too little is told."""
        number: int = line.get("template", 0)
        if number in self._templates:
            return self._templates[number]
        made_up = task_pb2.TaskTemplate(prefix=line["prefix"])
        return self.brain.books.intern_template(made_up, [task_pb2.Function(runtime="python")])

    def _leave(self, task: TaskRecord, origin: State) -> None:
        """End what held while a task was in a state."""
        books = self.brain.books
        books.end_run(task)
        if origin is NO_WORKER and task.template is not None:
            task.template.requirement.unrunnable.pop(task, None)
        elif origin is QUEUED:
            books.leave_queue(task)

    def _step(self, task: TaskRecord, path: Path, worker: str) -> None:
        """Take a task to another state, and count as the transitions themselves do."""
        brain, now, origin, target = self.brain, self.brain.now, task.state, State(path.target)
        prefix = task.template.prefix if task.template is not None else brain.books.data
        prefix.counts[origin] -= 1
        prefix.counts[target] += 1
        prefix.queued_s += now * ((origin is QUEUED) - (target is QUEUED))
        prefix.handed_s += now * ((origin is PROCESSING) - (target is PROCESSING))
        if ERRED in path.states[:-1]:
            task.failures = 0
        brain.events.step(now, task.key, path, worker, prefix.name)
        task.state = target
        self._leave(task, origin)

    def _arrive(self, task: TaskRecord, line: Line, worker: str, facts: Line) -> None:
        """Note what holds of a task in the state to which it has come."""
        books, state = self.brain.books, task.state
        task.failures = facts.get("failures", task.failures)
        if state is MEMORY and "nbytes" in facts:
            task.nbytes = facts["nbytes"]
            task.type = facts["types"] if "types" in facts else line.get("type", "")
        self._hold(task, line.get("holders", ()) if state is MEMORY else ())
        if state in (RELEASED, FORGOTTEN):
            self._want(task, ())
        elif "wanted_by" in line:
            self._want(task, line["wanted_by"])
        if state is FORGOTTEN:
            books.forget_task(task)
        elif state is PROCESSING and worker in books.names:
            task.attempt = facts.get("attempts", task.attempt)
            books.begin_run(task, books.names[worker], self.brain.expected_ns(task))
        elif state is QUEUED:
            books.push_ready(task)
        elif state is NO_WORKER and task.template is not None:
            task.template.requirement.unrunnable[task] = self.brain.now

    def _hold(self, task: TaskRecord, names: Iterable[str]) -> None:
        """Note which workers have a result, in this order."""
        books = self.brain.books
        holders = tuple(books.names[name] for name in names if name in books.names)
        if holders != task.who_has:
            for worker in task.who_has:
                books.remove_replica(task, worker)
            for worker in holders:
                books.add_replica(task, worker)

    def _want(self, task: TaskRecord, ids: Iterable[str]) -> None:
        """Note who wants a task, in this order."""
        books = self.brain.books
        clients = tuple(self._wanting(each) for each in ids)
        if clients == task.wanted_by:
            return
        before = task.wanted_by
        for client in before:
            books.unwant(client, task)
        for client in clients:
            books.want(client, task)
        for client in before:
            if not (client.connected or client.wants):
                books.clients.pop(client.id, None)

    def _wanting(self, client_id: str) -> ClientRecord:
        """Return a client, or a holder, of which nothing else is told."""
        clients = self.brain.books.clients
        if client_id not in clients:
            clients[client_id] = ClientRecord(id=client_id, name=client_id)
        return clients[client_id]

    def _facts(self, line: Line) -> None:
        for key in line["keys"]:
            task = self.brain.books.tasks.get(key)
            if task is not None:
                self._want(task, line["wanted_by"])
                self._hold(task, line["holders"])

    def _note(self, line: Line) -> None:
        key, text, worker = line["key"], line["text"], line.get("worker", "")
        detail = line.get("detail", "")
        self.brain.events.note(self.brain.now, TASK, key, "", text, worker, detail)
        task = self.brain.books.tasks.get(key)
        if task is not None and text == "seceded":
            self.brain.books.secede(task)
        elif task is not None and text == "rejoined":
            self.brain.books.rejoin(task)

    def _template(self, line: Line) -> None:
        message = parsed(line["template"], task_pb2.TaskTemplate())
        number = message.id
        functions = [parsed(each, task_pb2.Function()) for each in line["functions"]]
        self._templates[number] = self.brain.books.intern_template(message, functions)

    # Runs and transfers

    def _runs(self, line: Line) -> None:
        name, prefix = line["worker"], line["prefix"]
        worker = self.brain.books.names.get(name) or WorkerRecord(
            name, 0, name, "", "", "", 1, worker_pb2.WorkerHello()
        )
        for key, run_ns, fetch_ns, wait_ns, nbytes, failed, of_type in line["runs"]:
            report = task_pb2.TaskFinished(run_ns=run_ns, fetch_ns=fetch_ns, wait_ns=wait_ns)
            task = self.brain.books.tasks.get(key)
            if task is None or task.prefix != prefix:
                task = TaskRecord(key, self._template_of(line))
            has_waited = task in worker.seceded or task in worker.rejoined
            if task.template is not None and not (failed or has_waited):
                learn_run(task.template.prefix, run_ns, nbytes)
            note_run(self.brain, task, worker, report, nbytes, failed, of_type)

    def _transfer(self, line: Line) -> None:
        facts = {name: line[name] for name in Moved._fields if name != "now"}
        moved = Moved(now=self.brain.now, **facts)
        activity = self.brain.activity
        activity.transfers.append(moved)
        sums = activity.shared if moved.shared else activity.sent
        sums.add(moved.values, moved.nbytes, moved.duration_ns)

    # Workers and clients

    def _event(self, line: Line) -> None:
        """Enter an event as it was."""
        kind, name, origin, target = (line[each] for each in ("event", "name", "from", "to"))
        worker, detail = line.get("worker", ""), line.get("detail", "")
        self.brain.events.note(self.brain.now, kind, name, origin, target, worker, detail)

    def _worker(self, line: Line) -> None:
        self._event(line)
        books, word = self.brain.books, line["to"]
        if word == "joined" and "hello" in line:
            books.add_worker(self._joining(line))
            return
        worker = books.names.get(line["name"])
        if worker is None:
            return
        if word == "left":
            self._lose(worker)
        elif word in ("suspended", "resumed"):
            worker.is_connected = word == "resumed"
            worker.is_responsive |= word == "resumed"
        elif word == "unresponsive" or line["from"] == "unresponsive":
            worker.is_responsive = word != "unresponsive"
        elif word in STATUSES:
            worker.status = STATUSES[word]

    def _joining(self, line: Line) -> WorkerRecord:
        hello = parsed(line["hello"], worker_pb2.WorkerHello())
        return WorkerRecord(
            id=hello.worker_id,
            number=line["number"],
            name=line["name"],
            address=hello.address,
            data_address=hello.data_address or hello.address,
            host=hello.host,
            nthreads=hello.nthreads,
            hello=hello,
            memory_limit_nbytes=hello.memory_limit_nbytes,
            last_seen=self.brain.now,
        )

    def _lose(self, worker: WorkerRecord) -> None:
        books = self.brain.books
        for task in (*worker.processing, *worker.seceded):
            books.end_run(task)
        for task in list(worker.has):
            books.remove_replica(task, worker)
        books.remove_worker(worker)

    def _client(self, line: Line) -> None:
        self._event(line)
        books = self.brain.books
        for each in line.get("come", ()):
            client = self._wanting(each["id"])
            client.name, client.host, client.connected = each["name"], each["host"], True
        for gone in line.get("gone", ()):
            if gone in books.clients:
                client = books.clients.pop(gone)
                for task in list(client.wants):
                    books.unwant(client, task)

    def _metrics(self, line: Line) -> None:
        worker = self.brain.books.names.get(line["name"])
        if worker is not None:
            worker.metrics = parsed(line["metrics"], worker_pb2.WorkerMetrics())
            worker.last_seen = line["seen"] - self._zero_s


def parsed(facts: Line, message: Any) -> Any:  # noqa: ANN401
    """Fill a message from JSON; what this version does not know is left out."""
    return json_format.ParseDict(facts, message, ignore_unknown_fields=True)


def column(line: Line, name: str) -> list[Any]:
    """Return a column of a line, a value for each key: one value stands for all."""
    values = line.get(name, 0)
    return values if isinstance(values, list) else [values] * len(line["keys"])
