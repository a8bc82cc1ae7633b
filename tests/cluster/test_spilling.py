"""Data larger than the memory of the cluster: real workers, real disks, real kills."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np

from gdistributed import Client, LocalCluster, get_worker
from tests.disks import tiny_disk

MIB = 2**20
LIMIT_NBYTES = 144 * MIB
BLOCK_NBYTES = 2 * MIB
BLOCKS = 4 * 2 * LIMIT_NBYTES // BLOCK_NBYTES
TIMEOUT_S = 60


def block(number: int, mib: int = 2) -> np.ndarray:
    return np.arange(number, number + mib * MIB // 8)


def difference(first: np.ndarray, second: np.ndarray) -> int:
    return int((second - first).sum())


def scratch_folder() -> str:
    return str(get_worker().local_directory)


def test_four_times_the_memory_of_the_cluster(tmp_path: Path) -> None:
    with (
        LocalCluster(
            2, threads_per_worker=1, memory_limit=LIMIT_NBYTES, local_directory=tmp_path
        ) as cluster,
        Client(cluster) as client,
    ):
        blocks = client.map(block, range(BLOCKS))
        neighbours = client.map(difference, blocks, blocks[1:] + blocks[:1])
        *differences, last = client.gather(neighbours)
        assert set(differences) == {BLOCK_NBYTES // 8}
        assert last == -(BLOCKS - 1) * BLOCK_NBYTES // 8
        described = client.scheduler_info()["workers"].values()
        assert sum(each["memory"]["spilled"] for each in described) > 2 * 2 * LIMIT_NBYTES
    assert list(tmp_path.glob("*/*")) == []


def test_what_a_killed_worker_had_on_disk_goes_when_the_next_starts(tmp_path: Path) -> None:
    with (
        LocalCluster(
            2, threads_per_worker=1, memory_limit=2 * LIMIT_NBYTES, local_directory=tmp_path
        ) as cluster,
        Client(cluster) as client,
    ):
        (name, killed), (_, neighbour) = cluster.workers.items()
        folders = client.run(scratch_folder)
        large = client.submit(block, 0, mib=180, workers=[name])
        assert large.result(TIMEOUT_S)[-1] == 180 * MIB // 8 - 1
        spilled = Path(folders[killed.address]) / "spilled"
        assert [path.stat().st_size // MIB for path in spilled.iterdir()] == [180]
        os.kill(killed.process_id, signal.SIGKILL)
        assert client.submit(len, large).result(TIMEOUT_S) == 180 * MIB // 8
        while spilled.exists():
            assert neighbour.address in client.ncores()
        assert Path(folders[neighbour.address]).is_dir()
    assert list(tmp_path.glob("*/*")) == []


def test_a_full_disk_pauses_a_worker_and_loses_nothing(tmp_path: Path) -> None:
    with (
        tiny_disk(tmp_path / "disk", 4 * MIB) as disk,
        LocalCluster(
            1, threads_per_worker=1, memory_limit=2 * LIMIT_NBYTES, local_directory=disk
        ) as cluster,
        Client(cluster) as client,
    ):
        [address] = client.ncores()

        def described() -> dict[str, object]:
            worker: dict[str, object] = client.scheduler_info()["workers"][address]
            return worker

        blocks = client.map(block, range(50), mib=4)  # 200 MiB where 173 are too many
        while described()["status"] != "paused":
            assert address in client.ncores()
        assert described()["disk_trouble"] == "No space left on device"
        done = [future for future in blocks if future.done()]
        assert [value[0] for value in client.gather(done)] == list(range(len(done)))
        waiting = client.submit(abs, -1)
        assert "disk" in client.explain(waiting)
        del done[:], blocks[:30]
        assert [value[0] for value in client.gather(blocks)] == list(range(30, 50))
        assert waiting.result(TIMEOUT_S) == 1
        while described()["status"] != "running":
            assert address in client.ncores()
        assert described()["disk_trouble"] == ""
