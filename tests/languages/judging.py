"""Workers judged by `gd conformance`, and by what is behind it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gdistributed.conformance.rules import RULES
from gdistributed.conformance.runner import Runner, Verdict
from tests.languages.broken_worker import TIMEOUT_S
from tests.processes import GD

BROKEN = f"{sys.executable} {Path(__file__).parent / 'broken_worker.py'}"
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
