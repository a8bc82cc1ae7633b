"""Many simulations: all come to rest, and together they reach what is rare."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gdistributed.core.client import futures as client_futures
from gdistributed.core.scheduler import transitions as scheduler_transitions
from gdistributed.core.worker import transitions as worker_transitions
from gdistributed.sim import failure
from gdistributed.sim.simulation import Simulation

SEEDS = 300
STORIES = Path(__file__).parent / "stories"
RARE = (
    "late adoption",
    "stale attempt dropped",
    "zombie's result dropped",
    "resume with replay",
    "steal refused",
    "unclaimed data freed",
    "blamed for a death",
    "followed",
    "called back",
    "chance: resend",
    "chance: ring early",
    "chance: close a batch",
    "chance: keep a run",
)
Edge = tuple[str, str, str]


class Tally:
    """What was reached in all simulations so far."""

    def __init__(self) -> None:
        self.edges: Counter[Edge] = Counter()
        self.reached: Counter[str] = Counter()
        self.played: set[int] = set()


def counting(tally: Tally, name: Edge, edge: Callable[..., object]) -> Callable[..., object]:
    def take(*arguments: object) -> object:
        tally.edges[name] += 1
        return edge(*arguments)

    return take


def counted(tally: Tally, room: str, table: dict, patch: pytest.MonkeyPatch) -> None:
    """Count how often each edge of a table is taken."""
    for (origin, target), edge in table.items():
        patch.setitem(table, (origin, target), counting(tally, (room, origin, target), edge))


@pytest.fixture(scope="module")
def tally() -> Iterator[Tally]:
    tally = Tally()
    with pytest.MonkeyPatch.context() as patch:
        counted(tally, "scheduler", scheduler_transitions.TRANSITIONS, patch)
        counted(tally, "worker", worker_transitions.TRANSITIONS, patch)
        counted(tally, "client", client_futures.TRANSITIONS, patch)
        yield tally


def tell(found: failure.Failure) -> str:
    """Make a failure short, keep it as a story, and describe it."""
    short = failure.shrunk(found)
    path = failure.keep(short, STORIES)
    return f"seed {found.seed}: {found.message}\nkept as {path}\n{failure.written(short)[-6000:]}"


@pytest.mark.parametrize("chunk", range(10))
def test_a_cluster_comes_to_rest_whatever_happens(chunk: int, tally: Tally) -> None:
    for seed in range(chunk * SEEDS // 10, (chunk + 1) * SEEDS // 10):
        simulation = Simulation(seed)
        found = failure.failure_of(simulation)
        assert found is None, tell(found)
        tally.reached += simulation.world.reached
        tally.played.add(seed)


def needs_all_seeds(tally: Tally) -> None:
    if len(tally.played) < SEEDS:
        pytest.skip("not all seeds were played")


def test_every_edge_of_every_table_is_taken(tally: Tally) -> None:
    needs_all_seeds(tally)
    tables = {
        "scheduler": scheduler_transitions.TRANSITIONS,
        "worker": worker_transitions.TRANSITIONS,
        "client": client_futures.TRANSITIONS,
    }
    edges = {(room, *edge) for room, table in tables.items() for edge in table}
    assert edges - set(tally.edges) == set()


def test_rare_situations_are_reached(tally: Tally) -> None:
    needs_all_seeds(tally)
    assert {name: tally.reached[name] for name in RARE if not tally.reached[name]} == {}


PLAY = """
from gdistributed.sim.simulation import Simulation
for seed in (1, 2, 3):
    simulation = Simulation(seed)
    simulation.run()
    print(simulation.world.steps, simulation.world.trace.digest())
"""


def test_a_simulation_is_the_same_bit_for_bit_each_time() -> None:
    said = [
        subprocess.run(
            [sys.executable, "-c", PLAY],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for hash_seed in ("1", "1", "2")
    ]
    assert said[0].count("\n") == 3
    assert said[0] == said[1] == said[2]


def test_what_was_found_once_stays_mended() -> None:
    for path in sorted(STORIES.glob("*.story")):
        found = failure.attempt(*failure.read(path))
        assert found is None, f"{path.name}: {found.message}"
