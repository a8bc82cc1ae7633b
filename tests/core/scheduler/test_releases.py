"""Many results that nobody needs any more do not hold up the mail."""

from __future__ import annotations

from gdistributed.core.scheduler.audit import audit
from gdistributed.settings import SchedulerSettings
from tests.core.scheduler.script import Script

PARTS = [f"p{number}" for number in range(10)]


def reduced() -> Script:
    """A cluster that has just reduced ten parts to one, and lets go of four results at once."""
    script = Script(SchedulerSettings(releases_at_once=4, prefetch_tasks_min=100))
    script.client("c")
    script.worker("w")
    script.submit("c", " ".join((*PARTS, f"total={','.join(PARTS)}")), wants=["total"])
    script.finish("w", *PARTS)
    script.heard.clear()
    script.finish("w", "total")
    return script


def kept(script: Script) -> list[str]:
    return [key for key in PARTS if script.state(key) == "memory"]


def go_on(script: Script) -> None:
    """Do what the brain wants done at once, as its shell does when the mail is out."""
    assert script.brain.deadline == script.now
    script.brain.on_time(script.now)
    script.listen()


def test_a_result_goes_out_before_all_that_it_was_made_of_is_released() -> None:
    script = reduced()
    assert script.said("c") == ["finished total"]
    assert kept(script) == PARTS[4:]
    audit(script.brain)
    go_on(script)
    assert kept(script) == PARTS[8:]
    go_on(script)
    assert kept(script) == []
    assert script.said("w") == [f"free {key}" for key in PARTS]
    assert script.brain.deadline != script.now
    script.close()


def test_what_still_waits_may_be_asked_for_again() -> None:
    script = reduced()
    script.hold("c", "p9")
    assert script.said("c") == ["finished total", "finished p9"]
    while script.brain.releases.waiting:
        go_on(script)
    assert kept(script) == ["p9"]
    script.release("c", "p9")
    assert kept(script) == []
    assert sorted(script.said("w")) == [f"free {key}" for key in PARTS]
    script.close()


def test_what_is_lost_does_not_wait() -> None:
    script = reduced()
    script.worker_dies("w")
    assert {script.state(key) for key in PARTS} == {"no_worker"}  # total has to be made again
    script.worker("v")
    script.finish("v", *PARTS)
    script.finish("v", "total")
    while script.brain.releases.waiting:
        go_on(script)
    assert kept(script) == []
    script.heard.clear()
    script.close()


def test_what_others_release_meanwhile_counts_by_itself() -> None:
    script = reduced()
    script.client("d")
    assert kept(script) == PARTS[4:]  # each event has its own four
    script.submit("d", "x")
    script.finish("w", "x")
    script.release("d", "x")
    assert "x" not in script.brain.books.tasks
    script.heard.clear()
    script.close()
