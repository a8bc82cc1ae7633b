"""Servers that others reach elsewhere than where they listen, as by a published port."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gdistributed import Client
from tests.cluster.proxy import proxy_to
from tests.cluster.test_cli import Start, run
from tests.ports import free_port
from tests.processes import address_of

MIB = 1 << 20


@pytest.mark.parametrize("nanny", ["--nanny", "--no-nanny"])
def test_a_worker_is_reached_where_it_says(gd: Start, nanny: str) -> None:
    scheduler = address_of(gd("scheduler", "--port", "0"))
    port = free_port()
    with proxy_to(f"127.0.0.1:{port}") as proxy:
        options = ("--nthreads", "1", nanny, "--no-shared-memory")
        place = ("--port", str(port), "--contact-address", proxy.address)
        workers = [
            gd("worker", scheduler, *options, *place, "--name", "ada"),
            gd("worker", scheduler, *options, "--name", "bob"),
        ]
        for worker in workers:
            worker.wait_for("registered")
        with Client(scheduler) as client:
            client.wait_for_workers(2)
            told = client.scheduler_info()["workers"]
            assert told[proxy.address]["name"] == "ada"
            made = client.submit(np.ones, MIB // 8, workers=proxy.address)
            assert client.submit(np.sum, made, workers="bob").result(30) == MIB // 8
            assert proxy.passed_nbytes > MIB
            assert client.gather(made, direct=True).sum() == MIB // 8
            assert proxy.passed_nbytes > 2 * MIB


def test_a_scheduler_is_told_as_others_reach_it(gd: Start, tmp_path: Path) -> None:
    center = address_of(gd("center", "--port", "0"))
    port, file = free_port(), tmp_path / "scheduler.json"
    with proxy_to(f"127.0.0.1:{port}") as proxy:
        scheduler = gd(
            *("scheduler", "--port", str(port), "--contact-address", proxy.address),
            *("--center", center, "--scheduler-file", str(file)),
        )
        scheduler.wait_for(rf"listening.*:{port}.*told={proxy.address}")
        gd("worker", center, "--nthreads", "1").wait_for(f"registered.*{proxy.address}")
        assert proxy.passed_nbytes > 0
        told = json.loads(file.read_text())
        assert told["address"] == told["address_to_workers"] == proxy.address
        with Client(center) as client:
            assert client.submit(sum, [1, 2]).result(30) == 3


def test_one_contact_port_does_for_one_server() -> None:
    many = run("worker", "127.0.0.1:1", "--nworkers", "3", "--contact-address", "ada.example:80")
    two = run("scheduler", "--port-to-workers", "0", "--contact-address", "ada.example:80")
    for done in (many, two):
        assert done.returncode != 0
        assert "HOST" in done.stderr
        assert "Traceback" not in done.stderr
