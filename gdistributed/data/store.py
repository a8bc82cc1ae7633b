"""Where a worker's values live, as its shell sees it: nothing makes the event loop wait.

A plain dict is used as it is, from every thread. So is a `SpillingDict` as long as it has room; all
that it has to do with the disk is done by its keeper, a thread of its own. Any other mapping is
somebody else's code, which may be slow, may fail, and need not be safe among threads: only its
keeper ever touches it, in the order in which it was asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gdistributed.data.spilled import Spilled
from gdistributed.data.spilling import SpillingDict

logger = logging.getLogger("gdistributed.data")


class Store:
    """Values by key, in a plain dict.

    Parameters
    ----------
    mapping
        Where they are kept.

    Attributes
    ----------
    value_of
        Returns a value, or raises KeyError; it may block, so it is not for the event loop.
    """

    def __init__(self, mapping: MutableMapping[str, object]) -> None:
        self.mapping = mapping
        self.value_of: Callable[[str], object] = mapping.__getitem__  # called for each argument

    @property
    def spilled_nbytes(self) -> int:
        """Size in memory of the values that are on disk."""
        return 0

    @property
    def trouble(self) -> str:
        """Why the disk takes no more values; empty while it does."""
        return ""

    async def get(self, key: str) -> object:
        """Return a value, from the event loop.

        Raises
        ------
        KeyError
            If there is none.
        """
        return self.mapping[key]

    async def peek(self, key: str) -> object:
        """Return a value, or, of one that is on disk, where it lies there.

        Raises
        ------
        KeyError
            If there is none.
        """
        return await self.get(key)

    def put_now(self, key: str, value: object, nbytes: int) -> bool:
        """Store a value of this size if that is done at once; otherwise `put` is to be awaited."""
        self.mapping[key] = value
        return True

    async def put(self, key: str, value: object, nbytes: int) -> None:
        """Store a value of this size. What the mapping raises is raised here."""
        self.mapping[key] = value

    def replace(self, key: str, old: object, new: object) -> bool:
        """Store a value in the place of an equal one; say whether that was there, in memory."""
        is_there = self.mapping.get(key) is old
        if is_there:
            self.mapping[key] = new
        return is_there

    def drop(self, keys: Iterable[str]) -> None:
        """Delete values, those that are there; the event loop does not wait for it."""
        for key in keys:
            self.mapping.pop(key, None)

    def close(self) -> None:
        """Let go of the keeper, once it has done what it was asked."""


class _KeptStore(Store):
    """A store with a keeper."""

    def __init__(self, mapping: MutableMapping[str, object]) -> None:
        super().__init__(mapping)
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="gd-store")

    async def have_kept(self, function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
        """Have the keeper call a function, and return what it returns."""
        return await asyncio.get_running_loop().run_in_executor(self._keeper, function, *arguments)

    async def get(self, key: str) -> object:
        return await self.have_kept(self.mapping.__getitem__, key)

    def close(self) -> None:
        self._keeper.shutdown(wait=False)


class ForeignStore(_KeptStore):
    """Values in a mapping of the user's."""

    def __init__(self, mapping: MutableMapping[str, object]) -> None:
        super().__init__(mapping)
        self.value_of = self._have_read

    def put_now(self, key: str, value: object, nbytes: int) -> bool:
        return False

    async def put(self, key: str, value: object, nbytes: int) -> None:
        await self.have_kept(self.mapping.__setitem__, key, value)

    def replace(self, key: str, old: object, new: object) -> bool:
        return False

    def drop(self, keys: Iterable[str]) -> None:
        self._keeper.submit(self._drop_all, list(keys))

    def _have_read(self, key: str) -> object:
        return self._keeper.submit(self.mapping.__getitem__, key).result()

    def _drop_all(self, keys: list[str]) -> None:
        for key in keys:
            try:
                del self.mapping[key]  # not `pop`, which would read it first
            except KeyError:
                continue  # it may have forgotten it by itself
            except Exception:
                logger.exception("a mapping does not drop a value", extra={"task": key})


class SpillingStore(_KeptStore):
    """Values in memory, the least recently used of them on disk.

    Whoever puts a value when there is no room waits until the disk has taken others: so nobody
    makes values faster than the disk takes them.
    """

    def __init__(self, mapping: SpillingDict) -> None:
        super().__init__(mapping)
        self.spilling = mapping

    @property
    def spilled_nbytes(self) -> int:
        return self.spilling.spilled_nbytes

    @property
    def trouble(self) -> str:
        return self.spilling.blocked

    async def get(self, key: str) -> object:
        value = self.spilling.peek(key)
        return await super().get(key) if isinstance(value, Spilled) else value

    async def peek(self, key: str) -> object:
        return self.spilling.peek(key)

    def put_now(self, key: str, value: object, nbytes: int) -> bool:
        return self.spilling.put_if_room(key, value, nbytes)

    async def put(self, key: str, value: object, nbytes: int) -> None:
        self.spilling.put(key, value, nbytes)
        del value  # which may have to leave memory now
        if self.spilling.is_over:
            await self.have_kept(self.spilling.make_room)

    def replace(self, key: str, old: object, new: object) -> bool:
        return self.spilling.replace(key, old, new)

    def drop(self, keys: Iterable[str]) -> None:
        spilled = self.spilling.drop(keys)
        if spilled:
            with contextlib.suppress(RuntimeError):  # closed: the files go with their folder
                self._keeper.submit(self.spilling.delete_files, spilled)


def open_store(mapping: MutableMapping[str, object]) -> Store:
    """Return the store for a mapping."""
    if type(mapping) is dict:
        return Store(mapping)
    return SpillingStore(mapping) if isinstance(mapping, SpillingDict) else ForeignStore(mapping)
