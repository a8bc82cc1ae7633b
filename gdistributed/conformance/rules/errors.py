"""Rules on errors: a failure is data, and the worker lives on."""

from __future__ import annotations

from typing import Final

from gdistributed.conformance.rule import Theme, expect, expect_equal
from gdistributed.conformance.rules.running import task_error_kind
from gdistributed.conformance.stage import Run, Stage
from gdistributed.conformance.values import UNKNOWN_CODEC
from gdistributed.v1 import task_pb2, value_pb2

THEME: Final = Theme("errors", "a failure is data, and the worker lives on")

MESSAGE: Final = "the table cannot be read: ü"


@THEME.core("TaskError", "message of the error, as a person reads it.")
async def says_type_and_message(stage: Stage) -> None:
    """A function that fails makes the task err, with the type and the message of the error."""
    error = (await stage.erred(stage.run("fail", MESSAGE))).error
    expect(bool(error.type), "the type of the error in its language", "none")
    expect(MESSAGE in error.message, f"a message with {MESSAGE!r}", repr(error.message))


@THEME.core("TaskErrorKind", "The user's function raised.")
async def says_whose_failure(stage: Stage) -> None:
    """The error of a function has the kind USER, no reason, and the runtime it is of."""
    error = (await stage.erred(stage.run("fail", MESSAGE))).error
    kinds = (task_error_kind("USER"), task_error_kind("UNSPECIFIED"))
    expect(error.kind in kinds, "the kind TASK_ERROR_KIND_USER", error.kind)
    expect_equal(error.reason, "", "the reason")
    expect_equal(error.runtime, stage.runtime, "the runtime")


@THEME.core(
    "Function",
    "A worker that does not know the name errs the task with the reason UNKNOWN_FUNCTION.",
)
async def unknown_function(stage: Stage) -> None:
    """A task of a function that the worker does not offer errs with the kind SYSTEM."""
    key = stage.new_key()
    task = stage.task("echo", 1, key=key)
    function = task_pb2.Function(
        id="conformance-unknown", runtime=stage.runtime, name="conformance.no_such_function"
    )
    template = task_pb2.TaskTemplate(id=1_000_000, function_id=function.id)
    task.template = template.id
    stage.say()
    stage.conversation.say(functions=[function], templates=[template], run=[task])
    error = (await stage.erred(Run(key, task.attempt))).error
    expect_equal(error.kind, task_error_kind("SYSTEM"), "the kind")
    expect_equal(error.reason, "UNKNOWN_FUNCTION", "the reason")
    expect("no_such_function" in error.message, "a message that names it", repr(error.message))


@THEME.core("TaskErred", "TaskErred reports a failure.")
async def lives_on(stage: Stage) -> None:
    """After errors the worker runs further tasks in the same session."""
    failing = [stage.run("fail", MESSAGE) for _ in range(2 * stage.hello.nthreads)]
    for run in failing:
        await stage.erred(run)
    expect_equal(await stage.value(stage.run("echo", 1)), 1, "the result")


@THEME.core("TaskSpec", "arguments: a serialised Arguments message, which only the worker parses.")
async def arguments_that_cannot_be_read(stage: Stage) -> None:
    """A task whose arguments are no Arguments message errs, and the worker lives on."""
    task = stage.task("echo", 1)
    task.arguments = b"\xff\xff\xff"
    stage.say(run=[task])
    await stage.erred(Run(task.key, task.attempt))
    expect_equal(await stage.value(stage.run("echo", 1)), 1, "the result")


@THEME.full("TaskError", "key of the task that failed.")
async def names_the_run(stage: Stage) -> None:
    """The error names the task, the attempt and the worker."""
    run = stage.run("fail", MESSAGE)
    error = (await stage.erred(run)).error
    expect_equal(error.key, run.key, "the key")
    expect_equal(error.attempt, run.attempt, "the attempt")
    expect_equal(error.worker_id, stage.hello.worker_id, "the worker_id")


@THEME.full("TaskError", "A sender SHOULD cut it at 64 KiB.")
async def long_messages_are_cut(stage: Stage) -> None:
    """A message of 100 KiB is cut at 64 KiB, or a little above."""
    error = (await stage.erred(stage.run("fail", "x" * 100 * 1024))).error
    expect(len(error.message) <= 66 * 1024, "at most 64 KiB", f"{len(error.message)} bytes")


@THEME.full(
    "Payload", "MUST fail only when the value is really needed, with the reason CODEC_UNSUPPORTED."
)
async def literal_in_an_unknown_codec(stage: Stage) -> None:
    """A task with a literal in a codec that nobody knows errs with CODEC_UNSUPPORTED."""
    literal = value_pb2.Payload(codec=UNKNOWN_CODEC, data=b"?")
    error = (await stage.erred(stage.run("echo", value_pb2.Argument(literal=literal)))).error
    expect_equal(error.reason, "CODEC_UNSUPPORTED", "the reason")


@THEME.full(
    "TaskTemplate",
    "A task whose result none of them can say errs with the reason CODEC_UNSUPPORTED.",
)
async def result_in_an_unknown_codec(stage: Stage) -> None:
    """A task whose result is wanted in a codec that nobody knows errs with CODEC_UNSUPPORTED."""
    run = stage.run("echo", "x", result_codecs=[UNKNOWN_CODEC])
    expect_equal((await stage.erred(run)).error.reason, "CODEC_UNSUPPORTED", "the reason")
