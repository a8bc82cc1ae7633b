"""What goes out is bounded, and a large value goes to a few at one time."""

from __future__ import annotations

from gdistributed.core.worker.serving import ServedCall, Serving
from gdistributed.settings import MIB, WorkerSettings

SETTINGS = WorkerSettings(
    serve_calls=3, serve_nbytes=100 * MIB, spread_calls=2, spread_nbytes=MIB, stalled_s=5.0
)


def admitted(serving: Serving, nbytes: int, now: float = 0.0) -> ServedCall:
    call = serving.admit(nbytes, now)
    assert call is not None
    return call


def test_calls_are_bounded_in_number_and_in_bytes() -> None:
    serving = Serving(SETTINGS)
    large = admitted(serving, 500 * MIB)  # alone it goes, whatever its size
    assert serving.admit(1, 0.0) is None
    serving.end(large)
    calls = [admitted(serving, 40 * MIB), admitted(serving, 40 * MIB)]
    assert serving.admit(40 * MIB, 0.0) is None
    calls.append(admitted(serving, 20 * MIB))
    assert serving.admit(0, 0.0) is None
    assert serving.sending_nbytes == 100 * MIB
    for call in calls:
        serving.end(call)
    assert (serving.sending_nbytes, len(serving.calls), serving.count) == (0, 0, 4)


def test_what_has_gone_out_counts_no_more() -> None:
    serving = Serving(SETTINGS)
    call = admitted(serving, 90 * MIB)
    assert serving.begin(call, "a", 30 * MIB, 0.0, spreads=True)
    assert serving.begin(call, "b", 60 * MIB, 0.0, spreads=True)
    assert serving.sending_nbytes == 60 * MIB
    other = admitted(serving, 40 * MIB)
    assert serving.begin(other, "c", 80 * MIB, 0.0, spreads=False)  # it has grown since
    serving.end(other)
    serving.end(call)
    assert serving.sending_nbytes == 0


def test_a_large_value_goes_to_a_few_at_one_time() -> None:
    serving = Serving(SETTINGS)
    first, second, third = (admitted(serving, 3 * MIB) for _ in range(3))
    assert serving.begin(first, "x", 3 * MIB, 0.0, spreads=True)
    assert serving.begin(second, "x", 3 * MIB, 0.0, spreads=True)
    assert not serving.begin(third, "x", 3 * MIB, 0.0, spreads=True)
    assert serving.begin(third, "y", 3 * MIB, 0.0, spreads=True)
    assert serving.begin(third, "x", 3 * MIB, 0.0, spreads=False)  # a client passes nothing on
    assert serving.begin(third, "x", 1000, 0.0, spreads=True)  # nor is it worth it
    serving.begin(second, "z", 3 * MIB, 0.0, spreads=True)
    assert serving.begin(third, "x", 3 * MIB, 0.0, spreads=True)
    serving.end(first)
    assert serving.begin(second, "x", 3 * MIB, 0.0, spreads=True)


def test_those_who_take_nothing_are_not_in_the_way() -> None:
    serving = Serving(SETTINGS)
    stalled, slow, third = (admitted(serving, 3 * MIB) for _ in range(3))
    for call in (stalled, slow):
        assert serving.begin(call, "x", 3 * MIB, 0.0, spreads=True)
    slow.took_at = 4.0
    assert not serving.begin(third, "x", 3 * MIB, 4.5, spreads=True)
    assert serving.begin(third, "x", 3 * MIB, 5.0, spreads=True)
