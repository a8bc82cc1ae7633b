"""What users do, and what goes wrong meanwhile. Each kind of fault is one small method."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from gdistributed.core.scheduler import orders
from gdistributed.sim.client_host import ClientHost
from gdistributed.sim.worker_host import WorkerHost
from gdistributed.sim.world import Host

if TYPE_CHECKING:
    from gdistributed.sim.simulation import Simulation


class Faults:
    """Acts at random, as likely as the options say.

    Parameters
    ----------
    simulation
        On which it acts.
    random
        Decides what happens.
    """

    def __init__(self, simulation: Simulation, random: Random) -> None:
        self._simulation = simulation
        self._random = random
        self._endings: list[Callable[[], None]] = []

    def act(self) -> None:
        """Do one thing: as a user, or as a fault."""
        kinds = dict(self._simulation.options.faults)
        names, weights = ["user", *kinds], [1.0, *kinds.values()]
        (kind,) = self._random.choices(names, weights)
        getattr(self, f"_{kind}")()

    def end_all(self) -> None:
        """End every fault that lasts."""
        while self._endings:
            self._endings[0]()

    # Whom

    def _worker(self) -> WorkerHost | None:
        alive = [each for each in self._simulation.workers.values() if each.is_alive]
        return self._random.choice(alive) if alive else None

    def _client(self) -> ClientHost | None:
        alive = [each for each in self._simulation.clients.values() if each.is_alive]
        return self._random.choice(alive) if alive else None

    def _for_a_while(self, seconds: float, end: Callable[[], None]) -> None:
        """Have a fault end after a while, or when the cluster is healed; once."""

        def once() -> None:
            if once in self._endings:
                self._endings.remove(once)
                end()

        self._endings.append(once)
        self._simulation.world.later(seconds, once)

    # Users

    def _user(self) -> None:
        client, random = self._client(), self._random
        if client is None:
            return
        deed = random.choices(
            ["submit", "release", "cancel", "retry", "scatter", "join"], [10, 4, 1, 2, 1, 0.3]
        )[0]
        if deed == "submit":
            client.submit(random, self._simulation.options.odd)
        elif deed == "scatter":
            worker = self._worker()
            if worker is not None:
                client.scatter(worker.id)
        elif deed == "join":
            name = f"w{len(self._simulation.workers) + 1}"
            self._simulation.start_worker(name)
        else:
            getattr(client, deed)(random)

    # Processes

    def _kill(self) -> None:
        if (worker := self._worker()) is not None:
            self._simulation.kill(worker)

    def _out_of_memory(self) -> None:
        if (worker := self._worker()) is not None:
            self._simulation.kill(worker, cause="out_of_memory")

    def _pause(self) -> None:
        worker = self._worker()
        if worker is None or worker.is_paused:
            return
        seconds = self._random.choice([1.0, 10.0, 20.0, 60.0])
        worker.note(f"is stopped for {seconds:g} s")
        worker.is_paused = True
        self._simulation.network.fell_silent(worker)
        self._for_a_while(seconds, worker.go_on)

    def _hang(self) -> None:
        worker = self._worker()
        if worker is None or worker.is_paused:
            return
        seconds = self._random.choice([1.0, 20.0, 60.0])
        worker.note(f"hangs for {seconds:g} s")
        worker.is_hung = True
        self._for_a_while(seconds, worker.go_on)

    def _suspend(self) -> None:
        worker = self._worker()
        if worker is None or worker.is_paused:
            return
        seconds = self._random.uniform(1.0, 100.0)
        began = self._simulation.world.now
        worker.note("its machine sleeps, and its clock with it")
        worker.is_paused = True
        self._simulation.network.fell_silent(worker)

        def wake() -> None:
            worker.set_back(self._simulation.world.now - began)
            worker.go_on()

        self._for_a_while(seconds, wake)

    def _client_vanishes(self) -> None:
        alive = [each for each in self._simulation.clients.values() if each.is_alive]
        if len(alive) > 1:
            client = self._random.choice(alive)
            client.note("vanishes")
            client.is_alive = False
            self._simulation.network.died(client)

    def _client_stops_reading(self) -> None:
        if (client := self._client()) is not None and not client.is_hung:
            client.note("stops reading")
            client.is_hung = True
            self._for_a_while(self._random.uniform(1.0, 40.0), client.go_on)

    # The network

    def _peer(self) -> Host | None:
        return self._random.choice([self._worker(), self._client()])

    def _cut_both(self, one: Host, other: Host, seconds: float) -> None:
        network = self._simulation.network
        network.cut(one, other)
        network.cut(other, one)

        def mend() -> None:
            network.mend(one, other)
            network.mend(other, one)

        self._for_a_while(seconds, mend)

    def _cut(self) -> None:
        if (peer := self._peer()) is not None:
            self._cut_both(peer, self._simulation.scheduler, self._random.uniform(0.1, 10.0))

    def _long_cut(self) -> None:
        if (peer := self._peer()) is not None:
            self._cut_both(peer, self._simulation.scheduler, self._random.uniform(15.0, 60.0))

    def _one_way_cut(self) -> None:
        peer, scheduler = self._peer(), self._simulation.scheduler
        if peer is None:
            return
        origin, target = self._random.choice([(peer, scheduler), (scheduler, peer)])
        network = self._simulation.network
        network.cut(origin, target)
        self._for_a_while(self._random.uniform(1.0, 60.0), lambda: network.mend(origin, target))

    def _cut_between_workers(self) -> None:
        one, other = self._worker(), self._worker()
        if one is not None and other is not None and one is not other:
            self._cut_both(one, other, self._random.uniform(1.0, 60.0))

    def _slow(self) -> None:
        network = self._simulation.network
        network.delay_max_s = self._random.choice([0.5, 5.0])

        def end() -> None:
            network.delay_max_s = 0.01

        self._for_a_while(self._random.uniform(1.0, 20.0), end)

    def _duplicates(self) -> None:
        self._simulation.network.duplicates = self._random.choice([0.05, 0.5])

    def _reset(self) -> None:
        streams = [each for each in self._simulation.network.streams if all(each.is_open)]
        if streams:
            stream = self._random.choice(streams)
            stream.hosts[0].note("its connection is reset")
            stream.reset()

    def _herd(self) -> None:
        self._simulation.world.note("network", "all connections are reset")
        for stream in list(self._simulation.network.streams):
            stream.reset()

    # Operators

    def _order(self, order: Callable[..., object], *arguments: object) -> None:
        scheduler = self._simulation.scheduler
        scheduler.do(scheduler.order, order, *arguments)

    def _drain(self) -> None:
        if (worker := self._worker()) is not None:
            worker.note("is told to drain")
            worker.do(worker.drain)

    def _retire(self) -> None:
        if (worker := self._worker()) is not None:
            worker.note("is retired")
            self._order(orders.retire, [worker.name])
            self._for_a_while(60.0, lambda: self._keep(worker))

    def _keep(self, worker: WorkerHost) -> None:
        record = self._simulation.scheduler.brain.books.workers.get(worker.id)
        if record is not None:
            self._order(orders.stay, [record])

    def _replicate(self) -> None:
        keys = list(self._simulation.scheduler.brain.books.tasks)[-10:]
        self._order(orders.replicate, keys, self._random.choice([0, 2]), ())

    def _rebalance(self) -> None:
        self._order(orders.rebalance, (), ())
