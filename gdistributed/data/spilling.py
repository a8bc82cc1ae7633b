"""The mapping in which a worker with a memory limit keeps its values.

Values live in a dict. When those that are worth a file take more than their bound together, the
least recently used of them are written to disk, until they do not. A value that is read comes back
into memory, where others make room for it. For any thread: the bookkeeping is under a lock that is
never held while the disk is at work, and one thread at a time writes.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from pathlib import Path
from typing import Final

from gdistributed.data.actor_references import ActorReference
from gdistributed.data.sizes import sizeof
from gdistributed.data.spilled import Spilled, SpillFiles
from gdistributed.errors import SerializationError
from gdistributed.settings import KIB

logger = logging.getLogger("gdistributed.data")

SPILLABLE_NBYTES: Final = 1 * KIB  # what is smaller saves less than its file costs
ABSENT: Final = object()


class SpillingDict(MutableMapping[str, object]):
    """Values by key, the least recently used of them on disk.

    Parameters
    ----------
    folder
        For the files; it must exist.
    target_nbytes
        Values of 1 KiB and more are written to disk when they take more memory than this together.
    spill_nbytes_max
        They take no more of the disk than so many bytes; 0 means no bound.

    Attributes
    ----------
    bound_nbytes
        The same as the target, or less while other things in the process need much memory.
    nbytes
        How much memory these values take.
    spilled_nbytes
        How much memory those on disk would take.
    blocked
        Why the disk takes no more, in words; empty while it does.
    disk_changed
        Is called when `blocked` has become empty or has ceased to be so. In any thread.

    Examples
    --------
    >>> data = SpillingDict(folder, target_nbytes=2**30)
    >>> data["x"] = numpy.ones(2**28)  # 2 GiB: they are on disk now
    >>> data["x"].sum()
    """

    def __init__(self, folder: Path, target_nbytes: float, spill_nbytes_max: int = 0) -> None:
        self.target_nbytes: Final = target_nbytes
        self.bound_nbytes = target_nbytes
        self.nbytes = 0
        self.spilled_nbytes = 0
        self.blocked = ""
        self.disk_changed: Callable[[], None] | None = None
        self._files = SpillFiles(folder, spill_nbytes_max)
        self._memory: dict[str, object] = {}
        self._sizes: dict[str, int] = {}  # of values that are worth a file, wherever they are
        self._spillable: OrderedDict[str, None] = OrderedDict()  # least recently used first
        self._spilled: dict[str, Spilled] = {}
        self._coming_nbytes = 0
        self._is_closed = False
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    # ---- A mapping

    def __getitem__(self, key: str) -> object:
        """Return a value, which may have to be read from disk first."""
        value = self._memory.get(key, ABSENT)
        if value is ABSENT:
            return self._read_back(key)
        if key in self._spillable:
            self._touch(key)
        return value

    def __setitem__(self, key: str, value: object) -> None:
        """Keep a value, and write others to disk if there is no room for all."""
        self.put(key, value, sizeof(value))
        self.make_room()

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self.delete_files(self.drop([key]))

    def __contains__(self, key: object) -> bool:
        return key in self._memory or key in self._spilled

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            keys = [*self._memory, *self._spilled]
        return iter(keys)

    def __len__(self) -> int:
        with self._lock:
            return len(self._memory) + len(self._spilled)

    def __repr__(self) -> str:
        in_memory = len(self._memory)
        return f"<SpillingDict: {in_memory} values in memory, {len(self._spilled)} on disk>"

    # ---- For the event loop: nothing here waits for the disk

    def put_if_room(self, key: str, value: object, nbytes: int) -> bool:
        """Keep a value of this size if there is nothing to do with the disk for it."""
        if nbytes < SPILLABLE_NBYTES and key not in self._sizes:
            self._memory[key] = value
            return True
        if self.nbytes + nbytes > self.bound_nbytes:
            return False
        self.put(key, value, nbytes)
        return True

    def put(self, key: str, value: object, nbytes: int) -> None:
        """Keep a value of this size in memory, whatever the bound. See to `make_room` after it."""
        with self._lock:
            former = self._forget(key)
            self._memory[key] = value
            if nbytes >= SPILLABLE_NBYTES:
                self._count(key, value, nbytes)
        if former is not None:
            self._files.delete(former)

    def replace(self, key: str, old: object, new: object) -> bool:
        """Keep a value in the place of an equal one, if that is in memory; say whether it was."""
        with self._lock:
            is_there = self._memory.get(key, ABSENT) is old
            if is_there:
                self._memory[key] = new
        return is_there

    def peek(self, key: str) -> object:
        """Return a value as it is: itself, or where it is on disk.

        Raises
        ------
        KeyError
            If there is none.
        """
        value = self._memory.get(key, ABSENT)
        if value is not ABSENT:
            return value
        with self._lock:  # it may be on its way from one to the other
            value = self._memory.get(key, ABSENT)
            return self._spilled[key] if value is ABSENT else value

    def drop(self, keys: Iterable[str]) -> list[Spilled]:
        """Forget values, those that are there; return what is to be deleted from the disk."""
        found = []
        sizes, memory = self._sizes, self._memory
        for key in keys:
            if key not in sizes:
                memory.pop(key, None)
                continue
            with self._lock:
                spilled = self._forget(key)
            if spilled is not None:
                found.append(spilled)
        return found

    @property
    def is_over(self) -> bool:
        """Whether the values take more memory than they should."""
        return self.nbytes + self._coming_nbytes > self.bound_nbytes

    # ---- For other threads

    def make_room(self) -> None:
        """Write values to disk until the others are within the bound, or the disk takes no more."""
        if not self.is_over:
            return
        with self._writing:
            while self._has_to_write() and self._spill_oldest():
                pass

    def try_again(self) -> None:
        """See whether a disk that took no more does so now."""
        with self._writing:
            if self.is_over and self._spillable:
                self._spill_oldest()
            else:
                self._set_blocked("")  # there is nothing to write
        if not self.blocked:
            self.make_room()

    def close(self) -> None:
        """Write nothing any more, and wait until what is being written is."""
        self._is_closed, self.disk_changed = True, None
        with self._writing:
            pass

    def delete_files(self, spilled: Iterable[Spilled]) -> None:
        """Delete what `drop` returned."""
        for each in spilled:
            self._files.delete(each)

    # ---- To the disk, and back

    def _has_to_write(self) -> bool:
        return self.is_over and not self.blocked and not self._is_closed

    def _spill_oldest(self) -> bool:
        """Write the least recently used value to disk; False if there is none, or no room there.

        It is in one place or the other at any time, and both while it is written. One that was
        dropped or replaced meanwhile leaves nothing behind.
        """
        with self._lock:
            if not self._spillable:
                return False
            key = next(iter(self._spillable))
            value, nbytes = self._memory[key], self._sizes[key]
        try:
            self._files.check_room(nbytes)  # before the value is encoded, which may take memory
            spilled = self._files.write(value, nbytes)
        except SerializationError as error:
            logger.debug("a value cannot be spilled", extra={"task": key, "cause": str(error)})
            with self._lock:
                if self._memory.get(key, ABSENT) is value:
                    self._spillable.pop(key, None)
            return True
        except OSError as error:
            self._set_blocked(error.strerror or str(error))
            return False
        with self._lock:
            is_same = self._memory.get(key, ABSENT) is value and key in self._spillable
            if is_same:
                self._spilled[key] = spilled
                self.spilled_nbytes += nbytes
                self.nbytes -= nbytes
                del self._memory[key], self._spillable[key]
        if not is_same:
            self._files.delete(spilled)
        self._set_blocked("")
        return True

    def _read_back(self, key: str) -> object:
        """Return a value that is on disk; into memory goes one that has room there at all.

        Raises
        ------
        KeyError
            If there is none, or its file is gone or broken.
        """
        spilled = self.peek(key)
        if not isinstance(spilled, Spilled):
            return spilled  # somebody else has read it back
        stays = spilled.nbytes <= self.target_nbytes
        coming_nbytes = spilled.nbytes if stays else 0
        with self._lock:
            self._coming_nbytes += coming_nbytes
        try:
            self.make_room()
            value = spilled.read()
        except (OSError, SerializationError) as error:
            return self._failed_to_read(key, spilled, error)
        finally:
            with self._lock:
                self._coming_nbytes -= coming_nbytes
        with self._lock:
            if self._spilled.get(key) is not spilled:
                return self._memory.get(key, value)  # read by another thread, replaced or dropped
            if not stays:
                return value
            self._forget(key)
            self._memory[key] = value
            self._count(key, value, spilled.nbytes)
        self._files.delete(spilled)
        return value

    def _failed_to_read(self, key: str, spilled: Spilled, error: Exception) -> object:
        with self._lock:
            is_lost = self._spilled.get(key) is spilled
            if is_lost:
                self._forget(key)
        if not is_lost:
            return self[key]  # another thread was faster, and has deleted the file
        logger.error("a value on disk is lost", extra={"task": key, "cause": str(error)})
        self._files.delete(spilled)
        raise KeyError(key)

    def _set_blocked(self, why: str) -> None:
        has_changed = bool(why) != bool(self.blocked)
        self.blocked = why
        if has_changed and self.disk_changed is not None:
            self.disk_changed()

    # ---- Books. The lock is held by the caller, but for the first

    def _touch(self, key: str) -> None:
        with self._lock:
            if key in self._spillable:
                self._spillable.move_to_end(key)

    def _count(self, key: str, value: object, nbytes: int) -> None:
        """Count a value that is in memory now; a very large one is the first to go to disk."""
        self.nbytes += nbytes
        self._sizes[key] = nbytes
        if type(value) is ActorReference:
            return  # it lives in this process only
        self._spillable[key] = None
        if nbytes > self.target_nbytes:
            self._spillable.move_to_end(key, last=False)

    def _forget(self, key: str) -> Spilled | None:
        """Take a value out of the books; return where it is on disk."""
        self._memory.pop(key, None)
        self._spillable.pop(key, None)
        nbytes = self._sizes.pop(key, 0)
        spilled = self._spilled.pop(key, None)
        if spilled is None:
            self.nbytes -= nbytes
        else:
            self.spilled_nbytes -= nbytes
        return spilled
