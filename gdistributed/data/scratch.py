"""A folder for the files of one process, which goes with it, however it ends.

Its owner holds a lock on a file in it for as long as it lives. The operating system lets go of the
lock when the process ends, also when it is killed; a process id would say less, since it may belong
to another process by then, or to one in another container. Whoever starts next removes what nobody
holds.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from gdistributed.errors import UsageError

logger = logging.getLogger("gdistributed.data")

LOCK: Final = "lock"
PREFIX: Final = "worker-"


class ScratchFolder:
    """A new folder below a place that the processes of one user share.

    Parameters
    ----------
    place
        Where the user wants such files; the system's place for temporary files by default.

    Attributes
    ----------
    path
        The folder.

    Raises
    ------
    UsageError
        If no folder can be made there.
    """

    def __init__(self, place: str | Path | None = None) -> None:
        above = Path(place or tempfile.gettempdir())
        self._shared = (above / f"gdistributed-{os.getuid()}").absolute()
        try:
            self._make_shared()
            self.path, self._lock = self._make_own()
        except OSError as error:
            raise UsageError(
                f"no folder for a worker's files can be made in {str(above)!r} ({error.strerror}): "
                f"name another place with --local-directory"
            ) from error

    def remove_dead(self) -> int:
        """Remove the folders of processes that have ended; return how many. It may take long."""
        count = 0
        for folder in self._shared.glob(f"{PREFIX}*"):
            if folder == self.path:
                continue
            fields = {"folder": folder.name}
            try:
                if not _remove_if_dead(folder):
                    continue
            except OSError as error:
                logger.warning("old files cannot be removed", extra={**fields, "cause": str(error)})
            else:
                logger.info("removed old files", extra=fields)
                count += 1
        return count

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        _remove(self.path)
        os.close(self._lock)

    def _make_shared(self) -> None:
        """Make the place that all share. It must be ours: what lies there is unpickled."""
        self._shared.parent.mkdir(parents=True, exist_ok=True)
        self._shared.mkdir(mode=0o700, exist_ok=True)
        found = self._shared.lstat()
        if found.st_uid != os.getuid() or not self._shared.is_dir() or self._shared.is_symlink():
            raise PermissionError(1, f"{str(self._shared)!r} belongs to somebody else")

    def _make_own(self) -> tuple[Path, int]:
        while True:
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._shared))
            try:
                lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            except FileNotFoundError:
                continue  # somebody who started at this very moment took us for dead
            if _take(lock) and (folder / LOCK).exists():
                return folder, lock
            os.close(lock)


def _remove_if_dead(folder: Path) -> bool:
    try:
        lock = os.open(folder / LOCK, os.O_RDWR)
    except FileNotFoundError:
        return _is_removed(folder)  # its owner died before it had a lock
    try:
        if _take(lock):
            _remove(folder)
            return True
        return False
    finally:
        os.close(lock)


def _remove(folder: Path) -> None:
    """Remove a folder, its lock last: so it is still known for dead if this is interrupted."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != LOCK:
            path.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _is_removed(folder: Path) -> bool:
    """Remove a folder if it is empty, and say whether that was so."""
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _take(lock: int) -> bool:
    """Take the lock if nobody holds it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
