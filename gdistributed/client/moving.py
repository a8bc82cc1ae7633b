"""The client moves data: gather brings results here, scatter puts values on workers."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from gdistributed.client.asking import Asking
from gdistributed.client.base import key_names
from gdistributed.client.computing import futures_of
from gdistributed.client.connection import Connection
from gdistributed.client.future import Future, settled
from gdistributed.client.gathering import gathered
from gdistributed.client.keys import Key, wire_name
from gdistributed.client.listing import list_workers
from gdistributed.client.options import Workers, worker_names
from gdistributed.data.codecs.compression import agreed_on, announced_in
from gdistributed.data.sizes import sizeof
from gdistributed.data.transfer import store
from gdistributed.errors import (
    ConnectionLost,
    NotFound,
    SerializationError,
    UnpicklableArgument,
    WaitTimeout,
)
from gdistributed.settings import PYTHON
from gdistributed.v1 import scheduler_pb2, worker_pb2
from gdistributed.wire.hosts import is_on_this_host

SCATTER_TIMEOUT_S = 30.0
PAUSED = worker_pb2.WORKER_STATUS_PAUSED


class Worker(NamedTuple):
    """A worker to put data on, the compressions that it undoes, and the memory that it shares."""

    address: str
    worker_id: str
    compressions: tuple[str, ...]
    same_host: str


class Moving(Asking):
    """Data between here and the workers, and from worker to worker."""

    async def replicate(
        self,
        futures: Any,  # noqa: ANN401
        n: int | None = None,
        workers: Workers = None,
    ) -> None:
        """Wait for results, and have each lie on several workers.

        Parameters
        ----------
        futures
            Futures, or persisted collections.
        n
            On how many workers; None (the default) means on all.
        workers
            Names, addresses or ids of the workers that may hold them; all by default.

        Raises
        ------
        NotFound
            If a worker is named that is not there.
        ValueError
            If `n` is less than 1.

        Examples
        --------
        >>> data = client.scatter("wanted everywhere")
        >>> client.replicate(data, n=2)  # doctest: +SKIP
        """
        if n is not None and n < 1:
            raise ValueError(f"n must be at least 1 and is {n}")
        waited = futures_of(futures)
        await settled(self.connection, [future.record for future in waited], self.bridge)
        request = scheduler_pb2.ReplicateDataRequest(
            keys=key_names(waited), count=n or 0, workers=worker_names(workers)
        )
        connection = self.connection
        await connection.ask(
            connection.scheduler.ReplicateData, request, "replicating data", timeout_s=None
        )

    async def rebalance(
        self,
        futures: Any = None,  # noqa: ANN401
        workers: Workers = None,
    ) -> None:
        """Move results until workers hold about the same.

        Parameters
        ----------
        futures
            Futures, or persisted collections, that may be moved; all results by default.
        workers
            Names, addresses or ids of the workers between which they are moved; all by default.

        Raises
        ------
        NotFound
            If a worker is named that is not there.

        Examples
        --------
        >>> client.rebalance()  # doctest: +SKIP
        """
        waited = [] if futures is None else futures_of(futures)
        await settled(self.connection, [future.record for future in waited], self.bridge)
        request = scheduler_pb2.RebalanceDataRequest(
            keys=key_names(waited), workers=worker_names(workers)
        )
        connection = self.connection
        await connection.ask(
            connection.scheduler.RebalanceData, request, "rebalancing data", timeout_s=None
        )

    async def gather(
        self,
        futures: Any,  # noqa: ANN401
        errors: Literal["raise", "skip"] = "raise",
        direct: bool | None = None,
    ) -> Any:  # noqa: ANN401
        """Wait for futures and return their values.

        Parameters
        ----------
        futures
            A future, or futures inside lists, tuples, sets and dicts, however deep; or an iterator
            of them, for which a list is returned.
        errors
            "raise" (the default) raises the first error as soon as it is known; "skip" leaves
            futures that erred out of the lists they are in.
        direct
            Whether values come straight from the workers (True) or by way of the scheduler (False).
            None (the default) means what the client was told, which is by default: straight from
            those workers that can be reached.

        Returns
        -------
        The same structure with values in the places of futures.

        Raises
        ------
        Exception
            Whatever a task raised.
        CancelledError
            If a future was cancelled.

        Examples
        --------
        >>> client.gather({"a": client.submit(abs, -1), "b": [client.submit(abs, -2)]})
        {'a': 1, 'b': [2]}
        """
        if errors not in ("raise", "skip"):
            raise ValueError(f'errors must be "raise" or "skip" and is {errors!r}')
        if isinstance(futures, Iterator):
            futures = list(futures)
        return await gathered(self.connection, futures, self.bridge, errors == "skip", direct)

    async def scatter(
        self,
        data: Any,  # noqa: ANN401
        workers: Workers = None,
        broadcast: bool | int = False,
        direct: bool | None = None,
        hash: bool = True,
        timeout: float | None = None,
    ) -> Any:  # noqa: ANN401
        """Put values on workers.

        Parameters
        ----------
        data
            A list, tuple, set or dict of values; anything else is a single value.
        workers
            Names, addresses or hosts of the workers to put them on; by default all that run Python
            code, in turn, or all where there is none.
        broadcast
            Whether each value goes to all of these workers, or to how many.
        direct
            Whether values go straight to the workers; as for `gather`.
        hash
            Whether equal values get equal keys (the default). Otherwise each gets a new one.
        timeout
            Seconds to wait for a first worker; default 30.

        Returns
        -------
        A future for each value, in the same structure. The keys of a dict are the keys of its
        futures.

        Raises
        ------
        WaitTimeout
            If there is no worker in time.
        NotFound
            If `workers` names none that is there.
        UnpicklableArgument
            If a value cannot be sent; the message names its type.

        Examples
        --------
        >>> data = client.scatter([1, 2, 3], broadcast=True)
        >>> client.gather(data)
        [1, 2, 3]
        >>> client.scatter({"x": 7})["x"].result()
        7
        """
        self.connection.check_open()
        keys = _keys_for(data, hash)
        values = data.values() if isinstance(data, dict) else _as_list(data)
        named = dict(zip(keys, values, strict=True))
        chosen = await self._workers_for(workers, timeout or SCATTER_TIMEOUT_S)
        copies = len(chosen) if broadcast is True else max(int(broadcast), 1)
        turns = itertools.cycle(chosen)
        shares: dict[Worker, dict[str, Any]] = {}
        for key, value in named.items():
            name = wire_name(key)
            for _ in range(min(copies, len(chosen))):
                shares.setdefault(next(turns), {})[name] = value
        storing = _store_all(self.connection, shares, direct)
        puts = await self.bridge.on_loop(storing, self.connection.loop)
        futures = self._hold_scattered(named, puts)
        records = {future.record.key: future.record for future in futures.values()}
        await settled(self.connection, records.values(), self.bridge)
        return _shaped_like(data, [futures[key] for key in keys], keys)

    def _hold_scattered(
        self, named: Mapping[Key, object], puts: Mapping[str, dict[str, int]]
    ) -> dict[Key, Future]:
        futures = {}
        with self.connection.locked() as brain:
            for key, value in named.items():
                name = wire_name(key)
                message = scheduler_pb2.ScatteredData(
                    key=name,
                    nbytes=sizeof(value),
                    type=type(value).__qualname__,
                    worker_ids=puts[name].keys(),
                    puts=puts[name].values(),
                )
                futures[key] = self.future(key, brain.want(name))
                brain.scattered([message])
        return futures

    async def _workers_for(self, workers: Workers, timeout_s: float) -> list[Worker]:
        """Return the workers that are meant, or else those of Python; wait for a first one."""
        names = set(worker_names(workers))
        await self.wait_for_workers(1, timeout_s)
        listed = await list_workers(self.connection)
        takers = [worker for worker in listed if not worker.data_address]
        if names:
            takers = [
                worker
                for worker in takers
                if names & {worker.name, worker.address, worker.host, worker.worker_id}
            ]
        else:
            takers = [worker for worker in takers if PYTHON in worker.runtimes] or takers
        found = [
            Worker(
                worker.address,
                worker.worker_id,
                announced_in(worker.software.capabilities),
                worker.same_host,
            )
            for worker in takers
        ]
        if not found and names:
            raise NotFound(f"no worker is called {', '.join(sorted(names))}")
        if not found:
            raise WaitTimeout("there is no worker to put data on")
        paused = {each.worker_id for each in listed if each.status == PAUSED}
        return [each for each in found if each.worker_id not in paused] or found


async def _store_all(
    connection: Connection, shares: dict[Worker, dict[str, Any]], direct: bool | None
) -> dict[str, dict[str, int]]:
    """Put values on workers, one worker after the other; by key and worker the numbers of the puts.

    On the loop.
    """
    puts: dict[str, dict[str, int]] = {}
    for worker, values in shares.items():
        try:
            for stored in await _store(connection, worker, values, direct):
                puts.setdefault(stored.key, {})[worker.worker_id] = stored.put
        except SerializationError as error:
            raise UnpicklableArgument(f"the data cannot be scattered: {error}") from error
    return puts


async def _store(
    connection: Connection, worker: Worker, values: dict[str, Any], direct: bool | None
) -> list[worker_pb2.StoredData]:
    """Put values on a worker, once more by way of the scheduler if it could not be reached."""
    address, worker_id, routes = worker.address, worker.worker_id, connection.routes
    lending = connection.shared_memory.with_host(worker.same_host)
    compression = agreed_on(
        connection.settings.compression,
        worker.compressions,
        same_host=is_on_this_host(address),
    )
    try:
        way = await routes.to(address, direct)
        return await store(way, worker_id, values, compression, lending)
    except ConnectionLost:
        is_settled = direct is not None or routes.direct is not None
        if is_settled or not routes.avoid(address):
            raise
    return await store(await routes.to(address), worker_id, values, compression)


def _as_list(data: Any) -> list[Any]:  # noqa: ANN401
    return list(data) if isinstance(data, list | tuple | set | frozenset) else [data]


def _keys_for(data: Any, by_content: bool) -> list[Key]:  # noqa: ANN401
    if isinstance(data, dict):
        return list(data)
    return [_key_for(value, by_content) for value in _as_list(data)]


def _key_for(value: object, by_content: bool) -> str:
    if not by_content:
        return f"{type(value).__name__}-{uuid.uuid4().hex}"
    from dask.tokenize import tokenize

    return f"{type(value).__name__}-{tokenize(value)}"


def _shaped_like(data: Any, futures: list[Future], keys: list[Key]) -> Any:  # noqa: ANN401
    if isinstance(data, dict):
        return dict(zip(keys, futures, strict=True))
    for kind in (list, tuple, set, frozenset):
        if isinstance(data, kind):
            return kind(futures)
    return futures[0]
