"""Lists that travel page by page: cut by who answers, put together again by who asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final, TypeVar

import grpc

from gdistributed.v1 import scheduler_pb2, scheduler_pb2_grpc
from gdistributed.wire.status import StatusError

PAGE_SIZE: Final = 100
PAGE_SIZE_MAX: Final = 10_000
WORKERS_PAGE_SIZE: Final = 1000

Record = TypeVar("Record")
Request = TypeVar("Request", bound=Any)
Answer = TypeVar("Answer", bound=Any)


def page(
    records: Iterable[Record], page_size: int, page_token: str
) -> tuple[Sequence[Record], str]:
    """Return one page of records, and the token of the next; empty on the last.

    Parameters
    ----------
    records
        All of them.
    page_size
        How many a page has; 0 means 100, at most 10 000.
    page_token
        The token that came with the page before; empty for the first.

    Raises
    ------
    StatusError
        If the token is not one that was given.
    """
    if page_token and not (page_token.isascii() and page_token.isdigit()):
        raise StatusError(
            grpc.StatusCode.INVALID_ARGUMENT,
            "BAD_PAGE_TOKEN",
            f"{page_token!r} is not a page token; take it from the page before",
        )
    start = int(page_token or "0")
    size = min(page_size or PAGE_SIZE, PAGE_SIZE_MAX)
    found = list(islice(records, start, start + size + 1))
    return found[:size], str(start + size) if len(found) > size else ""


async def pages(
    ask: Callable[[Request], Awaitable[Answer]], request: Request
) -> AsyncIterator[Answer]:
    """Yield the answers with all pages of a list.

    Parameters
    ----------
    ask
        Makes one call.
    request
        Of the first page; its token is changed for each that follows.
    """
    while True:
        answer = await ask(request)
        yield answer
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token


async def all_workers(
    scheduler: scheduler_pb2_grpc.SchedulerAsyncStub, timeout_s: float
) -> list[scheduler_pb2.WorkerDescription]:
    """List all workers; each page may take so long."""
    request = scheduler_pb2.ListWorkersRequest(page_size=WORKERS_PAGE_SIZE)
    answers = pages(partial(scheduler.ListWorkers, timeout=timeout_s), request)
    return [each async for answer in answers for each in answer.workers]
