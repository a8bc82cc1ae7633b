"""What users do, and what goes wrong meanwhile. Each kind of deed is one small method.

A fault that lasts ends after a while, or when the core of the cluster is healed; what it does to
those outside of the core then stays for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from gdistributed.core.scheduler import orders
from gdistributed.sim.client_host import ClientHost
from gdistributed.sim.worker_host import WorkerHost
from gdistributed.sim.world import Host

if TYPE_CHECKING:
    from gdistributed.sim.simulation import Simulation


@dataclass(slots=True, eq=False)
class Lasting:
    """A fault that lasts.

    Attributes
    ----------
    names
        Whom it hits, by the names of their machines.
    end
        Ends it.
    """

    names: frozenset[str]
    end: Callable[[], None]


class Faults:
    """Acts at random, as likely as the options say.

    Parameters
    ----------
    simulation
        On which it acts.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._network = simulation.network
        self._random = Random(0)
        self._lasting: dict[Lasting, None] = {}

    def act(self, random: Random) -> None:
        """Do one thing: as a user, or as a fault."""
        self._random = random
        kinds = dict(self._simulation.options.faults)
        names, weights = ["user", *kinds], [1.0, *kinds.values()]
        (kind,) = random.choices(names, weights)
        getattr(self, f"_{kind}")()

    def heal(self, core: set[str]) -> None:
        """End what hits nobody outside of a core; the rest lasts for ever."""
        lasting, self._lasting = self._lasting, {}
        for fault in lasting:
            if fault.names <= core:
                fault.end()

    def break_for_ever(self, host: Host, others: list[WorkerHost], random: Random) -> None:
        """Break somebody who is not of the core; others are the workers that are."""
        self._random = random
        simulation = self._simulation
        kinds = ["power", "stop", "in", "out"]
        if isinstance(host, WorkerHost):
            kinds += ["hang", "peers"]
        kind = random.choice(kinds)
        host.note(f"is broken for ever: {kind}")
        if kind == "power":
            simulation.lose_power(host)
        elif kind == "stop":
            host.is_paused = True
            self._network.fell_silent(host)
        elif kind == "hang":
            host.is_hung = True
        elif kind == "in":
            self._network.cut(simulation.scheduler, host)
        elif kind == "out":
            self._network.cut(host, simulation.scheduler)
        else:
            for other in others:
                self._network.cut(host, other)

    # Whom

    def _worker(self) -> WorkerHost | None:
        alive = [each for each in self._simulation.workers.values() if each.is_alive]
        return self._random.choice(alive) if alive else None

    def _client(self) -> ClientHost | None:
        alive = [each for each in self._simulation.clients.values() if each.is_alive]
        return self._random.choice(alive) if alive else None

    def _for_a_while(self, seconds: float, end: Callable[[], None], *hosts: Host) -> None:
        """Have a fault end after a while, or when the cluster is healed; once."""
        fault = Lasting(frozenset(host.name for host in hosts), end)

        def over() -> None:
            if fault in self._lasting:
                del self._lasting[fault]
                end()

        self._lasting[fault] = None
        self._simulation.world.later(seconds, over)

    # Users

    def _user(self) -> None:
        client, random = self._client(), self._random
        if client is None:
            return
        (deed,) = random.choices(
            ["submit", "release", "cancel", "retry", "scatter", "join"], [10, 4, 2, 2, 3, 0.3]
        )
        if deed == "submit":
            client.submit(random, self._simulation.options.odd)
        elif deed == "scatter":
            if (worker := self._worker()) is not None:
                client.scatter(random, worker.id)
        elif deed == "join":
            self._simulation.start_worker(f"w{len(self._simulation.workers) + 1}")
        else:
            getattr(client, deed)(random)

    # Processes

    def _kill(self) -> None:
        if (worker := self._worker()) is not None:
            self._simulation.kill(worker)

    def _out_of_memory(self) -> None:
        if (worker := self._worker()) is not None:
            self._simulation.kill(worker, cause="out_of_memory")

    def _memory(self) -> None:
        if (worker := self._worker()) is not None:
            worker.do(worker.use_memory, 0.9)
            seconds = self._random.uniform(1.0, 60.0)
            self._for_a_while(seconds, lambda: worker.do(worker.use_memory, 0.1), worker)

    def _power(self) -> None:
        if (worker := self._worker()) is not None:
            worker.note("loses its power")
            self._simulation.lose_power(worker)

    def _nanny_dies(self) -> None:
        if (worker := self._worker()) is not None:
            worker.note("its nanny dies, so it leaves")
            worker.do(worker.drain)

    def _pause(self) -> None:
        worker = self._worker()
        if worker is None or worker.is_paused:
            return
        seconds = self._random.choice([1.0, 10.0, 20.0, 60.0])
        worker.note(f"is stopped for {seconds:g} s")
        worker.is_paused = True
        self._network.fell_silent(worker)
        self._for_a_while(seconds, worker.go_on, worker)

    def _hang(self) -> None:
        worker = self._worker()
        if worker is None or worker.is_paused:
            return
        seconds = self._random.choice([1.0, 20.0, 60.0, 400.0])
        worker.note(f"hangs for {seconds:g} s")
        worker.is_hung = True
        self._for_a_while(seconds, worker.go_on, worker)

    def _suspend(self) -> None:
        worker = self._worker()
        if worker is None or worker.is_paused:
            return
        began = self._simulation.world.now
        worker.note("its machine sleeps, and its clock with it")
        worker.is_paused = True
        self._network.fell_silent(worker)

        def wake() -> None:
            worker.set_back(self._simulation.world.now - began)
            worker.go_on()

        self._for_a_while(self._random.uniform(1.0, 100.0), wake, worker)

    def _client_vanishes(self) -> None:
        alive = [each for each in self._simulation.clients.values() if each.is_alive]
        if len(alive) > 1:
            client = self._random.choice(alive)
            client.note("vanishes")
            client.is_alive = False
            self._network.died(client)

    def _client_stops_reading(self) -> None:
        if (client := self._client()) is not None and not client.is_hung:
            client.note("stops reading")
            client.is_hung = True
            self._for_a_while(self._random.uniform(1.0, 40.0), client.go_on, client)

    def _client_twice(self) -> None:
        if (client := self._client()) is not None:
            client.note("goes on in two processes")
            client.do(client.open_another)

    # The network

    def _peer(self) -> Host | None:
        return self._random.choice([self._worker(), self._client()])

    def _cut_both(self, one: Host, other: Host, seconds: float) -> None:
        network = self._network
        network.cut(one, other)
        network.cut(other, one)

        def mend() -> None:
            network.mend(one, other)
            network.mend(other, one)

        self._for_a_while(seconds, mend, one, other)

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
        network = self._network
        network.cut(origin, target)
        seconds = self._random.uniform(1.0, 60.0)
        self._for_a_while(seconds, lambda: network.mend(origin, target), origin, target)

    def _cut_between_workers(self) -> None:
        one, other = self._worker(), self._worker()
        if one is not None and other is not None and one is not other:
            self._cut_both(one, other, self._random.uniform(1.0, 60.0))

    def _center_cut(self) -> None:
        peer = self._random.choice([self._worker(), self._simulation.scheduler])
        if peer is not None:
            self._cut_both(peer, self._simulation.center, self._random.uniform(1.0, 60.0))

    def _slow(self) -> None:
        network = self._network
        network.delay_max_s = self._random.choice([0.5, 5.0])

        def end() -> None:
            network.delay_max_s = self._simulation.options.delay_s

        self._for_a_while(self._random.uniform(1.0, 20.0), end)

    def _duplicates(self) -> None:
        network = self._network
        network.duplicates = self._random.choice([0.05, 0.5])

        def end() -> None:
            network.duplicates = 0.0

        self._for_a_while(self._random.uniform(1.0, 60.0), end)

    def _reset(self) -> None:
        streams = [each for each in self._network.streams if all(each.is_open)]
        if streams:
            stream = self._random.choice(streams)
            stream.hosts[0].note("its connection is reset")
            stream.reset()

    def _herd(self) -> None:
        self._simulation.world.note("network", "all connections are reset")
        for stream in list(self._network.streams):
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
