"""The package in each Python that it is for, as far as this machine has others than ours.

The whole suite runs in one. What differs from version to version shows where values are pickled,
where processes and threads start, and in what dask and gRPC need: a program does all that.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

from tests.tools import ROOT

VERSIONS: Final = ("3.11", "3.12", "3.13", "3.14")
INSTALL_S: Final = 240

PROGRAM = """
import asyncio
import sys

import dask
from gdistributed import Client, LocalCluster, Lock, Variable, as_completed, get_client, wait


class Counter:
    def __init__(self):
        self.count = 0

    def add(self, number):
        self.count += number
        return self.count


def nested(first, others, *, named):
    return first + sum(others["in"]) + sum(named)


def fail():
    raise ValueError("on purpose")


def inside(number):
    with Lock("inside"):
        return get_client().submit(pow, number, 2).result()


async def doubled(number):
    await asyncio.sleep(0)
    return 2 * number


async def asynchronously(address):
    async with Client(address, asynchronous=True) as client:
        return await client.gather(client.map(doubled, range(5)))


if __name__ == "__main__":
    with LocalCluster(2, threads_per_worker=1) as cluster, Client(cluster) as client:
        one, two, three = client.map(lambda number: number + 1, range(3))
        assert client.submit(nested, one, {"in": [two, three]}, named=(one, 4)).result(60) == 11
        assert client.submit(sum, [one, two]).result(60) == 3
        large = client.submit(bytes, 3_000_000, workers="0")
        assert client.submit(len, large, workers="1").result(60) == 3_000_000
        assert len(client.gather(client.scatter(bytearray(100_000)))) == 100_000
        (done, _) = wait([large])
        assert done == {large}
        assert sorted(future.result() for future in as_completed([one, two, three])) == [1, 2, 3]
        try:
            client.submit(fail).result(60)
        except ValueError as error:
            assert "on purpose" in str(error)
        counter = client.submit(Counter, actor=True).result(60)
        assert [counter.add(number).result() for number in (1, 2)] == [1, 3]
        assert client.submit(inside, 3).result(60) == 9
        Variable("shared").set(one)
        assert Variable("shared").get(timeout=10).result(60) == 1
        add = dask.delayed(lambda *numbers: sum(numbers))
        assert add(add(1, 2), add(3, 4), *range(5)).compute() == 20
        assert asyncio.run(asynchronously(cluster.scheduler_address)) == [0, 2, 4, 6, 8]
    left_open = LocalCluster(1, processes=False)
    assert left_open.get_client().submit(sum, [1, 2]).result(60) == 3
    print(sys.version_info.minor)
"""


def others() -> list[str]:
    """Return the Pythons of this machine that the package is for, but for our own."""
    pyenv = sorted(map(str, Path.home().glob(".pyenv/versions/*/bin")))
    places = [*os.environ["PATH"].split(os.pathsep), *pyenv]
    found = []
    for version in VERSIONS:
        if version != f"3.{sys.version_info.minor}":
            programs = (shutil.which(f"python{version}", path=place) for place in places)
            found.append(next((each for each in programs if each and runs(each)), ""))
    return list(filter(None, found))


def runs(python: str) -> bool:
    """Whether it is one, and no shim for one that is not installed."""
    command = [python, "-c", "import venv, ensurepip"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.timeout(INSTALL_S + 120)
@pytest.mark.parametrize("python", others(), ids=lambda python: Path(python).name)
def test_a_program_runs(python: str, tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True, timeout=60)
    own = tmp_path / "venv/bin/python"
    install = [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, *project["dependencies"]], check=True, timeout=INSTALL_S)
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [own, "-W", "error", program],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert Path(python).name == f"python3.{done.stdout.strip()}"
