"""A simulation that failed: made as short as it can be, and kept as a file that people can read.

The file says what to play again; below that stands what happened, so that one sees it without
running anything. Played again it is a regression test: it must pass, once what it found is mended.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gdistributed.errors import InvariantBroken
from gdistributed.sim.simulation import Simulation

RUNS_MAX: Final = 200
LINES_MAX: Final = 400
NUMBERS_A_LINE: Final = 20


@dataclass(frozen=True, slots=True)
class Failure:
    """What failed, and when.

    Attributes
    ----------
    seed, acts
        What to play; see `Simulation`.
    invariant
        Which one is broken, in words that are the same whoever breaks it.
    message
        What exactly was found.
    lines
        The trace.
    """

    seed: int
    acts: tuple[int, ...]
    invariant: str
    message: str
    lines: tuple[str, ...]


def attempt(seed: int, acts: Collection[int] | None = None) -> Failure | None:
    """Run a simulation; None if all was well."""
    return failure_of(Simulation(seed, acts=acts))


def failure_of(simulation: Simulation) -> Failure | None:
    """Run a simulation to its end; None if all was well.

    Whatever is raised is a failure: the brains raise InvariantBroken on purpose, and nothing else.
    """
    try:
        simulation.run()
    except Exception as error:
        message = str(error) if isinstance(error, InvariantBroken) else repr(error)
        return Failure(
            seed=simulation.seed,
            acts=tuple(simulation.acts),
            invariant=_words(f"{type(error).__name__}: {message}"),
            message=message,
            lines=tuple(simulation.world.trace.lines()),
        )
    return None


def _words(message: str) -> str:
    """Return a message without what differs from one run to the next: names, numbers and lists."""
    numbered = re.search(r"\[(\d+)\]", message)
    if numbered is not None:
        return f"invariant {numbered.group(1)}"
    return re.sub(r"'[^']*'|\[[^\]]*\]|\{[^}]*\}|\S*\d\S*", "...", message.split("\n")[0])[:80]


def shrunk(failure: Failure, runs: int = RUNS_MAX) -> Failure:
    """Leave out as many deeds as can be without losing the failure.

    Ever smaller pieces are left out, as in Zeller's delta debugging ("Simplifying and Isolating
    Failure-Inducing Input", 2002).

    Parameters
    ----------
    runs
        How many simulations that may take.
    """
    size = max(len(failure.acts) // 2, 1)
    while runs > 0:
        was_shorter = False
        for piece in list(_pieces(failure.acts, size)):
            if not set(piece) <= set(failure.acts) or runs <= 0:
                continue
            runs -= 1
            shorter = attempt(failure.seed, [act for act in failure.acts if act not in piece])
            if shorter is not None and shorter.invariant == failure.invariant:
                failure, was_shorter = shorter, True
        if size == 1 and not was_shorter:
            break
        size = max(size // 2, 1)
    return failure


def _pieces(acts: tuple[int, ...], size: int) -> Iterator[tuple[int, ...]]:
    for start in range(0, len(acts), size):
        yield acts[start : start + size]


def written(failure: Failure) -> str:
    """Return a failure as the text of a story."""
    rows = [" ".join(map(str, row)) for row in _pieces(failure.acts, NUMBERS_A_LINE)]
    lines = [f"# {line}" for line in failure.message.splitlines()]
    lines += [f"seed {failure.seed}", *(f"acts {row}" for row in rows)]
    lines += ["", "# What happened:"]
    shown = failure.lines[-LINES_MAX:]
    if len(shown) < len(failure.lines):
        lines.append(f"# ... {len(failure.lines) - len(shown)} lines before")
    lines += [f"# {line.strip()}" for line in shown]
    return "\n".join(lines) + "\n"


def keep(failure: Failure, folder: Path) -> Path:
    """Write a failure into a folder of stories, and return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"seed-{failure.seed}.story"
    path.write_text(written(failure))
    return path


def read(path: Path) -> tuple[int, list[int]]:
    """Return the seed and the deeds of a story.

    Raises
    ------
    ValueError
        If a line is neither a comment, nor a seed or deeds.
    """
    seed, acts = -1, list[int]()
    for line in path.read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word == "seed":
            seed = int(rest)
        elif word == "acts":
            acts.extend(map(int, rest.split()))
        elif word and not word.startswith("#"):
            raise ValueError(f"{path}: {line!r} is no line of a story")
    return seed, acts
