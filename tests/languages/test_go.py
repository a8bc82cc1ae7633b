"""The Go worker and the Go client, in real clusters with Python workers."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest

from gdistributed import Client, TaskError, get_client, remote
from gdistributed.client.remote_functions import RemoteFunction
from gdistributed.errors import CodecUnsupported, UnknownFunction
from gdistributed.security.certificates import write_certificates
from gdistributed.v1 import center_pb2, center_pb2_grpc, worker_pb2, worker_pb2_grpc
from gdistributed.wire.software import own_software
from tests.cluster.proxy import proxy_to
from tests.observe.caller import TRACE_ID, part_of_a_trace
from tests.processes import GdProcess, address_of, started
from tests.tools import ROOT, require
from tests.waiting import until

MODULE = ROOT / "workers/go"
PAGE = MODULE / "README.md"
TIMEOUT_S = 20.0
TEXTS = ["The cat and the dog.", "the bird", "A dog, a cat: a zoo"]
PRIMES_BELOW_A_MILLION = 78_498

GO_WORKER = require(ROOT / "build/gd-go-worker", "make test builds it (needs Go)")
Start = Callable[..., GdProcess]


def go(name: str) -> RemoteFunction:
    return remote(name, runtime="go")


def numbers_to(count: int) -> list[int]:
    return list(range(count))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A scheduler, a Python worker, and a Go worker, gopher."""
    with ExitStack() as processes:
        address = address_of(started(processes, "scheduler", "--port", "0"))
        options = ("worker", address, "--no-nanny", "--nthreads", "2", "--name", "ada")
        python = started(processes, *options)
        gopher = started(processes, address, "--name", "gopher", program=[GO_WORKER])
        for worker in (python, gopher):
            worker.wait_for("registered")
        yield address


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address) as client:
        yield client


def test_what_is_scattered_goes_to_workers_of_python_unless_another_is_named(
    client: Client,
) -> None:
    anywhere = client.scatter(list(range(8)), hash=False)
    (ada,) = set(client.who_has(anywhere).values())
    there = client.scatter(7, workers="gopher", hash=False)
    (gopher,) = client.who_has([there]).values()
    assert ada != gopher
    lengths = client.map(remote("builtins.abs", runtime="python"), anywhere)
    assert client.gather(lengths) == list(range(8))


@pytest.fixture
def start() -> Iterator[Start]:
    """Start `gd` commands, or Go workers with `program="go"`, which end with the test."""
    with ExitStack() as processes:

        def start(*arguments: str, program: str = "gd") -> GdProcess:
            if program == "gd":
                return started(processes, *arguments)
            worker = started(processes, *arguments, program=[GO_WORKER])
            worker.wait_for("registered")
            return worker

        yield start


class CenterElsewhere(center_pb2_grpc.CenterServicer):
    """Plays a Center whose scheduler is where it is told to be."""

    def __init__(self, scheduler: str) -> None:
        self._scheduler = center_pb2.Member(address=scheduler)

    def Register(
        self, request: center_pb2.RegisterRequest, context: grpc.ServicerContext
    ) -> center_pb2.RegisterResponse:
        return center_pb2.RegisterResponse(scheduler=self._scheduler, software=own_software())

    def Deregister(
        self, request: center_pb2.DeregisterRequest, context: grpc.ServicerContext
    ) -> center_pb2.DeregisterResponse:
        return center_pb2.DeregisterResponse()


@contextmanager
def center_of(scheduler: str) -> Iterator[str]:
    """Serve a Center that names this scheduler; its address."""
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    center_pb2_grpc.add_CenterServicer_to_server(CenterElsewhere(scheduler), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


# ---- One graph through both


def test_one_graph_goes_through_python_and_go(client: Client) -> None:
    texts = client.map(str.lower, TEXTS)
    counts = client.map(go("wordcount.Count"), texts)
    total = client.submit(go("wordcount.Merge"), *counts)
    most = client.submit(lambda counts: max(counts, key=lambda word: (counts[word], word)), total)
    assert total.result() == {"the": 3, "cat": 2, "and": 1, "dog": 2, "bird": 1, "a": 3, "zoo": 1}
    assert most.result() == "the"


def test_a_trace_goes_through_python_and_go(client: Client) -> None:
    def here() -> str:
        return str(get_client().submit(go("plain.Trace"), pure=False).result())

    with part_of_a_trace():
        assert client.submit(go("plain.Trace"), pure=False).result() == f"{TRACE_ID:032x}"
        assert client.submit(here, pure=False).result() == f"{TRACE_ID:032x}"
    assert client.submit(here, pure=False).result() == "0" * 32


def test_what_is_offered_is_listed(client: Client) -> None:
    offered = {each["name"]: each for each in client.functions("go")}
    assert offered["primes.Sieve"]["description"] == "List the primes below a limit."


@pytest.mark.parametrize(
    "value",
    [None, True, 7, -0.5, "zwei\nZeilen und ü", b"\x00\xff", [], [1, [2, {"a": None}]], {"a": "b"}],
    ids=repr,
)
def test_values_go_there_and_back(client: Client, value: object) -> None:
    assert client.submit(go("plain.Echo"), value).result() == value


def test_large_values_move_both_ways(client: Client) -> None:
    zeros = client.submit(bytes, 20_000_000)
    assert client.submit(go("plain.Size"), zeros).result() == 20_000_000
    assert client.submit(go("plain.Echo"), zeros).result() == bytes(20_000_000)
    primes = client.submit(go("primes.Sieve"), 1_000_000)
    assert client.submit(len, primes).result() == PRIMES_BELOW_A_MILLION
    assert client.submit(go("plain.Echo"), client.submit(numbers_to, 50_000)).result() == [
        *range(50_000)
    ]


def test_arguments_by_name_and_results_inside_others(client: Client) -> None:
    records = [{"a": client.submit(abs, -1), "b": 2}]
    chosen = client.submit(go("records.Select"), records, fields=["a"])
    assert chosen.result() == [{"a": 1}]


def test_a_scattered_value_is_read_by_go(client: Client) -> None:
    text = client.scatter("one two one", workers=["ada"])
    assert client.submit(go("wordcount.Count"), text).result() == {"one": 2, "two": 1}


def test_a_function_of_python_is_called_on_python_workers_only(client: Client) -> None:
    assert list(client.run(len, "abc").values()) == [3]
    with pytest.raises(UnknownFunction, match="runs Go functions by name"):
        client.run(len, "abc", workers=["gopher"])


def test_a_go_worker_says_what_it_logged(client: Client) -> None:
    logs = client.get_worker_logs()
    assert any("registered" in str(lines) and "gopher" in str(lines) for lines in logs.values())


def test_a_go_worker_keeps_and_copies_what_it_does_not_read(client: Client) -> None:
    scattered = client.scatter({"x": {1, 2}}, workers=["gopher"])["x"]
    primes = client.submit(go("primes.Sieve"), 10)
    client.replicate([scattered, primes], n=2)
    assert all(len(holders) == 2 for holders in client.who_has([scattered, primes]).values())
    assert client.submit(len, scattered).result() == 2


# ---- What goes wrong


def test_an_error_of_go_reaches_the_client(client: Client) -> None:
    with pytest.raises(TaskError, match=r"cannot be read: open x\.csv: file does not") as caught:
        client.submit(go("fails.Error"), "x.csv").result()
    notes = "\n".join(caught.value.__notes__)
    assert "on worker gopher" in notes
    assert "main.failWithError" in notes


def test_a_panic_of_go_reaches_the_client_with_its_line(client: Client) -> None:
    with pytest.raises(TaskError, match=r"panic: .*index out of range \[7\]") as caught:
        client.submit(go("fails.Panic"), 7).result()
    assert caught.value.runtime == "go"
    assert re.search(
        r"main\.failWithPanic.*\n\s+\S*functions\.go:\d+", "\n".join(caught.value.__notes__)
    )
    assert client.submit(go("plain.Echo"), 1).result() == 1  # the worker lives


def test_arguments_that_do_not_fit_are_an_error_that_says_so(client: Client) -> None:
    with pytest.raises(TaskError, match="argument 0, a string: json: cannot unmarshal number"):
        client.submit(go("wordcount.Count"), 1).result()
    with pytest.raises(TaskError, match="it takes 1 arguments, and 2 were given"):
        client.submit(go("wordcount.Count"), "a", "b").result()


def test_a_value_without_a_common_codec_is_an_error_with_both_lists(client: Client) -> None:
    with pytest.raises(CodecUnsupported, match=r"set.*null, raw, text, json"):
        client.submit(go("plain.Echo"), client.submit(set, [1])).result()


def test_a_wrong_name_is_refused_with_near_ones(client: Client) -> None:
    with pytest.raises(UnknownFunction, match=r"wordcount\.Count"):
        client.submit(go("wordcount.Cuont"), "a").result()


def test_a_cancelled_task_ends_in_go(client: Client) -> None:
    sleeping = client.submit(go("plain.Sleep"), 600, pure=False)
    workers = client.scheduler_info()["workers"]
    (address,) = (where for where, worker in workers.items() if worker["name"] == "gopher")
    with grpc.insecure_channel(address) as channel:
        gopher = worker_pb2_grpc.WorkerStub(channel)

        def executing() -> list[str]:
            return list(gopher.GetStatus(worker_pb2.GetStatusRequest()).executing)

        until(lambda: executing() == [sleeping.key], "the task runs", TIMEOUT_S)
        sleeping.cancel()
        until(lambda: executing() == [], "nothing runs", TIMEOUT_S)


# ---- Workers that come and go


def test_a_killed_go_worker_costs_nothing_but_time(start: Start) -> None:
    address = address_of(start("scheduler", "--port", "0"))
    python = start("worker", address, "--no-nanny", "--nthreads", "1")
    victim = start(address, "--name", "victim", "--nthreads", "1", program="go")
    start(address, "--name", "other", "--nthreads", "1", program="go")
    python.wait_for("registered")
    with Client(address) as client:
        limits = client.map(int, range(20_000, 60_000, 1_000))
        sieved = client.map(go("primes.Sieve"), limits)
        slept = client.map(go("plain.Sleep"), [0.05] * 20, pure=False)
        sizes = client.map(len, sieved)
        sieved[0].result()
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        assert client.gather(slept) == [None] * 20
        assert client.gather(sizes)[::39] == [2262, 5963]


def test_a_go_worker_gives_its_data_away_and_leaves(start: Start) -> None:
    address = address_of(start("scheduler", "--port", "0"))
    leaving = start(address, "--name", "leaving", program="go")
    with Client(address) as client:
        primes = client.submit(go("primes.Sieve"), 100_000)
        primes.result()
        start(address, "--name", "staying", program="go")
        leaving.send_signal(signal.SIGTERM)
        assert leaving.wait() == 0
        assert "leaving: others copy what lies here alone" in leaving.log
        assert len(primes.result()) == 9592
        (info,) = client.scheduler_info()["workers"].values()
        assert info["name"] == "staying"


def test_a_session_goes_on_when_a_connection_broke(start: Start) -> None:
    address = address_of(start("scheduler", "--port", "0"))
    with proxy_to(address) as proxy, center_of(proxy.address) as center:
        worker = start(center, "--name", "gopher", program="go")
        with Client(address) as client:
            kept = client.submit(go("plain.Echo"), "kept")
            kept.result()
            sleeping = client.submit(go("plain.Sleep"), 0.3)
            proxy.cut()
            worker.wait_for("resumed")
            assert sleeping.result() is None
            assert client.submit(go("wordcount.Count"), kept).result() == {"kept": 1}


def test_a_go_worker_goes_over_to_a_new_scheduler(start: Start) -> None:
    scheduler = start("scheduler", "--port", "0")
    address = address_of(scheduler)
    worker = start(address, "--name", "gopher", program="go")
    with Client(address) as client:
        assert len(client.submit(go("primes.Sieve"), 1_000).result()) == 168
    scheduler.send_signal(signal.SIGKILL)
    scheduler.wait()
    start("scheduler", "--port", address.rpartition(":")[2])
    worker.wait_for("registered", times=2)
    with Client(address) as client:
        assert len(client.submit(go("primes.Sieve"), 1_000).result()) == 168


def test_a_go_worker_whose_name_is_taken_ends_and_says_so(address: str) -> None:
    command = [GO_WORKER, address, "--name", "gopher"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 1
    assert "NAME_TAKEN" in done.stderr


def test_the_worker_of_the_readme_runs(tmp_path: Path, address: str) -> None:
    require("go", "install Go")
    (program,) = re.findall(r"```go\n(package main.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "main.go").write_text(program)
    module = "github.com/gdistributed/gdistributed/workers/go"
    for command in (
        "mod init example.org/greeter",
        f"mod edit -replace {module}={MODULE}",
        "mod tidy",
        "build -o greeter .",
    ):
        subprocess.run(["go", *command.split()], cwd=tmp_path, check=True)
    with ExitStack() as processes:
        started(processes, address, program=[str(tmp_path / "greeter")]).wait_for("registered")
        with Client(address) as client:
            greetings = client.submit(go("greeter.Greet"), "Ada", 2)
            assert client.submit(len, greetings).result() == 2


# ---- A cluster that speaks TLS


def test_workers_and_clients_take_part_where_all_speak_tls(start: Start, tmp_path: Path) -> None:
    write_certificates(tmp_path)
    tls = ("--tls", str(tmp_path))
    address = address_of(start("scheduler", "--port", "0", *tls))
    python = start("worker", address, "--nthreads", "1", "--no-shared-memory", *tls)
    start(address, "--name", "gopher", *tls, program="go")
    python.wait_for("registered")
    go_test(
        *("-count", "1", "-run", "Graph|LargeResult", "./client"),
        GDISTRIBUTED_TEST_CLUSTER=address,
        GDISTRIBUTED_TEST_CERTIFICATES=str(tmp_path),
    )


def test_a_worker_without_the_files_says_which(tmp_path: Path) -> None:
    command = [GO_WORKER, "127.0.0.1:1", "-tls", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"the certificates of the cluster: open {tmp_path / 'ca.crt'}" in done.stderr


# ---- The module's own tests, and those of the client on this cluster


def test_the_tests_of_the_go_module_pass(address: str) -> None:
    go_test("./...", GDISTRIBUTED_TEST_CLUSTER=address)


def go_test(*arguments: str, **variables: str) -> None:
    """Run tests of the module."""
    require("go", "install Go")
    done = subprocess.run(
        ["go", "test", "-timeout", "100s", *arguments],
        cwd=MODULE,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, done.stderr
