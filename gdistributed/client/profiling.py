"""The client asks where tasks, or the scheduler itself, spend their time."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from gdistributed.client.base import ClientBase
from gdistributed.client.listing import ask_each, list_workers, servers_of
from gdistributed.client.options import Workers
from gdistributed.client.profiles import Profile
from gdistributed.errors import GDistributedError, MalformedMessage
from gdistributed.observe.profile_tree import Node, tree_of
from gdistributed.v1 import profile_pb2, scheduler_pb2, worker_pb2, worker_pb2_grpc

OFF: Final = "it was told to take no samples (--profile-interval 0)"
DURATION_S: Final = 2.0
DURATION_S_MAX: Final = 60.0
WAITING_S: Final = 60.0

Answers = dict[str, worker_pb2.GetProfileResponse | GDistributedError]


class Profiling(ClientBase):
    """Profiles."""

    async def profile(
        self,
        prefix: str | None = None,
        workers: Workers = None,
        start: float | datetime | None = None,
        stop: float | datetime | None = None,
        filename: str | Path | None = None,
        *,
        scheduler: bool = False,
        duration: float = DURATION_S,
    ) -> Profile:
        """Return where in their code tasks have spent their time, by samples.

        Workers look every 10 ms at what runs (`gd worker --profile-interval`); a function that
        waits counts as one that computes. What is long ago is kept by longer spans of time, so that
        a little more may be counted than was asked for.

        Parameters
        ----------
        prefix
            Only tasks of this kind, usually the name of a function; all by default.
        workers
            Names, addresses or ids of workers; all by default.
        start, stop
            From when on, and until when, by the clocks of the workers, in seconds since 1970 or as
            a datetime; by default all that is kept.
        filename
            Where to write a page with a flame graph, if anywhere.
        scheduler
            Whether to look at the scheduler's own event loop instead, for a while from now on.
        duration
            For how long then, in seconds: at most 60; default 2.

        Returns
        -------
        A profile: `tree`, `top(n)`, `to_dict()`, `save(filename)`. Workers that do not answer, or
        take no samples, are in its `missing`.

        Raises
        ------
        NotFound
            If a worker is named that is not there.
        ValueError
            If `stop` is not after `start`, or the duration is not positive, or over 60 seconds.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> client.profile(filename="profile.html")  # doctest: +SKIP
        <Profile of all tasks: 940 samples, one every 10 ms, from ...; multiply 86%; ...>
        """
        if scheduler:
            found = await self._profile_of_scheduler(duration)
        else:
            found = await self._profile_of_workers(prefix, workers, start, stop)
        if filename is not None:
            found.save(filename)
        return found

    async def _profile_of_workers(
        self,
        prefix: str | None,
        workers: Workers,
        start: float | datetime | None,
        stop: float | datetime | None,
    ) -> Profile:
        request = worker_pb2.GetProfileRequest(
            prefix=prefix or "", start=_timestamp(start), stop=_timestamp(stop)
        )
        if start is not None and stop is not None and _seconds(stop) <= _seconds(start):
            raise ValueError(f"stop is not after start: {start!r} to {stop!r}")

        async def ask(channel: grpc.aio.Channel, _: str) -> worker_pb2.GetProfileResponse:
            stub: worker_pb2_grpc.WorkerAsyncStub = worker_pb2_grpc.WorkerStub(channel)
            return await stub.GetProfile(request)

        addresses = servers_of(await list_workers(self.connection, workers), nanny=False)
        answers = await ask_each(self.connection, addresses, ask, "asking for a profile")
        return _merged(answers, prefix)

    async def _profile_of_scheduler(self, duration_s: float) -> Profile:
        if not 0 < duration_s <= DURATION_S_MAX:
            raise ValueError(f"the duration must be positive, at most 60 s, and is {duration_s!r}")
        request = scheduler_pb2.ProfileSchedulerRequest()
        request.duration.FromNanoseconds(round(duration_s * 1e9))
        connection = self.connection
        answer = await connection.ask(
            connection.scheduler.ProfileScheduler,
            request,
            "profiling the scheduler",
            duration_s + WAITING_S,
        )
        return _made(
            [answer.profile],
            tree_of(answer.profile),
            f"The scheduler at {connection.address}",
            "its event loop",
        )


def _merged(answers: Answers, prefix: str | None) -> Profile:
    """Return one profile of what workers have answered."""
    tree, messages, missing = Node(), list[profile_pb2.Profile](), dict[str, str]()
    for address, answer in answers.items():
        if isinstance(answer, GDistributedError):
            missing[address] = str(answer)
        elif not answer.HasField("profile"):
            missing[address] = OFF
        else:
            try:
                tree.merge(tree_of(answer.profile))
                messages.append(answer.profile)
            except MalformedMessage as error:
                missing[address] = str(error)
    count = f"{len(messages)} worker{'' if len(messages) == 1 else 's'}"
    return _made(
        messages,
        tree,
        f"{f'Tasks {prefix!r}' if prefix else 'All tasks'} on {count}",
        f"tasks {prefix!r}" if prefix else "all tasks",
        missing,
    )


def _made(
    messages: list[profile_pb2.Profile],
    tree: Node,
    title: str,
    root: str,
    missing: dict[str, str] | None = None,
) -> Profile:
    covered = [each for each in messages if each.HasField("start")]
    return Profile(
        tree,
        title,
        root=root,
        interval_s=max((each.interval.ToNanoseconds() / 1e9 for each in messages), default=0.0),
        start=min((each.start.ToNanoseconds() / 1e9 for each in covered), default=None),
        stop=max((each.stop.ToNanoseconds() / 1e9 for each in covered), default=None),
        missing=missing,
    )


def _timestamp(moment: float | datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    timestamp = Timestamp()
    timestamp.FromNanoseconds(round(_seconds(moment) * 1e9))
    return timestamp


def _seconds(moment: float | datetime) -> float:
    return moment.timestamp() if isinstance(moment, datetime) else moment
