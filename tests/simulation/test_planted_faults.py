"""The simulator finds what is planted into the brains: faults of the kind that people make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gdistributed.core.scheduler import ahead, loss, reported
from gdistributed.core.scheduler.books import Books
from gdistributed.core.scheduler.brain import SchedulerBrain
from gdistributed.core.scheduler.records import TaskRecord, WorkerRecord
from gdistributed.core.session import Session
from gdistributed.core.worker import transitions as worker_transitions
from gdistributed.core.worker.brain import WorkerBrain
from gdistributed.core.worker.records import RunRecord
from gdistributed.sim import failure

SEEDS = 1000
Plant = Callable[[pytest.MonkeyPatch], None]


def attempt_not_checked(patch: pytest.MonkeyPatch) -> None:
    """A report counts whatever attempt it is of, as long as its task is on that worker."""

    def current(
        brain: SchedulerBrain, worker: WorkerRecord, key: str, attempt: int
    ) -> TaskRecord | None:
        task = brain.books.tasks.get(key)
        return task if task is not None and task.processing_on is worker else None

    patch.setattr(reported, "current", current)


def loss_not_recomputed(patch: pytest.MonkeyPatch) -> None:
    """What a dead worker alone held is not looked at again."""
    lose = loss.lose_worker

    def lose_worker(
        brain: SchedulerBrain, worker: WorkerRecord, *rest: object, **named: object
    ) -> None:
        held = set(worker.has)
        reconsider = brain.reconsider
        brain.reconsider = lambda task: None if task in held else reconsider(task)  # type: ignore
        try:
            lose(brain, worker, *rest, **named)
        finally:
            brain.reconsider = reconsider  # type: ignore[method-assign]

    patch.setattr(loss, "lose_worker", lose_worker)


def count_off_by_one(patch: pytest.MonkeyPatch) -> None:
    """A value that a run used twice is let go once too seldom."""
    let_go = worker_transitions._let_go

    def one_too_few(brain: WorkerBrain, run: RunRecord) -> None:
        if run.uses is not None and len(run.uses) > 1:
            run.uses = run.uses[1:]
        let_go(brain, run)

    patch.setattr(worker_transitions, "_let_go", one_too_few)


def resume_skips_a_message(patch: pytest.MonkeyPatch) -> None:
    """The first message that the peer lacks is taken for received."""
    resume = Session.resume

    def skipping(session: Session[Any], received: int) -> None:
        resume(session, received)
        if session._again > 1:
            session._kept.popleft()
            session._again -= 1

    patch.setattr(Session, "resume", skipping)


def resource_booked_twice(patch: pytest.MonkeyPatch) -> None:
    """A run of a task that has failed before takes its resources twice."""
    begin_run = Books.begin_run

    def begin_twice(books: Books, task: TaskRecord, worker: WorkerRecord, expected_ns: int) -> None:
        begin_run(books, task, worker, expected_ns)
        if task.failures and task.template is not None:
            for name, amount in task.template.requirement.resources:
                worker.resources_used[name] += amount

    patch.setattr(Books, "begin_run", begin_twice)


def follower_not_called_back(patch: pytest.MonkeyPatch) -> None:
    """What followed a task stays where it is, though the result does not come there."""
    patch.setattr(ahead, "call_back", lambda brain, task: None)


PLANTS = [
    follower_not_called_back,
    attempt_not_checked,
    loss_not_recomputed,
    count_off_by_one,
    resume_skips_a_message,
    resource_booked_twice,
]


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    assert any(failure.attempt(seed) is not None for seed in range(SEEDS))


def test_a_failure_is_shortened_kept_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_off_by_one(monkeypatch)
    found = next(each for seed in range(SEEDS) if (each := failure.attempt(seed)) is not None)
    short = failure.shrunk(found, runs=60)
    assert len(short.acts) < len(found.acts)
    path = failure.keep(short, tmp_path)
    text = path.read_text()
    assert f"seed {found.seed}" in text
    assert any("submits" in line for line in short.lines)
    assert short.lines[-1].strip() in text
    again = failure.attempt(*failure.read(path))
    assert again is not None
    assert again.message == short.message
    monkeypatch.undo()
    assert failure.attempt(*failure.read(path)) is None  # it was the planted fault, nothing else
