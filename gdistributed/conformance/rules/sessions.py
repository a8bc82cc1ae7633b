"""Rules on sessions: numbers, heartbeats, streams that break, and schedulers that begin anew."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from gdistributed.conformance.conversation import EPOCH, HEARTBEAT_MS
from gdistributed.conformance.meeting import CLOSING
from gdistributed.conformance.rule import Theme, expect, expect_equal
from gdistributed.conformance.rules.running import OCCUPIED_S, expect_no_report, outlast
from gdistributed.conformance.stage import Run, Stage
from gdistributed.v1 import worker_pb2

THEME: Final = Theme("session", "a conversation outlives its streams")

UNKNOWN_FIELD: Final = b"\xa2\x9c\x01\x03new"  # field 2500, three bytes
BEATS: Final = 5
SLOW: Final = 4  # heartbeats that come so many times as slowly as they should are too slow


@THEME.core(
    "FromWorker",
    "sequence: 1 for the first message after the hello, and one more for each further message.",
)
async def numbers_its_messages(stage: Stage) -> None:
    """The messages of a session are numbered from 1 without a gap."""
    stage.conversation.acknowledges = False  # numbers that the worker does not know as its own
    for number in range(4):  # each report comes in another message
        await stage.finished(stage.run("echo", number))
    stage.conversation.acknowledges = True
    came = [message.sequence for message in stage.conversation.visit.messages]
    last = came[0] if came else 0
    expected = list(range(last, last + len(came)))
    expect_equal(came[-20:], expected[-20:], "the numbers")
    if not stage.conversation.is_resumed:
        expect_equal(last, 1, "the first number")


@THEME.core(
    "FromWorker",
    "acknowledged: the number of the last message of the scheduler that was received in order.",
)
async def acknowledges(stage: Stage) -> None:
    """What the worker says after it has heard a message acknowledges that message."""
    await stage.settle()
    conversation = stage.conversation
    last = conversation.messages[-1]
    expect_equal(last.acknowledged, conversation.sent, "the acknowledged number")


@THEME.core("Heartbeat", "It is sent as often as Limits.heartbeat says.")
async def beats(stage: Stage) -> None:
    """Heartbeats come as often as the welcome has said, here each 0.2 s, also while a task runs."""
    stage.say(run=[stage.task("wait", 1.0) for _ in range(stage.hello.nthreads)])
    times: list[float] = []
    seen = 0
    bound_s = BEATS * SLOW * HEARTBEAT_MS / 1000

    def enough() -> bool:
        nonlocal seen
        messages = stage.conversation.messages
        for message in messages[seen:]:
            if message.HasField("heartbeat"):
                times.append(asyncio.get_running_loop().time())
        seen = len(messages)
        return len(times) > BEATS and times[-1] - times[-1 - BEATS] < bound_s

    seen = len(stage.conversation.messages)
    await stage.until(enough, f"{BEATS} heartbeats within {bound_s:g} s")
    latest = [m.heartbeat for m in stage.conversation.messages if m.HasField("heartbeat")][-1]
    status = worker_pb2.WorkerStatus.Name(latest.status)
    expect_equal(status, "WORKER_STATUS_RUNNING", "the status in them")


@THEME.core("Software", "protocol_minor: grows with additions that an older peer may skip.")
async def skips_what_it_does_not_know(stage: Stage) -> None:
    """Fields and kinds of messages of a newer protocol are skipped, and the rest is applied."""
    task = stage.task("echo", "read")
    newer = worker_pb2.RunTask.FromString(task.SerializeToString() + UNKNOWN_FIELD)
    stage.say()
    conversation = stage.conversation
    said = worker_pb2.ToWorker(
        sequence=conversation.sent + 1, acknowledged=conversation.received, run=[newer]
    )
    conversation.sent += 1
    message = worker_pb2.ToWorker.FromString(said.SerializeToString() + UNKNOWN_FIELD)
    conversation.said.append(message)
    conversation.visit.write(message)
    expect_equal(await stage.value(Run(task.key, task.attempt)), "read", "the result")
    await stage.settle()


@THEME.core("Resume", "Resume asks to go on with a session after its stream broke.")
async def resumes(stage: Stage) -> None:
    """After a break the worker comes again, with the session and the last number that it heard."""
    await stage.settle()
    conversation, worker_id = stage.conversation, stage.hello.worker_id
    visit = await stage.break_stream()
    hello = visit.first.hello
    expect_equal(hello.worker_id, worker_id, "the worker_id")
    expect_equal(hello.resume.session_id, conversation.welcome.session_id, "the session")
    expect_equal(hello.resume.received, conversation.sent, "received")
    stage.resume(visit)
    expect_equal(await stage.value(stage.run("echo", 1)), 1, "the result")
    visit = await stage.break_stream(None)
    expect_equal(visit.first.hello.resume.received, conversation.sent, "received")
    stage.resume(visit)
    expect_equal(await stage.value(stage.run("echo", 2)), 2, "the result")
    await numbers_its_messages(stage)


@THEME.core(
    "Welcome",
    "resumed says that the session asked for in Resume goes on; all that was not received is "
    "sent again.",
)
async def says_again_what_was_not_heard(stage: Stage) -> None:
    """Reports that the scheduler has not received are said again when the session resumes."""
    await stage.settle()
    stage.say()
    conversation = stage.conversation
    conversation.acknowledges = False
    heard = conversation.received
    runs = [stage.run("echo", number) for number in range(3)]
    for run in runs:
        await stage.finished(run)
    before = {m.sequence: _said(m) for m in conversation.messages if m.sequence > heard}
    visit = await stage.break_stream()
    conversation.acknowledges = True
    stage.resume(visit, received=heard)
    for number, run in enumerate(runs):
        expect_equal(await stage.value(run), number, "the result")
    again = {m.sequence: _said(m) for m in conversation.messages if m.sequence in before}
    expect_equal(sorted(again), sorted(before), "the messages")
    for number, said in before.items():
        expect(again[number] == said, f"message {number} as before: {said}", again[number])


def _said(message: worker_pb2.FromWorker) -> worker_pb2.FromWorker:
    said = worker_pb2.FromWorker()
    said.CopyFrom(message)
    said.acknowledged = 0
    return said


@THEME.core("Welcome", "Otherwise this is a new session.")
async def begins_a_new_session(stage: Stage) -> None:
    """When its session is gone the worker begins another one, whose numbers begin at 1."""
    await stage.settle()
    visit = await stage.break_stream()
    conversation = stage.welcome(visit)
    await stage.settle()
    expect_equal(conversation.messages[0].sequence, 1, "the number of the first message")
    inventories = [m for m in conversation.messages if m.HasField("inventory")]
    expect(bool(inventories), "an inventory of what it holds and does", "none")
    expect(inventories[-1].inventory.last, "an inventory whose last piece says so", "none")
    expect_equal(await stage.value(stage.run("echo", 1)), 1, "the result")


@THEME.core("Inventory", "Inventory is what a worker brings back from a session that is gone.")
async def brings_an_inventory(stage: Stage) -> None:
    """In a new session the worker says what it holds, what runs, and what it reported in vain."""
    await outlast(stage)  # so that there is a thread for the run
    conversation = stage.conversation
    kept = stage.run("echo", "kept")
    await stage.finished(kept)
    await stage.settle()
    stage.say()
    conversation.acknowledges = False
    unheard, failed = stage.run("echo", "unheard"), stage.run("fail", "unheard")
    await stage.finished(unheard)
    await stage.erred(failed)
    running = stage.run("wait", 1.0)
    waiting = [stage.run("wait", 1.0) for _ in range(stage.hello.nthreads)]
    await stage.settle()
    visit = await stage.break_stream()
    fresh = stage.welcome(visit)
    await stage.until(lambda: _is_complete(fresh.messages), "a complete inventory")
    pieces = [m.inventory for m in fresh.messages if m.HasField("inventory")]
    held = {each.key: each.attempt for piece in pieces for each in piece.held}
    expect(held.get(kept.key) == kept.attempt, f"{kept} among `held`", held)
    expect(_names(unheard, pieces, "finished"), f"{unheard} among `finished`", pieces)
    expect(_names(failed, pieces, "erred"), f"{failed} among `erred`", pieces)
    named = any(_names(running, pieces, kind) for kind in ("running", "finished"))
    expect(named, f"{running} among `running`, or `finished` by now", pieces)
    runs = [running, *waiting]
    stage.say(reconcile={"cancel": [run.named() for run in runs], "drop": [kept.key]})
    await stage.settle()
    expect_equal(
        (await stage.worker.get([kept.key])).outcome(), "missing", "after Reconcile.drop it is"
    )
    for run in runs:
        expect_no_report(stage, run)


def _is_complete(messages: Iterable[worker_pb2.FromWorker]) -> bool:
    return any(message.inventory.last for message in messages)


def _names(run: Run, pieces: Iterable[worker_pb2.Inventory], kind: str) -> bool:
    named: list[Any] = [each for piece in pieces for each in getattr(piece, kind)]
    return any((each.key, each.attempt) == (run.key, run.attempt) for each in named)


@THEME.core("Reconcile", "adopt: values and runs that go on; the scheduler counts on them.")
async def goes_on_with_what_is_adopted(stage: Stage) -> None:
    """A run that began in the old session is reported in the new one, when it is adopted."""
    await outlast(stage)  # so that there is a thread for the run
    run = stage.run("wait", 4 * OCCUPIED_S)
    await stage.settle()
    visit = await stage.break_stream()
    fresh = stage.welcome(visit)
    await stage.until(lambda: _is_complete(fresh.messages), "a complete inventory")
    pieces = [m.inventory for m in fresh.messages if m.HasField("inventory")]
    if _names(run, pieces, "running"):
        stage.say(reconcile={"adopt": [run.named()]})
        await stage.finished(run)
    else:
        named = any(_names(run, pieces, kind) for kind in ("finished", "queued"))
        expect(named, f"{run} in the inventory", pieces)
        stage.say(reconcile={"adopt": [run.named()]})


@THEME.full(
    "Welcome", "A peer MUST NOT act on messages of a lower epoch than the highest it has seen."
)
async def hears_no_older_scheduler(stage: Stage) -> None:
    """A scheduler of an earlier epoch is not served: the worker leaves it, and tries again."""
    await stage.settle()
    conversation = stage.conversation
    visit = await stage.break_stream()
    expect_equal(visit.first.hello.epoch, EPOCH, "the epoch in the hello")
    stale = stage.welcome(visit, epoch=EPOCH - 1)
    visit = await stage.next_visit()
    expect(not list(stale.each("finished")), "nothing done", stale.messages)
    expect_equal(
        visit.first.hello.resume.session_id, conversation.welcome.session_id, "the session"
    )
    stage.welcome(visit)
    expect_equal(await stage.value(stage.run("echo", 1)), 1, "the result")


@THEME.core("Scheduler.ConnectWorker", "UNAVAILABLE (CLOSING): the scheduler stops.")
async def comes_back_to_one_that_stops(stage: Stage) -> None:
    """A worker whose scheduler stops keeps trying, until there is one again."""
    await stage.settle()
    visit = await stage.break_stream(CLOSING)
    visit.end(CLOSING)
    visit = await stage.next_visit()
    stage.welcome(visit)
    expect_equal(await stage.value(stage.run("echo", 1)), 1, "the result")
