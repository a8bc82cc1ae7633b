"""Answers GetData for whoever holds values: a worker, or what stands in for one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Protocol

import grpc

from gdistributed.core.worker.brain import WorkerBrain
from gdistributed.data.codecs import codecs_of_runtime
from gdistributed.data.codecs.compression import agreed_on
from gdistributed.data.shared_memory import Lending
from gdistributed.data.transfer import Crowded, serve_values
from gdistributed.settings import MIB
from gdistributed.v1 import worker_pb2
from gdistributed.wire.hosts import is_on_this_host
from gdistributed.wire.status import StatusError

Code = grpc.StatusCode


class Holder(Protocol):
    """What holds values, and counts in `sent_nbytes` what of them goes to peers and clients."""

    sent_nbytes: int

    @property
    def brain(self) -> WorkerBrain:
        """Knows what is held."""

    @property
    def codecs(self) -> Mapping[str, Sequence[str]]:
        """By key, for results of tasks that asked for some: codecs in which they are to travel."""

    def now(self) -> float:
        """The time that brains are given."""

    def nbytes_of(self, key: str) -> int:
        """Return the size of a value; 0 when it is not held."""

    async def value_of(self, key: str, codecs: Sequence[str]) -> object:
        """Return a value, for a reader of these codecs; raises KeyError when it is not held."""

    def lending_to(self, same_host: str) -> Lending | None:
        """Return what shares memory with a caller; None when nothing does."""


async def give_values(
    holder: Holder, request: worker_pb2.GetDataRequest, peer: str
) -> AsyncGenerator[bytes]:
    """Answer GetData, with serialised messages.

    Parameters
    ----------
    holder
        What holds the values.
    request
        What is wanted.
    peer
        Who asks, as gRPC calls it.

    Raises
    ------
    StatusError
        If the request cannot be answered, or not now.
    """
    if request.offset and len(request.keys) != 1:
        raise StatusError(Code.INVALID_ARGUMENT, "BAD_OFFSET", "an offset goes with a single key")
    serving = holder.brain.serving
    call = serving.admit(sum(map(holder.nbytes_of, request.keys)), holder.now())
    if call is None:
        raise StatusError(
            Code.RESOURCE_EXHAUSTED,
            "TOO_MANY_TRANSFERS",
            f"{len(serving.calls)} calls for {serving.sending_nbytes / MIB:.0f} MiB are being "
            f"answered: ask again in a while",
        )

    accepted = list(request.accept_codecs)
    of_runtime, spreads = codecs_of_runtime(request.accept_runtime), request.spreads

    def codecs_of(key: str) -> Sequence[str]:
        return accepted or holder.codecs.get(key, of_runtime)

    async def lookup(key: str) -> object:
        nbytes = holder.nbytes_of(key)
        if not serving.begin(call, key, nbytes, holder.now(), spreads=spreads):
            raise Crowded(key)
        return await holder.value_of(key, codecs_of(key))

    try:
        compression = agreed_on(
            holder.brain.settings.compression,
            request.accept_compressions,
            same_host=is_on_this_host(peer),
        )
        lending = holder.lending_to(request.same_host)
        values = serve_values(request, lookup, codecs_of, compression, lending)
        async with aclosing(values) as responses:
            async for response in responses:
                yield response
                call.took_at = holder.now()
                holder.sent_nbytes += len(response)
    finally:
        serving.end(call)
