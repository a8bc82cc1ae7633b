"""How large a value is in memory."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Final

PLAIN: Final = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray})
UNKNOWN_NBYTES: Final = 10_000


def sizeof(value: object) -> int:
    """Estimate the size of a value in memory, in bytes.

    Uses `dask.sizeof`, which knows NumPy, pandas, Arrow and more, and samples long containers. A
    type whose own answer is wrong (it raises, or is no natural number) counts 10,000 bytes.
    """
    if type(value) in PLAIN:
        return sys.getsizeof(value)
    try:
        return max(int(_estimator()(value)), 0)
    except Exception:
        return UNKNOWN_NBYTES


@cache
def _estimator() -> Callable[[object], int]:
    """Import dask.sizeof when it is first needed: it takes a tenth of a second.

    In a thread of its own, since dask keeps an error of its import where jinja2 is missing. That
    keeps all frames of the thread, and in ours is the value.
    """
    with ThreadPoolExecutor(1) as importer:
        module = importer.submit(importlib.import_module, "dask.sizeof").result()
    estimator: Any = module.sizeof

    def know_polars() -> None:
        import polars

        estimator.register((polars.DataFrame, polars.Series))(lambda each: each.estimated_size())

    estimator.register_lazy("polars")(know_polars)
    known: Callable[[object], int] = estimator
    return known
