"""The page on foundations: its service is generated, its programs run, its commands typed."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gdistributed.wire.server import Server
from tests.docs.blocks import blocks_of
from tests.tools import ROOT, TOOLS, require

PAGE = ROOT / "docs/foundations.md"
TIMEOUT_S = 60


def said_by(*command: str, cwd: Path) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=TIMEOUT_S, cwd=cwd, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def shell_lines() -> list[list[str]]:
    blocks = [block.text for block in blocks_of(PAGE) if block.language == "sh"]
    return [shlex.split(line) for text in blocks for line in text.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a reader has put the files of the page, the stubs generated as it says."""
    generator = require(TOOLS / "proto/bin/python", "make test installs it")
    (proto,) = (block.text for block in blocks_of(PAGE) if block.language == "proto")
    (tmp_path / "calculator.proto").write_text(proto)
    (command,) = (words for words in shell_lines() if words[0] == "python")
    said_by(generator, *command[1:], cwd=tmp_path)
    programs = [block.text for block in blocks_of(PAGE) if block.is_program]
    (tmp_path / "calculator.py").write_text(programs[0])
    for number, program in enumerate(programs[1:]):
        (tmp_path / f"program_{number}.py").write_text(program)
    return tmp_path


def test_the_programs_run(folder: Path) -> None:
    programs = sorted(folder.glob("program_*.py"))
    said = [said_by(sys.executable, "-W", "error", each.name, cwd=folder) for each in programs]
    assert said == ["", "3 status: SERVING\n\n", ""]


def test_the_shell_gets_answers(grpcurl: str, tmp_path: Path) -> None:
    def stream_data(interval: float, count: int) -> list[float]:
        return [interval] * count

    handlers = {"add": lambda x, y: x + y, "stream_data": stream_data}
    with Server(handlers=handlers, asynchronous=False) as server:
        commands = [words for words in shell_lines() if words[0] == "grpcurl"]
        words = [
            [word.replace("ADDRESS", server.address) for word in command] for command in commands
        ]
        said = [said_by(grpcurl, *command[1:], cwd=tmp_path) for command in words]
    assert "gdistributed.v1.Handlers" in said[0].splitlines()
    assert said[1].split() == ["{", '"result":', "3", "}"]
    assert "0.01" in said[2]
