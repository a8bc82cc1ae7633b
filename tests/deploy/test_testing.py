"""`gdistributed.testing`: other libraries test themselves with it, in a pytest of their own."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from gdistributed import AsyncClient, Scheduler, Worker
from gdistributed.testing import gen_cluster
from tests.docs.blocks import blocks_of
from tests.tools import ROOT

CONFTEST, TESTS, OTHER_CONFTEST, _ = (block.text for block in blocks_of(ROOT / "docs/testing.md"))


def pytest_in(folder: Path, **files: str) -> tuple[str, int]:
    """Run pytest on some files, with warnings as errors; its output, and its exit code."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:asyncio", "-W", "error", "-q", folder],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.stdout + done.stderr, done.returncode


def test_a_library_tests_itself_as_the_page_says(tmp_path: Path) -> None:
    said, code = pytest_in(tmp_path, conftest=CONFTEST, test_words=TESTS)
    assert code == 0, said
    assert "4 passed" in said


def test_options_of_the_cluster_are_chosen(tmp_path: Path) -> None:
    test = "def test_threads(client):\n    assert list(client.nthreads().values()) == [4]\n"
    said, code = pytest_in(tmp_path, conftest=OTHER_CONFTEST, test_threads=test)
    assert code == 0, said


def test_tests_that_fail_are_seen_to(tmp_path: Path) -> None:
    said, code = pytest_in(tmp_path, conftest=CONFTEST, test_wrong=WRONG)
    assert code == 1
    assert "3 failed, 1 passed" in said, said
    for line in ("assert 3 == 4", "ValueError: from a task", "TimeoutError"):
        assert line in said


WRONG = """
import asyncio
from gdistributed.testing import gen_cluster

def test_wrong_sum(client):
    assert client.submit(sum, [1, 2]).result() == 4

def test_the_cluster_is_still_there(client):
    assert client.submit(sum, [1, 2]).result() == 3

def fail():
    raise ValueError("from a task")

@gen_cluster(client=True)
async def test_error_of_a_task(client, scheduler, a, b):
    await client.submit(fail)

@gen_cluster(timeout=0.5)
async def test_that_never_ends(scheduler, a, b):
    await asyncio.Event().wait()
"""


@gen_cluster(client=True)
async def test_the_parts_are_given(c: AsyncClient, s: Scheduler, a: Worker, b: Worker) -> None:
    assert isinstance(c, AsyncClient)
    assert isinstance(s, Scheduler)
    assert c.scheduler_address == s.address_to_clients
    assert (a.nthreads, b.nthreads) == (1, 2)
    assert await c.nthreads() == {a.address: 1, b.address: 2}


@gen_cluster()
async def test_there_need_not_be_a_client(s: Scheduler, a: Worker, b: Worker) -> None:
    async with AsyncClient(s.address) as client:
        assert await client.submit(sum, [1, 2]) == 3


@gen_cluster(nthreads=[("127.0.0.1", 3)], client=True, client_kwargs={"name": "eve"})
async def test_hosts_are_understood(client: AsyncClient, s: Scheduler, worker: Worker) -> None:
    assert worker.nthreads == 3
    assert client.name == "eve"


@pytest.mark.parametrize("number", [1, 2])
@gen_cluster(client=True, nthreads=[])
async def test_parameters_and_fixtures_come_last(
    client: AsyncClient, s: Scheduler, tmp_path: Path, number: int
) -> None:
    assert await client.nthreads() == {}
    assert tmp_path.exists()
    assert number in (1, 2)


class TestInAClass:
    @gen_cluster(client=True, nthreads=[1])
    async def test_self_comes_first(self, client: AsyncClient, s: Scheduler, a: Worker) -> None:
        assert isinstance(self, TestInAClass)
        assert await client.submit(sum, [1, 2]) == 3


def test_only_coroutine_functions_are_taken() -> None:
    with pytest.raises(TypeError, match="coroutine"):
        gen_cluster()(lambda scheduler, a, b: None)  # type: ignore[arg-type, return-value]


def test_a_decorated_test_is_a_plain_function() -> None:
    @gen_cluster()
    async def test(scheduler: Scheduler, a: Worker, b: Worker, fixture: int) -> None:
        await asyncio.sleep(0)

    assert not inspect.iscoroutinefunction(test)
    assert list(inspect.signature(test).parameters) == ["fixture"]
