"""A cluster that speaks TLS: who has its certificates takes part, and nobody else."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urljoin
from urllib.request import urlopen

import psutil
import pytest

from gdistributed.security.certificates import NAME, context_of, write_certificates
from tests.cluster.nursery import Nursery, worker_process
from tests.cluster.proxy import proxy_to
from tests.cluster.test_cli import Start, run
from tests.processes import address_of

SECRET = b"the eagle lands at noon"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of the cluster."""
    folder = tmp_path_factory.mktemp("certificates")
    write_certificates(folder)
    return folder


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of another cluster."""
    folder = tmp_path_factory.mktemp("others")
    write_certificates(folder)
    return folder


@pytest.fixture(scope="module")
def nursery(keys: Path) -> Iterator[Nursery]:
    """A scheduler, and two workers with nannies that hand over all data by gRPC."""
    with ExitStack() as processes:
        nursery = Nursery(processes, "--tls", str(keys))
        for name in ("ada", "bob"):
            nursery.worker("--name", name, "--no-shared-memory", "--tls", str(keys))
        yield nursery


def program(text: str, *arguments: object) -> str:
    """Run a program of Python; what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", text, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


COMPUTES = """
import sys
from gdistributed import Client, get_client

def inside():
    return get_client().submit(sum, [1, 2]).result()

with Client(sys.argv[1], security=sys.argv[2]) as client:
    client.wait_for_workers(2)
    made = client.submit(bytes, 3 << 20, workers="ada")
    print(client.submit(len, made, workers="bob").result())
    print(len(made.result()), len(client.gather(client.scatter(b"x" * 70_000))))
    print(sum(client.gather(client.map(lambda number: number, range(1000)))))
    print(client.submit(inside).result())
"""


def test_values_go_between_all_parts(nursery: Nursery, keys: Path) -> None:
    said = program(COMPUTES, nursery.address, keys)
    assert said.split() == ["3145728", "3145728", "70000", "499500", "3"]


def test_a_worker_that_dies_is_started_with_the_same_certificates(
    nursery: Nursery, keys: Path
) -> None:
    command = nursery.worker("--name", "cyd", "--tls", str(keys))
    worker_process(command).kill()
    command.wait_for("registered", times=2)
    command.close()


@pytest.mark.parametrize("is_secure", [False, True])
def test_nobody_between_can_read_along(gd: Start, keys: Path, is_secure: bool) -> None:
    options = ["--tls", str(keys)] if is_secure else []
    scheduler = address_of(gd("scheduler", "--port", "0", "--no-dashboard", *options))
    gd("worker", scheduler, "--nthreads", "1", "--no-nanny", *options).wait_for("registered")
    passed = []
    with proxy_to(scheduler) as proxy:

        def listen(data: bytes) -> bytes:
            passed.append(data)
            return data

        proxy.meddle = listen
        text = """
import sys
from gdistributed import Client
with Client(sys.argv[1], security=sys.argv[2] or None) as client:
    print(client.submit(bytes.fromhex, sys.argv[3]).result().decode())
"""
        said = program(text, proxy.address, keys if is_secure else "", SECRET.hex())
    assert said.encode().strip() == SECRET
    assert (SECRET in b"".join(passed)) is not is_secure


def test_who_has_no_certificate_is_told_so(nursery: Nursery, gd: Start) -> None:
    asked = run("status", nursery.address, "--timeout", "1")
    assert asked.returncode == 1
    assert "it speaks TLS: whoever takes part needs the certificates" in asked.stderr
    gd("worker", nursery.address).wait_for("waiting for a scheduler.*it speaks TLS")


def test_who_has_certificates_of_another_cluster_is_told_so(
    nursery: Nursery, gd: Start, others: Path
) -> None:
    asked = run("status", nursery.address, "--timeout", "1", GD_TLS=str(others))
    assert asked.returncode == 1
    assert f"the certificates in {others} do not fit its own" in asked.stderr
    assert "ssl_transport_security" not in asked.stderr  # gRPC's own words about it
    worker = gd("worker", nursery.address, "--tls", str(others))
    worker.wait_for("waiting for a scheduler.*do not fit its own")


def test_a_cluster_that_speaks_plainly_is_recognised(gd: Start, keys: Path) -> None:
    scheduler = address_of(gd("scheduler", "--port", "0", "--no-dashboard"))
    asked = run("status", scheduler, "--timeout", "1", "--tls", str(keys))
    assert asked.returncode == 1
    assert "it does not speak TLS, as we do with the certificates in" in asked.stderr


def test_certificates_that_are_not_there_are_an_error_at_once(tmp_path: Path) -> None:
    done = run("scheduler", "--tls", str(tmp_path / "none"))
    assert done.returncode == 1
    assert f"gd certificates {tmp_path / 'none'}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_makes_what_the_others_take(gd: Start, tmp_path: Path) -> None:
    keys = str(tmp_path / "keys")
    done = run("certificates", keys, "--days", "30")
    assert done.returncode == 0, done.stderr
    assert "Each member needs those three" in done.stdout
    center = address_of(gd("center", "--port", "0", "--tls", keys))
    gd("scheduler", "--port", "0", "--center", center, "--no-dashboard", "--tls", keys)
    gd("worker", center, "--nthreads", "1", "--tls", keys).wait_for("registered")
    asked = run("status", center, GD_TLS=keys)
    assert asked.returncode == 0, asked.stderr
    assert "1 worker" in asked.stdout


def test_grpcurl_takes_part_with_certificates_alone(
    nursery: Nursery, keys: Path, grpcurl: str
) -> None:
    method = (nursery.address, "gdistributed.v1.Server.Identify")
    shown = ("-cacert", keys / "ca.crt", "-cert", keys / "tls.crt", "-key", keys / "tls.key")
    with_all = [grpcurl, *shown, "-authority", NAME, *method]
    done = subprocess.run(with_all, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["role"] == "scheduler"
    without_own = [grpcurl, "-max-time", "3", *shown[:2], "-authority", NAME, *method]
    plainly = [grpcurl, "-max-time", "3", "-plaintext", *method]
    for command in (without_own, plainly):
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        assert done.returncode != 0


MOVES = """
import sys
from gdistributed import Client

with Client(sys.argv[1], security=sys.argv[2]) as client:
    made = client.submit(bytes, 3 << 20, workers="ada")
    print(client.submit(len, made, workers="bob").result(30))
"""


def serial_at(address: str, folder: Path) -> str:
    """Return the serial number of the certificate that a server shows."""
    host, _, port = address.rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=20) as plain,
        context_of(folder).wrap_socket(plain, server_hostname=NAME) as connection,
    ):
        shown = connection.getpeercert() or {}
        return str(shown["serialNumber"])


def test_a_server_shows_a_renewed_certificate(gd: Start, keys: Path, tmp_path: Path) -> None:
    for name in ("ca.crt", "ca.key", "tls.crt", "tls.key"):
        shutil.copy(keys / name, tmp_path)
    options = ("--no-dashboard", "--tls", str(tmp_path))
    scheduler = gd("scheduler", "--port", "0", *options)
    address = address_of(scheduler)
    for name in ("ada", "bob"):
        alone = ("--nthreads", "1", "--no-nanny", "--no-shared-memory", "--name", name)
        gd("worker", address, *alone, "--tls", str(tmp_path)).wait_for("registered")
    before = serial_at(address, tmp_path)
    write_certificates(tmp_path)
    assert serial_at(address, tmp_path) != before
    assert serial_at(address, keys) != before  # one who has the old one is welcome
    (tmp_path / "tls.crt").unlink()
    serial_at(address, keys)  # the scheduler goes on with what it had
    assert program(MOVES, address, keys).split() == ["3145728"]  # and so do workers


CONNECTS = """
import asyncio, sys
from gdistributed.security.certificates import Security
from gdistributed.v1 import server_pb2, server_pb2_grpc
from gdistributed.wire.channel import open_channel

async def connect():
    channel = open_channel(sys.argv[1], bulk=True)  # which has a connection of its own
    stub = server_pb2_grpc.ServerStub(channel)
    try:
        await stub.Identify(server_pb2.IdentifyRequest(), timeout=30)
    finally:
        await channel.close()

async def main():
    Security(sys.argv[2]).use()
    for _ in range(50):
        await asyncio.gather(*(connect() for _ in range(8)))

asyncio.run(main())
"""


def test_many_connect_at_once_and_while_certificates_are_renewed(
    gd: Start, keys: Path, tmp_path: Path
) -> None:
    """gRPC's servers died of it when they were told of the same certificates again."""
    for name in ("ca.crt", "ca.key", "tls.crt", "tls.key"):
        shutil.copy(keys / name, tmp_path)
    options = ("--no-dashboard", "--tls", str(tmp_path))
    address = address_of(gd("scheduler", "--port", "0", *options))
    command = [sys.executable, "-c", CONNECTS, address, str(keys)]
    with ExitStack() as stack:
        pipe = {"stderr": subprocess.PIPE, "text": True}
        programs = [stack.enter_context(subprocess.Popen(command, **pipe)) for _ in range(3)]
        while any(program.poll() is None for program in programs):
            write_certificates(tmp_path)
            with suppress(subprocess.TimeoutExpired):
                programs[0].wait(1)
        assert [program.communicate()[1] for program in programs] == [""] * 3
    assert run("status", address, "--tls", str(keys)).returncode == 0


LOCAL = """
import sys
from gdistributed import Client, LocalCluster
from gdistributed.security.certificates import in_use

if __name__ == "__main__":
    with LocalCluster(2, threads_per_worker=1, security=True) as cluster, Client(cluster) as client:
        assert client.gather(client.map(len, ["a", "bc"])) == [1, 2]
        print(cluster.scheduler_address, in_use().folder, cluster.dashboard_link, flush=True)
        sys.stdin.readline()
"""


def test_a_local_cluster_makes_certificates_of_its_own() -> None:
    command = [sys.executable, "-c", LOCAL]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        address, folder, link = parent.stdout.readline().split()
        family = psutil.Process(parent.pid).children(recursive=True)
        asked = run("status", address, "--tls", folder)
        assert "2 workers" in asked.stdout
        assert run("status", address, "--timeout", "1").returncode == 1
        with urlopen(urljoin(link, "/health"), timeout=30) as answer:
            assert answer.status == 200
        parent.stdin.write("\n")
    assert parent.returncode == 0
    assert not Path(folder).exists()
    assert psutil.wait_procs(family, timeout=30)[1] == []


def test_a_signal_stops_servers_that_speak_tls(gd: Start, keys: Path) -> None:
    scheduler = gd("scheduler", "--port", "0", "--no-dashboard", "--tls", str(keys))
    address = address_of(scheduler)
    worker = gd("worker", address, "--nthreads", "1", "--tls", str(keys))
    worker.wait_for("registered")
    for process in (worker, scheduler):
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
        assert "Traceback" not in process.log
