"""Several workers of one command without nannies: a process each, below this one."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING, Final

import click

from gdistributed.cli.serving import Stopping
from gdistributed.services.nanny.processes import ChildProcess

if TYPE_CHECKING:
    from gdistributed.services.nanny.options import WorkerOptions

STOP: Final = -1

logger = logging.getLogger("gdistributed.gd")


def run_workers(each: list[WorkerOptions], with_parent: bool) -> None:
    """Run workers until a signal, or until all have ended.

    Raises
    ------
    click.exceptions.Exit
        With code 1 if a worker ended badly by itself.
    """
    news: queue.SimpleQueue[int] = queue.SimpleQueue()  # which child ended; or STOP
    children: list[ChildProcess] = []

    def kill_all() -> None:
        for child in children:
            child.kill()

    Stopping(lambda reason: news.put(STOP), with_parent=with_parent, at_once=kill_all)
    children += [ChildProcess(f"worker {i}", of.command_line()) for i, of in enumerate(each)]
    for index in range(len(children)):
        threading.Thread(target=_wait, args=[children[index], index, news], daemon=True).start()
    running, stopping, failed = set(range(len(children))), False, False
    while running:
        index = news.get()
        if index == STOP:
            stopping = True
            for child in children:
                child.terminate()
            continue
        running.discard(index)
        children[index].release()
        code = children[index].exit_code
        if code and not stopping:
            failed = True
            fields = {"worker": each[index].name or index, "exit_code": code}
            logger.error("worker process ended", extra=fields)
    if failed:
        raise click.exceptions.Exit(1)


def _wait(child: ChildProcess, index: int, news: queue.SimpleQueue[int]) -> None:
    child.wait()
    news.put(index)
