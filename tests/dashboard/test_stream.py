"""The live stream of a dashboard: what it tells, how often, and to whom."""

from __future__ import annotations

import asyncio
import socket
import statistics
import urllib.parse
from collections.abc import AsyncIterator

import pytest

from gdistributed import Client, Scheduler, wait
from gdistributed.dashboard.application import Application
from gdistributed.dashboard.gateway import Gateway
from gdistributed.dashboard.serving import server_of
from gdistributed.dashboard.stream import INTERVAL_S, Live, Viewer
from tests.dashboard.asking import Listening
from tests.dashboard.conftest import Start, link_of
from tests.processes import Cluster, address_of
from tests.waiting import until, until_async

TASKS = 5000
UPDATES = 10


def negative(number: int) -> int:
    return -number


def test_it_tells_what_happens_and_who_is_there(link: str, client: Client) -> None:
    with Listening(link) as listening:
        assert listening.content_type == "text/event-stream"
        workers = listening.wait_for("workers").data["workers"]
        assert sorted(worker["name"] for worker in workers) == ["ada", "bob"]
        assert "software" not in workers[0]
        future = client.submit(negative, 1, key="told-1")
        wait(future)
        until(
            lambda: [
                run
                for told in listening.of("activity")
                for run in told.data.get("runs", ())
                if run["key"] == "told-1"
            ],
            "the run to be told",
        )
    with Listening(link) as late:
        runs = late.wait_for("activity").data["runs"]
        assert "told-1" in [run["key"] for run in runs]  # the past comes first
        late.wait_for("workers")


def test_there_are_few_updates_whatever_the_cluster_does(link: str, client: Client) -> None:
    with Listening(link) as listening:
        listening.wait_for("activity")
        begun = len(listening.of("activity"))
        rounds = 0
        while len(listening.of("activity")) < begun + 2 * UPDATES:
            client.gather(client.map(negative, range(rounds * TASKS, (rounds + 1) * TASKS)))
            rounds += 1
        told = listening.of("activity")[begun:]
        spans_s = [
            last.time - first.time for first, last in zip(told, told[UPDATES:], strict=False)
        ]
        assert statistics.median(spans_s) > 0.9 * UPDATES * INTERVAL_S
        until(lambda: finished(listening, "negative") >= rounds * TASKS, "all to be told")
        assert len(max((str(each.data) for each in told), key=len)) < 1_000_000


def finished(listening: Listening, prefix: str) -> int:
    prefixes = listening.of("activity")[-1].data.get("prefixes", ())
    return sum(int(each["finished"]) for each in prefixes if each["prefix"] == prefix)


def test_a_scheduler_that_is_gone_and_back(gd: Start) -> None:
    scheduler = gd("scheduler", "--port", "0", "--no-dashboard")
    address = address_of(scheduler)
    link = link_of(gd("dashboard", address))
    with Listening(link) as listening:
        first = listening.wait_for("activity").data["summary"]["cluster_id"]
        scheduler.close()
        trouble = listening.wait_for("trouble", times=2).data["message"]
        assert address in trouble
        assert "does not answer" in trouble
        gd("scheduler", "--port", address.partition(":")[2], "--no-dashboard")
        until(
            lambda: listening.of("activity")[-1].data["summary"]["cluster_id"] != first,
            "the new scheduler to be seen",
        )
        listening.wait_for("workers", times=len(listening.of("workers")) + 1)


def test_a_dashboard_that_ends_ends_its_streams(gd: Start, cluster: Cluster) -> None:
    dashboard = gd("dashboard", cluster.address)
    with Listening(link_of(dashboard)) as listening:
        listening.wait_for("activity")
        dashboard.close()
        listening.wait_until_ended()
    assert "Traceback" not in dashboard.log


def test_who_does_not_read_holds_up_nobody(link: str) -> None:
    where = urllib.parse.urlparse(link)
    with socket.socket() as deaf, Listening(link) as listening:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        deaf.connect((where.hostname, where.port))
        deaf.sendall(f"GET /api/stream HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
        listening.wait_for("activity", times=20)


async def test_a_slow_viewer_gets_the_newest_and_nothing_piles_up() -> None:
    viewer = Viewer()
    messages = viewer.messages()
    await anext(messages)
    for number in range(100):
        viewer.tell("activity", str(number))
        viewer.tell("workers", str(number))
    viewer.tell("activity", "100")
    assert await anext(messages) == "event: workers\ndata: 99\n\n"
    assert await anext(messages) == "event: activity\ndata: 100\n\n"
    viewer.end()
    assert [message async for message in messages] == []


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    async with Scheduler() as scheduler:
        yield scheduler


async def test_nobody_is_asked_when_nobody_looks(scheduler: Scheduler) -> None:
    live = Live(Gateway(scheduler.address))
    assert not live.is_polling
    one, other = live.enter(), live.enter()
    assert live.is_polling
    for viewer in (one, other):
        messages = viewer.messages()
        told = [await anext(messages) for _ in range(3)]
        assert [text.partition("\n")[0] for text in told] == [
            *("retry: 1000", "event: activity", "event: workers")
        ]
    live.leave(one)
    assert live.is_polling
    live.leave(other)
    assert not live.is_polling


async def test_a_page_that_is_closed_is_noticed(scheduler: Scheduler) -> None:
    application = Application(scheduler.address, "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = server_of(application)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        link = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        listening = await asyncio.to_thread(Listening, link)
        await until_async(lambda: listening.of("activity"))
        assert application.live.is_polling
        await asyncio.to_thread(listening.close)
        await until_async(lambda: not application.live.is_polling)
        server.should_exit = True
        await serving
        application.close()
