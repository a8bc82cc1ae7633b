"""The code blocks of a page, and how each kind is run for real."""

from __future__ import annotations

import doctest
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT = "$ "
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
    """The commands of all console blocks; one that ends in a backslash goes on in the next line."""
    for block in blocks:
        if block.language == "console":
            for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                typed = re.match(r"(?:.*\\\n)*.*\n", part)
                assert typed is not None
                yield Command(typed[0].rstrip("\n"), part[typed.end() :])


def is_as_shown(said: str, shown: str) -> bool:
    """Whether output is what the page shows, where `...` stands for anything."""
    return doctest.OutputChecker().check_output(shown, said, MATCHING)


def difference(said: str, command: Command) -> str:
    example = doctest.Example(command.line, command.shown)
    text = doctest.OutputChecker().output_difference(example, said, MATCHING)
    return f"$ {command.line}\n{text}"
