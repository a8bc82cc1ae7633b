"""Two workers live and cannot reach each other: what is needed comes from elsewhere."""

from __future__ import annotations

from tests.core.scheduler.script import Script


def script_with(*workers: str) -> Script:
    script = Script()
    script.client("c")
    for name in workers:
        script.worker(name)
    return script


def test_what_could_not_be_fetched_is_computed_where_it_is_needed() -> None:
    script = script_with("a", "b")
    script.submit("c", "x", workers=["a"], allow_other_workers=True)
    script.finish("a", "x")
    script.submit("c", "y=x", workers=["b"])
    script.heard.clear()
    script.missing("b", "x", "a", unreachable=True)
    assert script.said("a") == ["free x"]
    assert script.said("b") == ["cancel y", "run x"]
    script.finish("b", "x")
    assert script.said("b") == ["run y with x"]
    script.finish("b", "y")
    script.release("c", "x", "y")
    assert not script.brain.books.detours
    script.heard.clear()
    script.close()


def test_where_that_may_not_be_each_holder_is_tried_once() -> None:
    script = script_with("a", "b", "d")
    script.submit("c", "x", workers=["a", "d"])
    [first] = [name for name in "ad" if script.said(name)]
    second = "d" if first == "a" else "a"
    script.finish(first, "x")
    script.submit("c", "y=x", workers=["b"])
    script.missing("b", "x", first, unreachable=True)
    assert script.said(second) == ["run x"]
    script.heard.clear()
    script.close()


def test_data_that_cannot_be_computed_again_stays_and_its_dependents_go_to_it() -> None:
    script = script_with("a", "b")
    script.scatter("c", "s", "a")
    script.submit("c", "y=s", workers=["a", "b"])
    script.submit("c", "pinned=s", workers=["b"])
    script.heard.clear()
    script.missing("b", "s", "a", unreachable=True)
    assert script.brain.books.tasks["s"].who_has
    assert "erred" not in " ".join(script.said("c"))
    script.heard.clear()
    script.worker_dies("a")
    assert "erred pinned gdistributed.errors.DataLost" in script.said("c")
    script.heard.clear()
    script.close()


def test_a_holder_that_answers_that_it_lacks_data_does_lose_it() -> None:
    script = script_with("a", "b")
    script.scatter("c", "s", "a")
    script.submit("c", "y=s", workers=["b"])
    script.heard.clear()
    script.missing("b", "s", "a")
    assert "erred y gdistributed.errors.DataLost" in script.said("c")
    script.heard.clear()
    script.close()


def test_the_death_of_the_holder_ends_the_detour() -> None:
    script = script_with("a", "b")
    script.submit("c", "x", workers=["a"], allow_other_workers=True)
    script.finish("a", "x")
    script.submit("c", "y=x", workers=["b"])
    script.missing("b", "x", "a", unreachable=True)
    assert script.brain.books.detours
    script.worker_dies("a")
    assert not script.brain.books.detours
    script.heard.clear()
    script.close()
