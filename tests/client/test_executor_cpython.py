"""CPython's own tests of executors, run on ours.

They are those of the installed Python. Where it comes without its tests, those of another Python
that is installed beside it, not newer than this one, do as well.
"""

from __future__ import annotations

import importlib
import re
import sys
import threading
import types
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gdistributed import Client, LocalCluster

# Where the classes are: up to Python 3.11 in one module, later in several.
CLASSES = {
    "ExecutorTest": "executor",
    "WaitTests": "test_wait",
    "AsCompletedTests": "test_as_completed",
    "ExecutorShutdownTest": "test_shutdown",
}
NAME = "test.test_concurrent_futures"

POOLS = "it is about pools of this process: their arguments, their threads, their child processes"
PROGRAMS = "it starts a program that makes a pool by its class's name, without any argument"
NOT_APPLICABLE = {
    "test_max_workers_negative": POOLS,
    "test_hang_gh83386": PROGRAMS,
    "test_hang_gh94440": PROGRAMS,
    "test_hang_issue45021": PROGRAMS,
    "test_interpreter_shutdown": PROGRAMS,
    "test_submit_after_interpreter_shutdown": PROGRAMS,
}


def find_tests() -> bool:
    """Make CPython's tests importable; say whether there are any."""
    try:
        importlib.import_module(NAME)
    except ModuleNotFoundError:
        return beside_this_python()
    return True


def beside_this_python() -> bool:
    """Take the tests of the newest other Python whose version is not above ours."""
    package = importlib.import_module("test")
    ours = Path(sys.base_prefix)
    found = {
        (int(match[1]), int(match[2])): folder
        for folder in ours.parent.glob("*/lib/python3.*/test")
        if (match := re.search(r"python(\d+)\.(\d+)$", str(folder.parent)))
        and list(folder.glob("test_concurrent_futures*"))
    }
    fitting = [version for version in found if version <= sys.version_info[:2]]
    if not fitting:
        return False
    package.__path__.append(str(found[max(fitting)]))
    importlib.import_module(NAME)
    return True


if not find_tests():
    pytest.skip(
        "this Python comes without its tests (the package `test`), and there is none beside it: "
        "Debian has them as libpython3.X-testsuite, python.org and pyenv install them",
        allow_module_level=True,
    )


class OnACluster:
    """Gives each test an executor of its own, all on one cluster in this process."""

    cluster: LocalCluster
    client: Client
    worker_count = 5

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = LocalCluster(1, threads_per_worker=cls.worker_count, processes=False)
        cls.client = Client(cls.cluster, set_as_default=False)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.client.close()
        cls.cluster.close()

    def setUp(self) -> None:
        self.executor = self.client.get_executor()

    def tearDown(self) -> None:
        self.executor.shutdown()
        names = [thread.name for thread in threading.enumerate()]
        assert "gdistributed-executor" not in names


def of_cpython(name: str) -> type[unittest.TestCase]:
    """Make a test case of one of CPython's classes of tests, without what does not apply."""
    found = getattr(importlib.import_module(NAME), name, None)
    if found is None:
        found = getattr(importlib.import_module(f"{NAME}.{CLASSES[name]}"), name)
    skipped: dict[str, Callable[..., Any]] = {
        test: unittest.skip(reason)(getattr(found, test))
        for test, reason in NOT_APPLICABLE.items()
        if hasattr(found, test)
    }

    def fill(namespace: dict[str, Any]) -> None:
        namespace.update(skipped)

    return types.new_class(name, (OnACluster, found, unittest.TestCase), exec_body=fill)


TestExecutor = of_cpython("ExecutorTest")
TestWait = of_cpython("WaitTests")
TestAsCompleted = of_cpython("AsCompletedTests")
TestShutdown = of_cpython("ExecutorShutdownTest")
