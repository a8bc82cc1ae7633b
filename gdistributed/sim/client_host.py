"""A client in the simulation: the real brain, and a user who computes and changes his mind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Final

from google.protobuf.message import Message

from gdistributed.core.client.brain import ClientBrain
from gdistributed.core.client.futures import CANCELLED, ERROR, FINISHED, FutureRecord
from gdistributed.core.session import Session
from gdistributed.errors import InvariantBroken, ProtocolError
from gdistributed.settings import LimitSettings
from gdistributed.sim.link import Link
from gdistributed.sim.network import Network, Stream
from gdistributed.sim.scheduler_host import SchedulerHost
from gdistributed.sim.workload import Plan, Workload
from gdistributed.sim.world import Host, World
from gdistributed.v1 import scheduler_pb2, task_pb2

FUNCTION: Final = task_pb2.Function(id="python:f", runtime="python", name="m.f")


@dataclass(slots=True, eq=False)
class Future:
    """A future of the simulated user, what its task should come to, and how it was submitted."""

    key: str
    plan: Plan
    record: FutureRecord
    task: task_pb2.TaskSpec | None = None
    is_given_up: bool = False


class ClientHost(Host):
    """Runs a client's brain.

    Attributes
    ----------
    futures
        What the user holds.
    """

    def __init__(
        self,
        world: World,
        network: Network,
        scheduler: SchedulerHost,
        workload: Workload,
        name: str,
        limits: LimitSettings,
    ) -> None:
        super().__init__(world, name, world.random.uniform(0.0, 1e6))
        self.id = name
        self.network, self.scheduler, self.workload = network, scheduler, workload
        self.brain = ClientBrain(limits)
        self.futures: list[Future] = []
        self.has_left = False
        self._session: Session[scheduler_pb2.FromClient] = Session(scheduler_pb2.FromClient)
        self._link: Link[scheduler_pb2.ToClient, scheduler_pb2.FromClient] | None = None
        self._stream: Stream | None = None
        self._keys = 0

    # The stream

    def connect(self) -> None:
        """Try to open a stream, until one is open."""
        if self._stream is not None or self.has_left:
            return
        stream = self.network.connect(self, self.scheduler)
        if stream is None:
            self.later(self.world.random.uniform(0.1, 2.0), self.connect)
            return
        self._stream = stream
        stream.ends = [self, self.scheduler]
        hello = scheduler_pb2.ClientHello(client_id=self.id, name=self.name)
        if self._session.id:
            hello.resume.session_id = self._session.id
            hello.resume.received = self._session.received
        stream.send(0, scheduler_pb2.FromClient(hello=hello))

    def open_another(self) -> None:
        """Another process goes on with the session, as after a fork, and dies soon."""
        stream = self.network.connect(self, self.scheduler)
        if stream is not None and self._session.id:
            stream.ends[1] = self.scheduler
            hello = scheduler_pb2.ClientHello(client_id=self.id, name=self.name)
            hello.resume.session_id = self._session.id
            hello.resume.received = self._session.received
            stream.send(0, scheduler_pb2.FromClient(hello=hello))
            self.later(self.world.random.random() * 5.0, stream.close, 0)

    def on_message(self, stream: Stream, message: Message) -> None:
        """A message came on the stream."""
        if stream is not self._stream or not isinstance(message, scheduler_pb2.ToClient):
            return
        try:
            if message.HasField("welcome"):
                if self._link is None:
                    self._enter(stream, message)
            elif self._link is not None:
                self._link.receive(message)
        except ProtocolError as error:
            self.note(f"refuses a message: {error}")
            stream.close(0)
            self.on_broken(stream)

    def _enter(self, stream: Stream, message: scheduler_pb2.ToClient) -> None:
        welcome = message.welcome
        if welcome.resumed:
            self._session.resume(welcome.received)
        else:
            unacknowledged = self._session.unacknowledged()
            self._session = Session(scheduler_pb2.FromClient, welcome.session_id)
            self.brain.session_began(unacknowledged)
        self._link = Link(self, stream, 0, self._session, self.brain.take, self._receive)
        self._beat(stream)
        self._link.wake()

    def on_broken(self, stream: Stream) -> None:
        """The stream is over: try for another one."""
        if stream is self._stream:
            self._stream = None
            if self._link is not None:
                self._link.is_over = True
                self._link = None
            self.later(self.world.random.uniform(0.0, 1.0), self.connect)

    def _receive(self, batch: scheduler_pb2.ToClient) -> None:
        self.brain.on_scheduler(batch)
        for future in self.futures:
            self._check(future)

    def _check(self, future: Future) -> None:
        """A value that came along must be what the task should come to."""
        record = future.record
        came_along = record.state is FINISHED and isinstance(record.outcome, bytes)
        if came_along and record.outcome != future.plan.value:
            raise InvariantBroken(
                f"{self.name} got a wrong value for {future.key!r} [32]: {record.outcome!r}, "
                f"it should be {future.plan.value!r}"
            )

    def _beat(self, stream: Stream) -> None:
        if stream is self._stream:
            self.brain.heartbeat()
            self._say()
            self.later(1.0, self._beat, stream)

    def _say(self) -> None:
        if self._link is not None and self.brain.has_mail:
            self._link.wake()

    # The user

    def submit(self, random: Random, odd: float) -> None:
        """Submit a graph, some of it on what was submitted before."""
        retries = random.choice([0, 0, 0, 1, 3])
        timeout_s = random.choice([None, None, 20.0])
        graph = scheduler_pb2.SubmitGraph()
        known = [each for each in self.futures[-20:] if not each.is_given_up]
        made = list({each.key: (each.key, each.plan) for each in known}.values())
        new: list[tuple[task_pb2.TaskSpec, Plan]] = []
        template = task_pb2.TaskTemplate(
            function_id=FUNCTION.id,
            prefix=f"f{retries}",
            retries=retries,
            priority=random.choice([0, 0, 0, 1]),
            resources={"GPU": 1.0} if random.random() < 0.35 else {},
        )
        if timeout_s is not None:
            template.timeout.FromSeconds(int(timeout_s))
        number = self.brain.template(FUNCTION, template)
        for order in range(random.randint(1, 12)):
            below = random.sample(made, min(len(made), random.choice([0, 0, 1, 2, 3])))
            plan = self.workload.task(tuple(plan for _, plan in below), odd if timeout_s else 0.0)
            self._keys += 1
            key = f"{self.name}-{self._keys}"
            task = graph.tasks.add(
                key=key, template=number, order=order, arguments=plan.salt,
                dependencies=[name for name, _ in below],
            )  # fmt: skip
            new.append((task, plan))
            made.append((key, plan))
        wanted = [each for each in new if random.random() < 0.6] or new[-1:]
        graph.wants.extend(task.key for task, _ in wanted)
        self.note(f"submits {new[0][0].key} to {new[-1][0].key}")
        if len(new) > 1 and random.random() < 0.3:
            graph = self._submit_beginning(graph, random.randrange(1, len(new)), random)
            self.later(random.uniform(0.0, 3.0), self._submit_rest, graph, wanted)
        else:
            self._submit_rest(graph, wanted)

    def _submit_beginning(
        self, graph: scheduler_pb2.SubmitGraph, count: int, random: Random
    ) -> scheduler_pb2.SubmitGraph:
        """Submit a piece of a graph, and return the last piece."""
        dependents = Counter(key for task in graph.tasks for key in task.dependencies)
        for task in graph.tasks:
            if task.key not in graph.wants:
                task.dependents = dependents[task.key]
        piece = scheduler_pb2.SubmitGraph(
            tasks=graph.tasks[:count], more=True, span=random.choice([0, len(graph.tasks)])
        )
        number = self.brain.submit_graph(piece)
        self._say()
        return scheduler_pb2.SubmitGraph(
            tasks=graph.tasks[count:], wants=graph.wants, begun_by=number
        )

    def _submit_rest(
        self, graph: scheduler_pb2.SubmitGraph, wanted: list[tuple[task_pb2.TaskSpec, Plan]]
    ) -> None:
        if not self.has_left:
            for task, plan in wanted:
                self.futures.append(Future(task.key, plan, self.brain.want(task.key), task))
            self.brain.submit_graph(graph, graph.begun_by)
            self._say()

    def scatter(self, random: Random, holder_id: str) -> None:
        """Put a value on a worker: new data, or what a task of this client would come to."""
        holder = self.scheduler.processes[holder_id]
        undone = [each for each in self.futures if not each.record.is_settled]
        if undone and random.random() < 0.3:
            known = random.choice(undone)
            key, plan = known.key, known.plan
        else:
            self._keys += 1
            key, plan = f"{self.name}-data-{self._keys}", self.workload.data()

        def answer(number: int | None) -> None:
            if number is not None:
                data = scheduler_pb2.ScatteredData(
                    key=key, nbytes=12000, worker_ids=[holder_id], puts=[number]
                )
                self.futures.append(Future(key, plan, self.brain.want(key)))
                self.brain.scattered([data])
                self.note(f"scatters {key} to {holder_id}")
                self._say()

        self.network.call(self, holder, lambda: holder.put(key, plan.value), answer)

    def release(self, random: Random) -> None:
        """Drop some futures."""
        kept = []
        for future in self.futures:
            if random.random() < 0.3:
                self.brain.release(future.record)
            else:
                kept.append(future)
        self.futures = kept
        self._say()

    def cancel(self, random: Random) -> None:
        """Give tasks up, mostly such that are not done; some are submitted again at once."""
        live = [each for each in self.futures if not each.is_given_up]
        undone = [each for each in live if not each.record.is_settled]
        if undone and random.random() < 0.8:
            live = undone
        given_up = random.sample(live, min(len(live), random.choice([1, 10, 10])))
        for future in given_up:
            future.is_given_up = True
        keys = [future.key for future in given_up]
        self.note(f"cancels {' '.join(keys)}")
        self.brain.cancel(keys, "a change of mind", force=random.random() < 0.3)
        for future in given_up:
            if future.task is not None and random.random() < 0.9:
                self._submit_again(future, future.task)
        self._say()

    def _submit_again(self, future: Future, task: task_pb2.TaskSpec) -> None:
        self.note(f"submits {future.key} again")
        record = self.brain.want(future.key)
        self.futures.append(Future(future.key, future.plan, record, task))
        self.brain.submit_graph(scheduler_pb2.SubmitGraph(tasks=[task], wants=[future.key]))

    def retry(self, random: Random) -> None:
        """Have a task that erred computed again."""
        erred = [each for each in self.futures if each.record.state is ERROR]
        if erred:
            future = random.choice(erred)
            self.note(f"retries {future.key}")
            self.brain.retry([future.key])
            self._say()

    def leave(self) -> None:
        """Say goodbye; all that was wanted is wanted no longer."""
        self.brain.goodbye("enough")
        self.has_left = True
        self._say()

    def unsettled(self) -> list[Future]:
        """Return the futures of which there is no news."""
        return [each for each in self.futures if not each.record.is_settled]

    def was_given_up(self, future: Future) -> bool:
        """Whether somebody cancelled what a future is of."""
        return future.is_given_up or future.record.state is CANCELLED
