"""Which client is meant where none is named: the one of this context, else the default one.

Inside a task that is the client of its worker, unless the task has made one itself.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeAlias

from gdistributed.errors import UsageError
from gdistributed.runtime.context import current_task

if TYPE_CHECKING:
    from gdistributed.client.async_client import AsyncClient
    from gdistributed.client.client import Client
    from gdistributed.client.connection import Connection


AnyClient: TypeAlias = "AsyncClient | Client"

_binding: ContextVar[Connection | None] = ContextVar("gdistributed_binding", default=None)
_in_context: ContextVar[AnyClient | None] = ContextVar("gdistributed_client", default=None)
_defaults: list[AnyClient] = []
_changing = threading.Lock()


def current_client() -> AnyClient:
    """Return the current client.

    Raises
    ------
    UsageError
        If there is none.

    Examples
    --------
    >>> current_client() is client
    True
    """
    client = find_client()
    if client is None:
        raise UsageError("there is no client: make one with gdistributed.Client(address)")
    return client


def default_client() -> AnyClient:
    """Return the current client; the word of dask.distributed. Errors are those of it.

    Examples
    --------
    >>> default_client() is client
    True
    """
    return current_client()


def find_client() -> AnyClient | None:
    """Return the current client, or None."""
    client = _in_context.get()
    if client is None and _defaults:
        client = _defaults[-1]
    return client or _client_of_task()


def nearest_client() -> AnyClient:
    """Return the client of this context, else that of this task's worker, else the default one.

    Raises
    ------
    UsageError
        If there is none.
    """
    return _in_context.get() or _client_of_task() or current_client()


def _client_of_task() -> AnyClient | None:
    """Return the client of the worker on which this task runs; None outside of a task."""
    if current_task() is None:
        return None
    from gdistributed.client.inside import get_client

    client: AnyClient = get_client()
    return client


def find_connection() -> Connection | None:
    """Return the connection that futures are bound to which are read from a pickle now."""
    connection = _binding.get()
    if connection is not None:
        return connection
    client = _in_context.get() or _client_of_task() or find_client()
    return None if client is None else client.connection


@contextlib.contextmanager
def binding_to(connection: Connection) -> Iterator[None]:
    """Bind futures that are read from a pickle to this connection."""
    token = _binding.set(connection)
    try:
        yield
    finally:
        _binding.reset(token)


@contextlib.contextmanager
def as_current(client: AnyClient) -> Iterator[AnyClient]:
    """Make a client the current one of this thread or task, for the time of a `with` block.

    Examples
    --------
    >>> with as_current(client):
    ...     current_client() is client
    True
    """
    token = _in_context.set(client)
    try:
        yield client
    finally:
        _in_context.reset(token)


def add_default(client: AnyClient) -> bool:
    """Make a client the default of the process; say whether there was none before."""
    with _changing:
        _defaults.append(client)
        return len(_defaults) == 1


def has_default() -> bool:
    """Say whether the process has a default client."""
    return bool(_defaults)


def remove_default(client: AnyClient) -> bool:
    """Make a client the default no longer; say whether it was the last one."""
    with _changing:
        if client not in _defaults:
            return False
        _defaults.remove(client)
        return not _defaults
