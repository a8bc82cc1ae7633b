"""Looking into a cluster, and calling functions on its servers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import grpc.aio
import pytest

from gdistributed import AsyncClient, Client, Future, LocalCluster, get_client, get_worker, wait
from gdistributed.client.versions import VersionMismatchWarning, differences
from gdistributed.errors import NotAllowed, NotFound, SoftwareDiffers, UsageError
from gdistributed.v1 import scheduler_pb2_grpc, worker_pb2
from gdistributed.wire.software import own_software
from tests.client.functions import append_line, coroutine_inc, fail, inc, wait_for_file
from tests.processes import Cluster, running_cluster
from tests.waiting import until

TIMEOUT_S = 30.0


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A cluster for a test that ends it."""
    with running_cluster(1) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def open_cluster() -> Iterator[LocalCluster]:
    """A cluster whose scheduler runs code of users, all in this process."""
    with LocalCluster(n_workers=1, processes=False, allow_run=True) as cluster:
        yield cluster


# ---- run


def name_of(worker: Any) -> str:  # noqa: ANN401
    return str(worker.name)


def name_and_sum(x: int, dask_worker: Any = None, y: int = 0) -> tuple[str, int]:  # noqa: ANN401
    return dask_worker.name, x + y


async def loop_runs(worker: Any) -> bool:  # noqa: ANN401
    await asyncio.sleep(0)
    return asyncio.get_running_loop().is_running() and bool(worker.name)


def test_a_function_runs_on_all_workers(client: Client, cluster: LocalCluster) -> None:
    ids = client.run(os.getpid)
    assert ids == {worker.address: worker.process_id for worker in cluster.workers.values()}


def test_a_function_runs_on_chosen_workers(client: Client, cluster: LocalCluster) -> None:
    first = cluster.workers["0"]
    for chosen in (first.name, [first.address]):
        assert client.run(os.getpid, workers=chosen) == {first.address: first.process_id}
    with pytest.raises(NotFound, match=r"'nobody'.* 0 at 127\.0\.0\.1"):
        client.run(os.getpid, workers="nobody")


def test_a_function_may_ask_for_the_worker(client: Client) -> None:
    assert set(client.run(name_of).values()) == {"0", "1"}
    assert set(client.run(name_and_sum, 1, y=2).values()) == {("0", 3), ("1", 3)}
    assert list(client.run(lambda worker: worker, 5).values()) == [5, 5]  # it was given


def test_a_coroutine_function_runs_on_the_loop(client: Client) -> None:
    assert list(client.run(loop_runs).values()) == [True, True]
    assert list(client.run(coroutine_inc, 1).values()) == [2, 2]


def test_it_finds_worker_and_client_as_tasks_do(client: Client) -> None:
    def names() -> tuple[str, int]:
        return get_worker().name, get_client().submit(inc, 1).result(30)

    assert set(client.run(names).values()) == {("0", 2), ("1", 2)}


def fail_on_first(dask_worker: Any) -> str:  # noqa: ANN401
    if dask_worker.name == "0":
        raise ZeroDivisionError("first")
    return "fine"


def test_errors_are_raised_returned_or_left_out(client: Client, cluster: LocalCluster) -> None:
    addresses = [cluster.workers[name].address for name in ("0", "1")]
    with pytest.raises(ZeroDivisionError, match="first") as raised:
        client.run(fail_on_first)
    assert raised.value.__notes__ == ["Raised on worker 0."]
    returned = client.run(fail_on_first, on_error="return")
    assert isinstance(returned[addresses[0]], ZeroDivisionError)
    assert returned[addresses[1]] == "fine"
    assert client.run(fail_on_first, on_error="ignore") == {addresses[1]: "fine"}
    with pytest.raises(ValueError, match="on_error must be one of"):
        client.run(fail_on_first, on_error="shrug")


def test_a_function_that_ends_programs_does_not_end_the_worker(client: Client) -> None:
    with pytest.raises(RuntimeError, match="SystemExit"):
        client.run(exit, 3)
    assert len(client.run(os.getpid)) == 2


def test_nobody_need_wait(client: Client, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    assert list(client.run(append_line, str(trace), "x", wait=False).values()) == [None, None]
    until(lambda: trace.exists() and trace.read_text() == "x\nx\n", timeout_s=TIMEOUT_S)
    client.run(fail, "nobody waits", wait=False)
    for address in client.ncores():
        until(
            lambda: "nobody waits" in str(client.get_worker_logs(workers=address)),  # noqa: B023
            timeout_s=TIMEOUT_S,
        )


def test_functions_that_do_not_end_are_in_nobodys_way(
    client: Client, cluster: LocalCluster, tmp_path: Path
) -> None:
    file = tmp_path / "go on"
    for _ in range(20):
        client.run(wait_for_file, str(file), wait=False, workers="0")
    assert client.run(os.getpid, workers="0") == {
        cluster.workers["0"].address: cluster.workers["0"].process_id
    }
    assert client.submit(inc, 1, workers="0", pure=False).result(30) == 2
    file.touch()


def test_a_function_runs_in_nannies(client: Client, cluster: LocalCluster) -> None:
    processes = client.run(os.getpid, nanny=True)
    assert processes == dict.fromkeys(client.ncores(), os.getpid())  # they live here
    worker_ids = client.run(lambda nanny: nanny.worker.process_id, nanny=True)
    assert worker_ids == {each.address: each.process_id for each in cluster.workers.values()}


async def test_run_of_an_asynchronous_client(aclient: AsyncClient) -> None:
    assert set((await aclient.run(name_of)).values()) == {"0", "1"}
    with pytest.raises(NotAllowed):
        await aclient.run_on_scheduler(os.getpid)


# ---- run_on_scheduler


def test_a_scheduler_runs_no_functions_unless_told_to(client: Client) -> None:
    with pytest.raises(NotAllowed, match="gd scheduler --allow-run") as raised:
        client.run_on_scheduler(os.getpid)
    assert isinstance(raised.value, ValueError)


def test_a_scheduler_that_may_runs_functions(open_cluster: LocalCluster) -> None:
    with Client(open_cluster, set_as_default=False) as client:
        count = client.run_on_scheduler(
            lambda dask_scheduler: len(dask_scheduler.brain.books.workers)
        )
        assert count == 1
        assert client.run_on_scheduler(pow, 2, 3) == 8
        assert client.run_on_scheduler(pow, 2, 3, wait=False) is None
        with pytest.raises(ValueError, match="no"):
            client.run_on_scheduler(fail, "no")


# ---- Looking


def block_of_bytes(count: int) -> bytes:
    return bytes(count)


def test_sizes_of_results(client: Client) -> None:
    futures = client.map(block_of_bytes, [1000, 2000], key=["size-a", "size-b"])
    client.gather(futures)
    sizes = client.nbytes(summary=False)
    assert 1000 < sizes["size-a"] < 2000 < sizes["size-b"]
    assert client.nbytes()["block_of_bytes"] == sizes["size-a"] + sizes["size-b"]
    assert client.nbytes(keys=["size-a"], summary=False) == {"size-a": sizes["size-a"]}
    assert client.nbytes(keys=[]) == {}


def test_what_is_processed_and_where(client: Client, cluster: LocalCluster, tmp_path: Path) -> None:
    file = tmp_path / "go on"
    first, second = (cluster.workers[name].address for name in ("0", "1"))
    future = client.submit(wait_for_file, str(file), key="waiter", workers="0")
    until(lambda: client.processing() == {first: ("waiter",), second: ()}, timeout_s=TIMEOUT_S)
    assert client.processing(workers="1") == {second: ()}
    until(lambda: client.call_stack(future), timeout_s=TIMEOUT_S)
    stacks = client.call_stack(future)
    assert list(stacks) == [first]
    outermost = stacks[first]["waiter"][0]
    assert 'tests/client/functions.py", line ' in outermost
    assert "in wait_for_file\n\t" in outermost
    assert list(client.call_stack(keys=["waiter"])[first]) == ["waiter"]
    assert (
        list(client.call_stack(keys=["waiter", "unknown"])) == list(client.call_stack()) == [first]
    )
    assert client.call_stack(keys=["unknown"]) == {}
    assert client.call_stack([]) == {}
    file.touch()
    future.result(30)
    assert client.call_stack(future) == {}


async def hold_on(file: str) -> None:
    await until_file(file)


async def until_file(file: str) -> None:
    while not Path(file).exists():
        await asyncio.sleep(0.01)


def test_where_a_coroutine_is(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "go on"
    future = client.submit(hold_on, str(file), key="coroutine")
    until(lambda: client.call_stack(future), timeout_s=TIMEOUT_S)
    [stacks] = client.call_stack(future).values()
    functions = [line.partition(", in ")[2].partition("\n")[0] for line in stacks["coroutine"]]
    assert functions[:2] == ["hold_on", "until_file"]
    file.touch()
    future.result(30)


def test_logs(client: Client, cluster: LocalCluster) -> None:
    logs = client.get_worker_logs()
    assert set(logs) == set(client.ncores())
    assert all("registered" in str(lines) for lines in logs.values())
    one = client.get_worker_logs(n=1, workers="0")
    assert [len(lines) for lines in one.values()] == [1]
    client.run(_log, "watch out")
    [[level, line]] = client.get_worker_logs(n=1, workers="1")[cluster.workers["1"].address]
    assert (level, line) == ("WARNING", "gdistributed.mine - watch out  worker=1")
    assert "worker joined" in str(client.get_scheduler_logs())
    assert len(client.get_scheduler_logs(n=2)) == 2
    nannies = client.get_worker_logs(nanny=True)
    assert set(nannies) == set(logs)
    with pytest.raises(ValueError, match="n must be at least 1"):
        client.get_scheduler_logs(n=0)


def _log(text: str) -> None:
    import logging

    logging.getLogger("gdistributed.mine").warning(text)


# ---- Versions


def test_differences_that_matter() -> None:
    mine = {"python": "3.11.7", "pickle": "5", "dask": "2026.1", "numpy": "2.0"}
    fits = {"python": "3.11.2", "pickle": "5", "dask": "2026.1", "numpy": "1.0"}
    assert differences(mine, [("a", fits), ("b", {})]) == []
    older = {**fits, "python": "3.9.1"}
    assert differences(mine, [("a", older)]) == [
        "python is 3.11.7 in this client and 3.9.1 on the worker a"
    ]
    found = differences(mine, [(name, older) for name in "abcde"])
    assert found == ["python is 3.11.7 in this client and 3.9.1 on the workers a, b, c and 2 more"]


async def test_a_worker_of_other_software_is_warned_of() -> None:
    software = own_software()
    software.versions["cloudpickle"] = "1.0"
    hello = worker_pb2.WorkerHello(
        software=software, worker_id="w", name="old", address="127.0.0.1:1", nthreads=1
    )
    async with (
        LocalCluster(0, processes=False, asynchronous=True) as cluster,
        grpc.aio.insecure_channel(cluster.scheduler_address) as channel,
    ):
        stream = scheduler_pb2_grpc.SchedulerStub(channel).ConnectWorker()
        await stream.write(worker_pb2.FromWorker(hello=hello))
        await stream.read()
        with pytest.warns(VersionMismatchWarning, match=r"cloudpickle is .* 1\.0 on .* old at"):
            client = await AsyncClient(cluster, set_as_default=False)
        with pytest.raises(SoftwareDiffers, match="cloudpickle"):
            await client.get_versions(check=True)
        await client.close()
        stream.cancel()


# ---- Metadata and datasets


def test_metadata(client: Client, address: str) -> None:
    client.set_metadata("x", 1)
    client.set_metadata(["a", "b"], {"c": [1, (2,)], "d": {}, "e": {1: 2}})
    with Client(address, set_as_default=False) as other:
        assert other.get_metadata("x") == 1
        assert other.get_metadata("a") == {"b": {"c": [1, (2,)], "d": {}, "e": {1: 2}}}
        assert other.get_metadata(["a", "b", "c"]) == [1, (2,)]
        other.set_metadata(["a", "b", "c"], None)
    assert client.get_metadata(["a", "b", "c"]) is None
    assert client.get_metadata(["a", "z"], default=7) == 7
    with pytest.raises(KeyError, match="no metadata at 'a/z'"):
        client.get_metadata(["a", "z"])
    with pytest.raises(TypeError, match="3"):
        client.set_metadata(["a", 3], 1)  # type: ignore[list-item]


def test_datasets_are_a_mapping(client: Client) -> None:
    datasets = client.datasets
    before = set(datasets)
    datasets["mapped"] = client.submit(inc, 1)
    assert isinstance(datasets["mapped"], Future)
    assert datasets["mapped"].result(30) == 2
    datasets["mapped"] = 5
    assert set(datasets) - before == {"mapped"}
    assert len(datasets) == len(before) + 1
    assert "mapped" in datasets
    assert datasets.pop("mapped") == 5
    assert datasets.get("mapped", 6) == 6
    with pytest.raises(KeyError, match="mapped"):
        del datasets["mapped"]


async def test_datasets_of_an_asynchronous_client(aclient: AsyncClient) -> None:
    await aclient.publish_dataset(asynchronous=3)
    assert await aclient.datasets["asynchronous"] == 3
    assert "asynchronous" in [name async for name in aclient.datasets]
    for use in (len, list, lambda datasets: "x" in datasets):
        with pytest.raises(UsageError, match=r"await client.list_datasets\(\)"):
            use(aclient.datasets)
    with pytest.raises(UsageError, match=r"await client\.publish_dataset"):
        aclient.datasets["x"] = 1
    await aclient.unpublish_dataset("asynchronous")


# ---- How things look


def test_how_things_look(client: Client, cluster: LocalCluster) -> None:
    client.wait_for_workers(2)
    assert repr(client).endswith(", running, workers=2, threads=2>")
    html = client._repr_html_()
    assert client.scheduler_address in html
    future = client.submit(inc, 1, key="<x>")
    future.result(30)
    assert "<td>&lt;x&gt;</td>" in future._repr_html_()
    assert "<td>finished</td>" in future._repr_html_()
    erred = client.submit(fail, "a < b")
    erred.exception(30)
    assert "ValueError: a &lt; b" in erred._repr_html_()
    assert cluster.workers["0"].address in cluster._repr_html_()


def test_a_graph_is_drawn(client: Client) -> None:
    leaf = client.submit(inc, 1, key="<leaf>")
    broken = client.submit(fail, "no", key="broken")
    top = client.submit(sum, [leaf, broken], key="top")
    wait([top, leaf])  # which errs as soon as the other has failed
    drawn = client.graph(top)
    assert repr(drawn) == "<DrawnGraph: 3 tasks>"
    html = drawn._repr_html_()
    assert "&lt;leaf&gt;: memory" in html
    assert "<leaf>" not in html
    assert "broken: erred" in html
    tree = ElementTree.fromstring(drawn.svg)
    boxes = tree.findall("{*}g[@transform]")
    places = {box[0].text: box.get("transform") for box in boxes}
    assert str(places["<leaf>: memory"]).startswith("translate(1,")  # on the left of what needs it
    assert str(places["top: erred"]).startswith("translate(191,")

    def climb(number: int) -> int:
        return number + 1

    many = client.map(climb, range(10))
    wait(many)
    by_prefix = client.graph(limit=5)
    assert repr(by_prefix).endswith("tasks by prefix>")
    assert "climb 10/10" in by_prefix.svg
    with pytest.raises(NotFound):
        client.graph("nobody")


# ---- shutdown


def test_shutdown_ends_scheduler_and_workers(own_cluster: Cluster) -> None:
    nannied = own_cluster.start("worker", own_cluster.address, "--nthreads", "1")
    nannied.wait_for("registered")
    client = Client(own_cluster.address)
    assert client.submit(inc, 1).result(30) == 2
    client.shutdown()
    assert client.status == "closed"
    ended = [own_cluster.scheduler, *own_cluster.workers, nannied]
    assert [process.wait() for process in ended] == [0, 0, 0]


def test_shutdown_closes_the_cluster_that_was_given() -> None:
    cluster = LocalCluster(1, processes=False)
    client = Client(cluster)
    client.shutdown()
    assert (client.status, cluster.status) == ("closed", "closed")
