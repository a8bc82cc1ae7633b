"""What was run lately, as the scheduler remembers it."""

from __future__ import annotations

from typing import Any

from gdistributed.client.base import ClientBase
from gdistributed.client.recording import LIMIT
from gdistributed.observe.record import describe_run
from gdistributed.v1 import activity_pb2


class Reporting(ClientBase):
    """What was run lately."""

    async def get_task_stream(
        self, start: float | None = None, stop: float | None = None, count: int | None = None
    ) -> list[dict[str, Any]]:
        """Return the runs of tasks that the scheduler remembers: the last 20,000 at least.

        Parameters
        ----------
        start, stop
            Only runs that ended between these times, in seconds as `time.time` has them; by
            default all.
        count
            At most so many, the newest; by default all.

        Returns
        -------
        A dict for each run, in the order in which they ended: `key`, `prefix`, `worker` (its name),
        `status` ("OK" or "error"), `start` and `stop` in seconds as `time.time` has them, `waited`
        for a thread in seconds, `nbytes` of the result, and `startstops`, a list of dicts of
        `action` ("transfer" or "compute"), `start` and `stop`.

        Examples
        --------
        >>> future = client.submit(abs, -1, key="streamed")
        >>> future.result()
        1
        >>> [run["key"] for run in client.get_task_stream(count=1)]
        ['streamed']
        """
        connection = self.connection
        request = activity_pb2.GetActivityRequest(limit=LIMIT)
        answer = await connection.ask(
            connection.activity.GetActivity, request, "asking what was run"
        )
        runs = [
            run
            for run in map(describe_run, answer.runs)
            if (start is None or run["stop"] >= start) and (stop is None or run["stop"] <= stop)
        ]
        return runs if count is None else runs[max(len(runs) - count, 0) :]
