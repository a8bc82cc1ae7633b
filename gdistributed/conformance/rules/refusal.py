"""Rules on refusals, of the worker by a scheduler and the other way round."""

from __future__ import annotations

from typing import Final

import grpc

from gdistributed.conformance.process import WorkerProcess
from gdistributed.conformance.rule import Theme, expect
from gdistributed.conformance.stage import Stage
from gdistributed.settings import PROTOCOL_MAJOR
from gdistributed.v1 import server_pb2
from gdistributed.wire.status import StatusError

THEME: Final = Theme("refusal", "who cannot work together says so, and ends")

UNKNOWN: Final = "conformance-unknown"
WORDS: Final = "the conformance suite refuses this worker, to see what it does"


@THEME.core(
    "Scheduler.ConnectWorker",
    "A worker that is refused with PROTOCOL_VERSION, CAPABILITY_MISSING or NAME_TAKEN, or that is "
    "SUPERSEDED, MUST NOT try again: it ends, and shows the message.",
    own_worker=True,
)
async def ends_when_it_is_refused(stage: Stage) -> None:
    """A worker whose hello is refused ends, not with exit status 0, and shows the message."""
    visit = await stage.next_visit()
    visit.end(StatusError(grpc.StatusCode.FAILED_PRECONDITION, "CAPABILITY_MISSING", WORDS))
    process = await stage.wait_for_end("whose worker was refused")
    expect(process.exit_status != 0, "an exit status other than 0", "0")
    expect(
        WORDS in " ".join(process.written().split()), f"the words {WORDS!r}", process.last_words()
    )


@THEME.core(
    "Software",
    "protocol_major: peers with different majors do not understand each other. Now 1.",
    own_worker=True,
)
async def refuses_another_major(stage: Stage) -> None:
    """A worker that is welcomed in another major version of the protocol ends, with words."""
    software = server_pb2.Software(protocol_major=PROTOCOL_MAJOR + 1, name="conformance")
    await ends_when_welcomed(stage, software)


@THEME.full(
    "Software",
    "A side that lacks one MUST refuse with FAILED_PRECONDITION and the reason CAPABILITY_MISSING, "
    "naming it.",
    own_worker=True,
)
async def refuses_an_unknown_requirement(stage: Stage) -> None:
    """A worker that is welcomed with a requirement which it lacks ends, and names it."""
    process = await ends_when_welcomed(stage, server_pb2.Software(required=[UNKNOWN]))
    named = UNKNOWN in "".join(process.written().split())
    expect(named, f"words that name {UNKNOWN!r}", process.last_words())


async def ends_when_welcomed(stage: Stage, software: server_pb2.Software) -> WorkerProcess:
    """Welcome a worker with software that it cannot work with, and wait for its end."""
    stage.welcome(await stage.next_visit(), software=software)
    process = await stage.wait_for_end("which cannot work with such a scheduler")
    expect(process.exit_status != 0, "an exit status other than 0", "0")
    return process
