"""Rules on the end: a worker leaves without a loss, and goes when it is told to."""

from __future__ import annotations

from typing import Final

from gdistributed.conformance.rule import Theme, expect_equal
from gdistributed.conformance.rules.results import held
from gdistributed.conformance.stage import Stage
from gdistributed.conformance.values import CODECS, value_in
from gdistributed.v1 import worker_pb2

THEME: Final = Theme("leaving", "a worker leaves without a loss")


async def closing(stage: Stage) -> None:
    """Wait for a heartbeat with the status CLOSING."""

    def is_said() -> bool:
        return any(
            message.heartbeat.status == worker_pb2.WORKER_STATUS_CLOSING
            for message in stage.conversation.messages
        )

    await stage.until(is_said, "a heartbeat with the status CLOSING")


@THEME.core("ToWorker", "goodbye: the worker is to stop.", own_worker=True)
async def stops_at_a_goodbye(stage: Stage) -> None:
    """A worker to which the scheduler says goodbye ends."""
    stage.welcome(await stage.next_visit())
    await stage.settle()
    stage.say(goodbye={"reason": "retired"})
    await stage.wait_for_end("to which the scheduler said goodbye")


@THEME.core(
    "WorkerStatus",
    "Leaves the cluster: gives its data away and takes nothing new.",
    own_worker=True,
)
async def drains_on_sigterm(stage: Stage) -> None:
    """At SIGTERM heartbeats say CLOSING, what runs is finished, and data is served as before."""
    stage.welcome(await stage.next_visit())
    key = await held(stage, "alone")
    running = stage.run("wait", 0.5)
    await stage.settle()
    stage.process.terminate()
    await closing(stage)
    answer = await stage.worker.get([key], accept_codecs=CODECS)
    expect_equal(value_in(answer.payload()), "alone", "of what it holds alone")
    await stage.finished(running)
    stage.say(goodbye={"reason": "drained"})
    await stage.wait_for_end("that was drained")


@THEME.full(
    "ToWorker",
    "drain: give nothing new a start, and leave when the scheduler says goodbye.",
    own_worker=True,
)
async def drains_when_it_is_told(stage: Stage) -> None:
    """A worker that is told to drain says CLOSING, begins nothing, and leaves at the goodbye."""
    stage.welcome(await stage.next_visit())
    await stage.settle()
    stage.say(drain=True)
    await closing(stage)
    run = stage.run("echo", 1)
    stage.say(revoke=[run.named()])
    answer = await stage.answer("revoked", run, f"an answer to the revoke of {run}")
    expect_equal(answer.given_back, True, "of a run that did not begin, given_back")
    stage.say(goodbye={"reason": "drained"})
    await stage.wait_for_end("that was drained")
