"""The client has functions called in the cluster's own processes, outside the order of tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import grpc.aio

from gdistributed.client.base import ClientBase
from gdistributed.client.current import binding_to
from gdistributed.client.listing import ask_each, list_workers, servers_of
from gdistributed.client.options import Workers
from gdistributed.data.arguments import pack_call
from gdistributed.data.codecs import decode
from gdistributed.data.failures import exception_from_failure
from gdistributed.data.functions import pack_function
from gdistributed.errors import GDistributedError
from gdistributed.settings import PYTHON
from gdistributed.v1 import (
    extensions_pb2,
    extensions_pb2_grpc,
    value_pb2,
    worker_pb2,
    worker_pb2_grpc,
)

Answered = worker_pb2.RunResponse | extensions_pb2.RunFunctionResponse

ON_ERROR: Final = ("raise", "return", "ignore")


class Running(ClientBase):
    """Functions that run on servers at once: to look around, and to set things up."""

    async def run(
        self,
        function: Callable[..., Any],
        /,
        *args: Any,  # noqa: ANN401
        workers: Workers = None,
        wait: bool = True,
        nanny: bool = False,
        on_error: str = "raise",
        **kwargs: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        """Call a function on workers at once, outside the order of tasks.

        It holds none of the threads for tasks. A plain function runs in a thread of its own, a
        coroutine function on the worker's loop. A parameter named ``dask_worker`` or ``worker`` is
        given the worker itself, if the call does not give it.

        Parameters
        ----------
        function
            To be called as ``function(*args, **kwargs)``.
        workers
            Names, addresses or ids of workers; by default all that run Python.
        wait
            Whether to wait for the results. Otherwise None is returned for each worker, and what
            the function raises is logged there.
        nanny
            Whether to call it in the nannies of the workers instead. A local cluster's nannies live
            in the process that has made it.
        on_error
            "raise" (the default) what the first worker raised, "return" exceptions as results, or
            "ignore": leave such workers out.

        Returns
        -------
        A dict with the results by the address of the worker.

        Raises
        ------
        NotFound
            If a worker is named that is not there.
        UnpicklableArgument
            If the function or an argument cannot be sent.
        Exception
            Whatever the function raised.

        Examples
        --------
        >>> import os
        >>> client.run(os.getpid)  # doctest: +SKIP
        {'127.0.0.1:40123': 4711, '127.0.0.1:40125': 4712}
        """
        if on_error not in ON_ERROR:
            raise ValueError(f"on_error must be one of {', '.join(ON_ERROR)} and is {on_error!r}")
        call = _packed(function, args, kwargs, wait)
        listed = await list_workers(self.connection, workers)
        if workers is None:
            listed = [each for each in listed if PYTHON in each.runtimes]
        addresses = servers_of(listed, nanny)
        ids = {each.address: each.worker_id for each in listed}
        ask = _asking_runner(call) if nanny else _asking_workers(call, ids)
        doing = "calling a function"
        answers = await ask_each(self.connection, addresses, ask, doing)
        results: dict[str, Any] = {}
        for address, answer in answers.items():
            try:
                results[addresses[address]] = self._outcome(answer)
            except Exception as error:
                if on_error == "raise":
                    raise
                if on_error == "return":
                    results[addresses[address]] = error
        return results

    async def run_on_scheduler(
        self,
        function: Callable[..., Any],
        /,
        *args: Any,  # noqa: ANN401
        wait: bool = True,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Call a function in the scheduler's process, if the scheduler allows that.

        One that was started with ``gd scheduler --allow-run`` does. A plain function runs in a
        thread beside the scheduler's loop: to read its books is safe, to change them is not. A
        parameter named ``dask_scheduler`` or ``scheduler`` is given the scheduler itself.

        Parameters
        ----------
        function
            To be called as ``function(*args, **kwargs)``.
        wait
            Whether to wait for the result, instead of returning None.

        Returns
        -------
        What the function returned.

        Raises
        ------
        NotAllowed
            If the scheduler was not started so that it may run code of users.
        Exception
            Whatever the function raised.

        Examples
        --------
        >>> client.run_on_scheduler(lambda scheduler: scheduler.address)  # doctest: +SKIP
        '127.0.0.1:8786'
        """
        call = _packed(function, args, kwargs, wait)
        answer = await self.connection.ask(
            self.connection.runner.RunFunction, call, "calling a function", timeout_s=None
        )
        return self._outcome(answer)

    def _outcome(self, answer: Answered | GDistributedError) -> Any:  # noqa: ANN401
        """Return the value that came, or raise the error."""
        if isinstance(answer, GDistributedError):
            raise answer
        if answer.HasField("error"):
            raise exception_from_failure(answer.error)
        with binding_to(self.connection):
            return decode(answer.value)


def _packed(
    function: Callable[..., Any], args: tuple[object, ...], kwargs: dict[str, Any], wait: bool
) -> extensions_pb2.RunFunctionRequest:
    arguments = value_pb2.Arguments.FromString(pack_call(args, kwargs)[0])
    return extensions_pb2.RunFunctionRequest(
        function=pack_function(function), arguments=arguments, detached=not wait
    )


def _asking_workers(call: extensions_pb2.RunFunctionRequest, ids: dict[str, str]) -> Any:  # noqa: ANN401
    async def ask(channel: grpc.aio.Channel, address: str) -> worker_pb2.RunResponse:
        stub: worker_pb2_grpc.WorkerAsyncStub = worker_pb2_grpc.WorkerStub(channel)
        request = worker_pb2.RunRequest(
            worker_id=ids[address],
            function=call.function,
            arguments=call.arguments,
            detached=call.detached,
        )
        return await stub.Run(request)

    return ask


def _asking_runner(call: extensions_pb2.RunFunctionRequest) -> Any:  # noqa: ANN401
    async def ask(channel: grpc.aio.Channel, _: str) -> extensions_pb2.RunFunctionResponse:
        stub: extensions_pb2_grpc.RunnerAsyncStub = extensions_pb2_grpc.RunnerStub(channel)
        return await stub.RunFunction(call)

    return ask
