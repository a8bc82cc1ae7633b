"""The simulated network: streams and calls between hosts, with delays, cuts and resets.

A stream keeps the order of each direction and loses nothing while it lives. While a direction is
cut its messages wait; both ends find out after a while, each in its own time, and break the stream
off. Nothing keeps the order between two streams.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from google.protobuf.message import Message

from gdistributed.sim.world import Host, World

PING_S: Final = (10.0, 15.0)  # how long it takes an end to find out that the other does not answer

Answer = TypeVar("Answer")


class End(Protocol):
    """What a host gives to be told of its stream."""

    def on_message(self, stream: Stream, message: Message) -> None:
        """A message came."""

    def on_broken(self, stream: Stream) -> None:
        """The stream is over, and not by this end's own doing."""


class Stream:
    """One stream. Side 0 has opened it, side 1 serves it."""

    def __init__(self, network: Network, hosts: tuple[Host, Host]) -> None:
        self.network = network
        self.hosts = hosts
        self.ends: list[End | None] = [None, None]
        self.is_open = [True, True]
        self._arrives = [0.0, 0.0]
        self._waiting: list[list[Message]] = [[], []]
        self._watched = [False, False]

    def send(self, side: int, message: Message) -> None:
        """Send a message from a side; it is copied, as a wire does."""
        if not self.is_open[side]:
            return
        copy = type(message).FromString(message.SerializeToString())
        world = self.network.world
        names = f"{self.hosts[side].name} > {self.hosts[1 - side].name}"
        world.trace.sent(world.now, names, copy)
        if self.is_stuck(side):
            self._waiting[side].append(copy)
            self.watch()
        else:
            self._fly(side, copy)

    def close(self, side: int) -> None:
        """A side ends the stream: the other end finds out when all that was sent has come."""
        if self.is_open[side]:
            self.is_open[side] = False
            self.network.world.later(self._delay(side), self._break, 1 - side)

    def close_other(self, side: int) -> None:
        """The end of a process has been heard of at the other side."""
        self._break(1 - side)

    def reset(self) -> None:
        """Both ends find out now that the stream is broken; what was on its way is lost."""
        for side in (0, 1):
            self._break(side)

    def is_stuck(self, side: int) -> bool:
        """Whether nothing gets through from a side now."""
        origin, target = self.hosts[side], self.hosts[1 - side]
        return self.network.is_cut(origin, target) or not target.is_alive

    def watch(self) -> None:
        """Pings find out that an end does not answer, if that lasts."""
        for side in (0, 1):
            if self.is_open[side] and not self._watched[side]:
                self._watched[side] = True
                self.network.world.later(self.network.silence_s(), self._ping, side)

    def heal(self) -> None:
        """What had to wait goes on its way."""
        for side in (0, 1):
            if not self.is_stuck(side):
                waiting, self._waiting[side] = self._waiting[side], []
                for message in waiting:
                    self._fly(side, message)

    def _ping(self, side: int) -> None:
        self._watched[side] = False
        answers = not (
            self.is_stuck(0) or self.is_stuck(1) or any(host.is_paused for host in self.hosts)
        )
        if not answers:
            self._break(side)
            self.watch()

    def _delay(self, side: int) -> float:
        world = self.network.world
        arrives = max(world.now + self.network.delay_s(), self._arrives[side])
        self._arrives[side] = arrives
        return arrives - world.now

    def _fly(self, side: int, message: Message) -> None:
        world = self.network.world
        world.later(self._delay(side), self._arrive, 1 - side, message)
        if world.random.random() < self.network.duplicates:
            world.later(self._delay(side), self._arrive, 1 - side, message)

    def _arrive(self, side: int, message: Message) -> None:
        if self.is_open[side]:
            self.hosts[side].do(self._hand_over, side, message)
        elif not self.is_stuck(side):
            self._break(1 - side)  # the kernel there answers that it knows of no such connection

    def _hand_over(self, side: int, message: Message) -> None:
        end = self.ends[side]
        if self.is_open[side] and end is not None:
            end.on_message(self, message)

    def _break(self, side: int) -> None:
        if self.is_open[side]:
            self.hosts[side].do(self._tell_broken, side)

    def _tell_broken(self, side: int) -> None:
        if self.is_open[side]:
            self.is_open[side] = False
            end = self.ends[side]
            if end is not None:
                end.on_broken(self)


class Network:
    """Who can reach whom.

    Attributes
    ----------
    delay_max_s
        Longest delay of a message.
    duplicates
        Probability that a message is delivered twice.
    streams
        Streams of which at least one end is open.
    """

    def __init__(self, world: World, delay_max_s: float) -> None:
        self.world = world
        self.delay_max_s = delay_max_s
        self.duplicates = 0.0
        self.streams: list[Stream] = []
        self._cuts: dict[tuple[str, str], int] = {}

    def delay_s(self) -> float:
        """Return how long a message takes: mostly little, at times long."""
        spread: float = self.world.random.random() ** 4
        return 0.0001 + spread * self.delay_max_s

    def silence_s(self) -> float:
        """Return how long it takes somebody to find out that the other does not answer."""
        return self.world.random.uniform(*PING_S)

    def connect(self, host: Host, server: Host) -> Stream | None:
        """Open a stream; None if the server cannot be reached."""
        if not server.is_alive or self.is_cut(host, server) or self.is_cut(server, host):
            return None
        stream = Stream(self, (host, server))
        self.streams = [each for each in self.streams if any(each.is_open)]
        self.streams.append(stream)
        return stream

    def is_cut(self, origin: Host, target: Host) -> bool:
        """Whether nothing gets through in this direction."""
        return bool(self._cuts.get((origin.name, target.name)))

    def cut(self, origin: Host, target: Host) -> None:
        """Let nothing through in this direction from now on."""
        key = origin.name, target.name
        self._cuts[key] = self._cuts.get(key, 0) + 1
        self.world.note("network", f"cut {origin.name} to {target.name}")
        for stream in self.streams:
            stream.watch()

    def mend(self, origin: Host, target: Host) -> None:
        """End one cut in this direction."""
        key = origin.name, target.name
        if self._cuts.get(key):
            self._cuts[key] -= 1
            self.world.note("network", f"mend {origin.name} to {target.name}")
            for stream in self.streams:
                stream.heal()

    def fell_silent(self, host: Host) -> None:
        """A host does not answer pings any more, or its machine is gone."""
        for stream in self.streams:
            if host in stream.hosts:
                stream.watch()

    def died(self, host: Host) -> None:
        """A process has ended: its kernel says so to whoever can be reached."""
        for stream in self.streams:
            if host in stream.hosts:
                side = stream.hosts.index(host)
                stream.is_open[side] = False
                if not self.is_cut(host, stream.hosts[1 - side]):
                    self.world.later(self.delay_s(), stream.close_other, side)
                else:
                    stream.watch()

    def call(
        self,
        host: Host,
        server: Host,
        ask: Callable[[], Answer],
        answer: Callable[[Answer | None], None],
        takes_s: Callable[[Answer], float] = lambda _: 0.0,
    ) -> None:
        """Make a plain call from one host to another.

        Parameters
        ----------
        ask
            What the server does, when the call gets there.
        answer
            Is called once, on the host that asks: with what came back, or with None if nothing did.
        takes_s
            How long it takes to send that, beside the delay of a message.
        """
        is_over = False

        def finish(response: Answer | None) -> None:
            nonlocal is_over
            if not is_over:
                is_over = True
                answer(response)

        def serve() -> None:
            response = ask()
            if not self.is_cut(server, host):
                host.later(self.delay_s() + takes_s(response), finish, response)

        host.later(self.silence_s(), finish, None)
        if self.is_cut(host, server):
            return
        if server.is_alive:
            server.later(self.delay_s(), serve)
        elif not self.is_cut(server, host):
            host.later(self.delay_s(), finish, None)  # its kernel refuses
