"""What is shown of verdicts: a line a rule, and of one that is not kept what helps to mend it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from gdistributed.conformance.rule import Level, Rule
from gdistributed.conformance.runner import Outcome, Verdict

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

STYLES: Final = {Outcome.PASSED: "green", Outcome.FAILED: "bold red", Outcome.SKIPPED: "yellow"}


def line_of(verdict: Verdict) -> RenderableType:
    """Show one verdict."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    rule = verdict.rule
    line = Text.assemble(
        (f"{verdict.outcome:8}", STYLES[verdict.outcome]),
        (f"{rule.level:5}", "dim"),
        rule.name,
    )
    if verdict.outcome is Outcome.PASSED:
        return line
    about = [_said("why", verdict.why)] if verdict.why else []
    if verdict.outcome is Outcome.FAILED:
        about = [
            Text(rule.checks),
            _said("expected", verdict.expected),
            _said("came", verdict.came),
            _said("protocol", f'"{rule.sentence}" ({rule.part})'),
        ]
    return Group(line, *(Padding(each, (0, 0, 0, 13)) for each in about))


def _said(word: str, text: str) -> Text:
    from rich.text import Text

    return Text.assemble((f"{word}: ", "dim"), text)


def summary(verdicts: Sequence[Verdict], seconds: float) -> RenderableType:
    """Show how many rules of each level are kept."""
    from rich.text import Text

    lines = []
    for level in Level:
        count = Counter(each.outcome for each in verdicts if each.rule.level is level)
        if count:
            words = [f"{count[outcome]} {outcome}" for outcome in Outcome if count[outcome]]
            lines.append(f"{level}: {', '.join(words)}")
    return Text("\n".join([*lines, f"in {seconds:.1f} s"]))


def as_dict(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict for JSON."""
    told = {"expected": verdict.expected, "came": verdict.came, "why": verdict.why}
    return {
        **rule_as_dict(verdict.rule),
        "outcome": str(verdict.outcome),
        **{word: text for word, text in told.items() if text},
        "seconds": round(verdict.seconds, 3),
    }


def rule_as_dict(rule: Rule) -> dict[str, Any]:
    """Return a rule for JSON."""
    return {
        "rule": rule.name,
        "level": str(rule.level),
        "checks": rule.checks,
        "part": rule.part,
        "sentence": rule.sentence,
    }


def listing(rules: Iterable[Rule]) -> RenderableType:
    """Show rules without playing them."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("rule", no_wrap=True)
    table.add_column("level", no_wrap=True)
    table.add_column("checks", overflow="fold")
    for rule in rules:
        table.add_row(Text(rule.name), str(rule.level), Text(rule.checks))
    return table
