"""Values that their holders give to others now: asked for elsewhere, and again after a while."""

from __future__ import annotations

from gdistributed.core.worker.audit import audit
from gdistributed.core.worker.fetching import CROWD_S
from gdistributed.v1 import worker_pb2
from tests.core.worker.script import Script, needs


def crowd(script: Script, key: str) -> None:
    """Have a call for a value answered that it is crowded."""
    [fetch] = script.fetches()
    now = script.brain.now
    script.brain.fetch_crowded(fetch, key, now=now)
    script.brain.fetch_ended(fetch, now=now, unreachable=False)
    audit(script.brain)


def crowded(script: Script) -> list[tuple[str, list[str]]]:
    return [(said.key, list(said.worker_ids)) for said in script.mail().crowded]


def locate(script: Script, key: str, *holders: int) -> None:
    script.tell(located=[worker_pb2.Dependency(key=key, holders=holders)])


def wanting(*holders: int) -> Script:
    script = Script()
    script.peers(*range(1, 6))
    script.run("y", needs("x", *holders))
    return script


def end(script: Script) -> None:
    """The value comes, and the run takes its course."""
    [fetch] = script.fetches()
    script.arrive(fetch, "x")
    script.end(fetch)
    assert script.began() == ["y"]
    script.mail()


def test_the_next_holder_is_asked_before_the_scheduler_is_told() -> None:
    with wanting(1, 2) as script:
        crowd(script, "x")
        assert crowded(script) == []
        crowd(script, "x")
        assert crowded(script) == [("x", ["w1", "w2"])]
        script.brain.on_time(script.brain.deadline)
        end(script)


def test_a_newer_holder_is_asked_at_once() -> None:
    with wanting(1) as script:
        crowd(script, "x")
        assert crowded(script) == [("x", ["w1"])]
        locate(script, "x", 3)
        [fetch] = script.fetches()
        assert fetch.peer.worker_id == "w3"
        script.arrive(fetch, "x")
        script.end(fetch)
        assert script.began() == ["y"]
        script.mail()
        script.brain.on_time(script.brain.deadline)  # the old wait means nothing any more


def test_it_is_asked_for_again_after_a_while_for_as_long_as_it_takes() -> None:
    with wanting(1) as script:
        for _ in range(100):
            crowd(script, "x")
            assert script.brain.deadline == script.brain.now + CROWD_S
            assert crowded(script) == [("x", ["w1"])]
            script.brain.on_time(script.brain.deadline)
        end(script)


def test_a_holder_that_dies_meanwhile_is_not_waited_for() -> None:
    with wanting(1, 2) as script:
        crowd(script, "x")
        [fetch] = script.fetches()
        script.end(fetch, unreachable=True)
        assert crowded(script) == [("x", ["w1"])]
        script.brain.on_time(script.brain.deadline)
        [fetch] = script.fetches()
        script.end(fetch, unreachable=True)
        assert [(each.key, each.worker_id) for each in script.mail().missing] == [
            ("x", "w2"),
            ("x", "w1"),
        ]
        script.cancel("y")


def test_nobody_waits_for_what_nobody_wants() -> None:
    with wanting(1) as script:
        crowd(script, "x")
        assert crowded(script) == [("x", ["w1"])]
        script.cancel("y")
        assert script.brain.data == {}
        locate(script, "x", 2)
        script.brain.on_time(script.brain.deadline)


def test_others_are_not_in_the_way() -> None:
    with wanting(1) as script:
        crowd(script, "x")
        script.mail()
        script.run("z", needs("v", 1))
        [fetch] = script.fetches()
        assert list(fetch.wanted) == ["v"]
        script.arrive(fetch, "v")
        script.end(fetch)
        script.cancel("y")
        script.mail()
        assert script.began() == ["z"]
