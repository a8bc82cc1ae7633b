"""What tasks have printed and logged: asked for, or printed here as it comes."""

from __future__ import annotations

from typing import Any

from gdistributed.client.base import ClientBase, key_names
from gdistributed.client.future import Future
from gdistributed.client.heard import ask_in_turn
from gdistributed.client.keys import Key
from gdistributed.v1 import scheduler_pb2, task_pb2


class OutputOfTasks(ClientBase):
    """Two ways to see what tasks say."""

    async def get_task_output(self, key: Future | Key) -> list[dict[str, Any]]:
        """Return what a task has printed and logged, as far as the scheduler keeps it.

        It comes about half a second after it was said, and before the result. Of each task the
        first 32 KiB and the last 32 KiB are kept, and 16 MiB in all: then that of tasks goes which
        were silent for longest. It is there for tasks that run, that failed and that are forgotten.

        Only what goes by Python's `sys.stdout`, `sys.stderr` and `logging` is seen, in the thread
        or coroutine of the task, and on workers that have a process of their own.

        Parameters
        ----------
        key
            A future, or its key.

        Returns
        -------
        Dicts in the order in which it was said: "stream" ("stdout", "stderr" or "log"), "text",
        "worker" (its name), "attempt" (another one for each run of the task; 0 for the methods of
        an actor) and "left_out" (how many bytes were said just before and are left out).

        Raises
        ------
        NotFound
            If the scheduler knows nothing of the key.

        Examples
        --------
        >>> import logging
        >>> future = client.submit(logging.getLogger("mine").warning, "careful", key="warns")
        >>> future.result()
        >>> [(part["stream"], part["text"]) for part in client.get_task_output(future)]
        [('log', 'WARNING mine: careful\\n')]
        """
        (name,) = key_names([key])
        request = scheduler_pb2.GetTaskOutputRequest(key=name)
        connection = self.connection
        answer = await ask_in_turn(
            connection, connection.scheduler.GetTaskOutput, request, "asking what a task has said"
        )
        return [as_dict(part) for part in answer.output]

    def forward_output(self, on: bool = True) -> None:
        """Print here what tasks print and log, from now on or no longer.

        It comes as it is said, each half second, for tasks that this client wants and for those on
        which they depend. Each line stands behind the names of the task and of its worker. Standard
        error and logs go to standard error. While the connection is broken it is left out, and
        nothing comes twice.

        Parameters
        ----------
        on
            Whether to print it.

        Examples
        --------
        >>> client.forward_output()  # doctest: +SKIP
        >>> client.submit(print, "hello", key="greeting").result()  # doctest: +SKIP
        (greeting on 0) hello
        """
        with self.connection.locked() as brain:
            brain.forward_output(on)


def as_dict(part: task_pb2.TaskOutput) -> dict[str, Any]:
    """Return a part of what a task has said, as users get it."""
    stream = task_pb2.OutputStream.Name(part.stream or task_pb2.OUTPUT_STREAM_STDOUT)
    return {
        "stream": stream.removeprefix("OUTPUT_STREAM_").lower(),
        "text": part.text,
        "worker": part.worker,
        "attempt": part.attempt,
        "left_out": part.left_out,
    }
