"""Ways from state to state that a task goes at one instant."""

from __future__ import annotations

from typing import Final

from gdistributed.core.scheduler.states import State


class Path:
    """Words for where something stood before, in between and after.

    Of the states of tasks there is one object for each way, which is found from state to state by
    `then`, so that it is told from others by what it is.

    Parameters
    ----------
    states
        In their order, at least one.

    Attributes
    ----------
    origin, target
        The first and the last state.
    via
        Those between them.
    then
        The ways that go on to one more state, by that.
    """

    __slots__ = ("origin", "states", "target", "then", "via")

    def __init__(self, *states: str) -> None:
        self.states = states
        self.origin, self.target = states[0], states[-1]
        self.via = states[1:-1]
        self.then: dict[str, Path] = _Longer(self)

    def __repr__(self) -> str:
        return " → ".join(self.states)


class _Longer(dict[str, Path]):
    """The ways that begin as another does, each made when it is gone first."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def __missing__(self, state: str) -> Path:
        longer = self[state] = Path(*self._path.states, state)
        return longer


# Where ways of tasks begin.
FROM: Final = {state: Path(state) for state in State}


def path_of(states: list[str]) -> Path:
    """Return the way of a task through states, at least one."""
    path = FROM[State(states[0])]
    for state in states[1:]:
        path = path.then[State(state)]
    return path
