"""A choice of dask's own tests; `make test-dask` runs them all."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.dask_suite.__main__ import known_failures

CHOSEN = 1500
TIMEOUT_S = 900


@pytest.mark.timeout(TIMEOUT_S + 60)
def test_a_choice_of_dasks_own_tests() -> None:
    words = [sys.executable, "-m", "tests.dask_suite", "--choose", str(CHOSEN)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    passed = re.search(r"(\d+) passed", ended.stdout)
    assert passed is not None
    assert int(passed[1]) > 0.95 * CHOSEN, ended.stdout


def test_each_known_failure_has_a_reason() -> None:
    reasons = known_failures()
    assert all(len(reason) > 20 for reason in reasons.values())
    assert all("::" in test for test in reasons)
