"""Rules on results: what rides along with a report, and how peers and clients get the rest."""

from __future__ import annotations

from typing import Final

from gdistributed.conformance.conversation import INLINE_NBYTES
from gdistributed.conformance.rule import Theme, expect, expect_equal
from gdistributed.conformance.stage import Run, Stage
from gdistributed.conformance.transfers import CHUNK_NBYTES
from gdistributed.conformance.values import CODECS, UNKNOWN_CODEC, value_in, value_in_bytes
from gdistributed.v1 import value_pb2, worker_pb2

THEME: Final = Theme("results", "small results ride along, and all are served")

LARGE: Final = 2_500_000


async def held(stage: Stage, text: str = "held") -> str:
    """Have the worker hold a text, and return its key."""
    run = stage.run("echo", text)
    await stage.finished(run)
    return run.key


async def held_large(stage: Stage) -> Run:
    """Have the worker hold a large text that shrinks well."""
    run = stage.run("repeat", "0123456789", LARGE // 10)
    await stage.finished(run)
    return run


@THEME.core(
    "Limits",
    "inline_nbytes: a result whose encoding is not larger than this rides along with the message "
    "that reports it.",
)
async def small_ones_ride_along(stage: Stage) -> None:
    """A result below the limit of the welcome comes with the report."""
    report = await stage.finished(stage.run("repeat", "x", INLINE_NBYTES - 100))
    expect(bool(report.value), "the value in the report", "none")
    expect_equal(value_in_bytes(report.value), "x" * (INLINE_NBYTES - 100), "the value")


@THEME.core(
    "TaskFinished",
    "value: the result itself as a serialised Payload, when it is small (Limits.inline_nbytes).",
)
async def larger_ones_stay(stage: Stage) -> None:
    """A result above the limit of the welcome does not ride along: the worker serves it."""
    run = stage.run("repeat", "x", 2 * INLINE_NBYTES)
    report = await stage.finished(run)
    expect(not report.value, "no value in the report", f"one of {len(report.value)} bytes")
    payload = (await stage.worker.get([run.key], accept_codecs=CODECS)).payload()
    expect_equal(value_in(payload), "x" * 2 * INLINE_NBYTES, "the value")


@THEME.full(
    "TaskFinished",
    "Its codec is the first of TaskTemplate.result_codecs that says the result, or the runtime's "
    "default",
)
async def in_the_codec_that_was_asked_for(stage: Stage) -> None:
    """A result rides along in the first of the template's codecs that says it."""
    for codecs, expected in ((["json"], "json"), ([UNKNOWN_CODEC, "text", "json"], "text")):
        run = stage.run("echo", "abc", result_codecs=codecs)
        report = await stage.finished(run)
        expect(bool(report.value), "the value in the report", "none")
        payload = value_pb2.Payload.FromString(report.value)
        expect_equal(payload.codec, expected, "the codec")
        expect_equal(value_in(payload), "abc", "the value")


# ---- GetData


@THEME.core(
    "GetDataRequest",
    "accept_codecs, best first; empty means what the task asked for, or the codecs of "
    "`accept_runtime`.",
)
async def served_in_an_accepted_codec(stage: Stage) -> None:
    """GetData encodes a value in the first of the accepted codecs that can say it."""
    key = await held(stage, "abc")
    for accepted, expected in (
        (["json"], "json"),
        (["text", "json"], "text"),
        (["json", "text"], "json"),
        ([UNKNOWN_CODEC, "text"], "text"),
        (["null", "raw", "text"], None),
    ):
        payload = (await stage.worker.get([key], accept_codecs=accepted)).payload()
        expect(expected in (None, payload.codec), f"the codec {expected}", repr(payload.codec))
        came = value_in(payload)
        expect(came in ("abc", b"abc"), "the value 'abc'", repr(came))


@THEME.core(
    "DataItem",
    "The message of CODEC_UNSUPPORTED names the type of the value, the codecs that can say it, "
    "and those that the caller accepts.",
)
async def no_accepted_codec(stage: Stage) -> None:
    """A value that none of the accepted codecs says is answered by CODEC_UNSUPPORTED, in words."""
    key = await held(stage, "abc")
    answer = await stage.worker.get([key], accept_codecs=[UNKNOWN_CODEC])
    expect_equal(answer.outcome(), "error", "for the key an")
    error = answer.items[0].error
    expect_equal(error.reason, "CODEC_UNSUPPORTED", "the reason")
    for word in ("text", UNKNOWN_CODEC):
        expect(word in error.message, f"a message that names {word!r}", repr(error.message))


@THEME.core(
    "Worker.GetData",
    "A key that the worker does not hold, or cannot encode, is no error of the call: its "
    "DataItem says so.",
)
async def several_keys_in_one_call(stage: Stage) -> None:
    """Of several keys each is answered under its index, one that is not held by `missing`."""
    one, other = await held(stage, "one"), await held(stage, "other")
    answer = await stage.worker.get([one, stage.new_key(), other], accept_codecs=CODECS)
    expect_equal(value_in(answer.payload(0)), "one", "the value of key 0")
    expect_equal(answer.outcome(1), "missing", "of key 1")
    expect_equal(value_in(answer.payload(2)), "other", "the value of key 2")


@THEME.core(
    "Worker.GetData",
    "Small values travel many to a message; a large one travels in chunks, in order, its header "
    "in the first.",
)
async def large_ones_come_in_chunks(stage: Stage) -> None:
    """A value of 2.5 MB comes in chunks whose offsets, lengths and checksums fit together."""
    run = await held_large(stage)
    answer = await stage.worker.get([run.key], accept_codecs=CODECS)
    expect(value_in(answer.payload()) == "0123456789" * (LARGE // 10), "the text", "another")
    longest = max(len(chunk.data) for chunk in answer.pieces())
    expect(longest <= CHUNK_NBYTES, f"chunks of at most {CHUNK_NBYTES} bytes", longest)


@THEME.full("GetDataRequest", "chunk_nbytes: size of chunks; 0 means 1,048,576; at most 4,194,304.")
async def chunks_are_as_large_as_asked(stage: Stage) -> None:
    """Chunks have the size that the request names, but the last; never more than 4 MiB."""
    run = await held_large(stage)
    answer = await stage.worker.get([run.key], accept_codecs=CODECS, chunk_nbytes=300_000)
    lengths = [len(chunk.data) for chunk in answer.pieces()]
    expect_equal(sorted({*lengths[:-1]}), [300_000], "lengths of all chunks but the last:")
    answer = await stage.worker.get([run.key], accept_codecs=CODECS, chunk_nbytes=1 << 31)
    expect(value_in(answer.payload()) == "0123456789" * (LARGE // 10), "the text", "another")


@THEME.full(
    "GetDataRequest",
    "The worker goes on there if `fingerprint` and `received_crc32` are those of its own "
    "encoding; otherwise it starts again at 0.",
)
async def goes_on_at_an_offset(stage: Stage) -> None:
    """A transfer goes on at an offset; with another fingerprint or checksum it starts again."""
    run = await held_large(stage)
    whole = await stage.worker.get([run.key], accept_codecs=["text"])
    first, second = whole.pieces()[:2]
    expect_equal(second.offset, len(first.data), "the offset of the second chunk")
    asked = {
        "accept_codecs": ["text"],
        "offset": len(first.data),
        "fingerprint": first.header.fingerprint,
        "received_crc32": first.crc32,
    }
    rest = (await stage.worker.get([run.key], **asked)).payload(start=second.offset)
    expect(rest.data == whole.payload().data[second.offset :], "the rest of the text", "another")
    for wrong in ({"fingerprint": "another"}, {"received_crc32": first.crc32 ^ 1}):
        answer = await stage.worker.get([run.key], **(asked | wrong))
        expect_equal(answer.pieces()[0].offset, 0, f"with {wrong} the first chunk at the offset")
        expect(answer.payload().data == whole.payload().data, "the whole text", "another")


@THEME.full("Worker.GetData", "INVALID_ARGUMENT (BAD_OFFSET): an offset with more than one key.")
async def offset_with_several_keys(stage: Stage) -> None:
    """An offset with two keys is refused."""
    request = worker_pb2.GetDataRequest(keys=["a", "b"], offset=1)
    await stage.worker.refused("GetData", request, "INVALID_ARGUMENT", "BAD_OFFSET")


@THEME.full(
    "TaskTemplate",
    "The worker that ran the task serves the result so to whoever names no codecs (see "
    "Worker.GetData).",
)
async def served_as_the_task_asked(stage: Stage) -> None:
    """GetData without accept_codecs says a result in the codec that its task asked for."""
    for codec in ("json", "text"):
        run = stage.run("echo", "abc", result_codecs=[codec])
        await stage.finished(run)
        payload = (await stage.worker.get([run.key])).payload()
        expect_equal(payload.codec, codec, "the codec")


@THEME.full(
    "GetDataRequest",
    "accept_runtime: the runtime that will read the values, whose own codecs are welcome.",
)
async def served_to_another_runtime(stage: Stage) -> None:
    """A runtime that nobody knows is given values in a codec that every language reads."""
    run = stage.run("echo", "abc", result_codecs=[])
    await stage.finished(run)
    payload = (await stage.worker.get([run.key], accept_runtime="conformance")).payload()
    expect_equal(value_in(payload), "abc", "the value")


@THEME.full("Payload", "A sender MUST NOT use one that the receiver did not announce")
async def compressed_only_if_accepted(stage: Stage) -> None:
    """To a caller that accepts no compression values go as they are, whatever they are."""
    small, large = await held(stage, "x" * 50_000), (await held_large(stage)).key
    answer = await stage.worker.get([small, large], accept_codecs=CODECS)
    used = {answer.payload(0).compression, *(chunk.compression for chunk in answer.pieces(1))}
    expect_equal(used, {""}, "the compressions")


@THEME.core(
    "Worker",
    "a server with another id MUST refuse it, since an address may belong to a new process by now.",
)
async def meant_for_another_worker(stage: Stage) -> None:
    """GetData that names another incarnation is refused; one that names none is answered."""
    key = await held(stage)
    request = worker_pb2.GetDataRequest(worker_id="somebody-else", keys=[key])
    await stage.worker.refused("GetData", request, "FAILED_PRECONDITION", "WRONG_WORKER")
    answer = await stage.worker.get([key], worker_id="", accept_codecs=CODECS)
    expect_equal(value_in(answer.payload()), "held", "the value")
