"""A local cluster that adapts: workers come for tasks, and go when there is nothing to do."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from gdistributed import Client, LocalCluster
from tests.waiting import until


def wait_for(path: Path) -> int:
    until(path.exists)
    return 1


@pytest.mark.parametrize("processes", [True, False])
def test_workers_come_for_tasks_and_go_afterwards(processes: bool, tmp_path: Path) -> None:
    with (
        LocalCluster(0, threads_per_worker=1, processes=processes) as cluster,
        Client(cluster) as client,
    ):
        cluster.adapt(maximum=3, interval="100ms", target_duration="100ms")
        futures = client.map(wait_for, [tmp_path / "gate"] * 6, pure=False)
        until(lambda: len(cluster.workers) == 3)
        (tmp_path / "gate").touch()
        assert client.gather(futures) == [1] * 6
        until(lambda: len(cluster.workers) == 1)  # which keeps what is held
        total = client.submit(sum, futures)
        assert total.result(30) == 6
        del futures, total
        until(lambda: not cluster.workers)
        assert client.submit(sum, [1, 2]).result(30) == 3


def test_a_number_of_workers_that_was_said_stays() -> None:
    with LocalCluster(1, processes=False) as cluster, Client(cluster) as client:
        cluster.adapt(interval=0.01, wait_count=1)
        until(lambda: not cluster.workers)
        cluster.scale(2)
        for number in range(100):  # a hundred times as long as it would take to lose them
            client.submit(str, number).result(30)
        assert len(cluster.workers) == 2
        cluster.adapt(minimum=3, maximum=3, interval=0.01)
        until(lambda: len(cluster.workers) == 3)


def test_it_is_closed_while_workers_come_and_go() -> None:
    others = psutil.Process().children()

    def family() -> list[psutil.Process]:
        return [each for each in psutil.Process().children() if each not in others]

    cluster = LocalCluster(2, threads_per_worker=1)
    cluster.adapt(minimum=4, maximum=4)
    until(lambda: len(family()) > 3)
    cluster.adapt(maximum=0, interval=0.01, wait_count=1)
    until(lambda: len(cluster.workers) < 2)
    processes = family()
    cluster.close()
    assert psutil.wait_procs(processes, timeout=30)[1] == []
    assert family() == []
