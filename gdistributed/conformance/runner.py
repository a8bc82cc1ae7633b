"""Plays rules, one after the other, and says what became of each.

Most rules share one worker, since to start one takes long. After a rule that it did not keep the
worker is started anew, so that one fault is not counted for many.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gdistributed.conformance.rule import NoWorker, Rule, Unplayable, Violation
from gdistributed.conformance.stage import Stage
from gdistributed.settings import LOOPBACK

logger = logging.getLogger("gdistributed.conformance")

TIMEOUT_S: Final = 10.0
START_S: Final = 30.0
ANY_PORT: Final = f"{LOOPBACK}:0"


class Outcome(StrEnum):
    """What became of a rule."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one rule.

    Attributes
    ----------
    rule
        The rule.
    outcome
        Whether the worker keeps it.
    expected, came
        Of a rule that it does not keep.
    why
        Of a rule that was skipped.
    seconds
        How long it took.
    """

    rule: Rule
    outcome: Outcome
    expected: str = ""
    came: str = ""
    why: str = ""
    seconds: float = 0.0


class Runner:
    """Judges one worker.

    Parameters
    ----------
    command
        That starts the worker; empty when a person starts it.
    address
        Where to wait for a worker that a person starts.
    timeout_s
        How long a rule may take.
    start_s
        How long the worker may take until it connects.
    waits
        Called with the address where it waits for a worker that a person starts.
    """

    def __init__(
        self,
        command: str,
        address: str = ANY_PORT,
        timeout_s: float = TIMEOUT_S,
        start_s: float = START_S,
        waits: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._command = command
        self._address = address
        self._timeout_s = timeout_s
        self._start_s = start_s
        self._waits = waits
        self._shared: Stage | None = None

    async def play(self, rules: Sequence[Rule]) -> AsyncIterator[Verdict]:
        """Play rules, and yield what became of each as soon as it is known."""
        why = ""
        try:
            for rule in rules:
                if why:
                    yield Verdict(rule, Outcome.SKIPPED, why="no worker came")
                elif rule.own_worker and not self._command:
                    yield Verdict(
                        rule,
                        Outcome.SKIPPED,
                        why="it ends the worker: give the command that starts it",
                    )
                else:
                    verdict, why = await self._verdict(rule)
                    yield verdict
        finally:
            await self._close_shared()

    async def _verdict(self, rule: Rule) -> tuple[Verdict, str]:
        """Play a rule; return also why there is no worker at all, if there is none."""
        begun = asyncio.get_running_loop().time()

        def took() -> float:
            return asyncio.get_running_loop().time() - begun

        try:
            if rule.own_worker:
                await self._play_alone(rule)
            else:
                await self._play_shared(rule)
        except Violation as violation:
            failed = Outcome.FAILED, violation.expected, violation.came
            return Verdict(rule, *failed, seconds=took()), ""
        except NoWorker as error:
            failed = Outcome.FAILED, "a worker", str(error)
            return Verdict(rule, *failed, seconds=took()), str(error)
        except Unplayable as error:
            return Verdict(rule, Outcome.SKIPPED, why=str(error), seconds=took()), ""
        except Exception as error:  # an answer that no rule thought of, or a fault of the suite
            logger.debug("a rule could not be played", exc_info=error)
            failed = Outcome.FAILED, "what this rule can read", f"{type(error).__name__}: {error}"
            return Verdict(rule, *failed, seconds=took()), ""
        return Verdict(rule, Outcome.PASSED, seconds=took()), ""

    async def _play_alone(self, rule: Rule) -> None:
        stage = Stage(self._command, ANY_PORT, self._start_s)
        try:
            await stage.open()
            await stage.arrive()
            stage.begin_rule(self._timeout_s)
            await rule.play(stage)
        finally:
            await stage.close()

    async def _play_shared(self, rule: Rule) -> None:
        stage = await self._shared_stage()
        stage.begin_rule(self._timeout_s)
        try:
            await rule.play(stage)
            stage.end_rule()
        except Exception:
            if self._command:
                await self._close_shared()
            elif stage.is_usable:
                stage.end_rule()
            raise

    async def _shared_stage(self) -> Stage:
        stage = self._shared
        if stage is not None and not stage.is_usable and self._command:
            await self._close_shared()
            stage = None
        if stage is None:
            stage = self._shared = Stage(self._command, self._address, self._start_s)
            await stage.open()
        if not stage.is_usable:
            if not self._command:
                self._waits(stage.scheduler.address)
            await stage.arrive()
            stage.welcome(await stage.next_visit())
        return stage

    async def _close_shared(self) -> None:
        stage, self._shared = self._shared, None
        if stage is not None:
            await stage.close()
