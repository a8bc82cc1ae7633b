"""How a dashboard comes and goes: addresses, ports, without its packages, and who is told of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gdistributed import AsyncClient, Client, LocalCluster
from gdistributed.dashboard.listening import host_and_port
from gdistributed.dashboard.server import Dashboard
from gdistributed.errors import AddressInUse, UsageError
from tests.dashboard.asking import Listening, ask, call
from tests.dashboard.conftest import Start, link_of
from tests.ports import free_port
from tests.processes import Cluster, address_of

WITHOUT = (
    "import sys; sys.modules['uvicorn'] = None; from gdistributed.cli.main import main; main()"
)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("0.0.0.0:80", "0.0.0.0", 80),
        (":9000", "127.0.0.1", 9000),
        ("9000", "127.0.0.1", 9000),
        (":0", "127.0.0.1", 0),
        ("localhost", "localhost", 8787),
        ("[::1]:80", "::1", 80),
        ("[::1]", "::1", 8787),
    ],
)
def test_addresses_are_understood(text: str, host: str, port: int) -> None:
    assert host_and_port(text) == (host, port)


@pytest.mark.parametrize("text", ["host:", "host:x", ":65536", "http://host"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        host_and_port(text)


def test_a_port_that_is_taken_gives_the_next_one() -> None:
    first = Dashboard(":0")
    second = Dashboard(first.address)
    try:
        ports = [int(each.address.partition(":")[2]) for each in (first, second)]
        assert ports[0] < ports[1] < ports[0] + 100
    finally:
        first.close()
        second.close()
        second.close()
    with pytest.raises(AddressInUse, match=r"192\.0\.2\.1"):
        Dashboard("192.0.2.1:8787")


def test_nothing_is_loaded_until_somebody_comes() -> None:
    program = """
import sys, urllib.request
from gdistributed import LocalCluster

loaded = lambda: {"uvicorn", "starlette"} & set(sys.modules)
with LocalCluster(n_workers=1, processes=False) as cluster:
    before = loaded()
    urllib.request.urlopen(f"{cluster.dashboard_link}health").close()
    print(len(before), len(loaded()))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("0 2\n", "")


def test_a_scheduler_says_where_it_is(cluster: Cluster, link: str, client: Client) -> None:
    assert client.dashboard_link == link
    assert f'href="{link}"' in client._repr_html_()
    command = [sys.executable, "-m", "gdistributed", "status", cluster.address]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"dashboard  {link}\n" in done.stdout


@pytest.mark.parametrize("processes", [True, False])
def test_a_local_cluster_has_one(processes: bool) -> None:
    with LocalCluster(n_workers=1, processes=processes, dashboard_address=":0") as cluster:
        link = cluster.dashboard_link
        assert f'href="{link}"' in cluster._repr_html_()
        with Client(cluster) as client:
            assert client.dashboard_link == link
        assert call(link, "Scheduler/GetSummary").json["workers"] == 1
        with Listening(link) as listening:
            listening.wait_for("activity")
            cluster.close()
            listening.wait_until_ended()


async def test_an_asynchronous_cluster_has_one() -> None:
    async with AsyncClient() as client:
        assert client.dashboard_link
        assert client.dashboard_link == client.cluster.dashboard_link


@pytest.mark.parametrize("wanted", [None, False, ""])
def test_a_local_cluster_without(wanted: str | bool | None) -> None:
    with LocalCluster(n_workers=0, processes=False, dashboard_address=wanted) as cluster:
        assert cluster.dashboard_link == ""
        with Client(cluster) as client:
            assert client.dashboard_link == ""
            assert "dashboard" not in client._repr_html_()


def test_a_scheduler_without(gd: Start, tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    scheduler = gd("scheduler", "--port", "0", "--no-dashboard", f"--scheduler-file={file}")
    scheduler.wait_for("the Center is inside")
    scheduler.close()
    assert "dashboard" not in scheduler.log
    refused = run("scheduler", "--no-dashboard", "--dashboard-address", ":0")
    assert refused.returncode == 2
    assert "contradict" in refused.stderr


def test_without_its_packages_a_scheduler_says_how_to_get_them(gd: Start) -> None:
    scheduler = gd("scheduler", "--port", "0", program=(sys.executable, "-c", WITHOUT))
    scheduler.wait_for(r"no dashboard.*pip install 'gdistributed\[dashboard\]'")
    address_of(scheduler)
    for words in (["scheduler", "--dashboard-address=:0"], ["dashboard", address_of(scheduler)]):
        refused = run(*words, program=("-c", WITHOUT))
        assert refused.returncode == 1
        assert "pip install 'gdistributed[dashboard]'" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1


def test_the_center_leads_to_the_scheduler(gd: Start, tmp_path: Path) -> None:
    center = address_of(gd("center", "--port", "0"))
    file = tmp_path / "scheduler.json"
    options = ("--port=0", "--no-dashboard", f"--scheduler-file={file}")
    gd("scheduler", "--center", center, *options).wait_for("registered")
    link = link_of(gd("dashboard", center, "--dashboard-address", ":0"))
    summary = call(link, "Scheduler/GetSummary").json
    assert summary["address_to_clients"] == json.loads(file.read_text())["address"]


def test_nobody_at_the_address_is_one_line() -> None:
    address = f"127.0.0.1:{free_port()}"
    done = run("dashboard", address, "--timeout", "0.5")
    assert done.returncode == 1
    assert address in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_on_all_addresses_others_are_told_one_of_them(gd: Start) -> None:
    scheduler = gd("scheduler", "--port", "0", "--dashboard-address", "0.0.0.0:0")
    link = link_of(scheduler)
    assert "0.0.0.0" not in link
    port = link.rpartition(":")[2]
    assert ask(f"http://127.0.0.1:{port}health", headers={"Host": "any.example"}).status == 200


def run(*words: str, program: tuple[str, ...] = ("-m", "gdistributed")) -> subprocess.CompletedProcess[str]:  # fmt: skip # noqa: E501
    return subprocess.run(
        [sys.executable, *program, *words], capture_output=True, text=True, timeout=60, check=False
    )
