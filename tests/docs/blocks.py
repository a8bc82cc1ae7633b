"""The code blocks of a page, and how each kind is run for real."""

from __future__ import annotations

import doctest
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MATCHING = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    language: str
    text: str

    @property
    def is_session(self) -> bool:
        return self.language == "python" and self.text.lstrip().startswith(">>>")

    @property
    def is_program(self) -> bool:
        return self.language == "python" and not self.is_session


@dataclass(frozen=True)
class Command:
    """A line that a person types, and what is then shown."""

    line: str
    shown: str


def blocks_of(page: Path) -> list[Block]:
    return [Block(*found) for found in FENCE.findall(page.read_text())]


def commands_of(blocks: list[Block]) -> Iterator[Command]:
    """The commands of all console blocks, each with what follows it up to the next prompt."""
    for block in blocks:
        if block.language == "console":
            for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                lines = part.splitlines(keepends=True)
                typed = next(n for n in range(1, len(lines) + 1) if is_whole("".join(lines[:n])))
                yield Command("".join(lines[:typed]).rstrip("\n"), "".join(lines[typed:]))


def is_whole(typed: str) -> bool:
    """Whether a shell would run these lines, and not wait for more."""
    try:
        shlex.split(typed)
    except ValueError:  # an open quote
        return False
    return not typed.endswith("\\\n")


def is_as_shown(said: str, shown: str) -> bool:
    """Whether output is what the page shows, where `...` stands for anything."""
    return doctest.OutputChecker().check_output(shown, said, MATCHING)


def difference(said: str, command: Command) -> str:
    example = doctest.Example(command.line, command.shown)
    text = doctest.OutputChecker().output_difference(example, said, MATCHING)
    return f"$ {command.line}\n{text}"
