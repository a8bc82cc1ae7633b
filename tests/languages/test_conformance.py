"""`gd conformance`: our workers keep all rules, and a worker that never comes is told of."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from gdistributed.conformance.rule import CORE
from gdistributed.conformance.rules import RULES
from gdistributed.conformance.runner import Outcome
from gdistributed.security.certificates import write_certificates
from tests.languages.judging import judged, verdicts
from tests.processes import GD, started
from tests.tools import ROOT, require

FUNCTIONS = "--functions gdistributed.conformance.functions"
WORKER = f"{sys.executable} -m gdistributed worker {{address}} --nthreads 2 {FUNCTIONS}"


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


def test_a_worker_that_speaks_tls_is_judged(tmp_path: Path) -> None:
    write_certificates(tmp_path)
    program = require(ROOT / "build/gd-go-conformance", "make test builds it (needs Go)")
    rules = ("--rule", "hello.", "--rule", "dependencies.")
    run = judged(f"{program} {{address}} --nthreads 2", "--tls", str(tmp_path), *rules)
    assert run.returncode == 0, run.stdout
    assert run.stdout.count("passed  ") > 10


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
