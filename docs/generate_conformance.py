"""Write docs/conformance.md from the rules and the functions of the suite (`make docs` runs this).

python -m docs.generate_conformance [--output FILE]
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator
from pathlib import Path

from docs.generate_protocol import ROOT, anchor, cell, table
from gdistributed.conformance import functions
from gdistributed.conformance.rule import Level, Rule, Theme
from gdistributed.conformance.rules import RULES, THEMES
from gdistributed.data.offered_functions import offered_function

INTRODUCTION = """\
# Conformance

<!-- Generated from gdistributed/conformance by `make docs`. Do not edit. -->

Whoever writes [a worker of their own](other-languages.md) wants to know when it is done. This
command starts the worker, plays scheduler and peer to it, and checks rule by rule what the
protocol demands:

```sh
gd conformance "COMMAND {address}"
```

`{address}` stands for the address of the scheduler that the suite plays. For the worker in Python
the command is `gd worker {address} --functions gdistributed.conformance.functions`; for the one in
Go, `build/gd-go-conformance {address}`. Both keep all rules. Give a worker two threads: of one
thread less can be seen. The worker is started several times, and always ended; the SIGTERM that it
should drain at goes to the command's own process, so a shell script had better `exec` the worker.

| option | |
|---|---|
| `--level core` | only the core rules |
| `--rule run.` | only the rules whose names begin so; may be given several times |
| `--list` | what the rules are |
| `--json` | for programs |
| `--timeout 10` | seconds that a rule may take |

Of a rule that is not kept the report says what was expected, what came, and the sentence of the
protocol. The exit status is 0 if all rules of the level are kept.

```text
passed  core run.reports_the_result
failed  core run.echoes_the_attempt
             A report carries the attempt that the run was given, with all of
             its 64 bits.
             expected: the attempt 9223377534412914695
             came: 7
             protocol: "Reports MUST echo it." (RunTask)
passed  core run.remembers_announcements
```

To find out why a rule fails, start the worker yourself, under a debugger for instance, and give the
suite an address to listen at: `gd conformance 127.0.0.1:9000 --rule run.echoes --timeout 600`. It
waits for the worker to connect there. Rules that end the worker are skipped then.

The **core** rules hold for every worker that takes part in a cluster: it runs tasks, moves data
both ways, comes back after a break, and leaves without a loss. The **full** rules are about what
makes it better company: values that are put there, transfers that go on where they broke off,
answers to people and tools.

## The functions of the kit

A worker offers these functions for the suite, in one of its runtimes. They are a few lines in any
language; see [Python's](../gdistributed/conformance/functions.py) and
[Go's](../workers/go/cmd/gd-go-conformance/main.go).
"""


def page() -> str:
    """Return the whole of docs/conformance.md."""
    kit = table(("function", "meaning"), *map(_meaning, functions.NAMES))
    counts = ", ".join(f"{sum(rule.level is level for rule in RULES)} {level}" for level in Level)
    rules = f"## The rules\n\n{len(RULES)} rules: {counts}.\n"
    return "\n".join([INTRODUCTION, kit, rules, *map(_chapter, THEMES)])


def _meaning(name: str) -> tuple[str, str]:
    function = offered_function(name)
    assert function is not None
    names = ", ".join(
        f"{each.name}..." if each.kind is each.VAR_POSITIONAL else each.name
        for each in inspect.signature(function).parameters.values()
    )
    return f"`{name}({names})`", " ".join((inspect.getdoc(function) or "").split())


def _chapter(theme: Theme) -> str:
    rows = table(("rule", "level", "what is checked", "the protocol says"), *_rows(theme))
    return f"### {theme.name}: {theme.about}\n\n{rows}"


def _rows(theme: Theme) -> Iterator[tuple[str, ...]]:
    for rule in theme.rules:
        said = f'"{cell(rule.sentence)}" ([{rule.part}](protocol.md#{place(rule)}))'
        yield f"`{rule.name}`", str(rule.level), cell(rule.checks), said


def place(rule: Rule) -> str:
    """Return the anchor of the part of the protocol that a rule comes from."""
    return anchor("Service Worker" if rule.part == "Worker" else rule.part)


def main() -> None:
    """Write the page."""
    arguments = argparse.ArgumentParser(description="Write docs/conformance.md.")
    arguments.add_argument("--output", type=Path, default=ROOT / "docs/conformance.md")
    arguments.parse_args().output.write_text(page())


if __name__ == "__main__":
    main()
