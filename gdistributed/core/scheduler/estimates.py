"""What is learned from tasks that have run: how long those of a prefix take."""

from __future__ import annotations

from gdistributed.core.scheduler.records import PrefixRecord

# Weight of the newest run in the exponentially weighted mean.
NEWEST = 0.2


def learn_duration(prefix: PrefixRecord, run_ns: int) -> None:
    """Let a run time count in the mean of its prefix; the first one is the mean."""
    mean = prefix.duration_ns
    prefix.duration_ns = mean + (run_ns - mean) * NEWEST if mean else float(max(run_ns, 1))
