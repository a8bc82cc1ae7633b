"""`gd conformance`: our workers keep all rules; one with a fault breaks the rule that it should."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from gdistributed.conformance.rule import CORE
from gdistributed.conformance.rules import RULES
from gdistributed.conformance.runner import Outcome, Runner, Verdict
from tests.languages.broken_worker import FAULTS, TIMEOUT_S
from tests.processes import GD, started
from tests.tools import ROOT, require

FUNCTIONS = "--functions gdistributed.conformance.functions"
WORKER = f"{sys.executable} -m gdistributed worker {{address}} --nthreads 2 {FUNCTIONS}"
BROKEN = Path(__file__).parent / "broken_worker.py"
BY_NAME = {rule.name: rule for rule in RULES}


def judged(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command on a worker."""
    command = [*GD, "conformance", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


async def verdicts(
    command: str, *rules: str, timeout_s: float = TIMEOUT_S, start_s: float = 60.0
) -> list[Verdict]:
    runner = Runner(command, timeout_s=timeout_s, start_s=start_s)
    return [verdict async for verdict in runner.play([BY_NAME[rule] for rule in rules])]


# ---- Our workers


@pytest.mark.timeout(300)  # on a busy machine; half a minute else
@pytest.mark.parametrize("options", ["", "--no-nanny"])
def test_the_python_worker_keeps_all_rules(options: str) -> None:
    run = judged(f"{WORKER} {options}")
    assert run.returncode == 0, run.stdout
    assert run.stdout.count("passed  ") == len(RULES)


def test_the_go_worker_keeps_all_rules() -> None:
    program = require(ROOT / "build/gd-go-conformance", "make test builds it (needs Go)")
    run = judged(f"{program} {{address}} --nthreads 2")
    assert run.returncode == 0, run.stdout
    assert run.stdout.count("passed  ") == len(RULES)


# ---- Broken ones


@pytest.mark.parametrize("rule", FAULTS)
async def test_a_fault_is_found(rule: str) -> None:
    _, expected, timeout_s = FAULTS[rule]
    [verdict] = await verdicts(f"{sys.executable} {BROKEN} {rule}", rule, timeout_s=timeout_s)
    assert verdict.outcome is Outcome.FAILED
    assert expected in verdict.expected


async def test_after_a_fault_the_next_rules_have_a_fresh_worker() -> None:
    command = f"{sys.executable} {BROKEN} errors.lives_on"
    rules = ("errors.lives_on", "arguments.null", "results.small_ones_ride_along")
    outcomes = [verdict.outcome for verdict in await verdicts(command, *rules)]
    assert outcomes == [Outcome.FAILED, Outcome.PASSED, Outcome.PASSED]


def test_of_a_fault_the_report_says_what_helps() -> None:
    rule = "errors.says_type_and_message"
    run = judged(f"{sys.executable} {BROKEN} {rule} {{address}}", "--rule", rule)
    assert run.returncode == 1
    words = " ".join(run.stdout.split())
    assert f"failed core {rule} A function that fails makes the task err" in words
    assert "expected: a message with 'the table cannot be read: ü' came: ''" in words
    assert 'protocol: "message of the error, as a person reads it." (TaskError)' in words
    assert "core: 1 failed" in words
    assert max(map(len, run.stdout.splitlines())) <= 80


# ---- No worker at all


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("no-such-program", "the command 'no-such-program 127.0.0.1:"),
        (f"{sys.executable} -c 'import sys; sys.exit(\"no port\")'", "exit status 1;"),
        (f"{sys.executable} -c 'import os; os.abort()'", "signal SIGABRT ended it"),
        (f"{sys.executable} -c 'input()'", "did not connect to 127.0.0.1:"),
    ],
)
async def test_a_worker_that_never_comes_is_told_of_once(command: str, words: str) -> None:
    first, *others = await verdicts(command, "arguments.null", "arguments.raw", start_s=1.0)
    assert first.outcome is Outcome.FAILED
    assert words in first.came
    assert [(each.outcome, each.why) for each in others] == [(Outcome.SKIPPED, "no worker came")]


async def test_the_last_words_of_a_worker_are_shown() -> None:
    [verdict] = await verdicts(
        f"{sys.executable} -c 'print(\"no port\"); exit(3)'", "arguments.null"
    )
    assert verdict.came.endswith(
        "it ended with exit status 3;\nthe last lines that it has written:\n  no port"
    )


async def test_a_worker_that_ends_meanwhile_is_told_of() -> None:
    [verdict] = await verdicts(f"{sys.executable} {BROKEN} errors.lives_on", "errors.lives_on")
    assert "it ended with exit status 3" in verdict.came


# ---- The command


def test_a_worker_that_a_person_starts_is_waited_for() -> None:
    options = ("--rule", "hello.", "--rule", "leaving.stops", "--json")
    with ExitStack() as ends:
        suite = subprocess.Popen(
            [*GD, "conformance", "127.0.0.1:0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        ends.enter_context(suite)
        ends.callback(suite.kill)
        assert suite.stderr is not None
        address = suite.stderr.readline().split()[-1]
        started(ends, "worker", address, "--no-nanny", *FUNCTIONS.split())
        told, _ = suite.communicate(timeout=60)
    assert suite.returncode == 1  # for a rule was skipped
    outcomes = {each["rule"]: each["outcome"] for each in json.loads(told)}
    skipped = {rule for rule, outcome in outcomes.items() if outcome == "skipped"}
    assert skipped == {"hello.names_the_incarnation", "leaving.stops_at_a_goodbye"}
    assert set(outcomes.values()) == {"passed", "skipped"}


def test_rules_are_listed_by_level_and_name() -> None:
    run = judged("--list", "--json", "--level", "core", "--rule", "run.")
    listed = [each["rule"] for each in json.loads(run.stdout)]
    assert listed == [r.name for r in RULES if r.name.startswith("run.") and r.level is CORE]
    assert "run.echoes_the_attempt" in judged("--list").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give the COMMAND"),
        (("x", "--rule", "no"), "no rule begins so"),
        (("x", "--level", "a"), "core"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: tuple[str, ...], words: str) -> None:
    run = judged(*arguments)
    assert run.returncode == 2
    assert words in run.stderr
