"""The worker's brain: what to fetch, what to run, what to drop, and what to say about it."""

from __future__ import annotations

from gdistributed.core.worker.brain import WorkerBrain

__all__ = ["WorkerBrain"]
