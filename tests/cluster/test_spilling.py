"""Data larger than the memory of the cluster: real workers, real disks, real kills."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gdistributed import Client, LocalCluster

MIB = 2**20
LIMIT_NBYTES = 128 * MIB
BLOCK_NBYTES = 4 * MIB
BLOCKS = 4 * 2 * LIMIT_NBYTES // BLOCK_NBYTES
TIMEOUT_S = 60


def block(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 1000, BLOCK_NBYTES // 8)


def total(first: np.ndarray, second: np.ndarray) -> int:
    return int(first.sum()) - 2 * int(second.sum())


def test_four_times_the_memory_of_the_cluster(tmp_path: Path) -> None:
    with (
        LocalCluster(
            2, threads_per_worker=1, memory_limit=LIMIT_NBYTES, local_directory=tmp_path
        ) as cluster,
        Client(cluster) as client,
    ):
        processes = {worker.process_id for worker in cluster.workers.values()}
        blocks = client.map(block, range(BLOCKS))
        totals = client.map(total, blocks, blocks[1:] + blocks[:1])
        assert sum(client.gather(totals)) == -sum(int(block(n).sum()) for n in range(BLOCKS))
        described = client.scheduler_info()["workers"].values()
        assert sum(each["memory"]["spilled"] for each in described) > 2 * 2 * LIMIT_NBYTES
        assert {worker.process_id for worker in cluster.workers.values()} == processes
    assert not list(tmp_path.glob("*/*"))
