"""Shared memory between real processes: killed at the worst moments, they leave nothing behind."""

from __future__ import annotations

import gc
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np
import pandas as pd
import pytest

from gdistributed import Client, wait
from gdistributed.settings import ClientSettings
from tests.processes import TIMEOUT_S, Cluster, GdProcess, running_cluster
from tests.segments import living_segments, shared_files

NBYTES = 2**22


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Workers ada and bob, whose segments are gone when they are."""
    files = shared_files()
    with running_cluster(nworkers=2) as cluster:
        yield cluster
        names = segments_of(cluster)
    gc.collect()
    assert not names & living_segments()
    assert shared_files() == files


def segments_of(cluster: Cluster) -> set[str]:
    return living_segments(worker.pid for worker in cluster.workers)


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ones() -> np.ndarray:
    return np.ones(NBYTES, "u1")


def frame() -> pd.DataFrame:
    return pd.DataFrame({"x": np.arange(NBYTES // 8.0), "y": np.arange(NBYTES // 8)})


def total(value: np.ndarray) -> int:
    return int(value.sum())


def test_values_go_between_workers_and_clients(cluster: Cluster) -> None:
    values = {"frame": frame(), "array": ones(), "bytes": bytes(ones()), "list": [ones(), "text"]}
    values["bytearray"] = bytearray(values["bytes"])
    with Client(cluster.address) as client:
        futures = client.scatter(values, workers="ada")
        assert len(segments_of(cluster)) == 3  # of those that are views onto theirs
        client.replicate(futures)
        client.retire_workers(["ada"])
        found = client.gather(futures)
        pd.testing.assert_frame_equal(found.pop("frame"), values.pop("frame"))
        np.testing.assert_equal(found, values)
        found["array"][0] = 5  # a client's are its own
        assert total(client.gather(futures["array"])) == NBYTES
    del found


def test_memory_holds_a_replica_once(cluster: Cluster) -> None:
    with Client(cluster.address) as client:
        future = client.submit(ones, workers="ada")
        client.replicate(future)
        assert len(segments_of(cluster)) == 1
        metrics = {
            name: worker["metrics"]
            for name, worker in ((w["name"], w) for w in client.scheduler_info()["workers"].values())
        }
        assert metrics
