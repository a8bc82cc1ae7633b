"""`python -m gdistributed.sim`: run simulations, and tell of those that fail."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from gdistributed.sim.failure import Failure, failure_of, keep, shrunk
from gdistributed.sim.simulation import Simulation

SHOWN_LINES = 60


def main(arguments: list[str] | None = None) -> int:
    """Run simulations; the exit code is 1 if one has failed."""
    options = _parser().parse_args(arguments)
    if options.seed is not None:
        return _replay(options.seed, options.stories)
    reached: Counter[str] = Counter()
    failures = 0
    for seed in range(options.first, options.first + options.seeds):
        simulation = Simulation(seed)
        failure = failure_of(simulation)
        reached += simulation.world.reached
        if failure is not None:
            failures += 1
            _tell(failure, options.stories)
    print(f"{options.seeds - failures} of {options.seeds} simulations came to rest as they must.")
    print("How often rare situations came about:")
    for situation, count in sorted(reached.items()):
        print(f"  {count:8}  {situation}")
    return 1 if failures else 0


def _replay(seed: int, stories: Path | None) -> int:
    simulation = Simulation(seed)
    failure = failure_of(simulation)
    print("\n".join(simulation.world.trace.lines()))
    print(f"{simulation.options}\n{simulation.world.steps} steps in {simulation.world.now:.1f} s")
    print(f"digest {simulation.world.trace.digest()}")
    if failure is None:
        return 0
    _tell(failure, stories)
    return 1


def _tell(failure: Failure, stories: Path | None) -> None:
    short = shrunk(failure)
    print(f"seed {failure.seed} fails: {failure.message}")
    print(f"options: {Simulation(failure.seed).options}")
    print(f"{len(short.acts)} of {len(failure.acts)} deeds suffice; the end of what happens then:")
    print("\n".join(short.lines[-SHOWN_LINES:]))
    print(f"broken then: {short.message}")
    if stories is not None:
        print(f"kept as {keep(short, stories)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gdistributed.sim",
        description="Play whole clusters in virtual time, with faults, and look for what is wrong.",
    )
    parser.add_argument("--seed", type=int, help="play this one, and show all that happens")
    parser.add_argument("--seeds", type=int, default=300, help="how many to play (default: 300)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (default: 0)")
    parser.add_argument(
        "--stories", type=Path, help="where to keep those that fail, as files to play again"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
