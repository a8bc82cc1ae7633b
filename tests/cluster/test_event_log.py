"""The event log of a real cluster, and its replay: all that happened, and what was known then."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from gdistributed import Client, LocalCluster, wait
from gdistributed.observe.recording import Recording
from gdistributed.services.replay.server import Replay
from gdistributed.v1 import activity_pb2, activity_pb2_grpc, scheduler_pb2, scheduler_pb2_grpc
from gdistributed.wire.status import reason_of_call
from tests.processes import GdProcess
from tests.waiting import until

MIB = 1 << 20
MOMENT_TOLERANCE_NS = 2_000_000


def inc(number: int) -> int:
    return number + 1


def fail(number: int) -> int:
    raise ValueError(f"no {number}")


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@dataclass
class Answers:
    """What a scheduler, or a replay, answers."""

    tasks: dict[str, scheduler_pb2.TaskDescription]
    stories: dict[str, scheduler_pb2.ExplainTaskResponse]
    workers: dict[str, scheduler_pb2.WorkerDescription]
    clients: list[scheduler_pb2.ClientDescription]
    activity: activity_pb2.GetActivityResponse
    graph: activity_pb2.GetGraphResponse


def ask(address: str) -> Answers:
    with grpc.insecure_channel(address) as channel:
        scheduler = scheduler_pb2_grpc.SchedulerStub(channel)
        activity = activity_pb2_grpc.ActivityStub(channel)
        request = scheduler_pb2.ListTasksRequest(view=scheduler_pb2.TASK_VIEW_FULL)
        tasks = {task.key: task for task in scheduler.ListTasks(request).tasks}
        explain = scheduler_pb2.ExplainTaskRequest
        return Answers(
            tasks,
            {key: scheduler.ExplainTask(explain(key=key)) for key in tasks},
            {
                each.name: each
                for each in scheduler.ListWorkers(scheduler_pb2.ListWorkersRequest()).workers
            },
            list(scheduler.ListClients(scheduler_pb2.ListClientsRequest()).clients),
            activity.GetActivity(activity_pb2.GetActivityRequest()),
            activity.GetGraph(activity_pb2.GetGraphRequest()),
        )


class Watching:
    """Hears all events of a scheduler from its first one on."""

    def __init__(self, address: str) -> None:
        self.events: list[scheduler_pb2.Event] = []
        self._channel = grpc.insecure_channel(address)
        stub = scheduler_pb2_grpc.SchedulerStub(self._channel)
        request = scheduler_pb2.WatchEventsRequest(start_revision=1)
        self._call = stub.WatchEvents(request)
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        try:
            for batch in self._call:
                self.events.extend(batch.events)
        except grpc.RpcError:
            return  # it was cancelled

    def stop(self) -> None:
        self._call.cancel()
        self._thread.join()
        self._channel.close()


@dataclass
class Run:
    """A run that is over: its log, what was heard of it live, and what was answered at its end."""

    path: Path
    events: list[scheduler_pb2.Event]
    answers: Answers
    lines: list[dict[str, Any]]
    error_key: str


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Play a run in which a task fails, values move, and a worker is killed."""
    path = tmp_path_factory.mktemp("log") / "run.jsonl.gz"
    with LocalCluster(n_workers=2, threads_per_worker=1, event_log=path) as cluster:
        watching = Watching(cluster.scheduler_address)
        with Client(cluster) as client:
            total = client.submit(sum, client.map(inc, range(50)))
            failed = client.submit(fail, 7)
            passed_on = client.submit(inc, failed)
            wait([total, failed, passed_on])
            data = client.submit(bytes, 2 * MIB, workers=["0"])
            size = client.submit(len, data, workers=["1"])
            assert size.result() == 2 * MIB
            brought = client.scatter([1, 2, 3])
            held = client.submit(inc, 1000, workers=["0"])
            held.result()
            process_id = cluster.workers["1"].process_id
            os.kill(process_id, signal.SIGKILL)
            until(lambda: cluster.workers["1"].process_id != process_id, "another worker")
            until(lambda: len(client.nthreads()) == 2, "the other worker to join")
            wait([total, *brought])
            waiting = client.submit(inc, 2000, workers=["nobody"])
            until(lambda: client.explain(waiting).startswith("It is ready"), "it to be ready")
            until(
                lambda: ask(cluster.scheduler_address).activity.transfers, "the transfer to be told"
            )
            answers = ask(cluster.scheduler_address)
            heard = answers.activity.summary.revision
            until(lambda: watching.events and watching.events[-1].revision >= heard, "all events")
        watching.stop()
    recording = Recording(path)
    lines = [recording.line(index) for index in range(len(recording))]
    return Run(path, watching.events, answers, lines, failed.key)


@pytest.fixture
def replayed(run: Run) -> Iterator[Answers]:
    with Replay(run.path) as replay:
        yield ask(replay.address)


def transitions_in(lines: list[dict[str, Any]]) -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for line in lines:
        if line["event"] != "task":
            continue
        step = (line["from"], *line.get("via", ()), line["to"], line.get("worker", ""))
        for key in line["keys"] if "keys" in line else [row[0] for row in line["runs"]]:
            found.setdefault(key, []).append(step)
    return found


def test_the_log_has_every_transition(run: Run) -> None:
    heard: dict[str, list[tuple[str, ...]]] = {}
    for event in run.events:
        if event.kind == "task" and getattr(event, "from"):
            step = (getattr(event, "from"), *event.via, event.to, event.worker)
            heard.setdefault(event.subject, []).append(step)
    assert len(heard) > 50
    logged = transitions_in(run.lines)
    assert {key: logged[key][: len(steps)] for key, steps in heard.items()} == heard


def test_the_log_has_errors_transfers_and_the_lost_worker(run: Run) -> None:
    errors = [line for line in run.lines if line["event"] == "task" and "error" in line]
    (first,) = [line for line in errors if run.error_key in line["keys"]]
    assert first["error"]["message"] == "no 7"
    assert "raise ValueError" in first["error"]["traceback"]
    assert [line for line in run.lines if line["event"] == "transfer" and line["nbytes"] > MIB]
    changes = [(line["name"], line["to"]) for line in run.lines if line["event"] == "worker"]
    lost = changes.index(("1", "left"))
    assert ("1", "joined") in changes[:lost]
    assert ("1", "joined") in changes[lost:]
    assert run.lines[-1]["event"] == "stop"
    assert [line["time"] for line in run.lines if line["event"] == "metrics"]


def test_a_replay_describes_the_tasks_as_the_cluster_did(run: Run, replayed: Answers) -> None:
    for answers in (run.answers, replayed):
        for task in answers.tasks.values():
            if task.HasField("error"):
                task.error.ClearField("exception")
    assert replayed.tasks.keys() == run.answers.tasks.keys()
    for key, task in run.answers.tasks.items():
        other = replayed.tasks[key]
        for each in (task, other):
            each.dependents.sort()
        assert other == task


def test_a_replay_explains_and_tells_stories(run: Run, replayed: Answers) -> None:
    for key, story in run.answers.stories.items():
        other = replayed.stories[key]
        assert (other.state, other.explanation) == (story.state, story.explanation)
        assert [line.text for line in other.story] == [line.text for line in story.story]
        for line, ours in zip(other.story, story.story, strict=True):
            apart_ns = line.time.ToNanoseconds() - ours.time.ToNanoseconds()
            assert abs(apart_ns) < MOMENT_TOLERANCE_NS


def test_a_replay_counts_as_the_cluster_did(run: Run, replayed: Answers) -> None:
    ours, theirs = run.answers.activity, replayed.activity
    names = ("tasks", "finished", "failed", "run_ns", "fetch_ns", "wait_ns", "nbytes", "run_counts")
    assert [[getattr(each, name) for name in ("prefix", *names)] for each in theirs.prefixes] == [
        [getattr(each, name) for name in ("prefix", *names)] for each in ours.prefixes
    ]
    assert sorted((run.key, run.worker, run.run_ns) for run in theirs.runs) == sorted(
        (run.key, run.worker, run.run_ns) for run in ours.runs
    )
    assert [(each.worker, each.peer, each.nbytes) for each in theirs.transfers] == [
        (each.worker, each.peer, each.nbytes) for each in ours.transfers
    ]
    assert theirs.transfer_totals == ours.transfer_totals
    assert theirs.last_run == ours.last_run
    for summary in (ours.summary, theirs.summary):
        summary.ClearField("uptime")
    assert theirs.summary == ours.summary


def test_a_replay_knows_workers_clients_and_the_graph(run: Run, replayed: Answers) -> None:
    assert replayed.workers.keys() == run.answers.workers.keys()
    for name, worker in run.answers.workers.items():
        for each in (worker, replayed.workers[name]):
            for field in ("metrics", "last_seen"):  # told every few seconds
                each.ClearField(field)
        assert replayed.workers[name] == worker
    assert replayed.clients == run.answers.clients
    assert replayed.graph.tasks == run.answers.graph.tasks
    assert len(replayed.graph.edges) == len(run.answers.graph.edges)


def test_nothing_can_be_changed_in_a_replay(run: Run) -> None:
    with Replay(run.path) as replay, grpc.insecure_channel(replay.address) as channel:
        stub = scheduler_pb2_grpc.SchedulerStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.CancelTasks(scheduler_pb2.CancelTasksRequest(keys=[run.error_key]))
        assert reason_of_call(caught.value) == "REPLAY"
        with pytest.raises(grpc.RpcError) as caught:
            next(stub.ConnectClient(iter([])))
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_other_moments_of_a_run(run: Run) -> None:
    with Replay(run.path, at_s=0.0) as replay:
        assert ask(replay.address).tasks == {}
    with Replay(run.path, at_s=-0.0001) as replay:
        answers = ask(replay.address)
        assert answers.tasks == {}
        assert answers.activity.prefixes  # what was is known at the end
    with Replay(run.path, speed=1000.0) as replay:
        until(lambda: replay.shell.is_over, "the end of the run")
        end_ns = ask(replay.address).activity.time.ToNanoseconds()
        assert end_ns == pytest.approx(run.lines[-1]["time"] * 1e9, abs=MOMENT_TOLERANCE_NS)


def test_a_killed_scheduler_leaves_a_log_that_can_be_read(
    tmp_path: Path, gd: Callable[..., GdProcess]
) -> None:
    path = tmp_path / "run.jsonl"
    scheduler = gd("scheduler", "--port=0", f"--event-log={path}")
    address = scheduler.wait_for(r"listening +address=(\S+)")[1]
    with Client(address) as client:
        future = client.submit(inc, 1)
        until(lambda: path.exists() and future.key in path.read_text(), "it to be written")
        scheduler.send_signal(signal.SIGKILL)
        scheduler.wait()
        with path.open("a") as file:
            file.write('{"time":17')  # in the middle of a line
        replay = gd("replay", str(path))
        answers = ask(replay.wait_for(r"a run is shown +address=(\S+)")[1])
    assert list(answers.tasks) == [future.key]


def test_a_log_that_is_there_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    for _ in range(2):
        with LocalCluster(n_workers=0, processes=False, event_log=path):
            pass
    for each in (path, tmp_path / "run.1.jsonl"):
        events = [json.loads(line)["event"] for line in each.read_text().splitlines()]
        assert events == ["start", "stop"]
