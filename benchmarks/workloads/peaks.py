"""How much memory a whole system takes at its peak, the measuring process included (Linux).

What processes share counts once: the kernel divides it among them ("proportional set size"). It
keeps no peak of that, so a thread looks again and again. Shared memory may be there and be mapped
by nobody, so what the whole machine has of it counts instead where that has grown by more.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from harness.descendants import descendants

LOOK_EVERY_S: Final = 0.005
MACHINE: Final = Path("/proc/meminfo")


class PeakMemory:
    """Measures by how much memory grows in a `with` block.

    Attributes
    ----------
    growth_nbytes
        By how much this process and all that it has started have grown at most.
    """

    growth_nbytes = 0

    def __enter__(self) -> Self:
        self._rollups = [
            Path("/proc", str(process_id), "smaps_rollup")
            for process_id in (os.getpid(), *descendants())
        ]
        self._before = self._nbytes()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._look()

    def _keep_looking(self) -> None:
        while not self._is_over.wait(LOOK_EVERY_S):
            self._look()

    def _look(self) -> None:
        private, *shared = (
            now - before for now, before in zip(self._nbytes(), self._before, strict=True)
        )
        self.growth_nbytes = max(self.growth_nbytes, private + max(shared))

    def _nbytes(self) -> tuple[int, int, int]:
        """Return what is private, what is shared and mapped, and what the machine has shared."""
        private = mapped = 0
        for rollup in self._rollups:
            with suppress(OSError):  # the process has ended
                sizes = _nbytes_told(rollup)
                mapped += sizes["Pss_Shmem"]
                private += sizes["Pss"] - sizes["Pss_Shmem"]
        return private, mapped, _nbytes_told(MACHINE)["Shmem"]


def _nbytes_told(file: Path) -> dict[str, int]:
    """Return the sizes that a file of the kernel tells in KiB, by name."""
    lines = (line.split() for line in file.read_text().splitlines() if line.endswith(" kB"))
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines}
