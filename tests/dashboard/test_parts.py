"""The pure parts of the pages: formats, lanes, drawing, layout; Node.js runs their tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.tools import require

TESTS = Path(__file__).with_name("parts.test.js")


def test_parts() -> None:
    node = require("node", "install Node.js")
    done = subprocess.run([node, "--test", TESTS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
