"""What a cluster does in a `with` block: the runs of tasks, or a page that tells all of it."""

from __future__ import annotations

import inspect
from functools import cached_property
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from gdistributed.client.current import AnyClient, nearest_client
from gdistributed.client.recording import Recording
from gdistributed.observe.record import Record, describe_run
from gdistributed.observe.report import page
from gdistributed.settings import NS

if TYPE_CHECKING:
    from gdistributed.client.async_client import AsyncClient

# In a report, runs of one kind that are this close are drawn as one.
MERGE_S: Final = 0.005
# So much of the code is shown.
CODE_MAX: Final = 20_000


class _Recorded:
    """Records what a cluster does in a `with` block."""

    def __init__(self, client: AnyClient | None, merge_s: float) -> None:
        self._given = client
        self._merge_s = merge_s
        self._recording: Recording

    async def _ended(self, record: Record) -> None:
        """Make of the record what is wanted."""
        raise NotImplementedError

    @cached_property
    def _client(self) -> AsyncClient:
        """The client, with methods that wait as its user does."""
        client: Any = self._given or nearest_client()
        return getattr(client, "twin", client)  # type: ignore[no-any-return]

    def __enter__(self) -> Self:
        self._client.bridge.run(self._begin())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.bridge.run(self._end())

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._end()

    async def _begin(self) -> None:
        client = self._client
        self._recording = Recording(client.connection, self._merge_s)
        await client.bridge.on_loop(self._recording.begin(), client.connection.loop)

    async def _end(self) -> None:
        client = self._client
        record = await client.bridge.on_loop(self._recording.end(), client.connection.loop)
        await self._ended(record)


class get_task_stream(_Recorded):  # a function to those who use it
    """Collect the runs of tasks in a `with` block.

    Parameters
    ----------
    client
        Whose cluster; by default the current one.

    Attributes
    ----------
    data
        After the block: a list of runs as `Client.get_task_stream` returns them.

    Examples
    --------
    >>> with get_task_stream(client) as stream:
    ...     client.gather(client.map(abs, [-1, -2], pure=False))
    [1, 2]
    >>> len(stream.data)
    2
    """

    def __init__(self, client: AnyClient | None = None) -> None:
        super().__init__(client, merge_s=0.0)
        self.data: list[dict[str, Any]] = []

    async def _ended(self, record: Record) -> None:
        self.data = [describe_run(run) for run in record.runs]


class performance_report(_Recorded):  # a function to those who use it
    """Write a page that tells what a cluster did in a `with` block.

    The page is one file that needs no other: the stream of tasks, the time of each prefix
    (compute, transfer, wait, overhead), memory, bandwidth, the scheduler's own load, and a profile
    of the tasks. It is written when the block ends, also when it raises.

    Parameters
    ----------
    filename
        Where to write it; by default "gdistributed-report.html".
    client
        Whose cluster; by default the current one.
    title
        Of the page.

    Examples
    --------
    >>> with performance_report("report.html", client):  # doctest: +SKIP
    ...     client.gather(client.map(abs, range(1000)))
    """

    def __init__(
        self,
        filename: str | Path = "gdistributed-report.html",
        client: AnyClient | None = None,
        title: str = "Performance report",
    ) -> None:
        super().__init__(client, MERGE_S)
        self._path = Path(filename)
        self._title = title
        self._code = _source_of(inspect.currentframe())

    async def _ended(self, record: Record) -> None:
        profile = await self._client.profile(start=record.begun_ns / NS)
        text = page(
            record,
            title=self._title,
            scheduler=self._client.connection.address,
            code=self._code,
            profile=profile.tree,
        )
        self._path.write_text(text, "utf-8")


def _source_of(frame: FrameType | None) -> str:
    """Return the source around the call of what has this frame; empty where there is none."""
    caller = frame.f_back if frame is not None else None
    if caller is None:
        return ""
    try:
        return inspect.getsource(caller)[:CODE_MAX]
    except OSError:
        return ""
