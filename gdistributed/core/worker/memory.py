"""How much memory a worker's values may take, and whether it has room to begin tasks.

Both are judged by the memory that the process uses, and by the part of it that values take, which
can be moved to disk. The rest is not managed: code, and what running tasks need for themselves.
"""

from __future__ import annotations

from gdistributed.settings import WorkerSettings


class MemoryWatch:
    """Measurements in, a bound and a verdict out. Between its bounds the last verdict stands.

    Parameters
    ----------
    limit_nbytes
        Memory limit of the worker; 0 means none.
    settings
        At which shares of the limit the worker spills, pauses and resumes.

    Attributes
    ----------
    target_nbytes
        Values that take more than this are moved to disk.
    bound_nbytes
        The same, or less, so that the process stays below the share at which it spills.
    fetch_nbytes
        Bound on the bytes that are on their way from peers.
    is_disk_full
        Whether values should be moved to disk, which takes no more.
    is_paused
        Whether the worker is to begin nothing new.
    """

    def __init__(self, limit_nbytes: int, settings: WorkerSettings) -> None:
        self.limit_nbytes = limit_nbytes
        self.target_nbytes = limit_nbytes * settings.memory_target_share
        self.spill_nbytes = limit_nbytes * settings.memory_spill_share
        self.pause_nbytes = limit_nbytes * settings.memory_pause_share
        self.resume_nbytes = limit_nbytes * settings.memory_resume_share
        self.bound_nbytes = self.target_nbytes
        self.fetch_nbytes = settings.fetch_nbytes
        if limit_nbytes:
            share_nbytes = int(limit_nbytes * settings.memory_fetch_share)
            self.fetch_nbytes = min(self.fetch_nbytes, share_nbytes)
        self.is_disk_full = False
        self.is_paused = False
        self._is_near_limit = False

    def measured(self, nbytes: int, managed_nbytes: int = 0) -> bool:
        """Take a measurement; say whether the verdict has changed.

        Parameters
        ----------
        nbytes
            What the process uses.
        managed_nbytes
            What values take of it, as far as they can be moved to disk.
        """
        if not self.limit_nbytes:
            return False
        unmanaged_nbytes = max(nbytes - managed_nbytes, 0)
        self.bound_nbytes = max(min(self.target_nbytes, self.spill_nbytes - unmanaged_nbytes), 0)
        bound_nbytes = self.resume_nbytes if self._is_near_limit else self.pause_nbytes
        self._is_near_limit = nbytes >= bound_nbytes
        return self._judge()

    def disk_changed(self, is_full: bool) -> bool:
        """Hear whether the disk takes what it should; say whether the verdict has changed."""
        self.is_disk_full = is_full
        return self._judge()

    def _judge(self) -> bool:
        was_paused, self.is_paused = self.is_paused, self._is_near_limit or self.is_disk_full
        return self.is_paused != was_paused
