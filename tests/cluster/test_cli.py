"""The command `gd`, as a person uses it: real processes, real signals."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from gdistributed.version import __version__
from tests.ports import free_port
from tests.processes import Cluster, GdProcess, address_of

Start = Callable[..., GdProcess]


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gdistributed", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | variables,
        check=False,
    )


def test_help_names_the_commands_and_loads_nothing_heavy() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("scheduler", "worker", "center", "status"))
    heavy = {"asyncio", "grpc", "dask", "rich"}
    program = f"import sys, gdistributed.cli.main; print(*{heavy} & set(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == ""


def test_version() -> None:
    assert run("--version").stdout == f"gd {__version__}\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("part", ["scheduler", "center"])
def test_a_signal_stops_a_server_gracefully(gd: Start, part: str, number: int) -> None:
    server = gd(part, "--port", "0")
    address_of(server)
    server.send_signal(number)
    assert server.wait() == 0
    assert "stopped" in server.lines[-1]
    assert "Traceback" not in server.log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_worker_gracefully(cluster: Cluster, number: int) -> None:
    worker = cluster.start("worker", cluster.address)
    worker.wait_for("registered")
    worker.send_signal(number)
    assert worker.wait() == 0
    assert "Traceback" not in worker.log


def test_a_signal_ends_a_worker_that_still_waits_for_its_scheduler(gd: Start) -> None:
    worker = gd("worker", f"127.0.0.1:{free_port()}")
    worker.wait_for("waiting|trying")
    worker.send_signal(signal.SIGINT)
    assert worker.wait() == 0


def test_the_second_signal_ends_at_once(tmp_path: Path) -> None:
    program = tmp_path / "slow.py"
    program.write_text(SLOW_SERVER)
    process = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as said:
        assert said.readline() == "up\n"
        process.send_signal(signal.SIGINT)
        assert said.readline() == "closing\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 128 + signal.SIGINT


SLOW_SERVER = """
import asyncio
from gdistributed import Server
from gdistributed.cli.serving import serve

class Slow(Server):
    async def opened(self):
        print("up", flush=True)

    async def closing(self, grace_s):
        print("closing", flush=True)
        await asyncio.sleep(3600)

async def make():
    return await Slow()

serve(make)
"""


def test_a_taken_port_is_one_line_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for part in ("scheduler", "center"):
            done = run(part, "--port", str(port))
            assert done.returncode == 1
            errors = [line for line in done.stderr.splitlines() if "Error" in line]
            assert len(errors) == 1
            assert f"127.0.0.1:{port}" in errors[0]
            assert "Traceback" not in done.stderr


def test_a_scheduler_whose_port_is_taken_by_a_scheduler_does_not_start(cluster: Cluster) -> None:
    done = run("scheduler", "--port", cluster.address.partition(":")[2])
    assert done.returncode == 1
    assert cluster.address in done.stderr


def test_status_of_nobody_is_one_line_that_names_address_and_timeout() -> None:
    address = f"127.0.0.1:{free_port()}"
    done = run("status", address, "--timeout", "0.5")
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert address in done.stderr
    assert "0.5 s" in done.stderr


def test_status_shows_the_cluster_within_80_columns(cluster: Cluster) -> None:
    done = run("status", cluster.address, COLUMNS="80")
    assert done.returncode == 0, done.stderr
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert all(word in done.stdout for word in (cluster.address, "ada", "bob", "2 workers"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "ADDRESS"),
        (["127.0.0.1:1", "--nworkers", "many"], "neither a number nor 'auto'"),
        (["127.0.0.1:1", "--nworkers", "3", "--port", "7000:7001"], "3 workers need 3 ports"),
        (["127.0.0.1:1", "--memory-limit", "lots"], "lots"),
        (["127.0.0.1:1", "--scheduler-file", "x.json"], "ADDRESS"),
    ],
)
def test_options_that_make_no_sense_are_refused(arguments: list[str], said: str) -> None:
    done = run("worker", *arguments)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_worker_may_be_started_before_its_scheduler(gd: Start) -> None:
    port = free_port()
    worker = gd("worker", f"127.0.0.1:{port}", "--name", "early")
    worker.wait_for("waiting|trying")
    scheduler = gd("scheduler", "--port", str(port))
    worker.wait_for(f"registered.*127.0.0.1:{port}")
    scheduler.wait_for("early")


def test_a_scheduler_file_tells_a_worker_where_to_go(gd: Start, tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    worker = gd("worker", "--scheduler-file", str(file))
    scheduler = gd("scheduler", "--port", "0", "--scheduler-file", str(file))
    worker.wait_for("registered")
    assert json.loads(file.read_text())["address"] == address_of(scheduler)
    scheduler.send_signal(signal.SIGTERM)
    assert scheduler.wait() == 0
    assert not file.exists()


def test_a_file_that_no_scheduler_wrote_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text("[]")
    done = run("worker", "--scheduler-file", str(file), "--no-nanny")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"Error: {file} was not written")
    assert "Traceback" not in done.stderr
    done = run("scheduler", "--scheduler-file", str(tmp_path / "no/such/folder.json"))
    assert done.returncode == 2
    assert "does not exist" in done.stderr


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_a_host_that_is_not_this_one_is_one_line(host: str) -> None:
    done = run("scheduler", "--host", host, "--port", "0")
    assert done.returncode == 1
    assert host in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_scheduler_has_one_port_for_workers_and_one_for_clients(
    gd: Start, tmp_path: Path
) -> None:
    file = tmp_path / "scheduler.json"
    gd("scheduler", "--port-to-workers=0", "--port-to-clients=0", f"--scheduler-file={file}")
    worker = gd("worker", "--scheduler-file", str(file))
    worker.wait_for("registered")
    facts = json.loads(file.read_text())
    assert facts["address"] != facts["address_to_workers"]
    done = run("status", facts["address"])
    assert "1 worker" in done.stdout


def test_all_join_a_center_by_its_address(gd: Start) -> None:
    center = gd("center", "--port", "0")
    address = address_of(center)
    worker = gd("worker", address, "--name", "member")
    worker.wait_for("waiting|trying")
    scheduler = gd("scheduler", "--port", "0", "--center", address)
    worker.wait_for(f"registered.*{address_of(scheduler)}")
    assert "member" in run("status", address_of(scheduler)).stdout


def test_several_workers_of_one_command_are_processes_that_end_with_it(cluster: Cluster) -> None:
    parent = cluster.start("worker", cluster.address, "--nworkers", "2", "--name", "twin")
    parent.wait_for("registered", times=2)
    children = psutil.Process(parent.pid).children()
    assert len(children) == 2
    assert all(name in run("status", cluster.address).stdout for name in ("twin-0", "twin-1"))
    parent.send_signal(signal.SIGTERM)
    assert parent.wait() == 0
    assert psutil.wait_procs(children, timeout=30)[1] == []


def test_several_workers_end_when_their_parent_is_killed(cluster: Cluster) -> None:
    parent = cluster.start("worker", cluster.address, "--nworkers", "2")
    parent.wait_for("registered", times=2)
    children = psutil.Process(parent.pid).children()
    assert len(children) == 2
    parent.send_signal(signal.SIGKILL)
    assert psutil.wait_procs(children, timeout=30)[1] == []
