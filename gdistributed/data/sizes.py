"""How large a value is in memory."""

from __future__ import annotations

import sys
from typing import Final

PLAIN: Final = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray})
UNKNOWN_NBYTES: Final = 10_000


def sizeof(value: object) -> int:
    """Estimate the size of a value in memory, in bytes.

    Uses `dask.sizeof`, which knows NumPy, pandas, Arrow and more, and samples long containers. A
    type whose own answer is wrong (it raises, or is no natural number) counts 10,000 bytes.
    """
    if type(value) in PLAIN:
        return sys.getsizeof(value)
    from dask.sizeof import sizeof as estimate  # a tenth of a second, which few clients need

    try:
        return max(int(estimate(value)), 0)
    except Exception:
        return UNKNOWN_NBYTES
