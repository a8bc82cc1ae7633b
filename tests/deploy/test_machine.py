"""How workers share a machine."""

from __future__ import annotations

import pytest

from gdistributed.deploy import machine
from gdistributed.deploy.machine import worker_memory_nbytes, workers_and_threads
from gdistributed.errors import UsageError

GIB = 2**30


@pytest.fixture(autouse=True)
def _eight_cores_and_16_gib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "CORES", 8)
    monkeypatch.setattr(machine, "memory_nbytes", lambda: 16 * GIB)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("auto", 4 * GIB),  # two of eight threads
        ("4GiB", 4 * GIB),
        ("2 GB", 2 * 10**9),
        ("0.5", 8 * GIB),
        (0.5, 8 * GIB),
        ("1", 16 * GIB),
        (1.0, 16 * GIB),
        ("1000000", 1_000_000),
        (1_000_000, 1_000_000),
        ("1e6", 1_000_000),
        ("64GiB", 16 * GIB),  # never more than there is
        (0, 0),
        ("0", 0),
        (None, 0),
    ],
)
def test_memory_limits_are_read_as_dask_reads_them(
    limit: str | float | None, expected: int
) -> None:
    assert worker_memory_nbytes(limit, nthreads=2) == expected


def test_many_workers_do_not_count_on_the_same_memory() -> None:
    assert worker_memory_nbytes("auto", nthreads=8, nworkers=4) == 4 * GIB


@pytest.mark.parametrize("limit", ["lots", "-1", -5, "nan", "4 apples"])
def test_a_memory_limit_that_makes_no_sense_is_refused(limit: str | float) -> None:
    with pytest.raises(UsageError, match="memory limit"):
        worker_memory_nbytes(limit, nthreads=1)


@pytest.mark.parametrize(
    ("n_workers", "threads", "expected"),
    [
        (None, None, (4, 2)),
        (2, None, (2, 4)),
        (None, 2, (4, 2)),
        (3, 5, (3, 5)),
        (20, None, (20, 1)),
        (None, 20, (1, 20)),
        (0, None, (0, 8)),
    ],
)
def test_workers_and_threads_make_use_of_all_cores(
    n_workers: int | None, threads: int | None, expected: tuple[int, int]
) -> None:
    assert workers_and_threads(n_workers, threads) == expected


@pytest.mark.parametrize(("cores", "workers"), [(1, 1), (2, 2), (4, 4), (6, 3), (7, 7), (64, 8)])
def test_larger_machines_have_about_as_many_workers_as_threads(
    monkeypatch: pytest.MonkeyPatch, cores: int, workers: int
) -> None:
    monkeypatch.setattr(machine, "CORES", cores)
    assert workers_and_threads(None, None) == (workers, cores // workers)
