"""NumPy arrays that are made in shared memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from gdistributed.data.shared_memory.draft import Draft
from gdistributed.data.shared_memory.host import same_host
from gdistributed.data.shared_memory.segment import has_descriptors
from gdistributed.settings import MIB

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike


def shared_array(
    shape: int | Sequence[int], dtype: DTypeLike = float, order: Literal["C", "F"] = "C"
) -> np.ndarray[Any, Any]:
    """Return a new array of zeros in memory that other processes of this machine can map.

    A task that fills and returns it, or a client that scatters it, hands it over to workers and
    clients of its machine without a copy: memory holds it once, and the first reader has it as soon
    as any. It is an array like any other in all else, whole or in parts: of a frame, in a list.

    Once it has been handed over others read it: take it as done then. What is written to it later
    is not refused, but nobody else sees it.

    Where there is no such memory (on other systems than Linux; when a quarter of the files that the
    process may have open are such arrays), and below 1 MiB, it is an array of ordinary memory.

    Parameters
    ----------
    shape
        Length of each dimension.
    dtype
        Type of an element; not one that holds Python objects.
    order
        "C" for rows one after the other, "F" for columns.

    Returns
    -------
    numpy.ndarray
        The array, which may be written to.

    Raises
    ------
    ValueError
        If the elements would be Python objects.
    MemoryError
        If the system has no room for it.

    Examples
    --------
    >>> from gdistributed import shared_array
    >>> def squares(n):
    ...     array = shared_array(n)
    ...     array[:] = range(n)
    ...     array *= array
    ...     return array
    >>> client.submit(squares, 500_000).result()[:4]
    array([0., 1., 4., 9.])
    """
    import numpy as np

    kind = np.dtype(dtype)
    if kind.hasobject:
        raise ValueError(f"an array of {kind} holds Python objects, which cannot be shared")
    lengths = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    nbytes = math.prod(lengths) * kind.itemsize
    if nbytes < MIB or not same_host() or not has_descriptors():
        return np.zeros(lengths, kind, order)
    try:
        draft = Draft.of_nbytes(nbytes)
    except OSError as error:
        raise MemoryError(f"no shared memory for an array of {nbytes} bytes: {error}") from error
    return np.ndarray(lengths, kind, draft, order=order)
