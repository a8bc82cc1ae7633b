"""Progress as a person sees it in a terminal."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from gdistributed.client.progress_views import Line, in_html, summary, view_on
from tests.terminals import Terminal, lines_shown, plain
from tests.waiting import until

PROGRAM = """
import sys, time
from gdistributed import Client, progress

def nap(number):
    time.sleep(0.05)
    return number

def fail(number):
    raise ValueError(number)

with Client(sys.argv[1]) as client:
    progress(client.map(nap, range(120), pure=False), client.submit(fail, 1))
"""


def test_bars_are_live_and_a_line_sums_up(address: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with Terminal([sys.executable, str(program), address]) as terminal:
        until(lambda: " left" in plain(terminal.text), "the time that is left")
        assert terminal.wait() == 0
        assert "Traceback" not in terminal.text
    *lines, last = [line for line in lines_shown(terminal.text) if line]
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines] == ["nap", "fail"]  # and nothing of before
    assert all(said in lines[0] for said in ("120/120", "/s"))
    assert "1 erred" in lines[1]
    assert last.startswith("121/121 done, 1 erred in ")
    assert last.endswith("/s: nap 120/120, fail 1/1")


def a_line(prefix: str = "x", **facts: int) -> Line:
    line = Line(prefix, total=10)
    for name, value in facts.items():
        setattr(line, name, value)
    return line


def test_time_left_runs_down_between_changes() -> None:
    line = a_line(mean_s=4)
    line.note(0.0, nthreads=2)
    assert line.left_s == 20
    line.note(3.0, nthreads=2)
    assert line.left_s == 17
    line.done = 2
    line.note(4.0, nthreads=2)
    assert line.left_s == 16
    line.note(100.0, nthreads=2)
    assert line.left_s == 0


@pytest.mark.parametrize("height", [10, 40])
def test_many_prefixes_do_not_overflow_the_terminal(height: int) -> None:
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=80, height=height)
    lines = [
        a_line(f"a-rather-long-prefix-of-tasks-{number}", done=number % 11) for number in range(30)
    ]
    with view_on(console) as view:
        view.draw(lines, 1.0)
    shown = [line for line in lines_shown(drawn.getvalue()) if line]
    assert len(shown) <= height - 2
    assert max(map(len, shown)) <= 80
    assert ("more: " in plain(drawn.getvalue())) == (height == 10)


def test_what_is_said_is_escaped_and_short() -> None:
    lines = [a_line("<b>", done=10, failed=2), *(a_line(f"p{number}") for number in range(9))]
    html = in_html(lines, summary(lines, 2.0))
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
    assert "2 erred" in html
    assert "10/100 done, 2 erred in 2.0 s, 5.0/s" in html
    assert summary(lines, 2.0).endswith("p3 0/10, and 5 more")
