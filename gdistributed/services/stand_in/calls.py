"""Workers that call by Synchronize: who they are, and what each call comes to."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf import duration_pb2

from gdistributed.core.session import check_epoch, check_software
from gdistributed.core.worker.synchronizing import SAFE_CODECS, attempts_of
from gdistributed.errors import ConnectionLost, MalformedMessage, NameTaken
from gdistributed.services.extending import CAPABILITY as EXTENSIONS
from gdistributed.services.scheduler.descriptions import duration
from gdistributed.services.scheduler.shell import Shell
from gdistributed.services.stand_in.enlisting import Enlisting
from gdistributed.services.stand_in.shell import StandIn
from gdistributed.services.stand_in.values import Ledger
from gdistributed.settings import PYTHON
from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.v1 import server_pb2, worker_pb2
from gdistributed.wire.channel import Channels
from gdistributed.wire.status import StatusError

logger = logging.getLogger("gdistributed.scheduler")

Context = grpc.aio.ServicerContext[Any, Any]

CAPABILITY: Final = "synchronize"
WAIT_S: Final = 10.0
WAIT_S_MAX: Final = 300.0
# So many that were told goodbye are remembered: where the answer was lost, they ask again.
DISMISSED_MAX: Final = 1000


class StandIns:
    """The workers that call by Synchronize.

    Parameters
    ----------
    shell
        Runs the scheduler's brain.
    channels
        Lead to peers.
    enlisting
        Tells the Center of workers.
    address
        Where their values are served.
    """

    def __init__(
        self, shell: Shell, channels: Channels, enlisting: Enlisting, address: str
    ) -> None:
        self._shell = shell
        self._channels = channels
        self._enlisting = enlisting
        self._address = address
        self._ledger = Ledger(shell.brain.settings.synchronize_held_nbytes)
        self._by_id: dict[str, StandIn] = {}
        self._dismissed: OrderedDict[str, str] = OrderedDict()

    def find(self, worker_id: str) -> StandIn | None:
        """Return what stands for a worker; None for any other."""
        return self._by_id.get(worker_id)

    def dismissal_of(self, worker_id: str) -> str:
        """Return why a worker was told goodbye; empty when it was not."""
        return self._dismissed.get(worker_id, "")

    def join(self, hello: worker_pb2.WorkerHello) -> StandIn:
        """Have a worker join the cluster.

        Raises
        ------
        NameTaken
            If a living worker has its name, or its id.
        """
        shell, brain = self._shell, self._shell.brain
        if hello.worker_id in brain.books.workers:
            raise NameTaken(
                f"the worker {hello.worker_id!r} is in the cluster already, by a stream"
            )
        hello = self._filled_in(hello)
        shell.call(brain.worker_joined, hello)
        stand_in = StandIn(hello, shell, self._channels, self._ledger, self._left)
        self._by_id[hello.worker_id] = shell.worker_links[hello.worker_id] = stand_in
        stand_in.wake()  # there may have been work for it at once
        self._enlisting.enter(hello)
        logger.info("worker joined", extra={"worker": stand_in.name, "address": hello.address})
        return stand_in

    def _filled_in(self, said: worker_pb2.WorkerHello) -> worker_pb2.WorkerHello:
        """Return the hello of a worker whose values are here, and that has no server."""
        offers = [worker_pb2.RuntimeOffer() for _ in said.runtimes]
        for offer, given in zip(offers, said.runtimes, strict=True):
            offer.CopyFrom(given)
            decodes = [codec for codec in given.decodes if codec in SAFE_CODECS]
            del offer.decodes[:], offer.encodes[:]
            offer.decodes.extend(decodes or SAFE_CODECS)
            offer.encodes.extend(SAFE_CODECS)
        hello = worker_pb2.WorkerHello(
            software=said.software,
            worker_id=said.worker_id,
            name=said.name,
            address=f"{self._address}/{said.name or said.worker_id}",
            data_address=self._address,
            host=said.host,
            process_id=said.process_id,
            nthreads=said.nthreads,
            resources=said.resources,
            labels=said.labels,
            runtimes=offers,
        )
        kept = [word for word in said.software.capabilities if word != EXTENSIONS]
        del hello.software.capabilities[:]
        hello.software.capabilities.extend(kept)
        return hello

    def _left(self, stand_in: StandIn) -> None:
        del self._by_id[stand_in.id]
        if self._shell.worker_links.get(stand_in.id) is stand_in:
            del self._shell.worker_links[stand_in.id]
        self._enlisting.leave(stand_in.id)
        if stand_in.goodbye:
            self._dismissed[stand_in.id] = stand_in.goodbye
            if len(self._dismissed) > DISMISSED_MAX:
                self._dismissed.popitem(last=False)


class Synchronizing:
    """The rpc Synchronize.

    Parameters
    ----------
    shell
        Runs the brain.
    stand_ins
        The workers that call.
    identity
        Gives cluster id and epoch.
    """

    def __init__(
        self, shell: Shell, stand_ins: StandIns, identity: Callable[[], server_pb2.Welcome]
    ) -> None:
        self._shell = shell
        self.stand_ins = stand_ins
        self._identity = identity

    async def Synchronize(
        self, request: pb.SynchronizeRequest, _: Context
    ) -> pb.SynchronizeResponse:
        """Take a worker's word, wait for news, and say what the worker should run."""
        settings = self._shell.brain.settings
        wait_s = _seconds("wait", request, WAIT_S, WAIT_S_MAX)
        longest_s = settings.worker_ttl_s
        default_s = min(settings.synchronize_lease_s, longest_s)
        lease_s = _seconds("lease", request, default_s, longest_s)
        answer = self._answer_to(request, lease_s)
        hello, running = request.hello, attempts_of(request.running)
        stand_in = self.stand_ins.find(hello.worker_id)
        if stand_in is None:
            answer.goodbye.reason = self.stand_ins.dismissal_of(hello.worker_id)
            if request.status == worker_pb2.WORKER_STATUS_CLOSING:
                answer.goodbye.reason = answer.goodbye.reason or "closed"
            if answer.goodbye.reason:
                return answer
            answer.ClearField("goodbye")
            stand_in = self.stand_ins.join(hello)
        with stand_in.called(lease_s):
            stand_in.take_word(request, running)
            await stand_in.wait_for_news(running, wait_s)
        if stand_in.goodbye:
            answer.goodbye.reason = stand_in.goodbye
        elif stand_in.is_gone:
            raise ConnectionLost("the scheduler has given this worker up: call again, to join anew")
        else:
            answer.run.extend(stand_in.tasks_for(running))
        return answer

    def _answer_to(self, request: pb.SynchronizeRequest, lease_s: float) -> pb.SynchronizeResponse:
        """Begin the answer to a request that can be taken.

        Raises
        ------
        MalformedMessage, VersionMismatch, CapabilityMissing, StaleEpoch
            If the hello cannot.
        """
        if not request.HasField("hello"):
            raise _bad_hello("there is none")
        hello, identity = request.hello, self._identity()
        check_software(hello.software, identity.software, "worker", "scheduler")
        last = server_pb2.Welcome(cluster_id=hello.cluster_id, epoch=hello.epoch)
        check_epoch(identity, last)
        if not (hello.worker_id and hello.nthreads and hello.runtimes):
            raise _bad_hello("it needs worker_id, nthreads and runtimes")
        if any(offer.runtime in ("", PYTHON) for offer in hello.runtimes):
            raise _bad_hello(
                f"its runtimes need names, and {PYTHON!r} is none for it: code of Python and its "
                f"arguments are for workers that have a stream"
            )
        return pb.SynchronizeResponse(
            cluster_id=identity.cluster_id,
            epoch=identity.epoch,
            acknowledged=[
                worker_pb2.TaskAttempt(key=outcome.key, attempt=outcome.attempt)
                for outcome in request.outcomes
            ],
            next_call=duration(lease_s),
        )


def _bad_hello(why: str) -> MalformedMessage:
    return MalformedMessage(f"the hello of a worker cannot be taken: {why}").with_reason(
        "BAD_HELLO"
    )


def _seconds(
    name: str, request: pb.SynchronizeRequest, default_s: float, longest_s: float
) -> float:
    """Return a duration of a request.

    Raises
    ------
    StatusError
        If it is negative or too long.
    """
    if not request.HasField(name):  # type: ignore[arg-type]  # one of two names
        return default_s
    said: duration_pb2.Duration = getattr(request, name)
    seconds = said.seconds + said.nanos / 1e9
    if not 0 <= seconds <= longest_s:
        raise StatusError(
            grpc.StatusCode.INVALID_ARGUMENT,
            "BAD_WAIT",
            f"{name} is {seconds:g} s, and may be 0 to {longest_s:g} s",
        )
    return seconds
