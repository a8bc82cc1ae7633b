"""Rules on the hello: what a worker says of itself, and that it is true."""

from __future__ import annotations

from typing import Final

from gdistributed.conformance.functions import NAMES
from gdistributed.conformance.rule import Theme, expect, expect_equal
from gdistributed.conformance.stage import Stage
from gdistributed.conformance.values import CODECS
from gdistributed.settings import PROTOCOL_MAJOR
from gdistributed.v1 import server_pb2, worker_pb2

THEME: Final = Theme("hello", "what a worker says of itself")


@THEME.core("FromWorker", "hello opens the session; only in the first message of a stream.")
async def opens_the_stream(stage: Stage) -> None:
    """The first message of the stream has the hello and the number 0; no other has a hello."""
    conversation = stage.conversation
    first = conversation.visit.first
    expect(first.HasField("hello"), "a hello in the first message", f"{first}".strip() or "nothing")
    expect_equal(first.sequence, 0, "the number of the first message")
    await stage.settle()
    again = [message.sequence for message in conversation.messages if message.HasField("hello")]
    expect(not again, "no further hello", f"one in message {again}")


@THEME.core(
    "Scheduler.ConnectWorker",
    "the first message has no hello, or one without an id, an address or threads.",
)
async def names_the_worker(stage: Stage) -> None:
    """The hello has an id, an address, and the number of threads."""
    hello = stage.hello
    expect(bool(hello.worker_id), "a worker_id", "none")
    expect(bool(hello.address), "an address", "none")
    expect(hello.nthreads >= 1, "nthreads of 1 or more", hello.nthreads)


@THEME.core(
    "Software",
    "protocol_major: peers with different majors do not understand each other. Now 1.",
)
async def names_its_software(stage: Stage) -> None:
    """The hello names the implementation, its version, and the version of the protocol."""
    software = stage.hello.software
    expect_equal(software.protocol_major, PROTOCOL_MAJOR, "protocol_major")
    expect(bool(software.name), "a name of the software", "none")
    expect(bool(software.version), "a version of the software", "none")


@THEME.core(
    "FunctionOffer",
    'name to call it by, unique in its runtime: words joined by dots, as in "wordcount.Count".',
)
async def offers_functions(stage: Stage) -> None:
    """One runtime of the hello offers all functions of the kit, each once."""
    offers = {
        offer.runtime: [each.name for each in offer.functions] for offer in stage.hello.runtimes
    }
    whole = [runtime for runtime, names in offers.items() if set(NAMES) <= set(names)]
    expect(bool(whole), f"a runtime that offers {', '.join(NAMES)}", offers or "no runtimes")
    names = offers[whole[0]]
    twice = sorted({name for name in names if names.count(name) > 1})
    expect(not twice, "each function once", f"{', '.join(twice)} twice")
    long = [
        each.name
        for offer in stage.hello.runtimes
        for each in offer.functions
        if len(each.description) > 200 or "\n" in each.description
    ]
    expect(not long, "descriptions in a line of at most 200 characters", f"those of {long}")


@THEME.core("RuntimeOffer", 'Every worker SHOULD read "null", "raw", "text" and "json".')
async def reads_the_common_codecs(stage: Stage) -> None:
    """The runtime decodes null, raw, text and json, or whatever comes; and encodes them."""
    for offer in stage.hello.runtimes:
        if offer.runtime == stage.runtime:
            lacks = [name for name in CODECS if offer.decodes and name not in offer.decodes]
            expect(not lacks, f"{', '.join(CODECS)} among `decodes`", list(offer.decodes))
            lacks = [name for name in CODECS if name not in offer.encodes]
            expect(not lacks, f"{', '.join(CODECS)} among `encodes`", list(offer.encodes))


@THEME.core("WorkerHello", "address of its own server, as peers and clients reach it.")
async def answers_at_its_address(stage: Stage) -> None:
    """A server answers at the address of the hello, and gives no data that it does not have."""
    answer = await stage.worker.get([stage.new_key()])
    expect_equal(answer.outcome(), "missing", "of a key that nobody holds")


@THEME.core("Server.Identify", "Identify says who answers at this address.")
async def identifies_itself(stage: Stage) -> None:
    """Server.Identify at this address says the role "worker", and the id of the hello."""
    answer = await stage.worker.call("Identify", server_pb2.IdentifyRequest())
    expect_equal(answer.role, "worker", "the role")
    expect_equal(answer.id, stage.hello.worker_id, "the id")


@THEME.full("GetStatusResponse", "worker_id of the incarnation.")
async def tells_its_status(stage: Stage) -> None:
    """Worker.GetStatus says the id and the threads of the hello, and that the worker runs."""
    answer = await stage.worker.call("GetStatus", worker_pb2.GetStatusRequest())
    expect_equal(answer.worker_id, stage.hello.worker_id, "the worker_id")
    expect_equal(answer.nthreads, stage.hello.nthreads, "nthreads")
    status = worker_pb2.WorkerStatus.Name(answer.status)
    expect_equal(status, "WORKER_STATUS_RUNNING", "the status")


@THEME.full(
    "Server.GetVersions",
    "GetVersions lists the versions of the software that matter when processes differ.",
)
async def lists_its_versions(stage: Stage) -> None:
    """Server.GetVersions is answered, and names at least one version."""
    answer = await stage.worker.call("GetVersions", server_pb2.GetVersionsRequest())
    expect(bool(answer.versions), "versions by name", "none")


@THEME.core(
    "WorkerHello",
    "worker_id: the incarnation, new for each start of the process.",
    own_worker=True,
)
async def names_the_incarnation(stage: Stage) -> None:
    """A worker that is started again has another id."""
    first = (await stage.next_visit()).first.hello.worker_id
    await stage.start_again()
    second = (await stage.next_visit()).first.hello.worker_id
    expect(first != second, "another worker_id than that of the first start", second)
