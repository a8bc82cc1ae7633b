"""Keys that are pressed while a screen is drawn, without Enter and without being shown."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import tty
from types import TracebackType
from typing import Any


class Keys:
    """The keyboard, where standard input is one; used in a `with` block on an event loop."""

    def __init__(self) -> None:
        self._descriptor: int | None = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._before: list[Any] = []
        self._pressed: asyncio.Queue[str] = asyncio.Queue()

    def __enter__(self) -> Keys:
        if self._descriptor is not None:
            self._before = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)
            asyncio.get_running_loop().add_reader(self._descriptor, self._read)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    async def pressed(self, timeout_s: float) -> str:
        """Return the next key; empty when none is pressed for so long."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._pressed.get()
        except TimeoutError:
            return ""

    def _read(self) -> None:
        assert self._descriptor is not None
        pressed = os.read(self._descriptor, 64).decode(errors="replace")
        if not pressed:  # the terminal is gone, and a signal for that is on its way
            asyncio.get_running_loop().remove_reader(self._descriptor)
        for key in pressed:
            self._pressed.put_nowait(key.lower())
