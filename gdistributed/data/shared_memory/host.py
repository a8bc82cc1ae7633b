"""Which memory a process can share with others: those that say the same word can, and no others."""

from __future__ import annotations

import functools
import os
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
NAMESPACES = (Path("/proc/self/ns/pid"), Path("/proc/self/ns/user"))


@functools.cache
def same_host() -> str:
    """Return the word for this process; empty where the system has no such memory.

    One kernel, one view of processes (containers have their own, and with it other numbers) and one
    user, since a process opens the files of another by way of /proc.
    """
    if not hasattr(os, "memfd_create"):
        return ""  # not Linux
    try:
        boot = BOOT_ID.read_text().strip()
        namespaces = (str(namespace.stat().st_ino) for namespace in NAMESPACES)
        return "/".join((boot, *namespaces, str(os.geteuid())))
    except OSError:
        return ""  # no /proc, or none that says so
