"""What a rule is: a name, a level, a sentence of the protocol, and a play that tests a worker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gdistributed.conformance.stage import Stage

Play = Callable[["Stage"], Awaitable[None]]


class Level(StrEnum):
    """How much of the protocol a worker speaks."""

    CORE = "core"
    FULL = "full"


SHOWN_LENGTH: Final = 200

CORE: Final = Level.CORE
FULL: Final = Level.FULL


class Violation(Exception):
    """A worker does not keep a rule.

    Parameters
    ----------
    expected
        What should have come.
    came
        What did.
    """

    def __init__(self, expected: str, came: object) -> None:
        super().__init__(f"expected {expected}, and {came} came")
        self.expected = expected
        self.came = str(came)


class NoWorker(Exception):
    """There is no worker to judge: it does not start, or never connects."""


class Unplayable(Exception):
    """A rule cannot be played with this worker."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One behaviour that the protocol demands.

    Attributes
    ----------
    name
        Theme and word, as in "run.echoes_the_attempt".
    level
        Core rules hold for every worker; the others for one that does all that a worker may.
    checks
        What is checked, in a sentence.
    part
        The message, enum or rpc in whose comments the sentence stands.
    sentence
        Of the protocol, to the letter.
    play
        Raises Violation if the worker does not keep the rule.
    own_worker
        Whether the worker is started for this rule alone, which ends it.
    """

    name: str
    level: Level
    checks: str
    part: str
    sentence: str
    play: Play
    own_worker: bool


class Theme:
    """Rules about one thing; a play becomes one by a decorator, and is named after its function.

    Parameters
    ----------
    name
        In a word.
    about
        In a few, for the page.
    """

    def __init__(self, name: str, about: str) -> None:
        self.name = name
        self.about = about
        self.rules: list[Rule] = []

    def core(self, part: str, sentence: str, *, own_worker: bool = False) -> Callable[[Play], Play]:
        """Make a play a core rule."""
        return self._rule(CORE, part, sentence, own_worker)

    def full(self, part: str, sentence: str, *, own_worker: bool = False) -> Callable[[Play], Play]:
        """Make a play a rule for workers that do all that a worker may."""
        return self._rule(FULL, part, sentence, own_worker)

    def _rule(
        self, level: Level, part: str, sentence: str, own_worker: bool
    ) -> Callable[[Play], Play]:
        def add(play: Play) -> Play:
            name = f"{self.name}.{getattr(play, '__name__', '')}"
            checks = " ".join((play.__doc__ or "").split())
            self.rules.append(Rule(name, level, checks, part, sentence, play, own_worker))
            return play

        return add


def expect(holds: bool, expected: str, came: object) -> None:
    """Raise a Violation unless something holds."""
    if not holds:
        raise Violation(expected, came)


def expect_equal(came: object, expected: object, what: str) -> None:
    """Raise a Violation unless two values are the same, and of the same type."""
    same = type(came) is type(expected) and came == expected
    expect(same, f"{what} {shortened(expected)}", shortened(came))


def shortened(value: object) -> str:
    """Return a value as text that is not too long."""
    return cut_in_the_middle(repr(value), SHOWN_LENGTH)


def cut_in_the_middle(text: str, length: int) -> str:
    """Return a text; without its middle, if it is longer than this."""
    half = length // 2 - 2
    return text if len(text) <= length else f"{text[:half]} ... {text[-half:]}"
