"""The client computes: submit, map, get, compute, persist, cancel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from gdistributed.client.base import ClientBase, key_names
from gdistributed.client.collections import Plan, compute_plan, persist_plan
from gdistributed.client.future import Future
from gdistributed.client.gathering import gathered
from gdistributed.client.graph_sending import send_graph, send_graph_piecewise
from gdistributed.client.graphs import Expression
from gdistributed.client.keys import SCALARS, Key, Namer, wire_name
from gdistributed.client.mapped_calls import Calls, MappedCalls, PackCall, PackedCall
from gdistributed.client.nested import find_futures, flat_keys, shaped_like
from gdistributed.client.options import PLAIN, Codecs, TaskOptions, Workers, task_options
from gdistributed.client.remote_functions import announced_as
from gdistributed.client.sizes import ARGUMENTS, check_size
from gdistributed.client.spans import submitting
from gdistributed.data.arguments import pack_call, pack_call_of
from gdistributed.data.functions import function_name
from gdistributed.data.plain_calls import pack_plain_call
from gdistributed.observe.traces import NO_SPAN
from gdistributed.settings import PYTHON
from gdistributed.v1 import task_pb2

PIECE_FIRST: Final = 256
PIECE_MAX: Final = 4096


class Computing(ClientBase):
    """Tasks and graphs."""

    def submit(
        self,
        function: Callable[..., Any],
        /,
        *args: Any,  # noqa: ANN401
        key: Key | None = None,
        workers: Workers = None,
        resources: Mapping[str, float] | None = None,
        retries: int | None = None,
        priority: int = 0,
        allow_other_workers: bool = False,
        pure: bool = True,
        actor: bool = False,
        timeout: float | None = None,
        codec: Codecs = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> Future:
        """Submit a call of a function, and return a future of its result at once.

        Parameters
        ----------
        function
            Any callable; coroutine functions run on the worker's event loop.
        *args, **kwargs
            Its arguments. Futures among them, however deep inside lists, tuples, sets and dicts,
            are replaced by their results.
        key
            Name of the task and of its result; made from function and arguments by default. A key
            that is known already gives a future of the same result.
        workers
            Names, addresses or hosts of the workers that may run it; any by default.
        resources
            What it holds while it runs, for instance ``{"GPU": 1}``.
        retries
            How often it is run again when it raises; default 0.
        priority
            Higher runs sooner; default 0.
        allow_other_workers
            Whether `workers` is a preference and no restriction.
        pure
            Whether equal calls have equal results (the default): they are computed once.
        actor
            Whether `function` is a class whose instance is to live on a worker: the result is its
            handle, an `Actor`.
        timeout
            Seconds that one run may take; then it fails with TaskTimeout, which `retries` counts. A
            coroutine is cancelled; a function in a thread cannot be stopped, and holds its thread
            until it returns. A parameter of that name of `function` has to be given by position.
        codec
            Name of the codec in which the result is to travel ("arrow", "npy", "json", ...), or
            several, best first; by default the worker chooses what its reader reads best. A result
            that it cannot say fails the task with CodecUnsupported.

        Raises
        ------
        TypeError
            If `function` cannot be called.
        UnpicklableArgument
            If the function or an argument cannot be sent; the message names it.
        ArgumentTooLarge
            If the function or the arguments are larger than a message may be.
        ValueError
            If a future of another client is among the arguments.

        Examples
        --------
        >>> client.submit(sum, [1, 2, 3]).result()
        6
        >>> total = client.submit(sum, [client.submit(abs, -4), 5], retries=2, priority=1)
        >>> total.result()
        9
        """
        options = task_options(
            priority, retries, workers, allow_other_workers, resources, actor, timeout, codec
        )
        return self.submit_call(function, args, kwargs, key=key, options=options, pure=pure)

    def submit_call(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        key: Key | None = None,
        options: TaskOptions = PLAIN,
        pure: bool = True,
    ) -> Future:
        """Submit a call whose keyword arguments may have any names. As `submit` otherwise."""
        self.connection.check_open()
        if not callable(function):
            raise TypeError(f"submit needs a function and got {function!r}")
        prefix = _prefix(function, key)
        with submitting(self.connection, prefix, 1) as span:
            announced = announced_as(function)
            namer = Namer(prefix, announced.id, pure and not options.actor, self.connection.id)
            pack = self.packing(announced)
            key, arguments, dependencies = pack(namer, key, args, kwargs)
            settings = self.connection.settings
            if len(arguments) > settings.large_argument_nbytes:
                check_size(len(arguments), ARGUMENTS, prefix, settings)
            name = wire_name(key)
            with self.connection.locked() as brain:
                if name in brain.records:
                    record = brain.want(name)
                else:
                    template = self.template(brain, announced, prefix, options)
                    record = brain.want(name)
                    brain.submit(name, template, dependencies, arguments, span.traceparent)
            if span is not NO_SPAN:
                span.note({"gdistributed.key": name})
        return self.future(key, record)

    def map(
        self,
        function: Callable[..., Any],
        /,
        *iterables: Iterable[Any],
        key: str | Sequence[Key] | None = None,
        workers: Workers = None,
        resources: Mapping[str, float] | None = None,
        retries: int | None = None,
        priority: int = 0,
        allow_other_workers: bool = False,
        pure: bool = True,
        actor: bool = False,
        timeout: float | None = None,
        codec: Codecs = None,
        batch_size: int | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> list[Future]:
        """Submit a call for each item, and return their futures at once.

        Parameters
        ----------
        function
            Any callable.
        *iterables
            Lists or the like, one for each positional argument; the shortest one counts. They may
            contain futures.
        key
            A prefix for all keys, or one key for each call.
        batch_size
            How many calls travel in one message; chosen by default.
        **kwargs
            Further arguments, the same in all calls.

        The other parameters, and the errors, are those of `submit`.

        Raises
        ------
        TypeError
            If an iterable is an iterator or a queue, whose end is not known.
        ValueError
            If there are not as many keys as calls.

        Examples
        --------
        >>> client.gather(client.map(pow, [1, 2, 3], [2, 2, 2]))
        [1, 4, 9]
        >>> client.gather(client.map(int, ["10", "11"], base=2))
        [2, 3]
        """
        self.connection.check_open()
        if not callable(function):
            raise TypeError(f"map needs a function and got {function!r}")
        if not iterables:
            raise TypeError("map needs at least one list of arguments")
        for each in iterables:
            if isinstance(each, Iterator) or hasattr(each, "get_nowait"):
                raise TypeError(
                    f"map cannot take {type(each).__name__}, whose end is not known: use a list, "
                    f"or submit in a loop"
                )
        options = task_options(
            priority, retries, workers, allow_other_workers, resources, actor, timeout, codec
        )
        calls: Calls = list(zip(*iterables, strict=False))
        return self.map_calls(
            function,
            calls,
            kwargs,
            keys=_given_keys(key, len(calls)),
            options=options,
            prefix=key if isinstance(key, str) else function_name(function),
            pure=pure,
            batch_size=batch_size,
        )

    def map_calls(
        self,
        function: Callable[..., Any],
        calls: Calls,
        kwargs: dict[str, Any] | None = None,
        *,
        keys: Sequence[Key] | None = None,
        options: TaskOptions = PLAIN,
        prefix: str = "",
        pure: bool = True,
        batch_size: int | None = None,
    ) -> list[Future]:
        """Submit a call for each tuple of arguments. As `map` otherwise."""
        futures: list[Future] = []
        start, size = 0, batch_size or PIECE_FIRST
        with submitting(self.connection, prefix, len(calls)) as span:
            announced = announced_as(function)
            namer = Namer(prefix, announced.id, pure and not options.actor, self.connection.id)
            mapped = MappedCalls(self, announced, prefix, options, namer, span.traceparent)
            while start < len(calls):
                end = start + size
                named = keys and keys[start:end]
                futures.extend(mapped.submit(calls[start:end], kwargs or {}, named))
                start, size = end, batch_size or min(2 * size, PIECE_MAX)
        return futures

    async def get(
        self,
        /,
        dsk: Expression | Mapping[Key, Any],
        keys: Any,  # noqa: ANN401
        *,
        workers: Workers = None,
        allow_other_workers: bool = False,
        resources: Mapping[str, float] | None = None,
        retries: int | None = None,
        priority: int = 0,
        sync: bool = True,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Compute a dask graph and return the values of some of its keys.

        Parameters
        ----------
        dsk
            A graph: an expression, a HighLevelGraph, or a dict.
        keys
            A key, or lists of keys, however deep: the result has the same shape.
        sync
            Whether to wait for values (the default); otherwise futures are returned.
        workers, allow_other_workers, resources, retries, priority
            As in `submit`, for all tasks that no annotation says otherwise of.
        **kwargs
            Further words that dask passes to every scheduler are ignored.

        Raises
        ------
        BadGraph
            If the graph has a cycle or names keys that nobody holds; it names them.
        Exception
            Whatever a task raised.

        Examples
        --------
        >>> client.get({"one": 1, "two": (abs, -2), "sum": (sum, ["one", "two"])}, "sum")
        3
        """
        options = task_options(priority, retries, workers, allow_other_workers, resources)
        futures = await send_graph_piecewise(self, dsk, flat_keys(keys), options, self.bridge)
        if not sync:
            return shaped_like(keys, futures)
        values = await gathered(self.connection, list(futures.values()), self.bridge)
        return shaped_like(keys, dict(zip(futures, values, strict=True)))

    def compute(
        self,
        /,
        collections: Any,  # noqa: ANN401
        sync: bool = False,
        optimize_graph: bool = True,
        *,
        workers: Workers = None,
        allow_other_workers: bool = False,
        resources: Mapping[str, float] | None = None,
        retries: int | None = None,
        priority: int = 0,
        traverse: bool = True,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Compute dask collections on the cluster.

        Parameters
        ----------
        collections
            A collection, or a list of them.
        sync
            Whether to wait and return values; otherwise futures are returned at once.
        optimize_graph
            Whether dask may optimise first.
        workers, allow_other_workers, resources, retries, priority
            As in `submit`.

        Returns
        -------
        A future for each collection (for a single one, a single future); with `sync` the values.
        What is no collection is returned as it is.

        Examples
        --------
        >>> import dask.array
        >>> total = dask.array.ones((100, 100), chunks=50).sum()
        >>> client.compute(total).result()
        np.float64(10000.0)
        >>> client.compute([total, total + 1], sync=True)
        [np.float64(10000.0), np.float64(10001.0)]
        """
        options = task_options(priority, retries, workers, allow_other_workers, resources)
        plan = compute_plan(collections, optimize_graph, traverse)
        if sync:
            return self.bridge.run(self._values(plan, options))
        return plan.rebuild(self._futures(plan, options))

    def persist(
        self,
        /,
        collections: Any,  # noqa: ANN401
        optimize_graph: bool = True,
        *,
        workers: Workers = None,
        allow_other_workers: bool = False,
        resources: Mapping[str, float] | None = None,
        retries: int | None = None,
        priority: int = 0,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Compute dask collections and keep the results on the cluster.

        Returns
        -------
        Collections of the same kinds, at once, whose graphs are futures. Parameters are those of
        `compute`.

        Examples
        --------
        >>> import dask.array
        >>> ones = client.persist(dask.array.ones(100, chunks=50))
        >>> float(ones.sum().compute())
        100.0
        """
        options = task_options(priority, retries, workers, allow_other_workers, resources)
        plan = persist_plan(collections, optimize_graph)
        return plan.rebuild(self._futures(plan, options))

    def cancel(
        self,
        futures: Any,  # noqa: ANN401
        force: bool = False,
        reason: str = "",
    ) -> None:
        """Give tasks up, and all that depend on them.

        Parameters
        ----------
        futures
            A future, or futures inside lists and the like, or collections that were persisted.
        force
            Whether to give them up for other clients too.
        reason
            For those who wait.

        Examples
        --------
        >>> future = client.submit(sum, [1, 2], key="given-up")
        >>> client.cancel(future, reason="no longer needed")
        >>> future.cancelled()
        True
        """
        keys = key_names(futures_of(futures))
        with self.connection.locked() as brain:
            brain.cancel(keys, reason, force)

    def retry(self, futures: Any) -> None:  # noqa: ANN401
        """Have tasks that erred computed again, with those that they erred of.

        Examples
        --------
        >>> client.retry(futures)  # doctest: +SKIP
        """
        keys = key_names(futures_of(futures))
        with self.connection.locked() as brain:
            brain.retry(keys)

    def pack(
        self, namer: Namer, key: Key | None, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> PackedCall:
        """Pack a call, and name it unless it has a key."""
        if not kwargs and all(type(value) in SCALARS for value in args):
            if key is None:
                key = namer.key_of_text(f"{args!r}{{}}") if namer.is_pure else namer.new_key()
            return key, pack_plain_call(args), ()
        args = tuple(map(self.references, args))
        kwargs = self.references_in(kwargs)
        if key is None:
            key = namer.key(args, kwargs)
        return key, *pack_call(args, kwargs)

    def packing(self, function: task_pb2.Function) -> PackCall:
        """Return what packs the calls of a function."""
        if function.runtime == PYTHON:
            return self.pack

        def pack_neutral(
            namer: Namer, key: Key | None, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> PackedCall:
            args, kwargs = tuple(map(self.references, args)), self.references_in(kwargs)
            name = namer.key(args, kwargs) if key is None else key
            return name, *pack_call_of(function, args, kwargs)

        return pack_neutral

    def _futures(self, plan: Plan, options: TaskOptions) -> dict[Key, Future]:
        return send_graph(self, plan.expression, plan.keys, options) if plan.keys else {}

    async def _values(self, plan: Plan, options: TaskOptions) -> Any:  # noqa: ANN401
        futures: dict[Key, Future] = {}
        if plan.keys:
            futures = await send_graph_piecewise(
                self, plan.expression, plan.keys, options, self.bridge
            )
        return await gathered(self.connection, plan.rebuild(futures), self.bridge)


def futures_of(value: object) -> list[Future]:
    """Return the futures inside lists, tuples, sets and dicts, and inside persisted collections.

    Examples
    --------
    >>> import dask.array
    >>> ones = client.persist(dask.array.ones(100, chunks=50))
    >>> len(futures_of([ones, client.submit(abs, -1)]))
    3
    """
    found: dict[Future, None] = {}
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            stack.extend(reversed(each.values()))
        elif isinstance(each, list | tuple | set | frozenset):
            stack.extend(reversed(list(each)))
        elif isinstance(each, Future):
            found[each] = None
        elif hasattr(each, "__dask_graph__") and not isinstance(each, type):
            found.update(dict.fromkeys(find_futures(dict(each.__dask_graph__() or {}))))
    return list(found)


def _prefix(function: Callable[..., Any], key: Key | None) -> str:
    if key is None:
        return function_name(function)
    from dask.utils import key_split

    return str(key_split(key))


def _given_keys(key: str | Sequence[Key] | None, count: int) -> Sequence[Key] | None:
    if key is None or isinstance(key, str):
        return None
    keys = list(key)
    if len(keys) != count:
        raise ValueError(f"map got {len(keys)} keys for {count} calls")
    if len(set(keys)) != len(keys):
        raise ValueError("map got the same key for several calls")
    return keys
