"""The mapping in which a worker's values live.

A plain dict is used as it is, from every thread. Any other mapping is somebody else's code, which
may be slow, may fail, and need not be safe among threads: only one thread ever touches it, in the
order in which it was asked, and the event loop never waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor

logger = logging.getLogger("gdistributed.data")


class Store:
    """Values by key.

    Parameters
    ----------
    mapping
        Where they are kept; a new dict by default.

    Attributes
    ----------
    is_direct
        Whether the mapping is a plain dict, so that `put_now` may be used.
    """

    def __init__(self, mapping: MutableMapping[str, object] | None = None) -> None:
        self.mapping = {} if mapping is None else mapping
        self.is_direct = type(self.mapping) is dict
        self._keeper = (
            None if self.is_direct else ThreadPoolExecutor(1, thread_name_prefix="gd-store")
        )

    def value_of(self, key: str) -> object:
        """Return a value; it blocks, so it is not for the event loop.

        Raises
        ------
        KeyError
            If there is none.
        """
        if self._keeper is None:
            return self.mapping[key]
        return self._keeper.submit(self.mapping.__getitem__, key).result()

    async def get(self, key: str) -> object:
        """Return a value, from the event loop.

        Raises
        ------
        KeyError
            If there is none.
        """
        if self._keeper is None:
            return self.mapping[key]
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._keeper, self.mapping.__getitem__, key)

    def put_now(self, key: str, value: object) -> None:
        """Store a value in a plain dict."""
        self.mapping[key] = value

    async def put(self, key: str, value: object) -> None:
        """Store a value. What the mapping raises is raised here."""
        if self._keeper is None:
            self.mapping[key] = value
            return
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._keeper, self.mapping.__setitem__, key, value)

    def replace(self, key: str, old: object, new: object) -> bool:
        """Store a value in the place of an equal one, if that is there, and in a plain dict."""
        is_there = self.is_direct and self.mapping.get(key) is old
        if is_there:
            self.mapping[key] = new
        return is_there

    def drop(self, keys: Iterable[str]) -> None:
        """Delete values, those that are there; the event loop does not wait for it."""
        if self._keeper is None:
            for key in keys:
                self.mapping.pop(key, None)
        else:
            self._keeper.submit(self._drop_all, list(keys))

    def close(self) -> None:
        """Let go of the thread, once it has done what it was asked."""
        if self._keeper is not None:
            self._keeper.shutdown(wait=False)

    def _drop_all(self, keys: list[str]) -> None:
        for key in keys:
            try:
                del self.mapping[key]  # not `pop`, which would read it first
            except KeyError:
                continue  # it may have forgotten it by itself
            except Exception:
                logger.exception("a mapping does not drop a value", extra={"task": key})
