"""Work on large values leaves the event loop alone: it is done in a thread."""

from __future__ import annotations

from typing import Final

from gdistributed.settings import KIB

THREADED_NBYTES: Final = 256 * KIB
