"""What a worker process is told on its command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gdistributed.settings import PROFILE_INTERVAL_S


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """One worker, as the command line of `gd worker` describes it.

    Attributes
    ----------
    scheduler
        Address of the scheduler or of a Center, or the file in which it will stand.
    nthreads
        How many tasks it runs at once; None for as many as there are cores.
    name
        Its name; None for its address.
    host, port
        Where it listens; port 0 picks a free one.
    contact_address
        Where others reach it, if that is not where it listens: HOST or HOST:PORT.
    memory_limit_nbytes
        In bytes; 0 means none.
    max_spill_nbytes
        It moves no more than so many bytes of values to disk; 0 means no bound.
    local_directory
        Where it makes the folder for its files; None for the system's place.
    compression
        Of data that goes to other hosts, as in `WorkerSettings`.
    shared_memory
        Whether it shares memory with others of its machine.
    profile_interval_s
        How often it looks where its tasks are, as in `WorkerSettings`.
    log_level
        Lowest level of the lines that it logs.
    log_format
        How it logs them: "text" or "json".
    lifetime_s
        It drains and ends after so many seconds; 0 means never. A nanny sees to it, if it has one.
    functions
        Modules whose functions it offers by name.
    runtimes
        Commands that start the processes of other languages, by the name of the runtime.
    nanny_address
        Address of its nanny; empty for none.
    worker_id
        Its incarnation; empty for one of its own choice.
    news_descriptor
        Open file into which it writes the lines of `Milestone`; None for nowhere.
    """

    scheduler: str | Path
    nthreads: int | None = None
    name: str | None = None
    host: str
    port: int = 0
    contact_address: str = ""
    memory_limit_nbytes: int = 0
    max_spill_nbytes: int = 0
    local_directory: Path | None = None
    compression: str = "auto"
    shared_memory: bool = True
    profile_interval_s: float = PROFILE_INTERVAL_S
    log_level: str = "info"
    log_format: str = "text"
    lifetime_s: float = 0.0
    functions: tuple[str, ...] = ()
    runtimes: Mapping[str, str] = field(default_factory=dict)
    nanny_address: str = ""
    worker_id: str = ""
    news_descriptor: int | None = None

    def command_line(self) -> list[str]:
        """Return what follows `gd` to start such a worker, without a nanny around it."""
        return ["worker", "--no-nanny", *self._flags()]

    def _flags(self) -> Iterator[str]:
        given = {
            "--nthreads": self.nthreads,
            "--name": self.name,
            "--host": self.host,
            "--port": self.port,
            "--contact-address": self.contact_address or None,
            "--memory-limit": self.memory_limit_nbytes,
            "--max-spill": self.max_spill_nbytes,
            "--local-directory": self.local_directory,
            "--compression": self.compression,
            "--profile-interval": self.profile_interval_s,
            "--log-level": self.log_level,
            "--log-format": self.log_format,
            "--nanny-address": self.nanny_address or None,
            "--worker-id": self.worker_id or None,
            "--news-descriptor": self.news_descriptor,
            "--lifetime": f"{self.lifetime_s}s" if self.lifetime_s else None,
        }
        yield from (f"--functions={module}" for module in self.functions)
        yield from (f"--runtime={name}={command}" for name, command in self.runtimes.items())
        yield "--shared-memory" if self.shared_memory else "--no-shared-memory"
        if isinstance(self.scheduler, Path):
            yield f"--scheduler-file={self.scheduler}"
        yield from (f"{flag}={value}" for flag, value in given.items() if value is not None)
        if isinstance(self.scheduler, str):
            yield self.scheduler
