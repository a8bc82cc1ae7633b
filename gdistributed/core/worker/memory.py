"""Whether a worker has room to begin tasks, judged by the memory that its process uses."""

from __future__ import annotations

from gdistributed.settings import WorkerSettings


class MemoryWatch:
    """Measurements in, a verdict out. Between the two bounds the last verdict stands.

    Parameters
    ----------
    limit_nbytes
        Memory limit of the worker; 0 means none.
    settings
        At which shares of the limit the worker pauses and resumes.

    Attributes
    ----------
    is_paused
        Whether the worker is to begin nothing new.
    """

    def __init__(self, limit_nbytes: int, settings: WorkerSettings) -> None:
        self.limit_nbytes = limit_nbytes
        self.pause_nbytes = limit_nbytes * settings.memory_pause_share
        self.resume_nbytes = limit_nbytes * settings.memory_resume_share
        self.is_paused = False

    def measured(self, nbytes: int) -> bool:
        """Take a measurement of the process; say whether the verdict has changed."""
        if not self.limit_nbytes:
            return False
        bound_nbytes = self.resume_nbytes if self.is_paused else self.pause_nbytes
        was_paused, self.is_paused = self.is_paused, nbytes >= bound_nbytes
        return self.is_paused != was_paused
