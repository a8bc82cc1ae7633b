"""The rules, by theme, in the order in which they are played."""

from __future__ import annotations

from typing import Final

from gdistributed.conformance.rule import Rule, Theme
from gdistributed.conformance.rules import (
    arguments,
    dependencies,
    errors,
    hello,
    leaving,
    refusal,
    results,
    running,
    serving,
    sessions,
    storing,
    taking_back,
)

THEMES: Final[tuple[Theme, ...]] = (
    hello.THEME,
    running.THEME,
    arguments.THEME,
    errors.THEME,
    taking_back.THEME,
    dependencies.THEME,
    results.THEME,
    serving.THEME,
    storing.THEME,
    sessions.THEME,
    refusal.THEME,
    leaving.THEME,
)
RULES: Final[tuple[Rule, ...]] = tuple(rule for theme in THEMES for rule in theme.rules)
