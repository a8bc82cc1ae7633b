"""A value in shared memory: what others are told of it, and how it is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gdistributed.data.codecs import Buffer, Encoded, decode_or_keep
from gdistributed.data.codecs.pickled import qualified_name
from gdistributed.data.shared_memory.draft import finish_drafts
from gdistributed.data.shared_memory.segment import Segment, make_segment
from gdistributed.settings import KIB
from gdistributed.v1 import worker_pb2

# Small parts go with the message, so many together.
INLINE_NBYTES: Final = 16 * KIB
# Plain data: a view onto the segment is as good as the value itself.
PLAIN: Final = frozenset(
    {
        "numpy.ndarray",
        "pandas.DataFrame",
        "pandas.Series",
        "pandas.core.frame.DataFrame",
        "pandas.core.series.Series",
        "pyarrow.lib.RecordBatch",
        "pyarrow.lib.Table",
    }
)


@dataclass(slots=True, eq=False, weakref_slot=True)
class Loan:
    """A value of which others are told.

    Attributes
    ----------
    value
        Returns the live object, or None when that is gone.
    codec
        In which it is encoded.
    shared
        What others are told; None while it is not in a segment.
    segments
        The segments that hold it.
    lock
        Held by who writes it.
    """

    value: Callable[[], object]
    codec: str
    shared: worker_pb2.SharedValue | None = None
    segments: Sequence[Segment] = ()
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def is_of(self, value: object, codec: str) -> bool:
        """Say whether this is the loan of an object in a codec."""
        return self.value() is value and self.codec == codec

    def view(self) -> object | None:
        """Return the value anew, as a view; None if it would have copies of what is shared."""
        if self.shared is None or not is_view(self.value(), self.shared):
            return None
        header = self.shared.value
        data, *buffers = parts_of(self.shared, [memoryview(each) for each in self.segments])
        return decode_or_keep(header.codec, data, buffers, header.attributes)


def write(loans: Sequence[tuple[Loan, Encoded]]) -> None:
    """Copy values to one new segment, but for what lies in a segment already. It blocks.

    Raises
    ------
    OSError
        If there is no room for them.
    """
    large: list[memoryview] = []
    told: list[tuple[Loan, worker_pb2.SharedValue, list[worker_pb2.SharedRange]]] = []
    for loan, encoded in loans:
        shared = worker_pb2.SharedValue(value=encoded.header())
        told.append((loan, shared, _add_parts(shared, encoded.parts, large)))
    places = iter(_placed(large))
    for loan, shared, ranges in told:
        segments: dict[Segment, int] = {}
        for range_, (segment, offset) in zip(ranges, places, strict=False):
            range_.segment = segments.setdefault(segment, len(segments))
            range_.offset = offset
        shared.segments.extend(segment.reference() for segment in segments)
        loan.shared, loan.segments = shared, list(segments)


def _add_parts(
    shared: worker_pb2.SharedValue, parts: Sequence[memoryview], large: list[memoryview]
) -> list[worker_pb2.SharedRange]:
    """Tell of the parts: of small ones what they are, and of large ones the ranges returned."""
    ranges: list[worker_pb2.SharedRange] = []
    left_nbytes = INLINE_NBYTES
    for part in parts:
        if len(part) <= left_nbytes:
            shared.parts.add(inline=bytes(part))
            left_nbytes -= len(part)
        else:
            large.append(part)
            ranges.append(shared.parts.add(range={"nbytes": len(part)}).range)
    return ranges


def _placed(parts: Sequence[memoryview]) -> list[tuple[Segment, int]]:
    """Return where each part lies, and copy those that lay in no segment to a new one."""
    places = finish_drafts(parts)
    elsewhere = [part for part, place in zip(parts, places, strict=True) if place is None]
    if not elsewhere and places:
        return [place for place in places if place is not None]
    segment, offsets = make_segment(elsewhere)
    left = iter(offsets)
    return [(segment, next(left)) if place is None else place for place in places]


def is_view(value: object, shared: worker_pb2.SharedValue) -> bool:
    """Say whether a value that is shared so is plain data that was not copied."""
    is_inline = shared.parts[0].WhichOneof("place") != "range"
    return is_inline and qualified_name(type(value)) in PLAIN


def parts_of(shared: worker_pb2.SharedValue, segments: Sequence[memoryview]) -> list[Buffer]:
    """Return the data of a value, and then its buffers.

    Raises
    ------
    IndexError, ValueError
        If a part lies in no segment, or there is none.
    """
    parts: list[Buffer] = []
    for part in shared.parts:
        place = part.range
        if part.WhichOneof("place") != "range":
            parts.append(part.inline)
            continue
        data = segments[place.segment][place.offset : place.offset + place.nbytes]
        if len(data) != place.nbytes:
            raise ValueError(f"a range of {place.nbytes} bytes ends beyond its segment")
        parts.append(data)
    if not parts:
        raise ValueError("a value without data")
    return parts
