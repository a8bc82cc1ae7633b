"""A pytest plugin for dask's own tests: they compute with a gdistributed client.

It starts a cluster for the session, one in each process of xdist, and lets the tests' checks go
through its client too: dask's three `assert_eq` compute with the "sync" scheduler unless told
otherwise. What each test came to is written down, one JSON object a line.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import dask
import dask.array.utils
import dask.bag.utils
import dask.dataframe.utils
import pytest

from gdistributed import Client, LocalCluster, wait
from gdistributed.errors import GDistributedError

GDISTRIBUTED: Final = "gdistributed"
ASSERT_EQ: Final = (
    dask.array.utils.assert_eq,
    dask.bag.utils.assert_eq,
    dask.dataframe.utils.assert_eq,
)
NOT_CHOSEN: Final = {"slow", "network", "gpu", "skip", "skipif", "xfail"}
ANSWER_TIMEOUT_S: Final = 30.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say which scheduler computes, which tests are chosen and where the report goes."""
    group = parser.getgroup("dask's own tests")
    group.addoption("--dask-scheduler", default=GDISTRIBUTED, help="this, or one of dask's own")
    group.addoption("--choose", type=int, default=0, help="how many tests; 0 for all")
    group.addoption("--leave-out", help="a file of tests that are not to be chosen")
    group.addoption("--report", default=os.devnull, help="a file for what each test came to")


def pytest_configure(config: pytest.Config) -> None:
    """Compute with the scheduler that was asked for; report from the process that distributes."""
    runs_tests = hasattr(config, "workerinput") or not config.getoption("numprocesses")
    if runs_tests:
        config.pluginmanager.register(Scheduler(config.getoption("--dask-scheduler")))
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Report(Path(config.getoption("--report"))))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the chosen tests, in their order."""
    count, path = config.getoption("--choose"), config.getoption("--leave-out")
    if count:
        left_out = set(Path(path).read_text().splitlines()) if path else set()
        chosen = choose(
            (item for item in items if not left_out & {item.nodeid, without_words(item)}), count
        )
        items[:] = [item for item in items if item.nodeid in chosen]


def choose(items: Iterable[pytest.Item], count: int) -> set[str]:
    """Choose tests from all files in turn, in each file by a hash of their names.

    Those that may be skipped, fail or take long by their own marks are not chosen.
    """
    by_file: dict[str, list[str]] = {}
    for item in items:
        if not NOT_CHOSEN & {mark.name for mark in item.iter_markers()}:
            by_file.setdefault(str(item.path), []).append(item.nodeid)
    for names in by_file.values():
        names.sort(key=lambda name: hashlib.sha256(name.encode()).digest())
    turns = max(map(len, by_file.values()), default=0)
    in_turn = (
        names[turn] for turn in range(turns) for names in by_file.values() if turn < len(names)
    )
    return {name for name, _ in zip(in_turn, range(count), strict=False)}


def without_words(item: pytest.Item) -> str:
    """Return the name of a test without what tells its parameters apart."""
    return item.nodeid.partition("[")[0]


class Scheduler:
    """Has one scheduler compute for the whole session.

    Parameters
    ----------
    name
        "gdistributed", or one that dask knows.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._exits = ExitStack()
        self._client: Client | None = None

    def pytest_sessionstart(self) -> None:
        """Let all that names no scheduler compute with this one."""
        for function in ASSERT_EQ:
            set_default(function, "scheduler", None)
        self._start()

    def pytest_sessionfinish(self) -> None:
        """End the cluster."""
        self._exits.close()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: Any) -> Iterator[None]:  # noqa: ANN401
        """Give the tests after a failed one another cluster, if this one no longer answers."""
        report = yield
        if report.failed and self._client is not None and not self._answers(self._client):
            item.add_report_section(call.when, "cluster", "did not answer, and was replaced")
            self._exits.close()
            self._start()
        return report

    def _start(self) -> None:
        if self._name == GDISTRIBUTED:
            cluster = self._exits.enter_context(LocalCluster(n_workers=2, threads_per_worker=2))
            self._client = self._exits.enter_context(Client(cluster))
        else:
            self._exits.enter_context(dask.config.set(scheduler=self._name))

    def _answers(self, client: Client) -> bool:
        probes = client.map(abs, range(8), pure=False)
        try:
            return not wait(probes, timeout=ANSWER_TIMEOUT_S).not_done
        except GDistributedError:
            return False


def set_default(function: Any, name: str, value: object) -> None:  # noqa: ANN401
    """Change the default of one parameter of a function, for all that have imported it."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    place = names.index(name) - len(names)
    defaults = list(function.__defaults__)
    defaults[place] = value
    function.__defaults__ = tuple(defaults)


class Report:
    """Writes down what each test came to."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Write that a file could not be read."""
        if report.failed:
            self._write(report, 0.0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write the end of a test: when it was called, or what went wrong before or after."""
        if report.when == "call" or report.outcome != "passed":
            self._write(report, report.duration)

    def pytest_unconfigure(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, report: pytest.TestReport | pytest.CollectReport, seconds: float) -> None:
        crash = getattr(report.longrepr, "reprcrash", None)
        line = {
            "test": report.nodeid,
            "outcome": report.outcome,
            "seconds": round(seconds, 3),
            "error": str(getattr(crash, "message", report.longrepr or ""))[:500],
        }
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
