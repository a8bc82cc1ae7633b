"""The stream of tasks, and the page that tells what a computation did."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from gdistributed import Client, get_task_stream, performance_report


def nap(number: int) -> int:
    time.sleep(0.02)
    return number


def fail(number: int) -> int:
    raise ValueError(number)


def data_of(path: Path) -> dict[str, Any]:
    """Return what a report draws."""
    text = path.read_text("utf-8")
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])  # type: ignore[no-any-return]


def test_the_stream_of_tasks_of_a_block(client: Client) -> None:
    client.submit(nap, -1).result()
    with get_task_stream(client) as stream:
        naps = client.map(nap, range(5), pure=False)
        failed = client.submit(fail, 1)
        client.gather([*naps, failed], errors="skip")
    assert sorted(run["key"] for run in stream.data) == sorted(
        [failed.key, *(each.key for each in naps)]
    )
    (bad,) = [run for run in stream.data if run["status"] == "error"]
    assert bad["key"] == failed.key
    for run in stream.data:
        steps = {step["action"]: step for step in run["startstops"]}
        assert run["start"] == steps["compute"]["start"] <= run["stop"] == steps["compute"]["stop"]
        if run["prefix"] == "nap":
            assert 0.02 <= run["stop"] - run["start"] < 5


def test_the_stream_of_tasks_afterwards(client: Client) -> None:
    before = time.time()
    naps = client.map(nap, range(3), pure=False)
    client.gather(naps)
    keys = {future.key for future in naps}
    assert keys <= {run["key"] for run in client.get_task_stream(start=before)}
    assert len(client.get_task_stream(count=2)) == 2
    assert client.get_task_stream(stop=before - 3600) == []


def test_a_report_tells_what_happened(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    with performance_report(path, client, title="Naps & <more>"):
        naps = client.map(nap, range(10), pure=False)
        failed = client.submit(fail, 2)
        client.gather([*naps, failed], errors="skip")
    text = path.read_text("utf-8")
    assert "<title>Naps &amp; &lt;more&gt;</title>" in text
    assert not re.search(r'(src|href)="', text)  # it needs no other file
    data = data_of(path)
    counts = {each["name"]: (each["finished"], each["failed"]) for each in data["prefixes"]}
    assert counts == {"nap": (10, 0), "fail": (0, 1)}
    napped = next(each for each in data["prefixes"] if each["name"] == "nap")
    assert 10 * 0.02 <= napped["run_s"] < 10
    assert sum(data["runs"]["count"]) == 11
    assert sum(data["runs"]["failed"]) == 1
    assert all(0 <= end <= data["seconds"] for end in data["runs"]["end"])
    assert {worker["name"] for worker in data["workers"]} == {
        each["name"] for each in client.scheduler_info()["workers"].values()
    }
    assert {len(values) for values in data["samples"].values()} == {len(data["samples"]["time"])}
    assert "test_a_report_tells_what_happened" in data["code"]


def test_a_report_is_written_when_the_block_raises(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    with pytest.raises(ValueError, match="2"), performance_report(path, client):  # noqa: PT012
        client.submit(nap, 1, pure=False).result()
        fail(2)
    assert data_of(path)["prefixes"][0]["finished"] == 1


async def test_a_report_of_an_asynchronous_client(address: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    async with (
        Client(address, asynchronous=True) as client,
        performance_report(path, client),
        get_task_stream(client) as stream,
    ):
        await client.submit(nap, 5, pure=False)
    assert len(stream.data) == sum(data_of(path)["runs"]["count"]) == 1
