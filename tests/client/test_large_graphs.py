"""Large graphs: they run while they are still being made, and a failure leaves nothing behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gdistributed import AsyncClient, Client
from gdistributed.errors import UnpicklableArgument


class AfterTheFirstTask:
    """A value that cannot be packed before a task has written to a pipe."""

    def __init__(self, pipe: Path) -> None:
        self.pipe = pipe

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (self.pipe.read_text(),)  # waits for the one who writes


class Unspeakable:
    """A value that cannot be packed at all."""

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        raise TypeError("not this one")


def write(pipe: Path) -> str:
    pipe.write_text("written by the first task")
    return "first"


def gather(*values: object) -> tuple[object, ...]:
    return values


def long_graph(first: object, last: object) -> dict[object, object]:
    """A graph of many pieces: a task at its beginning, and one at its end that needs all others."""
    chain: dict[object, object] = {("link", 0): first}
    chain |= {("link", n): (gather, ("link", n - 1), "x" * 200) for n in range(1, 500)}
    return {**chain, "last": (gather, ("link", 499), last)}


def test_tasks_run_before_the_graph_has_come_whole(client: Client, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    graph = long_graph((write, pipe), AfterTheFirstTask(pipe))
    _, told = client.get(graph, "last")
    assert told == "written by the first task"


async def test_so_do_those_of_an_asynchronous_client(aclient: AsyncClient, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    graph = long_graph((write, pipe), AfterTheFirstTask(pipe))
    _, told = await aclient.get(graph, "last")
    assert told == "written by the first task"


def test_a_graph_that_cannot_be_made_whole_is_dropped(client: Client) -> None:
    graph = long_graph((gather, 1), Unspeakable())
    with pytest.raises(UnpicklableArgument, match="'last'"):
        client.get(graph, "last")
    assert client.submit(gather, 5).result() == (5,)  # what was said before has been heard
    assert "forgotten" in client.explain(("link", 0))
