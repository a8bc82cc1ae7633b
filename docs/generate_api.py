"""Write docs/api.md from the docstrings of all public names (`make docs` runs this).

    python -m docs.generate_api [--output FILE]

A chapter for each class and function; the methods of the two clients are told once.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gdistributed
from docs.generate_protocol import ROOT

INTRODUCTION = """\
# API reference

<!-- Generated from the docstrings of the package by `make docs`. Do not edit. -->

Everything here is a name of the package `gdistributed`. The methods of `Client` wait; those of
`AsyncClient` have the same names and parameters, and are awaited where they wait. The examples run
in the tests, with `client` a `Client` of a running cluster, `address` that of its scheduler, and
`cluster` the `LocalCluster`.
"""
# Their methods are told elsewhere, or are not for users.
ALIKE = {"Client": "AsyncClient", "Executor": "Client"}
INTERNAL = {
    "future", "map_calls", "pack", "packing", "reference", "references", "references_in",
    "submit_call", "submit_graph", "template", "warn_of_versions", "twin", "of", "connection",
    "bridge", "record",
}  # fmt: skip
# What others are made of, or are called by: see docs/foundations.md and plugins.py.
TOLD_AS_A_WHOLE = {
    "Center", "Nanny", "NannyPlugin", "Scheduler", "SchedulerPlugin", "Server", "Worker",
    "WorkerPlugin",
}  # fmt: skip
SECTION = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)


def public() -> Iterator[tuple[str, Any]]:
    """Yield the names and objects that have a chapter."""
    for name in gdistributed.__all__:
        value = getattr(gdistributed, name)
        if callable(value) and name not in ALIKE:
            yield name, value


def methods(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties that a class of this package has, by name."""
    if issubclass(kind, BaseException) or kind.__name__ in TOLD_AS_A_WHOLE:
        return
    for name in sorted(dir(kind)):
        member = inspect.getattr_static(kind, name)
        function = member.fget if isinstance(member, property) else getattr(kind, name)
        is_ours = str(getattr(function, "__module__", "")).startswith("gdistributed.")
        if not name.startswith("_") and is_ours and name not in INTERNAL:
            yield name, member


def page() -> str:
    """Return the whole page."""
    parts = [INTRODUCTION]
    for name, value in public():
        parts.append(f"## {name}\n\n{_signature(name, value)}\n{_text(value)}")
        if inspect.isclass(value):
            for method, member in methods(value):
                shown = f"{name.removeprefix('Async')}.{method}"
                parts.append(f"### {shown}\n\n{_signature(method, member)}\n{_text(member)}")
    return "\n".join(parts)


def _signature(name: str, value: Any) -> str:  # noqa: ANN401
    if isinstance(value, property):
        return f"*{_return_of(value)}*, a property.\n"
    function = getattr(value, "__func__", value)
    kind = "await " if inspect.iscoroutinefunction(function) else ""
    try:
        parameters = [
            each.replace(annotation=inspect.Parameter.empty)
            for each in inspect.signature(function).parameters.values()
            if each.name not in ("self", "cls") and not each.name.startswith("_")
        ]
    except ValueError:
        return ""
    shown = (str(each) for each in parameters if each.name not in ("bridge", "face", "loop"))
    words = re.sub(r"<object object at 0x[0-9a-f]+>", "...", ", ".join(shown))
    return f"```\n{kind}{name}({words})\n```\n"


def _return_of(value: property) -> str:
    return str(getattr(value.fget, "__annotations__", {}).get("return", ""))


def _text(value: Any) -> str:  # noqa: ANN401
    """Return a docstring as Markdown: each section gets a bold title."""
    found = SECTION.split(inspect.cleandoc(getattr(value, "__doc__", "") or ""))
    parts = [found[0].strip()]
    for title, body in zip(found[1::2], found[2::2], strict=True):
        shown = body.rstrip()
        if title == "Examples":
            shown = _fenced(body)
        elif title in ("Parameters", "Attributes", "Raises"):
            shown = _listed(body)
        parts.append(f"**{title}**\n\n{shown}")
    return "\n\n".join(parts) + "\n"


def _fenced(body: str) -> str:
    lines = (line.split("  # doctest:")[0] for line in body.rstrip().splitlines())
    return "```python\n" + "\n".join(lines) + "\n```"


def _listed(body: str) -> str:
    """Return names with indented explanations as a list."""
    lines = []
    for line in body.rstrip().splitlines():
        if line.startswith("    "):
            lines.append(f"  {line.strip()}")
        elif re.fullmatch(r"[\w*][\w., *()]*", line):
            lines.append(f"- `{line}`:")
        else:
            lines.append(line)
    return "\n".join(lines)


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "api.md")
    parser.parse_args().output.write_text(page())


if __name__ == "__main__":
    main()
