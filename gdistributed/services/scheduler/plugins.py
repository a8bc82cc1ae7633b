"""Tells the scheduler's plugins what has happened, after the brain is done with it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from gdistributed.core.scheduler.events import TASK, Event, one_by_one
from gdistributed.plugins import SchedulerPlugin
from gdistributed.services.extending import overriding
from gdistributed.services.scheduler.shell import Shell

logger = logging.getLogger("gdistributed.scheduler")


class Plugins:
    """The scheduler's plugins, as those who listen.

    Parameters
    ----------
    shell
        Its brain records what happens while there are plugins.
    scheduler
        Is given to plugins.
    """

    def __init__(self, shell: Shell, scheduler: object) -> None:
        self._shell = shell
        self._scheduler = scheduler
        self._all: list[Any] = []
        self._moved: list[Any] = []  # those that are told of transitions
        self._addresses: dict[str, str] = {}  # of the workers, by name
        self._told = 0  # number of the last event that they were told

    def listen(self, plugins: Iterable[Any]) -> None:
        """Tell these plugins from now on, and no others."""
        self._all = list(plugins)
        self._moved = overriding(self._all, "transition", SchedulerPlugin)
        self._told = self._shell.brain.events.last
        listeners = self._shell.listeners
        if self._tell in listeners:
            listeners.remove(self._tell)
        if self._all:
            listeners.append(self._tell)
        workers = self._shell.brain.books.workers.values()
        self._addresses = {worker.name: worker.address for worker in workers}

    def _tell(self) -> None:
        events = self._shell.brain.events
        fresh, self._told = events.since(self._told + 1), events.last
        for _, event in one_by_one(fresh):
            if event.kind == TASK and event.origin:
                for start, finish in pairwise(map(str, event.path.states)):
                    for plugin in self._moved:
                        _call(plugin.transition, event.subject, start, finish, worker=event.worker)
            elif event.target in ("joined", "left"):
                self._tell_of_peer(event)

    def _tell_of_peer(self, event: Event) -> None:
        has_joined, name = event.target == "joined", event.subject
        if event.kind == "worker":
            if has_joined:
                self._addresses[name] = event.detail
            address = (
                self._addresses.get(name, name) if has_joined else self._addresses.pop(name, name)
            )
            method, subject = ("add_worker" if has_joined else "remove_worker"), address
        elif event.kind == "client":
            method, subject = ("add_client" if has_joined else "remove_client"), name
        else:
            return
        for plugin in overriding(self._all, method, SchedulerPlugin):
            _call(getattr(plugin, method), self._scheduler, subject)


def _call(method: Any, *args: object, **kwargs: object) -> None:  # noqa: ANN401
    try:
        method(*args, **kwargs)
    except Exception:
        logger.exception("a plugin raised", extra={"plugin": method.__qualname__})
