"""Every example of the pages is run, by real interpreters and against real clusters."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import click
import pytest

from gdistributed.cli.main import main
from tests.docs.blocks import Block, Command, blocks_of, commands_of, difference, is_as_shown
from tests.ports import free_port
from tests.processes import GdProcess, started
from tests.tools import ROOT, TOOLS, require

PAGES = [
    ROOT / "README.md",
    *(
        ROOT / f"docs/{name}.md"
        for name in (
            *("quickstart", "grpcurl", "testing", "actors", "operations", "names", "dask"),
            *("codecs", "memory", "shared-memory", "synchronize", "traces", "dashboard"),
            *("reports", "security"),
        )
    ),
]
ADDRESS_OF_THE_PAGES = "127.0.0.1:8786"
TIMEOUT_S = 100


def names(pages: list[Path]) -> list[str]:
    return [page.name for page in pages]


def with_blocks(kind: str) -> list[Path]:
    return [page for page in PAGES if any(getattr(block, kind) for block in blocks_of(page))]


def with_commands() -> list[Path]:
    return [page for page in PAGES if list(commands_of(blocks_of(page)))]


def python(*arguments: str, cwd: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        cwd=cwd,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", with_blocks("is_session"), ids=names(with_blocks("is_session")))
def test_sessions_show_what_python_says(page: Path, tmp_path: Path) -> None:
    sessions = [block.text for block in blocks_of(page) if block.is_session]
    (tmp_path / "session.txt").write_text("\n".join(sessions))
    python("-m", "doctest", "-o", "ELLIPSIS", "session.txt", cwd=tmp_path)


@pytest.mark.parametrize("page", with_blocks("is_program"), ids=names(with_blocks("is_program")))
def test_programs_run(page: Path, tmp_path: Path) -> None:
    programs = [block for block in blocks_of(page) if block.is_program]
    for number, program in enumerate(programs):
        file = tmp_path / f"program_{number}.py"
        file.write_text(program.text)
        python(file.name, cwd=tmp_path)


@pytest.mark.parametrize("page", with_commands(), ids=names(with_commands()))
def test_consoles_show_what_commands_say(page: Path, tmp_path: Path) -> None:
    blocks = blocks_of(page)
    if any("grpcurl" in block.text for block in blocks):
        require(TOOLS / "bin/grpcurl", "make test builds it (needs Go)")
    with ExitStack() as processes:
        console = Console(processes, tmp_path)
        for command in commands_of(blocks):
            console.run(command)


class Console:
    """A person's terminal: servers go to the background, all other commands are waited for.

    What is in the repository is where the person is, too.
    """

    def __init__(self, processes: ExitStack, cwd: Path) -> None:
        self._processes = processes
        self._cwd = cwd
        for entry in ROOT.iterdir():
            (cwd / entry.name).symlink_to(entry)
        self._address = f"127.0.0.1:{free_port()}"

    def run(self, command: Command) -> None:
        line = command.line.replace(ADDRESS_OF_THE_PAGES, self._address)
        if line.endswith("&"):
            self._start(shlex.split(line.removesuffix("&")), command)
            return
        path = os.pathsep.join([str(Path(sys.executable).parent), str(TOOLS / "bin")])
        done = subprocess.run(
            ["bash", "-c", line],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
            cwd=self._cwd,
            env=os.environ | {"PATH": f"{path}{os.pathsep}{os.environ['PATH']}"},
            check=False,
        )
        said = done.stdout.replace(self._address, ADDRESS_OF_THE_PAGES)
        assert is_as_shown(said, command.shown), difference(said, command)

    def _start(self, words: list[str], command: Command) -> None:
        assert words[0] == "gd", "only our own servers are started in the background"
        port = self._address.partition(":")[2]
        extra = ["--port", port] if words[1] == "scheduler" else []
        process = started(self._processes, *words[1:], *extra, cwd=self._cwd)
        wait_until_up(process, words)
        for line in command.shown.splitlines():
            said = [text.replace(self._address, ADDRESS_OF_THE_PAGES) for text in process.lines]
            assert any(is_as_shown(text, line) for text in said), (line, process.log)


def wait_until_up(process: GdProcess, words: list[str]) -> None:
    expected = int(words[words.index("--nworkers") + 1]) if "--nworkers" in words else 1
    process.wait_for("registered" if words[1] == "worker" else "listening", times=expected)


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_commands_for_other_machines_are_at_least_understood(page: Path) -> None:
    for block in blocks_of(page):
        if block.language == "sh":
            for line in block.text.splitlines():
                assert understood(line, block), line


def understood(line: str, block: Block) -> bool:
    program, *words = shlex.split(line)
    if program == "make":
        return all(f"\n{word}:" in (ROOT / "Makefile").read_text() for word in words)
    if program == "gd":
        command = main.commands[words[0]]
        return isinstance(command.make_context(words[0], words[1:]), click.Context)
    return program in ("pip", "go", "grpcurl", "curl", "ssh")
