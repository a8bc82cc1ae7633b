"""A reader that takes nothing holds its sender back: nothing piles up there or on the way."""

from __future__ import annotations

import time

import grpc
import numpy as np
import psutil

from gdistributed import Client, wait
from gdistributed.v1 import relay_pb2_grpc, worker_pb2, worker_pb2_grpc
from tests.processes import TIMEOUT_S, GdProcess, running_cluster

MIB = 2**20
NBYTES = 128 * MIB


def rss(process: GdProcess) -> int:
    return psutil.Process(process.pid).memory_info().rss


def until_still(*processes: GdProcess) -> None:
    """Wait until the memory of processes no longer changes."""
    deadline = time.monotonic() + TIMEOUT_S
    before, since = [], time.monotonic()
    while time.monotonic() < since + 0.5:
        assert time.monotonic() < deadline
        now = [rss(process) // MIB for process in processes]
        if now != before:
            before, since = now, time.monotonic()
        time.sleep(0.02)


def test_a_reader_that_stops_holds_back_worker_and_relay() -> None:
    with running_cluster(nworkers=1) as cluster, Client(cluster.address) as client:
        servers = (cluster.workers[0], cluster.scheduler)
        data = client.submit(np.ones, NBYTES // 8)
        wait(data)
        [address] = client.who_has(data)[data.key]
        request = worker_pb2.GetDataRequest(
            worker_id=client.scheduler_info()["workers"][address]["id"], keys=[data.key]
        )
        until_still(*servers)
        before = [rss(server) for server in servers]
        with (
            grpc.insecure_channel(address) as direct,
            grpc.insecure_channel(cluster.address) as relay,
        ):
            worker = worker_pb2_grpc.WorkerStub(direct)
            calls = [worker.GetData(request), relay_pb2_grpc.RelayStub(relay).GetData(request)]
            assert [next(call).chunk.offset for call in calls] == [0, 0]
            until_still(*servers)
            grown = [rss(server) - old for server, old in zip(servers, before, strict=True)]
            metrics = worker.GetStatus(worker_pb2.GetStatusRequest()).metrics
            for call in calls:
                call.cancel()
        assert metrics.sending_nbytes >= 2 * NBYTES
        assert metrics.sent_nbytes < NBYTES / 2
        assert max(grown) < 48 * MIB, grown
