"""Values are fetched, kept, freed, and their holders reported when they do not give them."""

from __future__ import annotations

import pytest

from gdistributed.core.worker.records import State
from gdistributed.v1 import error_pb2, worker_pb2
from tests.core.worker.script import Script, needs, run

BROKEN = error_pb2.TaskError(type="SerializationError", key="x")
LARGE = b"v" * 2000


def test_a_missing_value_is_fetched_before_the_task_runs() -> None:
    with Script() as s:
        s.peers(1)
        s.run("y", needs("x", 1))
        assert s.began() == []
        [fetch] = s.fetches()
        assert (fetch.peer.address, list(fetch.wanted)) == ("host:1", ["x"])
        s.arrive(fetch, "x", nbytes=12)
        assert s.began() == ["y"]
        s.end(fetch)
        mail = s.mail()
        assert [(stored.key, stored.nbytes) for stored in mail.stored] == [("x", 12)]


def test_a_value_that_is_here_is_not_fetched() -> None:
    with Script() as s:
        s.peers(1)
        s.hold("x")
        s.run("y", needs("x", 1))
        assert s.began() == ["y"]
        assert s.said() == {"started": ["y"]}


def test_a_task_waits_for_all_its_values() -> None:
    with Script() as s:
        s.peers(1, 2)
        s.run("z", needs("x", 1), needs("y", 2))
        first, second = s.fetches()
        s.arrive(second, "y")
        assert s.began() == []
        s.arrive(first, "x")
        assert s.began() == ["z"]
        s.end(first)
        s.end(second)
        assert s.said() == {"stored": ["y", "x"], "started": ["z"]}


def test_what_one_peer_holds_is_asked_for_in_one_call() -> None:
    with Script(fetch_keys=3) as s:
        s.peers(1)
        s.tell(run=[run(f"y{n}", needs(f"x{n}", 1)) for n in range(7)])
        assert s.asked() == [("w1", ["x0", "x1", "x2"]), ("w1", ["x3", "x4", "x5"])]


def test_what_comes_to_mind_during_a_call_goes_into_the_next_one() -> None:
    with Script(fetch_calls=1) as s:
        s.peers(1)
        s.run("y0", needs("x0", 1))
        [first] = s.fetches()
        s.run("y1", needs("x1", 1))
        s.run("y2", needs("x2", 1))
        assert s.asked() == []
        s.arrive(first, "x0")
        s.end(first)
        assert s.asked() == [("w1", ["x1", "x2"])]
        assert s.began() == ["y0"]
        assert s.said() == {"stored": ["x0"], "started": ["y0"]}


def test_values_wanted_by_several_tasks_are_fetched_once() -> None:
    with Script(nthreads=2) as s:
        s.peers(1)
        s.tell(run=[run("a", needs("x", 1)), run("b", needs("x", 1))])
        [fetch] = s.fetches()
        s.arrive(fetch, "x")
        s.end(fetch)
        assert s.began() == ["a", "b"]
        assert s.said() == {"stored": ["x"], "started": ["a", "b"]}


def test_bytes_on_their_way_are_bounded() -> None:
    with Script(fetch_nbytes=25) as s:
        s.peers(1, 2)
        s.tell(run=[run("y", needs("x1", 1), needs("x2", 2), needs("x3", 1))])
        [first] = s.fetches()
        assert list(first.wanted) == ["x1", "x3"]
        s.arrive(first, "x1")
        [second] = s.fetches()
        assert list(second.wanted) == ["x2"]
        s.arrive(first, "x3")
        s.end(first)
        s.arrive(second, "x2")
        s.end(second)
        assert s.began() == ["y"]
        assert s.said() == {"stored": ["x1", "x3", "x2"], "started": ["y"]}


def test_a_value_larger_than_the_bound_goes_alone() -> None:
    with Script(fetch_nbytes=25) as s:
        s.peers(1)
        s.run("y", needs("huge", 1, nbytes=1000), needs("small", 1, nbytes=1))
        [fetch] = s.fetches()
        assert list(fetch.wanted) == ["huge"]
        s.arrive(fetch, "huge", nbytes=1000)
        [other] = s.fetches()
        assert list(other.wanted) == ["small"]
        assert s.said() == {"stored": ["huge"]}


def test_the_least_busy_holder_is_asked() -> None:
    with Script() as s:
        s.peers(1, 2)
        s.run("a", needs("big", 1, nbytes=1000))
        s.run("b", needs("x", 1, 2))
        assert s.asked() == [("w1", ["big"]), ("w2", ["x"])]


def test_another_holder_is_asked_when_one_fails() -> None:
    with Script() as s:
        s.peers(1, 2, 3)
        s.run("y", needs("x", 1, 2, 3))
        [first] = s.fetches()
        s.end(first, unreachable=True)
        [second] = s.fetches()
        s.brain.fetch_lacked(second, "x", now=0)
        s.end(second)
        [third] = s.fetches()
        assert [f.peer.worker_id for f in (first, second, third)] == ["w1", "w2", "w3"]
        s.arrive(third, "x")
        s.end(third)
        assert s.began() == ["y"]
        assert s.said() == {"stored": ["x"], "started": ["y"]}


def test_the_scheduler_is_told_when_no_holder_gives_it() -> None:
    with Script() as s:
        s.peers(1, 2)
        s.run("y", needs("x", 1, 2))
        [first] = s.fetches()
        s.end(first, unreachable=True)
        [second] = s.fetches()
        s.end(second)
        missing = s.mail().missing
        assert [(m.key, m.worker_id, m.unreachable) for m in missing] == [
            ("x", "w1", True),
            ("x", "w2", False),
        ]
        s.run("y", needs("x", 2), attempt=2)  # there it is again
        [third] = s.fetches()
        s.arrive(third, "x")
        s.end(third)
        assert s.began() == ["y"]
        assert s.said() == {"stored": ["x"], "started": ["y"]}


def test_a_value_without_holders_is_missing_at_once() -> None:
    with Script() as s:
        s.run("y", needs("x"), needs("z", 77))
        assert s.said() == {"dropped": ["x", "z"], "missing": ["x", "z"]}
        s.cancel("y")
        assert s.brain.data == {}


def test_a_missing_value_that_is_put_here_is_no_longer_missing() -> None:
    with Script() as s:
        s.run("y", needs("x"))
        s.hold("x")
        assert s.began() == ["y"]
        assert s.said() == {"dropped": ["x"], "missing": ["x"], "started": ["y"]}


def test_a_value_that_comes_otherwise_is_not_asked_for_any_more() -> None:
    with Script(fetch_calls=1) as s:
        s.peers(1)
        s.run("y", needs("a", 1), needs("b", 1))
        [fetch] = s.fetches()
        s.run("z", needs("c", 1))
        s.hold("a", "c")  # one is on its way, the other queued
        s.arrive(fetch, "a", "b")
        s.end(fetch)
        assert s.began() == ["z"]
        assert s.said() == {"started": ["z"], "stored": ["b"]}


def test_a_value_that_cannot_be_had_fails_those_that_need_it() -> None:
    with Script() as s:
        s.peers(1)
        s.tell(run=[run("y", needs("x", 1), needs("w", 1)), run("z", needs("x", 1)), run("v")])
        [fetch] = s.fetches()
        s.brain.fetch_failed(fetch, "x", BROKEN, now=0)
        s.arrive(fetch, "w")
        s.end(fetch)
        mail = s.mail()
        assert [(e.key, e.error.key, e.error.type) for e in mail.erred] == [
            ("y", "x", "SerializationError"),
            ("z", "x", "SerializationError"),
        ]
        assert s.began() == ["v"]
        assert s.dropped() == ["w"]


def test_a_small_value_that_rides_along_is_not_kept() -> None:
    with Script() as s:
        s.run("y", needs("x", 1, value=b"small"))
        assert s.began() == ["y"]
        assert s.brain.to_store == []
        assert s.said() == {"started": ["y"]}


def test_a_larger_value_that_rides_along_is_kept_and_reported() -> None:
    with Script(nthreads=2) as s:
        s.run("y", needs("x", 1, value=LARGE))
        s.run("z", needs("x", 1, value=LARGE))
        assert s.brain.to_store == [("x", LARGE)]
        assert s.began() == []
        s.brain.value_stored(worker_pb2.StoredData(key="x", nbytes=2033), now=0)
        assert s.began() == ["y", "z"]
        assert s.said() == {"stored": ["x"], "started": ["y", "z"]}
        s.brain.to_store.clear()


def test_a_value_that_rides_along_and_is_broken_fails_the_task() -> None:
    with Script() as s:
        s.run("y", needs("x", 1, value=LARGE))
        s.brain.value_broken("x", BROKEN, now=0)
        assert s.said() == {"erred": ["y"]}
        assert s.brain.data == {}


def test_a_value_that_rode_along_for_nobody_is_dropped() -> None:
    with Script() as s:
        s.run("y", needs("x", 1, value=LARGE))
        s.cancel("y")
        s.brain.value_stored(worker_pb2.StoredData(key="x", nbytes=2033), now=0)
        assert s.dropped() == ["x"]


def test_a_freed_value_is_dropped() -> None:
    with Script() as s:
        s.hold("x")
        s.free("x", "unknown")
        assert s.dropped() == ["x"]
        assert s.brain.held_nbytes == 0


def test_a_freed_value_in_use_is_dropped_after_use() -> None:
    with Script() as s:
        s.hold("x")
        s.run("y", needs("x"))
        s.free("x")
        assert s.dropped() == []
        s.began()
        s.finish("y")
        assert s.dropped() == ["x"]
        assert s.said() == {"started": ["y"], "finished": ["y"]}


def test_a_freed_value_on_its_way_is_dropped_when_it_comes() -> None:
    with Script() as s:
        s.peers(1)
        s.tell(fetch=[needs("x", 1)])
        [fetch] = s.fetches()
        s.free("x")
        s.arrive(fetch, "x")
        s.end(fetch)
        assert s.dropped() == ["x"]


def test_a_value_is_copied_when_the_scheduler_says_so() -> None:
    with Script() as s:
        s.peers(1)
        s.hold("here")
        s.tell(fetch=[needs("x", 1), needs("here", 1)])
        [fetch] = s.fetches()
        s.arrive(fetch, "x")
        s.end(fetch)
        assert s.said() == {"stored": ["here", "x"]}
        assert s.brain.data["x"].state is State.HELD


def test_a_copy_that_cannot_be_had_is_reported() -> None:
    with Script() as s:
        s.peers(1)
        s.tell(fetch=[needs("x", 1)])
        [fetch] = s.fetches()
        s.end(fetch, unreachable=True)
        assert s.said() == {"missing": ["x"]}
        s.free("x")
        assert s.brain.data == {}


def test_only_values_that_are_not_in_use_are_deleted() -> None:
    with Script() as s:
        s.hold("used", "idle")
        s.run("y", needs("used"))
        assert s.brain.data_deleted(["used", "idle", "unknown"], now=0) == ["idle"]
        assert s.dropped() == ["idle"]
        assert s.began() == ["y"]
        assert s.said() == {"started": ["y"], "dropped": ["idle"]}


def test_a_value_that_the_store_has_lost_is_reported() -> None:
    with Script() as s:
        s.hold("x")
        s.brain.data_lost("x", now=0)
        s.brain.data_lost("x", now=0)
        assert s.said() == {"dropped": ["x"]}
        assert s.dropped() == ["x"]


def test_reconcile_cancels_and_drops() -> None:
    with Script() as s:
        s.hold("x")
        s.run("y")
        s.tell(
            reconcile=worker_pb2.Reconcile(
                drop=["x"], cancel=[worker_pb2.TaskAttempt(key="y", attempt=1)]
            )
        )
        assert s.dropped() == ["x"]
        assert s.began() == ["y"]
        s.finish("y")
        assert s.said() == {"started": ["y"]}


def test_a_result_that_is_computed_again_takes_the_place_of_the_old_one() -> None:
    with Script() as s:
        s.run("x")
        s.finish("x", nbytes=10)
        s.run("x", attempt=2)
        s.finish("x", attempt=2, nbytes=30)
        assert s.brain.held_nbytes == 30
        assert s.dropped() == ["x"]
        assert s.began() == ["x", "x"]
        assert s.said() == {"started": ["x", "x"], "finished": ["x", "x"]}


def test_a_peer_without_room_for_transfers_is_asked_again_after_a_while() -> None:
    with Script() as script:
        script.peers(2)
        script.run("x", needs("a", 2))
        for pause_s in (0.1, 0.2, 0.4):
            [fetch] = script.fetches()
            script.brain.fetch_ended(fetch, script.brain.now, unreachable=False, is_busy=True)
            assert script.asked() == []
            due = script.brain.deadline
            assert due is not None
            assert due - script.brain.now == pytest.approx(pause_s)
            script.brain.on_time(due)
        [fetch] = script.fetches()
        script.brain.fetched(fetch, [worker_pb2.StoredData(key="a", nbytes=1)], script.brain.now)
        assert script.began() == ["x"]
        assert fetch.peer.refusals == 0
        script.said()


def test_of_two_holders_the_one_that_has_room_is_asked() -> None:
    with Script() as script:
        script.peers(2, 3)
        script.run("x", needs("a", 2, 3))
        [fetch] = script.fetches()
        assert fetch.peer.worker_id == "w2"
        script.brain.fetch_ended(fetch, 0, unreachable=False, is_busy=True)
        assert script.asked() == [("w3", ["a"])]
        script.cancel("x")


def test_a_peer_that_never_has_room_counts_as_unreachable() -> None:
    with Script(fetch_tries=3) as script:
        script.peers(2)
        script.run("x", needs("a", 2))
        for _ in range(3):
            [fetch] = script.fetches()
            script.brain.fetch_ended(fetch, script.brain.now, unreachable=False, is_busy=True)
            if script.brain.deadline is not None:
                script.brain.on_time(script.brain.deadline)
        [missing] = script.mail().missing
        assert (missing.key, missing.worker_id, missing.unreachable) == ("a", "w2", True)


def put(s: Script, key: str) -> int:
    return s.brain.data_put(worker_pb2.StoredData(key=key, nbytes=7), now=0)


def claim(s: Script, key: str, number: int) -> None:
    s.tell(claim=[worker_pb2.ClaimedData(key=key, put=number)])


def test_a_value_that_nobody_claims_goes() -> None:
    with Script(unclaimed_s=60) as s:
        assert put(s, "x") == 1
        assert put(s, "y") == 2
        claim(s, "y", 2)
        s.brain.on_time(60.0)
        assert s.dropped() == ["x"]
        assert list(s.brain.data) == ["y"]


def test_what_the_scheduler_frees_is_not_a_value_that_was_put_later() -> None:
    with Script() as s:
        claim(s, "x", put(s, "x"))
        again = put(s, "x")
        s.free("x")  # said before the scheduler heard of the second put
        assert s.dropped() == []
        claim(s, "x", again)
        s.free("x")
        assert s.dropped() == ["x"]


def test_a_value_that_was_claimed_before_it_was_put_again_stays() -> None:
    with Script(unclaimed_s=60) as s:
        claim(s, "x", put(s, "x"))
        put(s, "x")
        s.brain.on_time(60.0)
        assert list(s.brain.data) == ["x"]
        s.free("x")
        assert s.dropped() == ["x"]


def test_a_claim_of_what_is_not_here_is_answered() -> None:
    with Script() as s:
        claim(s, "x", 7)
        assert s.said() == {"dropped": ["x"]}


def test_a_copy_that_cannot_be_had_is_given_up() -> None:
    with Script() as s:
        s.peers(1)
        s.tell(fetch=[needs("x", 1)])
        [fetch] = s.fetches()
        s.end(fetch, unreachable=True)
        assert s.said() == {"missing": ["x"]}
        assert s.brain.data == {}


def test_the_result_of_an_older_run_goes_when_its_task_is_handed_over_again() -> None:
    with Script() as s:
        s.run("x", attempt=1)
        s.began()
        s.finish("x", attempt=1)
        assert s.said() == {"started": ["x"], "finished": ["x"]}
        s.run("x", attempt=2)
        assert s.dropped() == ["x"]
        s.began()
        assert s.said() == {"started": ["x"]}
        s.finish("x", attempt=2)
        assert s.said() == {"finished": ["x"]}
        assert "x" in s.brain.data
