"""Every setting, with its unit and default. Only `cli` reads the environment or files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

NS: Final = 1_000_000_000  # in a second
KIB: Final = 1024
MIB: Final = 1024 * KIB

PROTOCOL_MAJOR: Final = 1
PROTOCOL_MINOR: Final = 0
DEFAULT_PORT: Final = 8786  # of a scheduler
DEFAULT_CENTER_PORT: Final = 8785
DEFAULT_DASHBOARD_PORT: Final = 8787
LOOPBACK: Final = "127.0.0.1"
PROFILE_INTERVAL_S: Final = 0.01
CERTIFICATE_DAYS: Final = 365
CERTIFICATES_VARIABLE: Final = "GD_TLS"  # by which a `gd` command is told their folder
PYTHON: Final = "python"  # our runtime, as the protocol names it
# New objects before a collection of the young ones, and how many of those before the older ones, in
# a process that makes many objects which all stay.
RARE_COLLECTIONS: Final = 50_000, 20, 50
OWN_RESULTS: Final = "own-results"  # capability of a worker that waits for results of its own runs


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """Limits of a session; the scheduler states them in its welcome.

    Attributes
    ----------
    inline_nbytes
        Results whose encoding is not larger ride along with the report.
    chunk_nbytes
        Size of the pieces in which larger values move (1 MiB measured best).
    batch_nbytes
        A batch is closed when it has grown to about this size.
    message_nbytes
        No message may be larger; a single argument has to fit.
    heartbeat_s
        How often a heartbeat is sent.
    grace_s
        How long a session without a stream is kept.
    """

    inline_nbytes: int = 16 * KIB
    chunk_nbytes: int = 1 * MIB
    batch_nbytes: int = 1 * MIB
    message_nbytes: int = 256 * MIB
    heartbeat_s: float = 1.0
    grace_s: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerSettings:
    """How the scheduler decides.

    Attributes
    ----------
    prefetch_s
        How far ahead of each worker tasks are handed out, in seconds of expected run time.
    prefetch_nbytes
        Tasks are handed out ahead only while the results of those handed to a worker will be
        smaller than this together, by the sizes that results of their prefixes have had.
    prefetch_tasks_min
        At least this many tasks a thread are handed out ahead.
    follow_s
        A task is handed out ahead of the one that it needs if both are expected to take less than
        this; 0 means never.
    releases_at_once
        So many results that nobody needs any more are let go of before mail goes out: who waits for
        a result does not wait for what becomes of thousands of others.
    unresponsive_s
        A worker that was silent for so long while its connection lives gets nothing new.
    worker_ttl_s
        A worker that was silent for so long is given up, though its connection lives.
    silence_s
        A worker whose connection broke is given up so long after its last sign of life, or after
        the grace, whichever comes first.
    cut_s
        A worker that got no answer from another is not sent there for data for so long; each
        further time for twice as long as before, up to 64 times.
    unknown_duration_s
        Expected run time of a task whose prefix has never run.
    bandwidth
        Bytes a second between two workers, until it has been measured.
    latency_s
        Fixed cost of moving one value.
    no_worker_timeout_s
        A task errs when no worker that may run it was there for so long; None means never.
    steal_gain_s
        A task is taken back from one worker for another only if it will begin earlier by this.
    allowed_failures
        A task errs when it was executing on this many workers as they died.
    kept_nbytes
        Bound on small results that the scheduler keeps to pass on.
    output_nbytes
        Bound on what it keeps of what tasks print and log.
    candidates
        At most this many idle workers are weighed for a task that needs data.
    connect_timeout_s
        How long to try to reach a Center elsewhere.
    relay_calls
        At most this many calls for values are passed on to workers at one time, for clients that
        cannot reach them; others wait for their turn.
    synchronize_lease_s
        A worker that calls by Synchronize and has said nothing else is given up when it has not
        called for so long.
    synchronize_nbytes
        A task of such a worker takes no more than this with all its arguments; nor does its result.
    synchronize_held_nbytes
        What is held for all such workers takes no more than this together. Near it they begin
        nothing new, as other workers do near their memory limits.
    """

    prefetch_s: float = 0.05
    prefetch_nbytes: int = 32 * MIB
    prefetch_tasks_min: int = 2
    follow_s: float = 0.01
    releases_at_once: int = 500
    unresponsive_s: float = 5.0
    worker_ttl_s: float = 300.0
    silence_s: float = 25.0
    cut_s: float = 10.0
    unknown_duration_s: float = 0.1
    bandwidth: float = 500 * MIB
    latency_s: float = 0.001
    no_worker_timeout_s: float | None = None
    steal_gain_s: float = 0.01
    allowed_failures: int = 3
    kept_nbytes: int = 64 * MIB
    output_nbytes: int = 16 * MIB
    candidates: int = 4
    connect_timeout_s: float = 10.0
    relay_calls: int = 8
    synchronize_lease_s: float = 30.0
    synchronize_nbytes: int = 1 * MIB
    synchronize_held_nbytes: int = 256 * MIB
    limits: LimitSettings = field(default_factory=LimitSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """How a worker works.

    Attributes
    ----------
    fetch_nbytes
        Bound on the bytes that are on their way from peers at one time; a single value may be
        larger.
    fetch_keys
        At most this many keys are asked for in one call.
    fetch_calls
        At most this many calls to one peer are under way.
    fetch_silence_s
        A peer from which nothing comes for so long is taken for unreachable.
    fetch_tries
        A peer that has no room for transfers so many times in a row is taken for unreachable.
    serve_calls, serve_nbytes
        At most this many calls for values are answered at one time, and for values of this size
        together; others are told to come again. A single call is answered whatever its size.
    spread_calls, spread_nbytes
        Of a value of at least this size at most this many workers are served at one time; others
        are sent to those that have it then.
    stalled_s
        A worker that has taken nothing for so long does not count among these.
    memory_target_share
        Values that take more than this share of the memory limit are moved to disk, the least
        recently used first.
    memory_spill_share
        So are values when the process uses more than this share of the limit.
    memory_fetch_share
        What is on its way from peers takes no more than this share of the limit either.
    memory_pause_share, memory_resume_share
        At which share of its memory limit a worker begins nothing new, and below which it does
        again.
    memory_interval_s
        How often the memory of the process is measured.
    disk_retry_s
        How often a disk that took no more is tried again.
    keep_nbytes
        Values that ride along with a task are kept for others if their encoding is as large as
        this; smaller ones are cheaper to send again than to keep account of.
    ahead_s
        Tasks expected to be this short are given to a thread several at a time, so that a batch
        of them costs one wake-up.
    unclaimed_s
        A value that was put here is dropped if the scheduler has not claimed it for so long.
    orphan_s
        How long a worker without a scheduler keeps its values and goes on running.
    compression
        Of values that go to other hosts: "auto" (what is installed and quick, for what shrinks by
        it), "none", or the name of one, which is then used on the same host too.
    shared_memory
        Whether large values are handed to peers and clients of this machine by shared memory.
    shared_nbytes_min
        Smaller values are sent.
    shared_lease_s
        A peer or client that was told where a value lies has so long to open it.
    shared_memory_share
        Values are sent when the worker has made segments of so large a share of its memory limit;
        of half of the machine's memory where there is none.
    profile_interval_s
        How often the profiler looks where tasks are, while any run; 0 means never.
    """

    fetch_nbytes: int = 256 * MIB
    fetch_keys: int = 1000
    fetch_calls: int = 2
    fetch_silence_s: float = 10.0
    fetch_tries: int = 16
    serve_calls: int = 100
    serve_nbytes: int = 1024 * MIB
    spread_calls: int = 2
    spread_nbytes: int = 1 * MIB
    stalled_s: float = 5.0
    memory_target_share: float = 0.6
    memory_spill_share: float = 0.7
    memory_fetch_share: float = 0.1
    memory_pause_share: float = 0.8
    memory_resume_share: float = 0.7
    memory_interval_s: float = 0.2
    disk_retry_s: float = 1.0
    keep_nbytes: int = 1 * KIB
    ahead_s: float = 0.005
    unclaimed_s: float = 60.0
    orphan_s: float = 300.0
    compression: str = "auto"
    shared_memory: bool = True
    shared_nbytes_min: int = 1 * MIB
    shared_lease_s: float = 10.0
    shared_memory_share: float = 0.5
    profile_interval_s: float = PROFILE_INTERVAL_S
    limits: LimitSettings = field(default_factory=LimitSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """How a client behaves.

    Attributes
    ----------
    connect_timeout_s
        How long to try to reach a scheduler.
    disconnect_timeout_s
        How long futures wait for a scheduler that was lost, until they fail with ConnectionLost.
    large_argument_nbytes
        An argument larger than this brings a warning that proposes `scatter`.
    compression
        Of what `scatter` puts on workers; as in `WorkerSettings`.
    shared_memory
        Whether large values come from workers of this machine, and go there, by shared memory.
    shared_nbytes_min
        Smaller values are sent.
    """

    connect_timeout_s: float = 10.0
    disconnect_timeout_s: float = 30.0
    large_argument_nbytes: int = 10 * MIB
    compression: str = "auto"
    shared_memory: bool = True
    shared_nbytes_min: int = 1 * MIB
    limits: LimitSettings = field(default_factory=LimitSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class CenterSettings:
    """How the Center behaves.

    Attributes
    ----------
    lease_s
        How long a member lives without a heartbeat.
    heartbeat_s
        How often members renew their leases.
    history
        How many changes are kept for watchers that come late.
    """

    lease_s: float = 15.0
    heartbeat_s: float = 3.0
    history: int = 10_000
