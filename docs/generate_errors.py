"""Write docs/errors.md from errors.py and the `.proto` files (`make docs` runs this).

    python -m docs.generate_errors [--output FILE]

A chapter for each reason: the exception that bears it, and the calls that end with it.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from docs.generate_protocol import ROOT, File, anchor, read_files
from gdistributed import errors

INTRODUCTION = """\
# Errors

<!-- Generated from gdistributed/errors.py and the .proto files by `make docs`. Do not edit. -->

Every error has a reason: a word that does not change from version to version, made for programs and
for searching. It stands in

- the attribute `reason` of the exception, in Python;
- the trailing metadata `gdistributed-reason` of a call that failed, and in its status as
  `google.rpc.ErrorInfo.reason`;
- the field `reason` of a [`TaskError`](protocol.md#taskerror), when a task failed and not a call.

The exceptions are one tree, whose first cut is whose fault it was:
"""

# `- CODE (REASON): when` in the comment of an rpc; further lines are indented.
CALL_ERROR = re.compile(r"^- ([A-Z_]+) \(([A-Z0-9_]+)\): (.*(?:\n  .*)*)", re.MULTILINE)


@dataclass
class Reason:
    """What is known of a reason: its exception, if it has one, and the calls that end with it."""

    exception: type[errors.GDistributedError] | None = None
    calls: list[str] = field(default_factory=list)


def exceptions() -> list[type[errors.GDistributedError]]:
    """Return every exception of the tree that has a reason."""
    found = (value for value in vars(errors).values() if inspect.isclass(value))
    return [each for each in found if issubclass(each, errors.GDistributedError)]


def call_errors(file: File) -> Iterator[tuple[str, str]]:
    """Yield each reason in the `Errors:` lists of a file, and a line that says when it comes."""
    for call, comment in file.calls():
        for code, reason, when in CALL_ERROR.findall(comment):
            text = " ".join(when.split())
            yield reason, f"- [{call}](protocol.md#{anchor(call)}), {code}: {text}"


def reasons() -> dict[str, Reason]:
    known: dict[str, Reason] = {}
    for exception in exceptions():
        known.setdefault(exception.reason, Reason()).exception = exception
    for file in read_files():
        for reason, line in call_errors(file):
            known.setdefault(reason, Reason()).calls.append(line)
    return dict(sorted(known.items()))


def shown(base: type) -> str:
    module = base.__module__.removesuffix("._base")
    return base.__name__ if module in ("builtins", errors.__name__) else f"{module}.{base.__name__}"


def meaning(exception: type) -> list[str]:
    """Return the paragraphs of a docstring that stand before its first section."""
    text = re.split(r"\n\w+\n---", inspect.getdoc(exception) or "")[0].strip()
    return [paragraph.replace("\n", " ").replace("``", "`") for paragraph in text.split("\n\n")]


def chapter(name: str, reason: Reason) -> str:
    parts = [f"## {name}\n"]
    if reason.exception is not None:
        bases = map(shown, reason.exception.__bases__)
        summary, *advice = meaning(reason.exception)
        parts.append(
            f"`{reason.exception.__name__}`, a kind of `{'`, `'.join(bases)}`. {summary}\n"
        )
        parts.extend(f"{paragraph}\n" for paragraph in advice)
    if reason.calls:
        parts.append("Calls that end with it:\n\n" + "\n".join(reason.calls) + "\n")
    return "\n".join(parts)


def page() -> str:
    """Return the whole of docs/errors.md."""
    tree = (errors.__doc__ or "").split("\n\n")[1]
    chapters = [chapter(name, reason) for name, reason in reasons().items()]
    return "\n".join([INTRODUCTION, f"```text\n{tree}\n```\n", *chapters])


def main() -> None:
    arguments = argparse.ArgumentParser(description="Write docs/errors.md.")
    arguments.add_argument("--output", type=Path, default=ROOT / "docs/errors.md")
    arguments.parse_args().output.write_text(page())


if __name__ == "__main__":
    main()
