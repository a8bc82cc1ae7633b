"""One simulation: a cluster, users and faults; then a core is healed, and must come to rest."""

from __future__ import annotations

from collections.abc import Collection
from random import Random
from typing import Final

from gdistributed.core.worker.records import RunRecord
from gdistributed.errors import InvariantBroken
from gdistributed.sim import invariants
from gdistributed.sim.center_host import CenterHost
from gdistributed.sim.client_host import ClientHost
from gdistributed.sim.faults import Faults
from gdistributed.sim.network import Network
from gdistributed.sim.options import Options, drawn
from gdistributed.sim.scheduler_host import SchedulerHost
from gdistributed.sim.worker_host import WorkerHost
from gdistributed.sim.workload import Workload
from gdistributed.sim.world import Host, World
from gdistributed.v1 import nanny_pb2

REST_S: Final = 2000.0
STEPS_MAX: Final = 400_000
AUDIT: Final = 0.01  # how likely all books are audited after a step


class Simulation:
    """A cluster in virtual time.

    Parameters
    ----------
    seed
        Gives everything, also the options when none are given.
    options
        How it goes.
    acts
        Numbers of the deeds of users and faults that are done; None means all. What is left out
        takes its time all the same.

    Attributes
    ----------
    core
        Names of those who are healed after the faults; empty until then.
    """

    def __init__(
        self, seed: int, options: Options | None = None, acts: Collection[int] | None = None
    ) -> None:
        self.seed = seed
        self.options = options or drawn(Random(f"{seed}/options"))
        self.acts = range(self.options.actions) if acts is None else acts
        self.world = World(Random(f"{seed}/world"), self.options.rarely, self.options.resend_nbytes)
        self.network = Network(self.world, self.options.delay_s)
        self.workload = Workload(Random(f"{seed}/workload"))
        self.center = CenterHost(self.world)
        self.scheduler = SchedulerHost(
            self.world, self.network, self.center, self.options.scheduler
        )
        self.scheduler.brain.clients.closed_max = self.options.closed_max
        self.workers: dict[str, WorkerHost] = {}
        self.clients: dict[str, ClientHost] = {}
        self.core: set[str] = set()
        self._incarnations = 0
        self._audits = Random(f"{seed}/audits")
        self._faults = Faults(self)
        for number in range(self.options.workers):
            self.start_worker(f"w{number + 1}")
        for number in range(self.options.clients):
            self.start_client(f"c{number + 1}")

    # Processes

    def start_worker(self, name: str, resources: dict[str, float] | None = None) -> None:
        """Start a worker, the first of its name or the next; nothing if there is one."""
        if name in self.workers and self.workers[name].is_alive:
            return
        self._incarnations += 1
        random = self.world.random
        if resources is None:
            resources = {"GPU": 1.0} if random.random() < 0.2 else {}
        worker = WorkerHost(
            self.world,
            self.network,
            self.scheduler,
            self.center,
            self.workload,
            name,
            self._incarnations,
            nthreads=random.choice([1, 1, 2]),
            settings=self.options.worker,
            resources=resources,
        )
        worker.killed_by = self.killed_by
        self.workers[name] = worker
        worker.later(random.random() * 0.5, worker.start)

    def start_client(self, name: str) -> None:
        """Start a client."""
        client = ClientHost(
            self.world,
            self.network,
            self.scheduler,
            self.workload,
            name,
            self.options.scheduler.limits,
        )
        self.clients[name] = client
        client.later(self.world.random.random() * 0.1, client.connect)

    def kill(self, worker: WorkerHost, signal: int = 9, cause: str = "exited") -> None:
        """Kill a worker's process; its nanny, if it has one, says so, and another is started."""
        if not worker.is_alive:
            return
        worker.note(f"dies: signal {signal}, {cause}")
        worker.is_alive = False
        self.network.died(worker)
        random = self.world.random
        if self.options.has_nannies and not self.network.is_cut(worker, self.scheduler):
            exit = nanny_pb2.WorkerExit(worker_id=worker.id, signal=signal, cause=cause)
            self.scheduler.later(random.random() * 0.5, self.scheduler.worker_exited, exit)
        self.world.later(random.uniform(0.1, 20.0), self.start_worker, worker.name)

    def killed_by(self, worker: WorkerHost, run: RunRecord) -> None:
        """A poison task kills its worker."""
        worker.note(f"is killed by {run.key}")
        self.kill(worker, signal=11)

    def lose_power(self, host: Host) -> None:
        """A machine is gone at once, with no word of it from anybody."""
        host.is_alive = False
        self.network.fell_silent(host)

    # The course of things

    def run(self) -> None:
        """Go through all phases.

        Raises
        ------
        InvariantBroken
            If something is wrong; the message says what.
        """
        self._act()
        self._heal()
        self._come_to_rest()
        self._end()

    def _act(self) -> None:
        """Users and faults act, each deed by its own chance: so that one can be left out."""
        for number in range(self.options.actions):
            random = Random(f"{self.seed}/act/{number}")
            self._pass(random.expovariate(1.0 / self.options.pace_s))
            if number in self.acts:
                self._faults.act(random)

    def _pass(self, seconds: float) -> None:
        """Let time pass, and look now and then whether all is well."""
        until = self.world.now + seconds
        while (at := self.world.next_at()) is not None and at <= until:
            self._step()
        self.world.now = until

    def _step(self) -> None:
        self.world.step()
        if self.world.steps > STEPS_MAX:
            raise InvariantBroken(f"no rest after {STEPS_MAX} steps [47]")
        if self._audits.random() < AUDIT:
            invariants.check(self)

    def _heal(self) -> None:
        """End what ails a core of the cluster; the rest is broken, and stays so for ever."""
        random = Random(f"{self.seed}/core")
        self.world.note("healer", "heals")
        clients = [each for each in self.clients.values() if each.is_alive]
        workers = [each for each in self.workers.values() if each.is_alive]
        chosen = random.sample(workers, random.randint(0, len(workers)))
        kept = random.sample(clients, random.randint(1, len(clients)))
        core = [self.scheduler, self.center, *chosen, *kept]
        self.core = {host.name for host in core}
        self._faults.heal(self.core)
        for host in (*workers, *clients):
            if host.name not in self.core:
                self._faults.break_for_ever(host, chosen, random)
        for host in (*chosen, *kept):
            host.go_on()

    def _come_to_rest(self) -> None:
        """What users wait for must come, in bounded time."""
        begun = self.world.now
        while self.world.now < begun + REST_S:
            if self.world.now > begun + 60.0 and not self._somebody_waits():
                break
            self._pass(10.0)
            self._keep_a_worker()
        while self.scheduler.reports.are_on_their_way:
            self._pass(1.0)
        invariants.check(self)
        invariants.check_settled(self)

    def _keep_a_worker(self) -> None:
        """See to it that the core has a worker that may run everything, and does not leave."""
        well = [each for name, each in self.workers.items() if name in self.core and each.is_alive]
        if not any(each.resources and not each.brain.is_draining for each in well):
            name = f"spare{self._incarnations}"
            self.core.add(name)
            self.start_worker(name, {"GPU": 1.0})

    def users(self) -> list[ClientHost]:
        """Return the clients of the core."""
        return [each for name, each in self.clients.items() if name in self.core and each.is_alive]

    def _somebody_waits(self) -> bool:
        return any(client.unsettled() for client in self.users())

    def _end(self) -> None:
        """Nobody wants anything more: nothing must be left, once the broken have been given up."""
        for client in self.users():
            client.leave()
        self._pass(self.options.scheduler.worker_ttl_s + 120.0)
        invariants.check(self)
        invariants.check_empty(self)
