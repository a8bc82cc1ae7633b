"""One simulation: a cluster, its users and its faults; then it is healed, and must come to rest."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Final

from gdistributed.core.worker.records import RunRecord
from gdistributed.errors import InvariantBroken
from gdistributed.sim import invariants
from gdistributed.sim.client_host import ClientHost
from gdistributed.sim.faults import Faults
from gdistributed.sim.network import Network
from gdistributed.sim.options import Options, drawn
from gdistributed.sim.scheduler_host import SchedulerHost
from gdistributed.sim.worker_host import WorkerHost
from gdistributed.sim.workload import Workload
from gdistributed.sim.world import World
from gdistributed.v1 import nanny_pb2

REST_S: Final = 1500.0
STEPS_MAX: Final = 400_000


class Simulation:
    """A cluster in virtual time.

    Parameters
    ----------
    seed
        Gives everything, also the options when none are given.
    options
        How it goes.

    Attributes
    ----------
    reached
        How often named situations came about.
    """

    def __init__(self, seed: int, options: Options | None = None) -> None:
        self.seed = seed
        self.options = options or drawn(Random(f"{seed}/options"))
        self.world = World(Random(f"{seed}/world"))
        self.network = Network(self.world)
        self.reached: Counter[str] = Counter()
        self.workload = Workload(Random(f"{seed}/workload"))
        self.scheduler = SchedulerHost(self.world, self.network, self.options.scheduler)
        self.workers: dict[str, WorkerHost] = {}
        self.clients: dict[str, ClientHost] = {}
        self.is_healed = False
        self._incarnations = 0
        self._audits = Random(f"{seed}/audits")
        self._faults = Faults(self, Random(f"{seed}/faults"))
        for number in range(self.options.workers):
            self.start_worker(f"w{number + 1}")
        for number in range(self.options.clients):
            self.start_client(f"c{number + 1}")

    # Processes

    def start_worker(self, name: str) -> None:
        """Start a worker, the first of its name or the next."""
        if name in self.workers and self.workers[name].is_alive:
            return
        self._incarnations += 1
        random = self.world.random
        worker = WorkerHost(
            self.world,
            self.network,
            self.scheduler,
            self.workload,
            name,
            self._incarnations,
            nthreads=random.choice([1, 1, 2]),
            settings=self.options.worker,
            resources={"GPU": 1.0} if name == "w1" or random.random() < 0.3 else {},
        )
        worker.killed_by = self.killed_by
        self.workers[name] = worker
        worker.later(random.random() * 0.1, worker.connect)

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

    # The course of things

    def run(self) -> None:
        """Go through all phases.

        Raises
        ------
        InvariantBroken
            If something is wrong; the message says what.
        """
        self._act()
        self.heal()
        self._come_to_rest()
        self._end()

    def _act(self) -> None:
        """Users and faults act, for as many actions as the options say."""
        random = self.world.random
        for _ in range(self.options.actions):
            self._pass(random.expovariate(1.0 / self.options.pace_s))
            self._faults.act()

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
        if self._audits.random() < 0.01:
            invariants.check(self)

    def heal(self) -> None:
        """End all faults of the core of the cluster; the rest stays broken for ever."""
        self.is_healed = True
        self.world.note("healer", "heals")
        self._faults.end_all()
        self.network.duplicates, self.network.delay_max_s = 0.0, 0.01
        self.start_worker("w1")
        for name in list(self.workers):
            worker = self.workers[name]
            if worker.is_paused or worker.is_hung:
                worker.go_on()
        if all(worker.brain.is_draining or not worker.is_alive for worker in self.workers.values()):
            self.start_worker("healthy")
            self.workers["healthy"].resources = {"GPU": 1.0}
        for client in list(self.clients.values()):
            client.go_on()

    def _come_to_rest(self) -> None:
        """What users wait for must come, in bounded time."""
        begun = self.world.now
        while self.world.now < begun + REST_S:
            if self.world.now > begun + 60.0 and not self._waiting():
                break
            self._pass(10.0)
            self._keep_a_worker()
        invariants.check(self)
        invariants.check_settled(self)

    def _keep_a_worker(self) -> None:
        """Workers that are told to leave do; somebody starts another one."""
        able = [worker for worker in self.workers.values() if worker.is_alive]
        if not any(worker.resources and not worker.brain.is_draining for worker in able):
            name = f"spare{self._incarnations}"
            self.start_worker(name)
            self.workers[name].resources = {"GPU": 1.0}

    def _waiting(self) -> bool:
        return any(client.unsettled() for client in self.clients.values() if client.is_alive)

    def _end(self) -> None:
        """Everybody wants nothing more: nothing must be left."""
        for client in self.clients.values():
            if client.is_alive:
                client.leave()
        self._pass(120.0)
        invariants.check(self)
        invariants.check_empty(self)
