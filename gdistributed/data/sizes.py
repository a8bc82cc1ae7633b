"""How large a value is in memory."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
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
        return max(int(_estimate()(value)), 0)
    except Exception:
        return UNKNOWN_NBYTES


@functools.cache
def _estimate() -> Callable[[object], int]:
    import dask.sizeof  # a tenth of a second, which few clients need

    estimate: Any = dask.sizeof.sizeof

    def know_polars() -> None:
        import polars

        estimate.register((polars.DataFrame, polars.Series))(lambda each: each.estimated_size())

    estimate.register_lazy("polars")(know_polars)
    known: Callable[[object], int] = estimate
    return known
