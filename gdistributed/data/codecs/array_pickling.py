"""How NumPy arrays are pickled: so that what they hold travels once, and apart from the pickle.

NumPy itself writes only arrays that lie in memory in one piece apart. A slice of a larger array
would be copied into the pickle, and one number that stands for a whole array (`np.broadcast_to`,
the chunks of `dask.array.ones`) as often as it appears.
"""

from __future__ import annotations

import copyreg
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np

PROTOCOL: Final = 5

Reducers = dict[type, Callable[[Any], Any]]


def reducers() -> Reducers | None:
    """Return how objects are reduced by their types; None while there are no arrays here."""
    numpy = sys.modules.get("numpy")
    kind = getattr(numpy, "ndarray", None)  # it is None while numpy is being imported
    return None if kind is None else {**copyreg.dispatch_table, kind: reduce_array}


def reduce_array(array: np.ndarray[Any, Any]) -> Any:  # noqa: ANN401
    """Return what makes an array again, as `object.__reduce_ex__` does.

    An array that repeats its numbers comes back as one that does; as such it cannot be written to.
    """
    import numpy as np

    flags = array.flags
    if flags.c_contiguous or flags.f_contiguous or array.dtype.hasobject:
        return array.__reduce_ex__(PROTOCOL)
    repeated = [
        not step and length > 1 for step, length in zip(array.strides, array.shape, strict=True)
    ]
    if any(repeated) and not flags.writeable:
        once = array[tuple(slice(1) if each else slice(None) for each in repeated)]
        return np.broadcast_to, (np.ascontiguousarray(once), array.shape)
    return np.ascontiguousarray(array).__reduce_ex__(PROTOCOL)
