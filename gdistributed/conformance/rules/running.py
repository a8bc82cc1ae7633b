"""Rules on running tasks: what is run, when, how many at once, and how it is reported."""

from __future__ import annotations

from typing import Any, Final

from gdistributed.conformance.rule import Theme, Violation, expect, expect_equal
from gdistributed.conformance.stage import Run, Stage, new_attempt
from gdistributed.conformance.values import CODECS
from gdistributed.v1 import error_pb2, task_pb2, worker_pb2

THEME: Final = Theme("run", "tasks are run, in order, and reported")

OCCUPIED_S: Final = 0.2


async def span(stage: Stage, run: Run) -> tuple[float, float]:
    """Return when a task of `conformance.wait` began and ended, by the worker's clock."""
    value = await stage.value(run)
    if isinstance(value, list) and len(value) == 2:
        began, ended = value
        if isinstance(began, int | float) and isinstance(ended, int | float):
            return float(began), float(ended)
    raise Violation("of conformance.wait two numbers, when it began and ended", repr(value))


@THEME.core("RunTask", "RunTask hands a task to a worker.")
async def reports_the_result(stage: Stage) -> None:
    """A task is run and reported finished, with its size, its type and its result."""
    run = stage.run("repeat", "ab", 3)
    report = await stage.finished(run)
    expect(report.nbytes > 0, "the size of the result", report.nbytes)
    expect(bool(report.type), "a type of the result, for people", "none")
    expect_equal(await stage.value(run), "ababab", "the result")


@THEME.core("RunTask", "Reports MUST echo it.")
async def echoes_the_attempt(stage: Stage) -> None:
    """A report carries the attempt that the run was given, with all of its 64 bits."""
    attempt = (2**23 + 5 << 40) + 7
    run = stage.task("echo", 1, attempt=attempt)
    stage.say(run=[run])

    def found() -> Any:  # noqa: ANN401
        return next((e for e in stage.conversation.each("finished") if e.key == run.key), None)

    report = await stage.until(found, f"a report on the task {run.key}")
    expect_equal(report.attempt, attempt, "the attempt")


@THEME.core("Function", "It is announced once on a stream and then named by its id.")
async def remembers_announcements(stage: Stage) -> None:
    """Functions and templates that came in an earlier message serve for later tasks."""
    for number in range(3):
        run = stage.run("echo", number)
        expect_equal(await stage.value(run), number, "the result")


@THEME.core(
    "ToWorker",
    "A batch is applied kind by kind in the order of the field numbers: definitions first, then "
    "what "
    "is to end (cancel, revoke, free), then what is to begin (fetch, run).",
)
async def begins_after_it_ends(stage: Stage) -> None:
    """In one batch a run of a key is cancelled and freed, and the next run of it begins."""
    key = stage.new_key()
    first = stage.task("wait", OCCUPIED_S, key=key)
    stage.say(run=[first])
    second = stage.task("echo", "second", key=key)
    cancelled = worker_pb2.TaskAttempt(key=key, attempt=first.attempt)
    stage.say(cancel=[cancelled], free=[key], run=[second])
    expect_equal(await stage.value(Run(key, second.attempt)), "second", "the result")


@THEME.core("RunTask", "lower runs sooner; compares all tasks of the cluster.")
async def lower_ranks_first(stage: Stage) -> None:
    """Of tasks that wait for a thread, those with a lower rank begin before the others."""
    nthreads = stage.hello.nthreads
    blockers = [stage.task("wait", OCCUPIED_S, rank=-9) for _ in range(nthreads)]
    stage.say(run=blockers)
    late = [stage.task("wait", 0.01, rank=7) for _ in range(nthreads)]
    soon = [stage.task("wait", 0.01, rank=-7) for _ in range(nthreads)]
    stage.say(run=late + soon)
    begun = {}
    for task in late + soon:
        begun[task.key], _ = await span(stage, Run(task.key, task.attempt))
    last = max(begun[task.key] for task in soon)
    early = [task.key for task in late if begun[task.key] < last]
    expect(not early, "the tasks of rank -7 before those of rank 7", f"{len(early)} the other way")


@THEME.core("WorkerHello", "nthreads: how many tasks it runs at once; at least 1.")
async def as_many_at_once_as_threads(stage: Stage) -> None:
    """As many tasks run at one time as the hello has threads, and no more."""
    await outlast(stage)  # what was cancelled may run on
    nthreads = stage.hello.nthreads
    tasks = [stage.task("wait", OCCUPIED_S) for _ in range(2 * nthreads)]
    stage.say(run=tasks)
    spans = [await span(stage, Run(task.key, task.attempt)) for task in tasks]
    most = max(sum(began <= when < ended for began, ended in spans) for when, _ in spans)
    expect_equal(most, nthreads, "tasks that run at one time:")


@THEME.core("RunTask", "so that of two attempts the larger is the newer.")
async def newer_attempt_takes_over(stage: Stage) -> None:
    """A newer attempt of a task that runs takes its place, and is the only one reported."""
    key = stage.new_key()
    older, newer = new_attempt(), new_attempt()
    stage.run("wait", OCCUPIED_S, key=key, attempt=older)
    stage.run("echo", "newer", key=key, attempt=newer)
    expect_equal(await stage.value(Run(key, newer)), "newer", "the result")
    await outlast(stage)
    expect_no_report(stage, Run(key, older))


@THEME.full("RunTask", "so that of two attempts the larger is the newer.")
async def older_attempt_is_ignored(stage: Stage) -> None:
    """An attempt that comes after a newer one of the same task is not run."""
    key = stage.new_key()
    older, newer = new_attempt(), new_attempt()
    stage.run("wait", OCCUPIED_S, key=key, attempt=newer)
    stage.run("echo", "older", key=key, attempt=older)
    await span(stage, Run(key, newer))
    await outlast(stage)
    expect_no_report(stage, Run(key, older))


@THEME.full("TaskTemplate", "timeout of one run of a task; absent means none.")
async def ends_at_its_timeout(stage: Stage) -> None:
    """A task that runs longer than its timeout errs with the kind TIMEOUT."""
    run = stage.run("wait", 0.6, timeout={"nanos": 100_000_000})
    failure = await stage.erred(run)
    kind = failure.error.kind
    expect_equal(kind, task_error_kind("TIMEOUT"), "the kind of the error")


@THEME.full(
    "TaskFinished",
    "run_ns: how long the function ran, in nanoseconds of the worker's monotonic clock.",
)
async def measures_the_run(stage: Stage) -> None:
    """A report says how long the function ran."""
    report = await stage.finished(stage.run("wait", 0.1))
    expect(report.run_ns >= 90_000_000, "run_ns of 100 ms or more", f"{report.run_ns} ns")


@THEME.full("ToWorker", "forget_templates: ids of templates that no task needs any more.")
async def forgets_templates(stage: Stage) -> None:
    """A template that was forgotten can be announced again under its id, with another function."""
    run = stage.run("echo", "x", annotations={"rule": "forgets_templates"})
    await stage.finished(run)
    conversation = stage.conversation
    number = max(conversation.templates.values())
    function_id = f"{stage.runtime}:conformance.repeat"
    another = task_pb2.TaskTemplate(id=number, function_id=function_id, result_codecs=CODECS)
    task = stage.task("repeat", "ab", 2)
    task.template = number
    stage.say(forget_templates=[number])
    conversation.say(templates=[another], run=[task])
    expect_equal(await stage.value(Run(task.key, task.attempt)), "abab", "the result")


@THEME.full(
    "FromWorker",
    "started: tasks that began to run. A worker MAY leave out those that finish soon.",
)
async def says_what_has_begun(stage: Stage) -> None:
    """A task that runs for long is reported as started, before it is finished."""
    run = stage.run("wait", 2 * OCCUPIED_S)
    await stage.finished(run)
    words = [
        kind
        for message in stage.conversation.messages
        for kind in ("started", "finished")
        for each in getattr(message, kind)
        if (each.key, each.attempt) == (run.key, run.attempt)
    ]
    expect_equal(words, ["started", "finished"], f"of {run} the words")


# ---- What several rules need


async def outlast(stage: Stage) -> None:
    """Occupy all threads once: what ran before has ended then, and been reported."""
    tasks = [stage.task("wait", OCCUPIED_S) for _ in range(stage.hello.nthreads)]
    stage.say(run=tasks)
    for task in tasks:
        await stage.finished(Run(task.key, task.attempt))


def expect_no_report(stage: Stage, run: Run) -> None:
    """Raise a Violation if something was reported of a run."""
    for kind in ("finished", "erred"):
        for report in stage.conversation.each(kind):
            if (report.key, report.attempt) == (run.key, run.attempt):
                raise Violation(f"no report on {run}", f"one among `{kind}`")


def task_error_kind(name: str) -> int:
    """Return the number of a kind of errors."""
    return error_pb2.TaskErrorKind.Value(f"TASK_ERROR_KIND_{name}")
