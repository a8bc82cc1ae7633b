"""Functions by name: what workers offer, who is told, and what becomes of a wrong name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import dask
import pytest

from gdistributed import AsyncClient, Client, remote
from gdistributed.errors import BadGraph, UnknownFunction
from tests.processes import address_of, started

PRICE = remote("shop.price")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A scheduler, a worker that offers the shop, and one that offers nothing."""
    with ExitStack() as processes:
        scheduler = started(processes, "scheduler", "--port", "0")
        address = address_of(scheduler)
        offering = ("--functions", "tests.languages.shop", "--name", "shop")
        for options in (offering, ("--name", "plain")):
            words = ("worker", address, "--nthreads", "1", *options)
            started(processes, *words).wait_for("registered")
        yield address


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address) as client:
        yield client


def test_the_client_lists_what_is_offered(client: Client) -> None:
    price, unsayable = client.functions()
    assert price == {
        "name": "shop.price",
        "runtime": "python",
        "description": "Price with tax.",
        "version": "2",
        "accepts": ["json"],
        "returns": [],
        "workers": 1,
    }
    assert unsayable["name"] == "tests.languages.shop.unsayable"
    assert client.functions("go") == []


def test_a_named_function_runs_where_it_is_offered(client: Client) -> None:
    futures = client.map(PRICE, range(20), rate=0.5)
    assert client.gather(futures) == [n * 1.5 for n in range(20)]
    ran_on = {worker for each in client.who_has(futures).values() for worker in each}
    assert len(ran_on) == 1
    assert futures[0].key.startswith("shop.price-")


def test_it_takes_results_of_others_and_gives_to_them(client: Client) -> None:
    net = client.submit(sum, [40, 60])
    assert client.submit(round, client.submit(PRICE, net, rate=0.1)).result() == 110


def test_a_graph_of_dask_goes_through_it(client: Client) -> None:
    price = dask.delayed(PRICE)
    total = dask.delayed(sum)([price(4), price(8), price(dask.delayed(abs)(-12))])
    assert total.compute() == 30
    assert client.get({"a": 4, "b": (PRICE, "a"), "c": (abs, (PRICE, "b"))}, "c") == 6.25


def test_to_call_it_is_to_have_it_called(client: Client) -> None:
    assert PRICE(100) == 125
    assert client.submit(lambda: remote("shop.price")(8)).result() == 10  # inside a task


async def test_to_call_it_in_a_coroutine_is_to_await_it(address: str) -> None:
    async with AsyncClient(address):
        assert await PRICE(100) == 125


def test_a_wrong_name_is_refused_at_once_with_near_ones(client: Client) -> None:
    future = client.submit(remote("words.Count", runtime="go"), "a b")
    with pytest.raises(UnknownFunction, match=r"no worker runs 'go'.* in the cluster: python"):
        future.result()
    (mapped,) = client.map(remote("words.Count", runtime="go"), ["a"])
    with pytest.raises(BadGraph, match="no worker runs 'go'"):
        mapped.result()


def test_handles_are_told_apart_and_travel() -> None:
    import pickle

    again = pickle.loads(pickle.dumps(remote("f", "go", accepts=["json"])))
    assert again == remote("f", "go", accepts=["json"])
    assert again != remote("f", "go")
    assert dask.base.tokenize(again) != dask.base.tokenize(remote("g", "go", accepts=["json"]))
    assert repr(again) == "remote('f', runtime='go')"
    with pytest.raises(ValueError, match="needs a name"):
        remote("")


def asked_by_grpcurl(
    grpcurl: str, address: str, method: str, request: object
) -> subprocess.CompletedProcess[str]:
    words = [grpcurl, "-plaintext", "-d", json.dumps(request), address]
    return subprocess.run(
        [*words, f"gdistributed.v1.Scheduler/{method}"], capture_output=True, text=True, check=False
    )


def test_grpcurl_calls_a_function_by_its_name(address: str, grpcurl: str) -> None:
    arguments = [{"json": 100}, {"name": "rate", "json": 0.5}]
    task = {"key": "by-grpcurl", "function": "shop.price", "arguments": arguments}
    assert not asked_by_grpcurl(grpcurl, address, "Submit", {"tasks": [task]}).returncode
    answer = asked_by_grpcurl(grpcurl, address, "GetResult", {"key": "by-grpcurl"})
    assert json.loads(answer.stdout)["json"] == 150


def test_grpcurl_is_told_of_a_wrong_name(address: str, grpcurl: str) -> None:
    task = {"function": "words.Count", "runtime": "go"}
    answer = asked_by_grpcurl(grpcurl, address, "Submit", {"tasks": [task]})
    assert "InvalidArgument" in answer.stderr
    assert "UNKNOWN_FUNCTION" in answer.stderr
    assert "no worker runs 'go'" in answer.stderr


def test_gd_functions(address: str) -> None:
    def said(*options: str) -> str:
        command = [sys.executable, "-m", "gdistributed", "functions", "--address", address]
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
        return done.stdout

    shown = said()
    assert max(map(len, shown.splitlines())) <= 80
    assert "shop.price" in shown
    assert "Price with tax." in shown
    price, _ = map(json.loads, said("--json").splitlines())
    assert price["offer"]["accepts"] == ["json"]
    assert said("--runtime", "go").startswith("No worker offers a function by name.")
