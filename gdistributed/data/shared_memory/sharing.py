"""Both ends of handing values over within one machine.

The holder writes a large value into a segment once, and tells receivers where it lies. Nobody but
the holder has a new segment open until a receiver has opened it. Until then the call is the lease:
the holder keeps the segment for it, and the receiver ends the call when it has opened what it was
told of. A call ends with its connection too, so that a receiver that dies holds nothing.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import weakref
from collections.abc import Callable, Sequence
from functools import partial

from gdistributed.data.codecs import Encoded
from gdistributed.data.shared_memory.draft import nbytes_in_drafts
from gdistributed.data.shared_memory.loan import INLINE_NBYTES, Loan, is_view, parts_of, write
from gdistributed.data.shared_memory.segment import (
    Segment,
    borrow,
    copy_on_write,
    has_descriptors,
    held_nbytes,
)
from gdistributed.settings import MIB
from gdistributed.v1 import worker_pb2

logger = logging.getLogger("gdistributed.data")

Replace = Callable[[str, object, object], bool]
Lendable = tuple[str, object, Encoded]
"""A key, its value, and the same encoded."""
Mapped = weakref.WeakValueDictionary[str, mmap.mmap]
"""Segments that are mapped, by name, while something lies in them."""


class SharedMemory:
    """What one worker or client shares with others of its machine.

    Parameters
    ----------
    same_host
        The word of this process (see `host`); empty to share nothing.
    nbytes_min
        Smaller values are not worth it.
    nbytes_max
        Bound on the segments that this process has made and holds; None means none.
    lease_s
        A receiver has so long to open what it was told of.
    may_grow
        Says whether there is memory for another segment.
    replace
        Takes the key, the value and a view that is to take its place, so that memory holds it
        only once; says whether it does. Whoever gives it keeps values by their keys: a worker. What
        comes to it is mapped for reading only, since several tasks use it. What comes to others,
        and what is small and came with more, is theirs: it may be written to, which nobody else
        sees.
    """

    def __init__(
        self,
        same_host: str,
        nbytes_min: int = MIB,
        nbytes_max: int | None = None,
        lease_s: float = 10.0,
        may_grow: Callable[[], bool] = lambda: True,
        replace: Replace | None = None,
    ) -> None:
        self.lease_s = lease_s
        self._same_host = same_host
        self.nbytes_min = nbytes_min
        self._nbytes_max = nbytes_max
        self._may_grow = may_grow
        self._replace = replace
        self._lent: weakref.WeakValueDictionary[str, Loan] = weakref.WeakValueDictionary()
        self._views: dict[str, Loan] = {}
        self._writing_nbytes = 0
        self._is_refused = False

    # ---- The holder's end

    def with_host(self, same_host: str) -> Lending | None:
        """Begin to share with those who announce a word; None where nothing can be shared."""
        is_same = same_host != "" and same_host == self._same_host
        return Lending(self) if is_same else None

    async def loan_of(self, key: str, value: object, encoded: Encoded) -> Loan | None:
        """Return the loan of a value; None if there is no room.

        Parameters
        ----------
        key
            Of the value.
        value
            The live object.
        encoded
            The same, encoded.
        """
        loan = self._known(key, value, encoded)
        if loan is None:
            loan = self._lent[key] = Loan(lambda: value, encoded.codec)
        async with loan.lock:
            if loan.shared is None and await self._write([(loan, encoded)]):
                self._replace_by_view(key, loan)
        return loan if loan.shared is not None else None

    async def loans_of(self, values: Sequence[Lendable]) -> list[Loan] | None:
        """Return the loans of values that lie together in a segment; None if there is no room.

        Each reader is given a segment of its own, and the values are not replaced by views: one of
        them would keep the memory of all.
        """
        loans: list[Loan] = []
        new: list[tuple[Loan, Encoded]] = []
        for key, value, encoded in values:
            loan = self._known(key, value, encoded)
            if loan is None or loan.shared is None:
                loan = Loan(partial(_itself, value), encoded.codec)
                new.append((loan, encoded))
            loans.append(loan)
        return loans if not new or await self._write(new) else None

    def _known(self, key: str, value: object, encoded: Encoded) -> Loan | None:
        for loan in (self._views.get(key), self._lent.get(key)):
            if loan is not None and loan.is_of(value, encoded.codec):
                return loan
        return None

    async def _write(self, loans: Sequence[tuple[Loan, Encoded]]) -> bool:
        """Write values; say whether there was room for them."""
        nbytes = sum(encoded.nbytes - nbytes_in_drafts(encoded.parts) for _, encoded in loans)
        if not self._has_room(nbytes):
            return False
        self._writing_nbytes += nbytes
        try:
            await asyncio.to_thread(write, loans)
            self._is_refused = False
        except OSError as error:
            if not self._is_refused:  # once, and not for each value
                logger.warning("no shared memory: values are sent", extra={"cause": str(error)})
            self._is_refused = True
            return False
        finally:
            self._writing_nbytes -= nbytes
        return True

    def _replace_by_view(self, key: str, loan: Loan) -> None:
        if self._replace is not None and key not in self._views:
            view = loan.view()
            if view is not None and self._replace(key, loan.value(), view):
                self._note_view(key, view, loan)

    def _has_room(self, nbytes: int) -> bool:
        if nbytes <= INLINE_NBYTES:  # all of it is in memory that is shared
            return has_descriptors()
        own_nbytes = held_nbytes()[0] + self._writing_nbytes
        is_within = self._nbytes_max is None or own_nbytes + nbytes <= self._nbytes_max
        return is_within and self._may_grow() and has_descriptors()

    def _note_view(self, key: str, view: object, loan: Loan) -> None:
        """Remember the loan of a value that is a view, for as long as that lives."""

        def forget(gone: object) -> None:
            known = self._views.get(key)
            if known is not None and known.value is gone:
                del self._views[key]

        loan.value = weakref.ref(view, forget)
        self._views[key] = loan

    # ---- The receiver's end

    @property
    def same_host(self) -> str:
        """What to announce now; empty when nothing can be taken."""
        return self._same_host if has_descriptors() else ""

    def open(self, shared: worker_pb2.SharedValue, mapped: Mapped | None = None) -> Opened | None:
        """Open the memory in which a value lies; None if that cannot be.

        Parameters
        ----------
        shared
            What was told of it.
        mapped
            The segments that are mapped by now, for values that come together: those of this one
            are added. By default each is mapped anew.
        """
        if not self.same_host:
            return None
        mapped = Mapped() if mapped is None else mapped
        is_small = sum(part.range.nbytes for part in shared.parts) < self.nbytes_min
        take = copy_on_write if is_small or self._replace is None else borrow
        try:
            segments = [mapped.get(each.name) or take(each) for each in shared.segments]
            for each, segment in zip(shared.segments, segments, strict=True):
                mapped[each.name] = segment
            return Opened(shared, segments)
        except PermissionError as error:
            self._same_host = ""
            logger.warning("the system forbids sharing memory", extra={"cause": str(error)})
        except (OSError, IndexError, ValueError) as error:
            logger.debug("shared memory cannot be opened", extra={"cause": str(error)})
        return None

    def adopt(self, key: str, value: object, opened: Opened) -> None:
        """Remember where a value of this worker lies, which others will ask for."""
        shared = opened.shared
        segments = [each for each in opened.segments if isinstance(each, Segment)]
        if len(segments) == len(shared.segments) and is_view(value, shared):
            references = [each.reference() for each in segments]
            told = worker_pb2.SharedValue(
                value=shared.value, parts=shared.parts, segments=references
            )
            self._note_view(key, value, Loan(lambda: value, shared.value.codec, told, segments))


def _itself(value: object) -> object:
    return value


class Opened:
    """A value that has come in shared memory.

    Parameters
    ----------
    shared
        What was told of it.
    segments
        The memory, mapped.

    Attributes
    ----------
    parts
        Its data and then its buffers: views, which keep the memory.

    Raises
    ------
    IndexError, ValueError
        If what was told does not fit the memory.
    """

    def __init__(self, shared: worker_pb2.SharedValue, segments: Sequence[mmap.mmap]) -> None:
        self.shared = shared
        self.segments = segments
        self.parts = parts_of(shared, [memoryview(each) for each in segments])


class Lending:
    """What is lent for one call, or several; all of it is given back when this object is dropped.

    Parameters
    ----------
    memory
        Of the holder.

    Attributes
    ----------
    nbytes_min
        Smaller values are not worth it.
    """

    def __init__(self, memory: SharedMemory) -> None:
        self.nbytes_min = memory.nbytes_min
        self._memory = memory
        self._loans: list[Loan] = []

    async def lend(
        self, key: str, value: object, encoded: Encoded
    ) -> worker_pb2.SharedValue | None:
        """Share a value, unless there is no room; see `SharedMemory.loan_of`."""
        loan = await self._memory.loan_of(key, value, encoded)
        if loan is None:
            return None
        self._loans.append(loan)
        return loan.shared

    async def lend_together(
        self, values: Sequence[Lendable]
    ) -> list[worker_pb2.SharedValue | None]:
        """Share values in one segment, unless there is no room; see `SharedMemory.loans_of`."""
        loans = await self._memory.loans_of(values)
        if loans is None:
            return [None] * len(values)
        self._loans += loans
        return [loan.shared for loan in loans]

    async def until_taken(self) -> None:
        """Hold what was lent until the receiver ends the call, which cancels this; not for ever."""
        if self._loans:
            await asyncio.sleep(self._memory.lease_s)
