"""Several workers of one command: a process each, below this one."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING, Final

import click

from gdistributed.cli.serving import Stopping
from gdistributed.deploy.processes import ChildProcess

if TYPE_CHECKING:
    from gdistributed.cli.worker import WorkerOptions

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
    children += [ChildProcess(f"worker {i}", _arguments(of)) for i, of in enumerate(each)]
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
            logger.error("worker process ended", extra={"worker": index, "exit_code": code})
    if failed:
        raise click.exceptions.Exit(1)


def _wait(child: ChildProcess, index: int, news: queue.SimpleQueue[int]) -> None:
    child.wait()
    news.put(index)


def _arguments(of: WorkerOptions) -> list[str]:
    given = {
        "--nthreads": of.nthreads,
        "--name": of.name,
        "--host": of.host,
        "--port": of.port,
        "--memory-limit": of.memory_limit_nbytes,
        "--local-directory": of.local_directory,
        "--log-level": of.log_level,
    }
    flags = [f"{flag}={value}" for flag, value in given.items() if value is not None]
    if isinstance(of.scheduler, str):
        return ["worker", of.scheduler, *flags]
    return ["worker", f"--scheduler-file={of.scheduler}", *flags]
