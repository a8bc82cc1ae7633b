"""Codec `npy`: NumPy arrays as .npy files, which every language reads.

The header is the data and the array's own memory a buffer beside it, so nothing is copied; one
after the other they are the file. Arrays of Python objects, and of types that the header cannot
say, are none of this codec's.
"""

from __future__ import annotations

import ast
import math
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from gdistributed.data.codecs.encoded import Buffer, Encoded, writable

if TYPE_CHECKING:
    import numpy as np

MAGIC: Final = b"\x93NUMPY"
ALIGNMENT: Final = 64
LENGTH_AT: Final = len(MAGIC) + 2  # behind the major and the minor version
SHORT_MAX: Final = 0xFFFF


class NpyCodec:
    """`npy`: a .npy file of version 1.0 or later."""

    name: ClassVar[str] = "npy"

    def encode(self, value: object) -> Encoded | None:
        numpy = sys.modules.get("numpy")
        if numpy is None or type(value) not in (numpy.ndarray, numpy.memmap):
            return None  # other kinds of arrays are more than their elements
        array = cast("np.ndarray[Any, Any]", value)
        described = description(array.dtype)
        if described is None:
            return None
        is_fortran = array.flags.f_contiguous and not array.flags.c_contiguous
        head = header(described, is_fortran, array.shape)
        if not array.nbytes:
            return Encoded(self.name, head)
        in_order = array.T if is_fortran else numpy.asarray(array, order="C")
        return Encoded(self.name, head, [in_order.reshape(-1).view(numpy.uint8).data])

    def decode(
        self, data: Buffer, buffers: Sequence[Buffer], attributes: Mapping[str, str]
    ) -> np.ndarray[Any, Any]:
        import numpy as np

        fields, begin = read_header(data)
        dtype = np.lib.format.descr_to_dtype(fields["descr"])
        shape: tuple[int, ...] = fields["shape"]
        content = _content(data, begin, buffers)
        nbytes = memoryview(content).nbytes
        if nbytes != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{nbytes} bytes are no array of {dtype} and the shape {shape}")
        order = "F" if fields["fortran_order"] else "C"
        return np.ndarray(shape, dtype, content, order=order)  # type: ignore[arg-type]


def description(dtype: np.dtype[Any]) -> object | None:
    """Return what the header says of an element, or None when it cannot say it."""
    from numpy.lib import format as npy

    if dtype.hasobject:
        return None
    described: Any = npy.dtype_to_descr(dtype)
    try:
        is_said = npy.descr_to_dtype(described) == dtype
    except (TypeError, ValueError):
        return None
    return described if is_said else None


def header(described: object, is_fortran: bool, shape: tuple[int, ...]) -> bytes:
    """Return all that stands before the elements in a .npy file."""
    fields = f"{{'descr': {described!r}, 'fortran_order': {is_fortran}, 'shape': {shape!r}, }}"
    text = fields.encode()
    major = 1 if text.isascii() else 3  # the first that is UTF-8
    if major == 1 and len(text) + ALIGNMENT > SHORT_MAX:
        major = 2
    size = 2 if major == 1 else 4
    begin = LENGTH_AT + size
    padding = -(begin + len(text) + 1) % ALIGNMENT
    length = len(text) + padding + 1
    return b"".join(
        (MAGIC, bytes((major, 0)), length.to_bytes(size, "little"), text, b" " * padding, b"\n")
    )


def read_header(data: Buffer) -> tuple[dict[str, Any], int]:
    """Return the fields of a header, and where the elements begin."""
    view = memoryview(data)
    if bytes(view[: len(MAGIC)]) != MAGIC:
        raise ValueError("it is no .npy file")
    major = view[len(MAGIC)]
    begin = LENGTH_AT + (2 if major == 1 else 4)
    end = begin + int.from_bytes(view[LENGTH_AT:begin], "little")
    text = bytes(view[begin:end]).decode("latin-1" if major < 3 else "utf-8")
    return ast.literal_eval(text), end


def _content(data: Buffer, begin: int, buffers: Sequence[Buffer]) -> Buffer:
    """Return the elements: what is behind the header, and the buffers."""
    if not buffers:
        return memoryview(writable([data])[0])[begin:]
    if len(buffers) == 1 and len(data) == begin:
        return writable(buffers)[0]
    return bytearray().join([memoryview(data)[begin:], *buffers])
