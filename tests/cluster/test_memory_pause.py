"""A worker near its memory limit: it pauses, others do the work, and it resumes."""

from __future__ import annotations

import psutil

from gdistributed import Client, LocalCluster, get_worker

MIB = 2**20
LIMIT_NBYTES = 700 * MIB
TIMEOUT_S = 30


def fill(share: float) -> bytes:
    """Return as much as brings this process to a share of its limit."""
    worker = get_worker()
    used = psutil.Process().memory_info().rss
    return b"x" * (int(worker.memory_limit_nbytes * share) - used)


def here() -> str:
    return str(get_worker().address)


def wait_for_status(client: Client, address: str, status: str) -> None:
    while client.scheduler_info()["workers"][address]["status"] != status:
        assert address in client.ncores()


def test_a_worker_pauses_and_resumes() -> None:
    with (
        LocalCluster(2, threads_per_worker=1, memory_limit=LIMIT_NBYTES) as cluster,
        Client(cluster) as client,
    ):
        full, other = client.ncores()
        held = client.submit(fill, 0.86, workers=[full])
        wait_for_status(client, full, "paused")
        bound = client.submit(here, workers=[full])
        assert set(client.gather(client.map(lambda n: here(), range(20)))) == {other}
        assert "paused" in client.explain(bound)
        held.release()
        wait_for_status(client, full, "running")
        assert bound.result(TIMEOUT_S) == full
