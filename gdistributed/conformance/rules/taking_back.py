"""Rules on what the scheduler takes back: cancel, revoke, free."""

from __future__ import annotations

from typing import Final

from gdistributed.conformance.rule import Theme, expect_equal
from gdistributed.conformance.rules.running import OCCUPIED_S, expect_no_report, outlast, span
from gdistributed.conformance.stage import Run, Stage, new_attempt
from gdistributed.conformance.values import result_of
from gdistributed.v1 import worker_pb2

THEME: Final = Theme("taking_back", "what is handed over can be taken back")


def occupied(stage: Stage) -> None:
    """Occupy all threads for a while."""
    stage.say(run=[stage.task("wait", OCCUPIED_S, rank=-9) for _ in range(stage.hello.nthreads)])


@THEME.core("ToWorker", "A worker MUST NOT report on them.")
async def cancelled_while_it_runs(stage: Stage) -> None:
    """Of a run that is cancelled while it executes nothing is reported."""
    run = stage.run("wait", OCCUPIED_S)
    await stage.settle()
    stage.say(cancel=[run.named()])
    await outlast(stage)
    expect_no_report(stage, run)


@THEME.core("ToWorker", "cancel: tasks that are no longer wanted.")
async def cancelled_before_it_runs(stage: Stage) -> None:
    """A run that is cancelled while it waits for a thread does not begin, nor is it reported."""
    occupied(stage)
    run = stage.run("echo", 1)
    stage.say(cancel=[run.named()])
    await outlast(stage)
    expect_no_report(stage, run)


@THEME.core("TaskAttempt", "attempt: the run of it.")
async def cancel_of_another_attempt(stage: Stage) -> None:
    """A cancel that names another attempt of a task changes nothing."""
    run = stage.run("wait", OCCUPIED_S)
    stage.say(cancel=[Run(run.key, new_attempt()).named(), Run(run.key, 1).named()])
    await span(stage, run)


@THEME.core(
    "RevokeAnswer",
    "given_back says that the task had not begun and will not begin; otherwise its "
    "report follows or has come already.",
)
async def revoked_before_it_runs(stage: Stage) -> None:
    """A run that waits for a thread is given back when it is revoked, and does not begin."""
    occupied(stage)
    run = stage.run("echo", 1)
    stage.say(revoke=[run.named()])
    answer = await stage.answer("revoked", run, f"an answer to the revoke of {run}")
    expect_equal(answer.given_back, True, "of a run that waits for a thread, given_back")
    await outlast(stage)
    expect_no_report(stage, run)


@THEME.core("ToWorker", "revoke: tasks that the worker is to give back if they have not begun.")
async def revoked_while_it_runs(stage: Stage) -> None:
    """A run that executes is not given back when it is revoked, and its report follows."""
    run = stage.run("wait", OCCUPIED_S)
    await stage.settle()
    stage.say(revoke=[run.named()])
    answer = await stage.answer("revoked", run, f"an answer to the revoke of {run}")
    if not answer.given_back:
        await span(stage, run)
        return
    await outlast(stage)  # a worker that had not begun it may still give it back
    expect_no_report(stage, run)


@THEME.core("ToWorker", "It MUST answer each.")
async def every_revoke_is_answered(stage: Stage) -> None:
    """A revoke of a run that is over, or was never here, is answered: not given back."""
    over = stage.run("echo", 1)
    await stage.finished(over)
    unknown, stale = Run(stage.new_key(), new_attempt()), Run(over.key, 1)
    stage.say(revoke=[over.named(), unknown.named(), stale.named()])
    for run in (over, unknown, stale):
        answer = await stage.answer("revoked", run, f"an answer to the revoke of {run}")
        expect_equal(answer.given_back, False, f"of {run}, given_back")


@THEME.core("ToWorker", "free: values that are no longer wanted.")
async def freed(stage: Stage) -> None:
    """A result is held until it is freed; then it is missing."""
    run = stage.run("echo", "kept")
    await stage.finished(run)
    expect_equal((await stage.worker.get([run.key])).outcome(), "value", "before it is freed a")
    stage.say(free=[run.key])
    await stage.settle()
    outcome = (await stage.worker.get([run.key])).outcome()
    expect_equal(outcome, "missing", "after it is freed it is")


@THEME.core("ToWorker", "free: values that are no longer wanted.")
async def freed_while_in_use(stage: Stage) -> None:
    """A result that is freed while a task needs it is still there for the task."""
    run = stage.run("echo", "needed")
    await stage.finished(run)
    occupied(stage)
    user = stage.run(
        "list", result_of(run.key), dependencies=[worker_pb2.Dependency(key=run.key, nbytes=6)]
    )
    stage.say(free=[run.key])
    expect_equal(await stage.value(user), ["needed"], "the result")


@THEME.full("ToWorker", "A worker that does not hold one MUST say so in dropped.")
async def claims_in_vain(stage: Stage) -> None:
    """A claim of a value that the worker does not hold is answered by `dropped`."""
    key = stage.new_key()
    stage.say(claim=[worker_pb2.ClaimedData(key=key)])
    await stage.until(lambda: key in stage.conversation.each("dropped"), f"{key!r} among `dropped`")
