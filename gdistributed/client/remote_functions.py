"""Functions that workers offer by name, in any language, as handles to submit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gdistributed.data.functions import pack_function
from gdistributed.settings import PYTHON
from gdistributed.v1 import task_pb2


class RemoteFunction:
    """A function that workers offer by name; made by `remote`.

    Parameters
    ----------
    name
        Name by which workers offer it.
    runtime
        Runtime that runs it.
    accepts
        Codecs for its arguments, best first; empty for those that every language reads.
    """

    __slots__ = ("__name__", "announced")

    def __init__(self, name: str, runtime: str = PYTHON, accepts: Iterable[str] = ()) -> None:
        self.announced = task_pb2.Function(
            id=f"{runtime}:{name}", runtime=runtime, name=name, accepts=accepts
        )
        self.__name__ = name

    @property
    def name(self) -> str:
        """Name by which workers offer it."""
        return self.__name__

    @property
    def runtime(self) -> str:
        """Runtime that runs it."""
        return self.announced.runtime

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Have the function called on the cluster, and return its result.

        In a coroutine it has to be awaited. The arguments and errors are those of `Client.submit`
        and `Future.result`.
        """
        from gdistributed.client.inside import get_client

        client = get_client()
        return client.submit(self, *args, **kwargs).result()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemoteFunction) and other.announced == self.announced

    def __hash__(self) -> int:
        return hash(self.announced.id)

    def __reduce__(self) -> tuple[Any, ...]:
        return RemoteFunction, (self.name, self.runtime, tuple(self.announced.accepts))

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return self.__reduce__()

    def __repr__(self) -> str:
        return f"remote({self.name!r}, runtime={self.runtime!r})"


def remote(name: str, runtime: str = PYTHON, *, accepts: Iterable[str] = ()) -> RemoteFunction:
    """Return a handle of a function that workers offer by name: in Go, in R, in Python.

    It goes wherever a function goes: `Client.submit`, `Client.map`, graphs, `dask.delayed`. To call
    it has it called on the cluster. What the cluster offers: `Client.functions`.

    Parameters
    ----------
    name
        Name by which workers offer it.
    runtime
        Runtime that runs it: "python" (the default), "go", "r", ...
    accepts
        Codecs for arguments that are given as values, best first; by default those that every
        language reads. Results of other tasks come in a codec that their reader asks for.

    Raises
    ------
    UnknownFunction
        By the future, at once, if no worker offers the function.

    Examples
    --------
    >>> count = remote("wordcount.Count", runtime="go")
    >>> client.submit(count, "to be or not to be").result()  # doctest: +SKIP
    {'be': 2, 'not': 1, 'or': 1, 'to': 2}
    """
    if not name or not runtime:
        raise ValueError("a remote function needs a name and a runtime")
    return RemoteFunction(name, runtime, accepts)


def announced_as(function: Callable[..., Any]) -> task_pb2.Function:
    """Return the message that announces a function, one of this program or a remote one.

    Raises
    ------
    UnpicklableArgument
        If it cannot be sent.
    """
    if type(function) is RemoteFunction:
        return function.announced
    return pack_function(function)
