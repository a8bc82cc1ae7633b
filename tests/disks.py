"""Real file systems for tests, small enough to be full."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def tiny_disk(folder: Path, nbytes: int) -> Iterator[Path]:
    """Mount a file system of this size on a folder; only root may."""
    if os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a file system")
    folder.mkdir()
    options = f"size={nbytes}"
    mount = ["mount", "-t", "tmpfs", "-o", options, "gdistributed-test", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
