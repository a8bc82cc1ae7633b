"""What must hold: at any time, when all has come to rest, and when nobody wants anything more.

The numbers in brackets are those of the invariants that a scheduler of this kind has to keep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdistributed.core.center.audit import audit as audit_center
from gdistributed.core.client.futures import CANCELLED, ERROR, FINISHED
from gdistributed.core.scheduler.audit import audit as audit_scheduler
from gdistributed.core.worker.audit import audit as audit_worker
from gdistributed.core.worker.records import HELD
from gdistributed.errors import InvariantBroken

if TYPE_CHECKING:
    from gdistributed.sim.client_host import ClientHost, Future
    from gdistributed.sim.simulation import Simulation

# Errors of the system that a task without a fault of its own may come to.
NOT_ITS_FAULT = frozenset(
    {"KILLED_WORKER", "DATA_LOST", "UNKNOWN_KEYS", "BAD_GRAPH", "TASK_TIMEOUT", "NO_WORKER"}
)


def check(simulation: Simulation) -> None:
    """Look whether the books of every process agree with themselves and with its store.

    Raises
    ------
    InvariantBroken
        With what is wrong, and where.
    """
    audit_scheduler(simulation.scheduler.brain)
    audit_center(simulation.center.brain)
    for worker in simulation.workers.values():
        if not worker.is_alive:
            continue
        audit_worker(worker.brain)
        held = {key for key, data in worker.brain.data.items() if data.state is HELD}
        if not held <= set(worker.store):
            lacking = sorted(held - set(worker.store))
            raise InvariantBroken(f"{worker.id} believes that it holds {lacking} [38]")


def check_settled(simulation: Simulation) -> None:
    """Look whether users who are there have got what they wait for, and the right thing.

    Raises
    ------
    InvariantBroken
        If one still waits, or got what he should not.
    """
    for client in simulation.users():
        for future in client.futures:
            _check_outcome(simulation, client, future)
    _check_center(simulation)


def _check_center(simulation: Simulation) -> None:
    """Whoever is well is a member, and what the Center says of data is what the scheduler knows."""
    center, books = simulation.center.brain, simulation.scheduler.brain.books
    for worker_id, worker in books.workers.items():
        process = simulation.scheduler.processes[worker_id]
        if (
            process.name in simulation.core
            and process.is_alive
            and worker_id not in center.members.by_id
        ):
            raise InvariantBroken(f"{worker} is no member at the Center")
    for key, task in books.tasks.items():
        there = {worker_id for worker_id, _ in center.reported.holders(key)}
        holders = {worker.id for worker in task.who_has if worker.id in center.members.by_id}
        if there != holders:
            raise InvariantBroken(f"the Center says that {key!r} is on {there}, not on {holders}")


def _check_outcome(simulation: Simulation, client: ClientHost, future: Future) -> None:
    record, plan = future.record, future.plan
    where = f"{future.key!r} of {client.name}"
    if not record.is_settled:
        task = simulation.scheduler.brain.books.tasks.get(future.key)
        raise InvariantBroken(f"{where} is {record.state} for ever [30]: at the scheduler {task}")
    if record.state is FINISHED:
        value = record.outcome if isinstance(record.outcome, bytes) else b""
        value = value or _value_on_workers(simulation, future.key)
        if value != plan.value:
            raise InvariantBroken(f"{where} has a wrong value [32]: {value.hex()}")
    elif record.state is ERROR and not plan.may_fail and record.error is not None:
        if record.error.reason not in NOT_ITS_FAULT:
            raise InvariantBroken(f"{where} erred without a cause [33]: {record.error}")
    elif record.state is CANCELLED:
        simulation.world.reached["cancelled"] += 1


def _value_on_workers(simulation: Simulation, key: str) -> bytes:
    """Return the value of a key from a worker that is said to hold it."""
    task = simulation.scheduler.brain.books.tasks.get(key)
    for worker in task.who_has if task is not None else ():
        process = simulation.scheduler.processes[worker.id]
        if key not in process.store:
            raise InvariantBroken(f"{worker} is said to hold {key!r} and does not [31]")
        return process.store[key]
    return b""


def check_empty(simulation: Simulation) -> None:
    """Look whether everything has gone when nobody wants anything more.

    Raises
    ------
    InvariantBroken
        If something is left.
    """
    brain = simulation.scheduler.brain
    books = brain.books
    left = [key for key in books.tasks]
    if left:
        raise InvariantBroken(f"the scheduler still knows {left[:10]} [36]")
    if books.counts() or books.kept_nbytes or books.copying or books.crowds:
        raise InvariantBroken("the scheduler still moves data [36]")
    if books.reserved:
        raise InvariantBroken("the scheduler's counts do not return to zero [36]")
    for worker in books.workers.values():
        if worker.occupancy_ns or worker.held_nbytes or any(worker.resources_used.values()):
            raise InvariantBroken(f"{worker} is not empty in the scheduler's books [36]")
    for process in simulation.workers.values():
        if process.is_well and (process.store or process.brain.runs or process.brain.data):
            raise InvariantBroken(
                f"{process.id} still holds {list(process.store)}, runs {list(process.brain.runs)} "
                f"and knows {list(process.brain.data)} [36]"
            )
