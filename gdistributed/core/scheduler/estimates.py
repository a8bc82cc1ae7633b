"""What is learned from tasks that have run and data that has moved.

Means are exponentially weighted: old measurements fade.
"""

from __future__ import annotations

from gdistributed.core.scheduler.records import PrefixRecord

# Weight of the newest measurement.
NEWEST = 0.2


def learn_run(prefix: PrefixRecord, run_ns: int, nbytes: int) -> None:
    """Let a run count in the means of its prefix; the first one is the mean."""
    mean_ns = prefix.duration_ns
    if mean_ns:
        prefix.duration_ns = mean_ns + (run_ns - mean_ns) * NEWEST
        prefix.nbytes += int((nbytes - prefix.nbytes) * NEWEST)
    else:
        prefix.duration_ns = float(max(run_ns, 1))
        prefix.nbytes = nbytes


class Bandwidths:
    """How fast data moves from host to host.

    Parameters
    ----------
    default
        Bytes a second between hosts for which nothing has been measured.
    """

    def __init__(self, default: float) -> None:
        self.default = default
        self.measured: dict[tuple[str, str], float] = {}

    def learn(self, origin: str, target: str, bytes_per_second: float) -> None:
        """Let a measurement count; the first one is the mean."""
        if bytes_per_second <= 0:
            return
        mean = self.measured.get((origin, target), bytes_per_second)
        self.measured[origin, target] = mean + (bytes_per_second - mean) * NEWEST

    def between(self, origin: str, target: str) -> float:
        """Return bytes a second."""
        return self.measured.get((origin, target), self.default)
