"""A worker with one fault breaks the rule that it should: so the suite is judged."""

from __future__ import annotations

import pytest

from gdistributed.conformance.runner import Outcome
from tests.languages.broken_worker import FAULTS
from tests.languages.judging import BROKEN, judged, verdicts


@pytest.mark.parametrize("rule", FAULTS)
async def test_a_fault_is_found(rule: str) -> None:
    _, expected, timeout_s = FAULTS[rule]
    [verdict] = await verdicts(f"{BROKEN} {rule}", rule, timeout_s=timeout_s)
    assert verdict.outcome is Outcome.FAILED
    assert expected in verdict.expected


async def test_after_a_fault_the_next_rules_have_a_fresh_worker() -> None:
    command = f"{BROKEN} errors.lives_on"
    rules = ("errors.lives_on", "arguments.null", "results.small_ones_ride_along")
    outcomes = [verdict.outcome for verdict in await verdicts(command, *rules)]
    assert outcomes == [Outcome.FAILED, Outcome.PASSED, Outcome.PASSED]


def test_of_a_fault_the_report_says_what_helps() -> None:
    rule = "errors.says_type_and_message"
    run = judged(f"{BROKEN} {rule} {{address}}", "--rule", rule)
    assert run.returncode == 1
    words = " ".join(run.stdout.split())
    assert f"failed core {rule} A function that fails makes the task err" in words
    assert "expected: a message with 'the table cannot be read: ü' came: ''" in words
    assert 'protocol: "message of the error, as a person reads it." (TaskError)' in words
    assert "core: 1 failed" in words
    assert max(map(len, run.stdout.splitlines())) <= 80


async def test_a_worker_that_ends_meanwhile_is_told_of() -> None:
    [verdict] = await verdicts(f"{BROKEN} errors.lives_on", "errors.lives_on")
    assert "it ended with exit status 3" in verdict.came
