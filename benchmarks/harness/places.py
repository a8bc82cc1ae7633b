"""Where things are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

BENCHMARKS: Final = Path(__file__).resolve().parent.parent
CHECKOUT: Final = BENCHMARKS.parent
ENVIRONMENTS: Final = CHECKOUT / ".tools" / "bench"
REQUIREMENTS: Final = BENCHMARKS / "requirements"
MEASURE: Final = BENCHMARKS / "measure.py"
GO_WORKER: Final = CHECKOUT / "build" / "gd-go-worker"
