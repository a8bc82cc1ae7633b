"""Runs dask's own tests, as installed, and says what they came to: `make test-dask`.

What fails is run again on dask's own threaded scheduler: a test that fails there too says nothing
of gdistributed. The rest has to be named in known.toml, each test with a reason.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import dask

HERE: Final = Path(__file__).parent
SITE: Final = Path(dask.__file__).parent.parent
SUITES: Final = (
    "dask/array",
    "dask/bag",
    "dask/dataframe",
    "dask/tests/test_base.py",
    "dask/tests/test_delayed.py",
)
MARKS: Final = "not network and not gpu and not array_expr"
KNOWN: Final = HERE / "known.toml"
SLOW: Final = HERE / "slow.txt"
SLOW_S: Final = 0.5
STOP_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tests of one run came to.

    Attributes
    ----------
    counts
        How many passed, failed and were skipped (those that dask expects to fail among them).
    failed
        What each failed test said, by name.
    seconds
        How long each test took that ran, by name.
    is_complete
        Whether the run came to its end in its time.
    """

    counts: Counter[str]
    failed: dict[str, str]
    seconds: dict[str, float]
    is_complete: bool


class Runner:
    """Runs dask's tests in processes of their own.

    Parameters
    ----------
    folder
        Where reports may be written.
    nprocesses
        How many processes share the tests; each has its own cluster.
    """

    def __init__(self, folder: Path, nprocesses: int) -> None:
        self._folder = folder
        self._nprocesses = nprocesses

    def run(
        self, scheduler: str, tests: Iterable[str], options: Sequence[str], timeout_s: float
    ) -> Outcome:
        """Run tests with one scheduler, for no longer than `timeout_s`."""
        report = self._folder / f"{scheduler}.jsonl"
        names = self._file(scheduler, tests)
        words = [sys.executable, "-m", "pytest", f"@{names}", "-q", "--no-header", "--tb=line"]
        words += ["-c", str(HERE / "dask.ini"), "--rootdir", str(SITE)]
        words += ["-p", "tests.dask_suite.plugin", "--dask-scheduler", scheduler]
        words += ["-n", str(self._nprocesses), "--dist", "worksteal", "--report", str(report)]
        is_complete = _finished([*words, *options], self._folder / f"{scheduler}.log", timeout_s)
        return _outcome(report, is_complete)

    def leave_out(self, tests: Iterable[str]) -> list[str]:
        """Return the option that keeps tests from being chosen."""
        return ["--leave-out", str(self._file("left-out", tests))]

    def _file(self, name: str, tests: Iterable[str]) -> Path:
        path = self._folder / f"{name}.txt"
        path.write_text("".join(f"{test}\n" for test in tests))
        return path


def _finished(words: Sequence[str], log: Path, timeout_s: float) -> bool:
    """Run a program; say whether it ended by itself."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent)}
    with (
        log.open("w") as output,
        subprocess.Popen(
            words, stdout=output, stderr=subprocess.STDOUT, cwd=SITE, env=environment
        ) as process,
    ):
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        finally:
            _end(process)
    if process.returncode not in (0, 1):  # of pytest: all passed, some failed
        raise click.ClickException(f"pytest ended with {process.returncode}:\n{_tail(log)}")
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End pytest if it still runs, as Control-C does: its processes and clusters end with it."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-30:])


def _outcome(report: Path, is_complete: bool) -> Outcome:
    outcomes: dict[str, str] = {}
    failed: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for line in map(json.loads, report.read_text().splitlines()):
        test = line["test"]
        seconds[test] = line["seconds"]
        if outcomes.get(test) != "failed":  # a test may fail again when it is torn down
            outcomes[test] = line["outcome"]
        if line["outcome"] == "failed":
            failed.setdefault(test, line["error"])
    return Outcome(Counter(outcomes.values()), failed, seconds, is_complete)


def known_failures() -> dict[str, str]:
    """Return the reasons of known.toml, by test."""
    groups = tomllib.loads(KNOWN.read_text())["group"]
    return {test: group["reason"] for group in groups for test in group["tests"]}


@click.command()
@click.argument("tests", nargs=-1)
@click.option("--choose", type=int, default=0, help="Run so many, chosen from all files.")
@click.option("-n", "nprocesses", type=int, default=os.cpu_count(), help="Processes.")
@click.option("--timeout", "timeout_s", type=float, default=5400, help="Seconds for all tests.")
@click.option("--folder", type=Path, help="Where to keep the reports.")
@click.option("--write-slow", is_flag=True, help="Name in slow.txt what took long.")
@click.option("-m", "mark", default=MARKS, help="As pytest's -m.")
def main(
    tests: tuple[str, ...],
    choose: int,
    nprocesses: int,
    timeout_s: float,
    folder: Path | None,
    write_slow: bool,
    mark: str,
) -> None:
    """Run dask's own tests (all suites, or TESTS) with a gdistributed client as scheduler."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with tempfile.TemporaryDirectory() as temporary:
        folder = folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        runner = Runner(folder, nprocesses)
        known = known_failures()
        options = ["-m", mark]
        if choose:
            slow = SLOW.read_text().splitlines()
            options += ["--choose", str(choose), *runner.leave_out([*known, *slow])]
        ours = runner.run("gdistributed", tests or SUITES, options, timeout_s)
        if write_slow:
            slow = {test.partition("[")[0] for test, s in ours.seconds.items() if s > SLOW_S}
            SLOW.write_text("".join(f"{test}\n" for test in sorted(slow)))
        threads: Outcome | None = None
        if ours.failed:
            threads = runner.run("threads", ours.failed, [], timeout_s)
    sys.exit(_tell(ours, set(threads.failed) if threads else set(), known))


def _tell(ours: Outcome, fails_on_threads: set[str], known: dict[str, str]) -> int:
    """Print the result; return 1 if something failed that nobody knows of."""
    counts = ours.counts
    new = {
        test: error
        for test, error in ours.failed.items()
        if test not in fails_on_threads and test not in known
    }
    for test, error in sorted(new.items()):
        print(f"FAILED {test}\n       {error.partition(chr(10))[0]}")
    print(f"dask {dask.__version__}, computed by gdistributed:")
    print(f"{counts['passed']:6} passed")
    print(f"{counts['skipped']:6} skipped, or failed as dask expects")
    print(f"{counts['failed']:6} failed, of which")
    print(f"{len(fails_on_threads):10} fail on dask's threaded scheduler too")
    print(f"{len(set(ours.failed) & set(known) - fails_on_threads):10} are named in known.toml")
    print(f"{len(new):10} are new")
    gone = sorted(test for test in known if test in ours.seconds and test not in ours.failed)
    for test in gone:
        print(f"known.toml names a test that passed: {test}")
    if not ours.is_complete:
        print("the time was up before the end: the tests that had not run are not counted")
    return int(bool(new) or not ours.is_complete)


if __name__ == "__main__":
    main()
