"""Rules on values that clients and peers put on a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from gdistributed.conformance.rule import Theme, expect, expect_equal
from gdistributed.conformance.rules.results import held
from gdistributed.conformance.stage import Stage
from gdistributed.conformance.transfers import cut
from gdistributed.conformance.values import CODECS, UNKNOWN_CODEC, payload_of, result_of, value_in
from gdistributed.v1 import value_pb2, worker_pb2

THEME: Final = Theme("storing", "values can be put on a worker, and taken away")

REFUSAL_S: Final = 1.0


async def put(stage: Stage, key: str, payload: value_pb2.Payload) -> worker_pb2.StoredData:
    """Put a small value on the worker."""
    item = worker_pb2.DataItem(index=0, nbytes=len(payload.data), type="text", value=payload)
    request = worker_pb2.PutDataRequest(worker_id=stage.hello.worker_id, keys=[key], items=[item])
    answer = await stage.worker.call("PutData", _stream(request))
    expect_equal([each.key for each in answer.stored], [key], "as stored the keys")
    return answer.stored[0]  # type: ignore[no-any-return]


async def _stream(*requests: worker_pb2.PutDataRequest) -> AsyncIterator[worker_pb2.PutDataRequest]:
    for request in requests:
        yield request


async def _in_chunks(keys: list[str], payload: value_pb2.Payload) -> AsyncIterator[Any]:
    yield worker_pb2.PutDataRequest(keys=keys)
    for chunk in cut(payload):
        yield worker_pb2.PutDataRequest(chunk=chunk)


async def _damaged(keys: list[str], payload: value_pb2.Payload) -> AsyncIterator[Any]:
    """Yield the chunks of a value, the last of them damaged; there is time then to refuse it."""
    async for request in _in_chunks(keys, payload):
        if request.chunk.offset + len(request.chunk.data) == len(payload.data):
            request.chunk.crc32 ^= 1
        yield request
    await asyncio.sleep(REFUSAL_S)


@THEME.full(
    "StoredData",
    "put: the number under which a client or a peer has put the value here by PutData, counted "
    "by each worker from 1.",
)
async def stores_what_is_put(stage: Stage) -> None:
    """A value that is put is stored, numbered, served, and an argument of tasks."""
    key, other = stage.new_key(), stage.new_key()
    first = await put(stage, key, payload_of("put here"))
    expect(first.put >= 1, "a number of the put", first.put)
    second = await put(stage, other, payload_of("and here"))
    expect_equal(second.put, first.put + 1, "the number of the next put")
    answer = await stage.worker.get([key], accept_codecs=CODECS)
    expect_equal(value_in(answer.payload()), "put here", "the value")
    dependency = worker_pb2.Dependency(key=key, nbytes=8)
    run = stage.run("list", result_of(key), dependencies=[dependency])
    expect_equal(await stage.value(run), ["put here"], "the list of arguments")


@THEME.full("Worker.PutData", "Each value is stored when its last chunk has come.")
async def stores_chunks(stage: Stage) -> None:
    """A large value that is put in chunks is stored."""
    key, text = stage.new_key(), "0123456789" * 250_000
    answer = await stage.worker.call("PutData", _in_chunks([key], payload_of(text)))
    expect_equal([each.key for each in answer.stored], [key], "as stored the keys")
    payload = (await stage.worker.get([key], accept_codecs=CODECS)).payload()
    expect(value_in(payload) == text, "the text that was put", "another")


@THEME.full(
    "Worker.PutData", "DATA_LOSS (BAD_CHUNK): a chunk is out of order or its checksum is wrong."
)
async def refuses_a_damaged_chunk(stage: Stage) -> None:
    """A chunk with a wrong checksum is refused, and nothing is stored."""
    key = stage.new_key()
    text = payload_of("0123456789" * 250_000)
    await stage.worker.refused("PutData", _damaged([key], text), "DATA_LOSS", "BAD_CHUNK")
    expect_equal((await stage.worker.get([key])).outcome(), "missing", "afterwards the value is")


@THEME.full(
    "Worker",
    "a server with another id MUST refuse it, since an address may belong to a new process by now.",
)
async def stores_nothing_meant_for_another(stage: Stage) -> None:
    """PutData that names another incarnation is refused."""
    request = worker_pb2.PutDataRequest(worker_id="somebody-else", keys=["x"])
    await stage.worker.refused("PutData", _stream(request), "FAILED_PRECONDITION", "WRONG_WORKER")


@THEME.full(
    "ToWorker",
    "The worker drops them, but not what was put there and not claimed yet: that is another "
    "value than the scheduler means.",
)
async def keeps_until_it_is_claimed(stage: Stage) -> None:
    """A value that was put outlives a `free` of its key until it is claimed; then it goes."""
    key = stage.new_key()
    number = (await put(stage, key, payload_of("mine"))).put
    stage.say(free=[key])
    await stage.settle()
    expect_equal((await stage.worker.get([key])).outcome(), "value", "before it is claimed a")
    stage.say(claim=[worker_pb2.ClaimedData(key=key, put=number)])
    await stage.settle()
    expect_equal((await stage.worker.get([key])).outcome(), "value", "when it is claimed a")
    stage.say(free=[key])
    await stage.settle()
    expect_equal((await stage.worker.get([key])).outcome(), "missing", "claimed and freed it is")


@THEME.full(
    "Payload",
    "A receiver that does not know the codec MUST pass the value on unchanged, and MUST fail only "
    "when the value is really needed, with the reason CODEC_UNSUPPORTED.",
)
async def passes_unknown_codecs_on(stage: Stage) -> None:
    """A value in an unknown codec is held and given on as it came; a task that needs it errs."""
    key = stage.new_key()
    payload = value_pb2.Payload(
        codec=UNKNOWN_CODEC, data=b"\x00\x01", attributes={"conformance": "yes"}
    )
    await put(stage, key, payload)
    came = (await stage.worker.get([key], accept_codecs=[UNKNOWN_CODEC])).payload()
    expect(came == payload, f"the same: {payload}", came)
    dependency = worker_pb2.Dependency(key=key, nbytes=2)
    run = stage.run("list", result_of(key), dependencies=[dependency])
    error = (await stage.erred(run)).error
    expect_equal(error.reason, "CODEC_UNSUPPORTED", "of a task that needs it the reason")


@THEME.full("Worker.DeleteData", "DeleteData drops values that no task on the worker is using now.")
async def deletes(stage: Stage) -> None:
    """DeleteData drops a value and says so, in its answer and among `dropped`."""
    key = await held(stage)
    unknown = stage.new_key()
    request = worker_pb2.DeleteDataRequest(worker_id=stage.hello.worker_id, keys=[key, unknown])
    answer = await stage.worker.call("DeleteData", request)
    expect_equal(list(answer.deleted), [key], "as deleted")
    await stage.until(lambda: key in stage.conversation.each("dropped"), f"{key!r} among `dropped`")
    expect_equal((await stage.worker.get([key])).outcome(), "missing", "afterwards the value is")
