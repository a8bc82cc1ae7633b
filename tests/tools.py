"""Programs of other languages that some tests need; make puts them into `.tools`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"


def require(program: str | Path, made_by: str) -> str:
    """Return the path of a program, or skip the test; with CI=true nothing is skipped.

    At the top of a file it skips all tests of the file, with one line in the report.

    Parameters
    ----------
    program
        Where make puts it, or a name to look for on PATH.
    made_by
        What a person does to have it, for instance ``"make test"``.
    """
    found = shutil.which(program)
    if found is None and os.environ.get("CI") == "true":
        pytest.fail(f"{program} is missing, and with CI=true nothing may be skipped: {made_by}")
    if found is None:
        pytest.skip(f"{program} is missing: {made_by}", allow_module_level=True)
    return found
