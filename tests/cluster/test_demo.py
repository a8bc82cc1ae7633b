"""`make demo`, as a person runs it."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy
import pytest

from docs.examples import flights
from tests.tools import ROOT


def test_the_demo_ends_well_and_shows_what_it_found() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "docs.examples.flights"],
        capture_output=True,
        text=True,
        timeout=110,
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "80"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "336,776 flights" in done.stdout
    assert done.stdout.count("what pandas finds") == 2
    assert "JetBlue Airways" in done.stdout
    assert "grpcurl -plaintext" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_difference_from_pandas_ends_the_demo_with_an_error() -> None:
    right, wrong = numpy.array([1.0, 2.0]), numpy.array([1.0, 2.1])
    flights.check("numbers", right, right)
    with pytest.raises(SystemExit, match="differ from what pandas finds"):
        flights.check("numbers", wrong, right)
