"""A process's folder goes with it; what the dead leave behind is removed, the living are let be."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from gdistributed.data.scratch import ScratchFolder
from gdistributed.errors import UsageError

OWNER = """
import sys
from gdistributed.data.scratch import ScratchFolder
folder = ScratchFolder(sys.argv[1])
(folder.path / "deeper").mkdir()
(folder.path / "deeper" / "file").write_bytes(b"x")
print(folder.path, flush=True)
sys.stdin.read()
"""


def owner(place: Path, processes: ExitStack) -> tuple[Path, subprocess.Popen[str]]:
    """Start a process with a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    processes.enter_context(process)
    processes.callback(process.kill)
    assert process.stdout is not None
    return Path(process.stdout.readline().strip()), process


def test_only_folders_of_the_dead_are_removed(tmp_path: Path) -> None:
    with ExitStack() as processes:
        dead, killed = owner(tmp_path, processes)
        living, _ = owner(tmp_path, processes)
        assert dead.parent == living.parent
        killed.kill()
        killed.wait()
        assert (dead / "deeper" / "file").exists()
        own = ScratchFolder(tmp_path)
        neighbour = ScratchFolder(tmp_path)  # of the same process
        assert own.remove_dead() == 1
        assert not dead.exists()
        assert (living / "deeper" / "file").exists()
        assert neighbour.path.is_dir()
        own.close()
        neighbour.close()
        assert list(living.parent.iterdir()) == [living]


def test_a_folder_without_a_lock_is_removed_if_it_is_empty(tmp_path: Path) -> None:
    own = ScratchFolder(tmp_path)
    (own.path.parent / "worker-a").mkdir()
    (own.path.parent / "worker-b").mkdir()
    (own.path.parent / "worker-b" / "file").touch()
    assert own.remove_dead() == 1
    assert not (own.path.parent / "worker-a").exists()
    own.close()


def test_a_place_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="--local-directory"):
        ScratchFolder(tmp_path / "file")


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (tmp_path / f"gdistributed-{os.getuid()}").symlink_to(theirs)
    with pytest.raises(UsageError, match="belongs to somebody else"):
        ScratchFolder(tmp_path)
