"""What a Center elsewhere is told of where data lies."""

from __future__ import annotations

from gdistributed.core.scheduler.books import Move
from gdistributed.core.scheduler.locations import changes_of, snapshot_of
from tests.core.scheduler.script import Script


def test_a_snapshot_tells_of_everything() -> None:
    script = Script()
    script.worker("w")
    script.client("c")
    script.submit("c", "x")
    script.finish("w", "x", nbytes=9)
    batch = snapshot_of(script.brain.books, epoch=3)
    assert (batch.epoch, batch.snapshot) == (3, True)
    assert [(each.key, each.worker_id, each.nbytes) for each in batch.added] == [("x", "w", 9)]


def test_of_several_changes_for_one_place_the_last_counts() -> None:
    script = Script()
    script.worker("w")
    script.client("c")
    script.submit("c", "x y")
    x, y = (script.brain.books.tasks[key] for key in "xy")
    w = script.brain.books.workers["w"]
    moved = [Move(x, w, False), Move(x, w, True), Move(y, w, True), Move(y, w, False)]
    batch = changes_of(moved, epoch=1)
    assert [each.key for each in batch.added] == ["x"]
    assert [each.key for each in batch.removed] == ["y"]
