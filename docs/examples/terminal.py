"""What the demos share: a cluster as one starts it on a command line, and what they print."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent.parent
GD = (sys.executable, "-m", "gdistributed")
ADDRESS = "ADDRESS"

console = Console(highlight=False)


@contextmanager
def cluster(folder: Path, *workers: Sequence[str]) -> Iterator[str]:
    """Run a scheduler and workers, each a process of its own; the scheduler's address.

    Parameters
    ----------
    folder
        Where the scheduler says its address.
    *workers
        Their commands, with the word ADDRESS in place of it.
    """
    file = folder / "scheduler.json"
    with ExitStack() as processes:
        processes.enter_context(running("gd", "scheduler", "--port=0", f"--scheduler-file={file}"))
        while not file.exists():
            time.sleep(0.02)
        told = json.loads(file.read_text())
        address: str = told["address"]
        for command in workers:
            words = [address if word == ADDRESS else word for word in command]
            processes.enter_context(running(*words))
        if told["dashboard_address"]:
            link = f"http://{told['dashboard_address']}/"
            console.print(f"\n[bold]Dashboard: {link}[/bold] (open it while this runs)\n")
        yield address


@contextmanager
def running(program: str, *arguments: str) -> Iterator[None]:
    """Show a command and run it below this program, from the top folder, until the end."""
    console.print(f"[dim]$ {shlex.join([program, *arguments])}[/dim]", soft_wrap=True)
    command = [*(GD if program == "gd" else (program,)), *arguments, "--log-level=error"]
    process = subprocess.Popen([*command, "--stop-with-parent"], stdin=subprocess.PIPE, cwd=ROOT)
    try:
        yield
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print a title before what happens, and how long it took afterwards."""
    console.print(f"\n[bold]{title}[/bold]")
    start = time.perf_counter()
    yield
    console.print(f"[dim]{time.perf_counter() - start:.1f} s[/dim]")


def small_table(*texts: str, numbers: Sequence[str]) -> Table:
    """Make a table whose last columns are numbers."""
    table = Table(*texts, box=box.SIMPLE_HEAD, pad_edge=False)
    for title in numbers:
        table.add_column(title, justify="right")
    return table
