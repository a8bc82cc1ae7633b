"""Who gets a task, and how far ahead."""

from __future__ import annotations

from gdistributed.core.scheduler.explaining import explain
from gdistributed.v1 import worker_pb2
from tests.core.scheduler.script import Script


def cluster(*workers: str, **options: object) -> Script:
    script = Script()
    script.client("c")
    for name in workers:
        script.worker(name, **options)
    script.heard.clear()
    return script


def many(count: int) -> str:
    return " ".join(f"t{number}" for number in range(count))


def test_unknown_tasks_are_handed_out_two_a_thread() -> None:
    script = cluster("v", "w")
    script.submit("c", many(10))
    assert len(script.said("v")) == len(script.said("w")) == 2


def test_short_tasks_get_a_deep_pipeline_and_long_ones_a_shallow_one() -> None:
    script = cluster("w")
    script.submit("c", many(2000))
    script.said("w")
    script.finish("w", "t0", "t1", seconds=1e-6)
    assert len(script.said("w")) > 400
    script = cluster("w")
    script.submit("c", many(2000))
    script.said("w")
    script.finish("w", "t0", "t1", seconds=1.0)
    assert len(script.said("w")) == 2


def test_tasks_go_to_large_data() -> None:
    script = cluster("v", "w")
    script.submit("c", "x")
    first = "v" if script.said("v") else "w"
    script.said(first)
    script.finish(first, "x", nbytes=10**9)
    script.submit("c", "y=x z=x")
    assert script.said(first) == ["run y with x", "run z with x"]


def test_small_data_goes_to_idle_workers() -> None:
    script = cluster("v", "w")
    script.submit("c", "x")
    first = "v" if script.said("v") else "w"
    other = "w" if first == "v" else "v"
    script.said(first)
    script.finish(first, "x", nbytes=8)
    script.submit("c", " ".join(f"y{number}=x" for number in range(4)))
    assert len(script.said(first)) == len(script.said(other)) == 2


def busy_holder_and_idle_worker() -> Script:
    """`v` holds x0 to x5, 20 MB each, and has 50 ms of work; `w` has none. Tasks take 1 ms."""
    script = cluster("v", "w")
    script.submit("c", "known", workers=["w"])
    script.said("w")
    script.finish("w", "known", seconds=0.001)
    for number in range(6):
        script.scatter("c", f"x{number}", "v", nbytes=20 * 10**6)
    script.submit("c", many(60), workers=["v"])
    assert len(script.said("v")) == 50
    script.heard.clear()
    return script


def test_what_is_on_its_way_to_a_worker_is_waited_for() -> None:
    script = busy_holder_and_idle_worker()
    script.submit("c", "y0=x0 y1=x1 y2=x2 z0=x0")
    # After 39 ms it starts at w; what needs anything else would start there after 77 ms.
    assert script.said("w") == ["run y0 with x0", "run z0 with x0"]
    assert script.said("v") == ["run y1 with x1", "run y2 with x2"]


def test_what_has_come_or_is_needed_no_longer_is_not_waited_for() -> None:
    script = busy_holder_and_idle_worker()
    arrivals = script.brain.books.workers["w"].arrivals
    script.submit("c", "y0=x0")
    assert arrivals.nbytes == 20 * 10**6
    script.stored("w", "x0")
    assert arrivals.nbytes == 0
    script.submit("c", "y1=x1 z1=x1")
    assert arrivals.nbytes == 20 * 10**6
    script.release("c", "y1")
    assert arrivals.nbytes == 20 * 10**6
    script.release("c", "z1")
    assert arrivals.nbytes == 0
    script.submit("c", "y2=x2")
    assert script.said("w")[-1] == "run y2 with x2"
    script.worker_dies("v")  # and with it what came from nowhere else
    assert arrivals.nbytes == 0


def test_a_paused_worker_gets_nothing() -> None:
    script = cluster("v", "w")
    script.status("v", worker_pb2.WORKER_STATUS_PAUSED)
    script.submit("c", "a b")
    assert script.said("v") == []
    assert script.said("w") == ["run a", "run b"]
    script.submit("c", "d")
    script.status("v", worker_pb2.WORKER_STATUS_RUNNING)
    assert script.said("v") == ["run d"]


def test_restrictions_hold_and_are_explained() -> None:
    script = cluster("v", "w")
    script.submit("c", "x", workers=["w"])
    assert script.said("w") == ["run x"]
    script.submit("c", "y", workers=["elsewhere"])
    assert script.state("y") == "no_worker"
    assert "elsewhere" in explain(script.brain.books, script.brain.books.tasks["y"])
    script.worker("elsewhere")
    assert script.said("elsewhere") == ["run y"]
    script.worker_dies("elsewhere")
    assert script.state("y") == "no_worker"


def test_allow_other_workers_makes_it_no_restriction() -> None:
    script = cluster("v")
    script.submit("c", "x", workers=["elsewhere"], allow_other_workers=True)
    assert script.said("v") == ["run x"]


def test_resources_are_booked_and_do_not_block_others() -> None:
    script = cluster("w", threads=4, resources={"GPU": 1.0})
    script.submit("c", "g1 g2 g3", resources={"GPU": 1.0})
    script.submit("c", "plain")
    assert script.said("w") == ["run g1", "run plain"]
    script.finish("w", "g1")
    assert script.said("w") == ["run g2"]
    script.cancel("c", "g2")
    assert script.said("w") == ["cancel g2", "run g3"]


def test_another_runtime_goes_to_its_own_workers() -> None:
    script = cluster("py")
    offer = worker_pb2.RuntimeOffer(runtime="go", functions=[worker_pb2.FunctionOffer(name="m.f")])
    script.worker("go", runtimes=[offer])
    script.submit("c", "x y", runtime="go")
    assert script.said("go") == ["run x", "run y"]
    assert script.said("py") == []


def test_every_state_explains_itself() -> None:
    script = cluster("w")
    books = script.brain.books
    script.submit("c", "x y=x p q")
    assert explain(books, books.tasks["y"]) == "It waits for 'x' (processing)."
    assert "should be running" in explain(books, books.tasks["x"])
    assert "1 tasks were handed before" in explain(books, books.tasks["p"])
    assert "ready and waits for a turn: no tasks" in explain(books, books.tasks["q"])
    script.finish("w", "x")
    assert "lies on w:1" in explain(books, books.tasks["x"])
    script.fail("w", "p")
    assert "It failed: ValueError" in explain(books, books.tasks["p"])
    script.worker_dies("w")
    assert "no workers" in explain(books, books.tasks["q"])
