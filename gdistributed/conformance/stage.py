"""What a rule plays on: a worker that meets a scheduler and peers, and the words to direct them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from gdistributed.conformance.conversation import EPOCH
from gdistributed.conformance.functions import NAMES
from gdistributed.conformance.meeting import Meeting
from gdistributed.conformance.rule import Unplayable, Violation
from gdistributed.conformance.values import CODECS, argument_of, value_in, value_in_bytes
from gdistributed.v1 import task_pb2, value_pb2, worker_pb2

ATTEMPTS: Final = EPOCH << 40  # the high bits of an attempt are the epoch

_keys = itertools.count(1)
_attempts = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a task that was handed to the worker."""

    key: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.key!r}, attempt {self.attempt}"

    def named(self) -> worker_pb2.TaskAttempt:
        """Return its name on the wire."""
        return worker_pb2.TaskAttempt(key=self.key, attempt=self.attempt)


class Stage(Meeting):
    """A meeting in which tasks are handed over, and reports waited for.

    Parameters are those of `Meeting`.
    """

    def __init__(self, command: str, address: str, start_s: float) -> None:
        super().__init__(command, address, start_s)
        self._runs: list[Run] = []
        self._functions: list[task_pb2.Function] = []
        self._templates: list[task_pb2.TaskTemplate] = []

    def begin_rule(self, timeout_s: float) -> None:
        """Get ready for a rule, which has so much time."""
        super().begin_rule(timeout_s)
        self._runs.clear()

    def end_rule(self) -> None:
        """Take back what a rule has left behind."""
        if self._runs:
            runs = [run.named() for run in self._runs]
            self.say(cancel=runs, free=list(dict.fromkeys(run.key for run in self._runs)))

    # ---- Words to the worker

    def say(self, **fields: Any) -> int:  # noqa: ANN401
        """Say something, together with what was announced since the last time."""
        conversation = self.conversation
        if not conversation.peers_announced:
            conversation.peers_announced = True
            fields["peers"] = [each.announcement() for each in (self.holder, self.other_holder)]
        functions, self._functions = self._functions, []
        templates, self._templates = self._templates, []
        return conversation.say(functions=functions, templates=templates, **fields)

    def task(
        self,
        name: str,
        *arguments: object,
        key: str = "",
        attempt: int = 0,
        rank: int = 0,
        dependencies: Iterable[worker_pb2.Dependency] = (),
        **template: Any,  # noqa: ANN401
    ) -> worker_pb2.RunTask:
        """Make a task that calls a function of the kit; what it needs is announced with it.

        Parameters
        ----------
        name
            Of the function, without "conformance.".
        arguments
            Values, or Argument messages.
        template
            Fields of its TaskTemplate.
        """
        run = Run(key or self.new_key(), attempt or new_attempt())
        self._runs.append(run)
        given = value_pb2.Arguments(arguments=[argument_of(each) for each in arguments])
        return worker_pb2.RunTask(
            key=run.key,
            attempt=run.attempt,
            template=self._template(name, template),
            rank=rank,
            dependencies=dependencies,
            arguments=given.SerializeToString(),
        )

    def _template(self, name: str, options: dict[str, Any]) -> int:
        runtime = self.runtime
        function_id = f"{runtime}:conformance.{name}"
        if function_id not in self.conversation.functions:
            self.conversation.functions.add(function_id)
            self._functions.append(
                task_pb2.Function(id=function_id, runtime=runtime, name=f"conformance.{name}")
            )
        options.setdefault("result_codecs", CODECS)
        template = task_pb2.TaskTemplate(function_id=function_id, prefix=name, **options)
        template_id, is_new = self.conversation.template_of(template)
        if is_new:
            template.id = template_id
            self._templates.append(template)
        return template_id

    @property
    def runtime(self) -> str:
        """The runtime of the worker that offers the kit.

        Raises
        ------
        Unplayable
            If none does.
        """
        for offer in self.hello.runtimes:
            if set(NAMES) <= {each.name for each in offer.functions}:
                return offer.runtime
        raise Unplayable(
            "it needs the functions of the kit in one runtime: see hello.offers_functions"
        )

    @staticmethod
    def new_key() -> str:
        """Return a key that nobody knows."""
        return f"conformance-{next(_keys)}"

    def run(self, name: str, *arguments: object, **options: Any) -> Run:  # noqa: ANN401
        """Hand a task to the worker; see `task`."""
        task = self.task(name, *arguments, **options)
        self.say(run=[task])
        return Run(task.key, task.attempt)

    async def settle(self) -> None:
        """Wait until the worker has heard all that was said: it answers each revoke."""
        nobody = worker_pb2.TaskAttempt(key=self.new_key(), attempt=new_attempt())
        self.say(revoke=[nobody])
        await self.until(
            lambda: self._first("revoked", nobody), "the answer to a revoke of an unknown task"
        )

    # ---- Words of the worker

    def _first(self, kind: str, name: Run | worker_pb2.TaskAttempt) -> Any:  # noqa: ANN401
        for each in self.conversation.each(kind):
            if (each.key, each.attempt) == (name.key, name.attempt):
                return each
        return None

    async def finished(self, run: Run) -> task_pb2.TaskFinished:
        """Wait for the report of a task that should succeed."""
        await self.until(lambda: self._report(run), f"a report on the task {run}")
        report = self._report(run)
        if isinstance(report, task_pb2.TaskErred):
            raise Violation(
                "a task that succeeds", f"its error {report.error.type}: {report.error.message}"
            )
        assert report is not None
        return report

    async def erred(self, run: Run) -> task_pb2.TaskErred:
        """Wait for the report of a task that should fail."""
        await self.until(lambda: self._report(run), f"a report on the task {run}")
        report = self._report(run)
        if isinstance(report, task_pb2.TaskFinished):
            raise Violation("a task that fails", f"its result, a {report.type}")
        assert report is not None
        return report

    def _report(self, run: Run) -> task_pb2.TaskFinished | task_pb2.TaskErred | None:
        report: task_pb2.TaskFinished | task_pb2.TaskErred | None
        report = self._first("finished", run) or self._first("erred", run)
        return report

    async def answer(self, kind: str, run: Run, what: str) -> Any:  # noqa: ANN401
        """Wait for what a worker says of a run, of one kind: "revoked", "started", ..."""
        return await self.until(lambda: self._first(kind, run), what)

    async def value(self, run: Run) -> object:
        """Wait for the result of a task, in its report or from the worker."""
        report = await self.finished(run)
        if report.value:
            return value_in_bytes(report.value)
        return value_in((await self.worker.get([run.key], accept_codecs=CODECS)).payload())


def new_attempt() -> int:
    """Return the number of a new attempt: larger than all before."""
    return ATTEMPTS + next(_attempts)
