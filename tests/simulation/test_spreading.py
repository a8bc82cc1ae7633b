"""A value that 50 workers want at one time spreads as a tree, in virtual time."""

from __future__ import annotations

from random import Random

from gdistributed.core.scheduler import orders
from gdistributed.settings import SchedulerSettings, WorkerSettings
from gdistributed.sim.invariants import check
from gdistributed.sim.options import Options
from gdistributed.sim.simulation import Simulation

WORKERS = 51
SEND_S = 1.0


def calm(spread_calls: int) -> Options:
    """A cluster in which nothing goes wrong, and each value counts as large."""
    return Options(
        workers=WORKERS,
        clients=1,
        actions=0,
        pace_s=1.0,
        delay_s=0.01,
        odd=0.0,
        faults=(),
        has_nannies=False,
        resend_nbytes=2**26,
        closed_max=32,
        rarely=0.0,
        scheduler=SchedulerSettings(),
        worker=WorkerSettings(spread_calls=spread_calls, spread_nbytes=1),
    )


def spread(seed: int, spread_calls: int) -> tuple[float, dict[str, int]]:
    """Copy a value to all workers; how long it takes, and how often each has sent it."""
    simulation = Simulation(seed, calm(spread_calls))
    scheduler, world = simulation.scheduler.brain, simulation.world
    while len(scheduler.books.workers) < WORKERS or not scheduler.books.clients:
        assert world.step()
    for worker in simulation.workers.values():
        worker.send_s = SEND_S
        worker.busy_peers = 0.0
    [client] = simulation.clients.values()
    client.scatter(Random(0), simulation.workers["w1"].id)
    while not client.futures or not client.futures[0].record.is_settled:
        assert world.step()
    key = client.futures[0].key
    begun = world.now
    simulation.scheduler.order(orders.replicate, [key], WORKERS, [])
    while len(scheduler.books.tasks[key].who_has) < WORKERS:
        assert world.step()
    check(simulation)
    assert not scheduler.books.crowds
    return world.now - begun, {name: host.sent[key] for name, host in simulation.workers.items()}


def test_a_value_wanted_by_50_workers_spreads_as_a_tree() -> None:
    seconds, sent = spread(seed=0, spread_calls=2)
    assert sum(sent.values()) == WORKERS - 1
    assert max(sent.values()) <= 8  # of one after the other, two at a time, it would be 50 in 25 s
    assert seconds < 8 * SEND_S


def test_without_a_bound_one_holder_serves_all() -> None:
    _, sent = spread(seed=0, spread_calls=WORKERS)
    assert sent["w1"] == WORKERS - 1
