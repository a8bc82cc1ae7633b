"""Rules on dependencies: where a worker takes the values from that its tasks need."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final

from gdistributed.conformance.peer import Peer
from gdistributed.conformance.rule import Theme, expect, expect_equal
from gdistributed.conformance.stage import Run, Stage
from gdistributed.conformance.values import CODECS, payload_of, result_of, value_in
from gdistributed.settings import OWN_RESULTS
from gdistributed.v1 import error_pb2, task_pb2, worker_pb2

THEME: Final = Theme("dependencies", "values that tasks need are taken from where they lie")

NOBODY: Final = 9  # the number of a peer at whose address nobody listens


def lying_at(key: str, holders: Sequence[int], nbytes: int = 10) -> worker_pb2.Dependency:
    """Return a dependency that is to be fetched."""
    return worker_pb2.Dependency(key=key, nbytes=nbytes, holders=holders)


def fetching(stage: Stage, key: str, *holders: Peer, nbytes: int = 10) -> Run:
    """Run `conformance.list` of a value that lies at peers."""
    numbers = [holder.number for holder in holders]
    return stage.run("list", result_of(key), dependencies=[lying_at(key, numbers, nbytes)])


@THEME.core("Dependency", "Otherwise the worker fetches it from a holder.")
async def fetched(stage: Stage) -> None:
    """A dependency that comes without its value is fetched from the holder that is named."""
    key = stage.new_key()
    stage.holder.values[key] = payload_of({"n": 1})
    run = fetching(stage, key, stage.holder)
    expect_equal(await stage.value(run), [{"n": 1}], "the list of arguments")


@THEME.core("RuntimeOffer", "the worker fetches it from a holder, with these as accept_codecs.")
async def asked_for_in_own_codecs(stage: Stage) -> None:
    """The request names codecs that the worker reads, or its runtime, and who is meant."""
    key = stage.new_key()
    stage.holder.values[key] = payload_of("text")
    await stage.finished(fetching(stage, key, stage.holder))
    request = stage.holder.requests[-1]
    expect(key in request.keys, f"a request for {key!r}", list(request.keys))
    accepts = bool(request.accept_codecs or request.accept_runtime)
    expect(accepts, "accept_codecs, or an accept_runtime", "neither")
    expect_equal(request.worker_id, stage.holder.id, "the worker_id of the peer that is meant")


@THEME.core("Dependency", "none when the worker itself does.")
async def its_own(stage: Stage) -> None:
    """A dependency without holders is a value that the worker itself holds."""
    first = stage.run("echo", [1, 2])
    await stage.finished(first)
    run = stage.run("list", result_of(first.key), dependencies=[lying_at(first.key, [])])
    expect_equal(await stage.value(run), [[1, 2]], "the list of arguments")


@THEME.core("GetDataResponse", "chunk: a piece of a large value.")
async def fetched_in_chunks(stage: Stage) -> None:
    """A large value that a holder sends in chunks is put together."""
    key, text = stage.new_key(), "0123456789abcdef" * 160 * 1024
    stage.holder.values[key] = payload_of(text)
    dependency = lying_at(key, [stage.holder.number], len(text))
    run = stage.run("echo", result_of(key), dependencies=[dependency])
    value = await stage.value(run)
    expect(value == text, f"the text of {len(text)} characters", _length_of(value))


def _length_of(value: object) -> str:
    return f"one of {len(value)}" if isinstance(value, str) else type(value).__name__


@THEME.core("DataItem", "The task that needs the value errs with it.")
async def errs_with_the_holder(stage: Stage) -> None:
    """A value that its holder cannot say in these codecs makes the task err with that error."""
    key = stage.new_key()
    stage.holder.values[key] = error_pb2.TaskError(
        type="CodecUnsupported",
        message="a value of the type set cannot be said so",
        reason="CODEC_UNSUPPORTED",
        kind=error_pb2.TASK_ERROR_KIND_SYSTEM,
        runtime="gdistributed",
    )
    error = (await stage.erred(fetching(stage, key, stage.holder))).error
    expect_equal(error.reason, "CODEC_UNSUPPORTED", "the reason")
    expect("set" in error.message, "the holder's message", repr(error.message))


@THEME.core("FromWorker", "missing: values that a peer was said to hold and did not give.")
async def reported_missing(stage: Stage) -> None:
    """A value that none of its holders has is reported missing, for each of them."""
    key = stage.new_key()
    fetching(stage, key, stage.holder)
    missing = await _missing(stage, key, stage.holder.id)
    expect_equal(missing.unreachable, False, "of a peer that answers, unreachable")


@THEME.core(
    "MissingData",
    "unreachable says that the worker did not answer; otherwise it answered that it lacks the "
    "value.",
)
async def reported_unreachable(stage: Stage) -> None:
    """A value whose only holder does not answer is reported missing, and unreachable."""
    key = stage.new_key()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        peer = task_pb2.Peer(number=NOBODY, worker_id="nobody", address=address)
        stage.say()
        stage.conversation.say(peers=[peer])
        stage.run("list", result_of(key), dependencies=[lying_at(key, [NOBODY])])
        missing = await _missing(stage, key, "nobody")
    expect_equal(missing.unreachable, True, "of a peer that does not answer, unreachable")


async def _missing(stage: Stage, key: str, worker_id: str) -> worker_pb2.MissingData:
    def found() -> worker_pb2.MissingData | None:
        for each in stage.conversation.each("missing"):
            if (each.key, each.worker_id) == (key, worker_id):
                return each  # type: ignore[no-any-return]
        return None

    return await stage.until(found, f"{key!r} of worker {worker_id} among `missing`")


@THEME.core("FromWorker", "missing: values that a peer was said to hold and did not give.")
async def waits_for_another_holder(stage: Stage) -> None:
    """A task whose dependency is missing waits: handed over again with a holder, it is run."""
    key = stage.new_key()
    run = fetching(stage, key, stage.holder)
    await _missing(stage, key, stage.holder.id)
    stage.other_holder.values[key] = payload_of("there")
    stage.say(cancel=[run.named()])
    run = fetching(stage, key, stage.other_holder)
    expect_equal(await stage.value(run), ["there"], "the list of arguments")


@THEME.full(
    "Dependency",
    "holders: peers that hold it, by their numbers on this stream; none when the worker itself "
    "does.",
)
async def fetched_from_the_second(stage: Stage) -> None:
    """When the first holder lacks the value, another one that was named is asked."""
    key = stage.new_key()
    for one, other in ((stage.holder, stage.other_holder), (stage.other_holder, stage.holder)):
        key = stage.new_key()
        other.values[key] = payload_of("there")
        run = fetching(stage, key, one, other)
        expect_equal(await stage.value(run), ["there"], "the list of arguments")


@THEME.full("Worker.GetData", "ask again after a while, or ask another holder.")
async def asks_a_busy_holder_again(stage: Stage) -> None:
    """A holder that has no room for another transfer is asked again."""
    key = stage.new_key()
    stage.holder.values[key] = payload_of("there")
    stage.holder.busy_calls = 1
    run = fetching(stage, key, stage.holder)
    expect_equal(await stage.value(run), ["there"], "the list of arguments")


@THEME.full("DataChunk", "crc32 of the piece before compression (the CRC-32 of zlib).")
async def uses_no_damaged_chunk(stage: Stage) -> None:
    """A chunk whose checksum is wrong is not used: it is fetched again, or the value is missing."""
    key, text = stage.new_key(), "0123456789abcdef" * 160 * 1024
    stage.holder.values[key] = payload_of(text)
    stage.holder.damaged.add(key)
    dependency = lying_at(key, [stage.holder.number], len(text))
    run = stage.run("echo", result_of(key), dependencies=[dependency])
    conversation = stage.conversation

    def ended() -> str | None:
        for kind in ("finished", "erred", "missing"):
            if any(each.key in (run.key, key) for each in conversation.each(kind)):
                return kind
        return None

    how = await stage.until(ended, f"a report on {run}, or {key!r} among `missing`")
    if how == "finished":
        expect(await stage.value(run) == text, "the text as it is", "another one")


@THEME.core("ToWorker", "fetch: values that the worker is to copy from peers.")
async def copied(stage: Stage) -> None:
    """A value that is to be copied is fetched, reported as stored, and served to others."""
    key = stage.new_key()
    stage.holder.values[key] = payload_of("copied")
    stage.say(fetch=[lying_at(key, [stage.holder.number])])
    await stage.until(
        lambda: next((e for e in stage.conversation.each("stored") if e.key == key), None),
        f"{key!r} among `stored`",
    )
    answer = await stage.worker.get([key], accept_codecs=CODECS)
    expect_equal(value_in(answer.payload()), "copied", "the value")
    stage.say(free=[key])


def one_after_another(stage: Stage, name: str, argument: object) -> tuple[Run, Run] | None:
    """Hand over a task, and with it one that needs its result; None to who does not wait so."""
    if OWN_RESULTS not in stage.hello.software.capabilities:
        return None
    first = stage.task(name, argument)
    own = worker_pb2.Dependency(key=first.key, own_result=True)
    second = stage.task("list", result_of(first.key), dependencies=[own])
    stage.say(run=[first, second])
    return Run(first.key, first.attempt), Run(second.key, second.attempt)


@THEME.full("Dependency", "The worker waits for it and asks nobody.")
async def waits_for_its_own(stage: Stage) -> None:
    """A task that was handed over before the result that it needs is there waits for that.

    A worker without the capability "own-results" is not told to.
    """
    if (runs := one_after_another(stage, "echo", "there")) is not None:
        expect_equal(await stage.value(runs[1]), ["there"], "the list of arguments")


@THEME.full(
    "Dependency", "If that run brings no result, the scheduler cancels those that wait for it."
)
async def does_not_report_what_waits_in_vain(stage: Stage) -> None:
    """A task that waits for a run that fails is not reported, and ends when it is cancelled."""
    if (runs := one_after_another(stage, "fail", "no result")) is None:
        return
    first, second = runs
    await stage.erred(first)
    stage.say(cancel=[second.named()])
    await stage.settle()
    reported = [
        each.key for kind in ("finished", "erred") for each in stage.conversation.each(kind)
    ]
    expect(second.key not in reported, f"no report on {second.key!r}", reported)
