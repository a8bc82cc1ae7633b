"""For tests of code that uses gdistributed: clusters in the process of the tests.

A pytest plugin: ``pytest_plugins = ["gdistributed.testing"]`` in a conftest.py gives the fixtures
`cluster` and `client`. The decorator `gen_cluster` gives an asynchronous test a cluster of its own.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Final

import pytest

from gdistributed.client.async_client import AsyncClient
from gdistributed.client.client import Client
from gdistributed.deploy.async_local_cluster import AsyncLocalCluster
from gdistributed.deploy.local_cluster import LocalCluster
from gdistributed.wire.loop_thread import new_event_loop

__all__ = ["client", "cluster", "cluster_options", "gen_cluster"]

ONE_AND_TWO: Final = (1, 2)
TIMEOUT_S: Final = 30.0

AsyncTest = Callable[..., Coroutine[Any, Any, None]]


@pytest.fixture(scope="session")
def cluster_options() -> dict[str, Any]:
    """Parameters of the `LocalCluster` of these tests; define your own to change them.

    By default two workers with a thread each, in this process, and no dashboard.
    """
    return {
        "n_workers": 2,
        "threads_per_worker": 1,
        "processes": False,
        "dashboard_address": None,
    }


@pytest.fixture(scope="session")
def cluster(cluster_options: dict[str, Any]) -> Iterator[LocalCluster]:
    """One cluster for all tests: `cluster.scheduler_address` is where clients connect."""
    with LocalCluster(**cluster_options) as cluster:
        yield cluster


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[Client]:
    """A client of that cluster for one test, which is dask's scheduler meanwhile."""
    with Client(cluster) as client:
        yield client


def gen_cluster(
    client: bool = False,
    nthreads: Sequence[int | tuple[str, int]] = ONE_AND_TWO,
    timeout: float = TIMEOUT_S,
    client_kwargs: dict[str, Any] | None = None,
    cluster_kwargs: dict[str, Any] | None = None,
) -> Callable[[AsyncTest], Callable[..., None]]:
    """Give an asynchronous test a cluster of its own, in this process and on the test's own loop.

    The test is called with the scheduler and the workers, which are `Scheduler` and `Worker`, and
    before them the client, if there is one. Further parameters are fixtures. It becomes a plain
    function, and needs no plugin for asynchronous tests.

    Parameters
    ----------
    client
        Whether to begin with an `AsyncClient`; false by default.
    nthreads
        How many tasks each worker runs at once; by default there are two workers, with one thread
        and with two. As dask.distributed has it pairs of a host and a number do, too; all workers
        listen on 127.0.0.1.
    timeout
        Seconds that the test may take; 30 by default.
    client_kwargs
        Parameters of the client.
    cluster_kwargs
        Further parameters of the `LocalCluster`.

    Raises
    ------
    TypeError
        If it is no coroutine function.
    TimeoutError
        From the test, if it takes longer than its timeout.

    Examples
    --------
    >>> @gen_cluster(client=True)
    ... async def test_it_adds(client, scheduler, worker_a, worker_b):
    ...     assert await client.submit(sum, [1, 2]) == 3
    >>> test_it_adds()
    """
    counts = [each if isinstance(each, int) else each[1] for each in nthreads]

    async def run(test: AsyncTest, *args: object, **kwargs: object) -> None:
        without = {"processes": False, "dashboard_address": None}
        options = {"nthreads": counts, **without, **(cluster_kwargs or {})}
        async with asyncio.timeout(timeout), AsyncLocalCluster(**options) as cluster:
            servers = [worker.server for worker in cluster.workers.values()]
            if not client:
                await test(*args, cluster.scheduler, *servers, **kwargs)
                return
            async with AsyncClient(cluster, **(client_kwargs or {})) as own:
                await test(*args, own, cluster.scheduler, *servers, **kwargs)

    def decorate(test: AsyncTest) -> Callable[..., None]:
        if not inspect.iscoroutinefunction(test):
            raise TypeError(f"gen_cluster is for coroutine functions, and {test!r} is none")

        @functools.wraps(test)
        def with_cluster(*args: object, **kwargs: object) -> None:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(run(test, *args, **kwargs))

        given = int(client) + 1 + len(counts)
        with_cluster.__signature__ = _without(test, given)  # type: ignore[attr-defined]
        return with_cluster

    return decorate


def _without(test: AsyncTest, given: int) -> inspect.Signature:
    """The signature that pytest sees: the fixtures, without what the decorator gives."""
    signature = inspect.signature(test)
    names = list(signature.parameters)
    start = int(names[:1] == ["self"])
    fixtures = names[:start] + names[start + given :]
    return signature.replace(parameters=[signature.parameters[name] for name in fixtures])
