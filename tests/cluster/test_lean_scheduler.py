"""The scheduler never needs what users compute with: neither NumPy nor pandas nor their modules."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from gdistributed import Client
from tests.processes import address_of, started

ABSENT = ("numpy", "pandas", "pyarrow", "scipy", "sklearn", "lean_users_module")
# Python reads a file of this name when it starts.
SITECUSTOMIZE = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"{{name}} is not installed here", name=name)

sys.meta_path.insert(0, Absent())
"""
USERS_MODULE = """
import pandas as pd

class Price:
    def __init__(self, amount):
        self.amount = amount

    def __add__(self, other):
        return Price(self.amount + other.amount)

def with_price(frame):
    return frame.assign(price=[Price(number) for number in frame.a])

def total(frame):
    return pd.DataFrame({"b": ["all"], "amount": [sum(price.amount for price in frame.price)]})
"""


@pytest.fixture
def bare(tmp_path: Path) -> tuple[str, str]:
    """The start of a command that runs in an environment without all these modules."""
    folder = tmp_path / "bare"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
    return "env", f"PYTHONPATH={folder}"


@pytest.fixture
def users_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder with a module that is here and on the workers, and not where the scheduler is."""
    folder = tmp_path / "users"
    folder.mkdir()
    (folder / "lean_users_module.py").write_text(USERS_MODULE)
    monkeypatch.syspath_prepend(folder)
    return str(folder)


@pytest.fixture
def client(bare: tuple[str, str], users_module: str) -> Iterator[Client]:
    """A client of a cluster whose scheduler has none of these modules."""
    with ExitStack() as processes:
        scheduler = started(processes, "scheduler", "--port", "0", before=bare)
        address = address_of(scheduler)
        for name in ("ada", "bob"):
            words = ("worker", address, "--no-nanny", "--name", name, "--nthreads", "1")
            worker = started(processes, *words, before=("env", f"PYTHONPATH={users_module}"))
            worker.wait_for("registered")
        yield processes.enter_context(Client(address))


@pytest.mark.parametrize("name", ABSENT)
def test_the_modules_are_not_there(bare: tuple[str, str], name: str) -> None:
    words = [*bare, sys.executable, "-c", f"import {name}"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "is not installed here" in ended.stderr


def test_collections_are_computed(client: Client) -> None:
    module = importlib.import_module("lean_users_module")
    frame = pd.DataFrame({"a": np.arange(40), "b": ["x", "y"] * 20})
    df = dd.from_pandas(frame, npartitions=4)
    assert df.groupby("b").a.mean().compute().to_dict() == {"x": 19.0, "y": 20.0}
    assert len(df.merge(df, on="b")) == 800
    priced = df.map_partitions(module.with_price, meta={"a": int, "b": object, "price": object})
    totals = priced.map_partitions(module.total, meta={"b": object, "amount": int}).compute()
    assert totals.amount.sum() == frame.a.sum()
    assert (da.ones((40, 40), chunks=10) @ da.ones((40, 40), chunks=20)).sum().compute() == 64_000
    price = client.submit(module.Price, 3)
    assert client.gather(client.submit(sum, [price, price], module.Price(1))).amount == 7
    error = client.submit(divide, np.float64(1), 0).exception()
    assert type(error) is np.exceptions.AxisError


def divide(a: np.float64, b: int) -> float:
    if b == 0:
        raise np.exceptions.AxisError("an exception that the scheduler does not know")
    return float(a / b)
