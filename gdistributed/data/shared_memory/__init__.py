"""Large values handed over within one machine without a copy on the way (docs/shared-memory.md)."""

from __future__ import annotations

from gdistributed.data.shared_memory.arrays import shared_array
from gdistributed.data.shared_memory.host import same_host
from gdistributed.data.shared_memory.segment import held_nbytes
from gdistributed.data.shared_memory.sharing import Lendable, Lending, Mapped, Opened, SharedMemory

__all__ = [
    "Lendable",
    "Lending",
    "Mapped",
    "Opened",
    "SharedMemory",
    "held_nbytes",
    "same_host",
    "shared_array",
]
