"""What a simulation is made of, all drawn from its seed, also how likely each fault is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Final

from gdistributed.settings import MIB, LimitSettings, SchedulerSettings, WorkerSettings

FAULTS: Final = (
    "kill", "out_of_memory", "memory", "power", "nanny_dies", "pause", "hang", "suspend",
    "client_vanishes", "client_stops_reading", "client_twice",
    "cut", "long_cut", "one_way_cut", "cut_between_workers", "center_cut",
    "slow", "duplicates", "reset", "herd", "drain", "retire", "replicate", "rebalance",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """How one simulation goes.

    Attributes
    ----------
    workers, clients
        How many there are at first.
    actions
        How many things users and faults do before the cluster is healed.
    pace_s
        Mean time between them.
    delay_s
        Longest delay of a message, while all is well.
    odd
        How likely a task is to raise, to kill its worker, or never to end.
    faults
        Kinds of faults with their weights, against one another and against users' actions of
        weight 1 in all.
    has_nannies
        Whether workers' ends are reported.
    resend_nbytes, closed_max
        Bounds on what is kept to be sent again, and on batches that wait for a client.
    rarely
        How likely a rare choice is, where the code offers one.
    """

    workers: int
    clients: int
    actions: int
    pace_s: float
    delay_s: float
    odd: float
    faults: tuple[tuple[str, float], ...]
    has_nannies: bool
    resend_nbytes: int
    closed_max: int
    rarely: float
    scheduler: SchedulerSettings
    worker: WorkerSettings


def drawn(random: Random) -> Options:
    """Draw options, with the extremes among them: batches of one, no grace, hardly any room."""
    limits = LimitSettings(
        batch_nbytes=random.choice([1, 200, 1_000_000]),
        grace_s=random.choice([0.0, 5.0, 15.0]),
    )
    chosen = [fault for fault in FAULTS if random.random() < 0.4]
    options = Options(
        workers=random.randint(1, 4),
        clients=random.randint(1, 3),
        actions=random.choice([20, 50, 100]),
        pace_s=random.choice([0.01, 0.2, 2.0]),
        delay_s=random.choice([0.01, 0.01, 0.1, 1.0]),
        odd=random.choice([0.0, 0.0, 0.1, 0.4]),
        faults=tuple((fault, random.choice([0.02, 0.1, 0.3])) for fault in chosen),
        has_nannies=random.random() < 0.5,
        resend_nbytes=random.choice([1, 500, 64 * MIB, 64 * MIB]),
        closed_max=random.choice([1, 32]),
        rarely=random.choice([0.0, 0.0, 0.02, 0.2]),
        scheduler=SchedulerSettings(
            prefetch_s=random.choice([0.0, 0.05, 1.0, 20.0, 20.0]),
            prefetch_tasks_min=random.choice([1, 2, 10]),
            follow_s=random.choice([0.0, 0.01, 10.0, 10.0, 10.0]),
            kept_nbytes=random.choice([0, 100, 1_000_000]),
            no_worker_timeout_s=random.choice([None, None, None, 5.0]),
            limits=limits,
        ),
        worker=WorkerSettings(
            fetch_nbytes=random.choice([1, 20_000, 10**9]),
            memory_fetch_share=10**9,  # memory is there in name only
            fetch_keys=random.choice([1, 1000]),
            fetch_calls=random.choice([1, 2]),
            spread_calls=random.choice([1, 2]),
            spread_nbytes=random.choice([1, 1, MIB]),
            stalled_s=random.choice([0.1, 5.0]),
            keep_nbytes=random.choice([1, 1024]),
            ahead_s=random.choice([0.0, 0.005, 0.5]),
            orphan_s=random.choice([20.0, 300.0]),
            limits=limits,
        ),
    )
    # Drawn last, so that a seed keeps what it had before there was this choice.
    releases_at_once = random.choice([1, 3, 500])
    scheduler = replace(options.scheduler, releases_at_once=releases_at_once)
    return replace(options, scheduler=scheduler)
