"""`make demo-report`, as a person runs it, of less data."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

from docs.examples.browser import DESK, PROGRAM
from docs.examples.report import views
from tests.tools import ROOT, require


def run_demo(folder: Path, **environment: str) -> str:
    """Run it in the smallest way; what it has printed."""
    small = ["--months=1", "--side=1000", f"--folder={folder}"]
    done = subprocess.run(
        [sys.executable, "-m", "docs.examples.report", *small],
        capture_output=True,
        text=True,
        timeout=110,
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "80"} | environment,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "Dashboard: http://127.0.0.1:" in done.stdout
    assert done.stdout.count("what pandas finds") == 2
    assert f"Report: {folder / 'report.html'}\n" in done.stdout
    return done.stdout


def size_of(picture: Path) -> tuple[int, int]:
    """Width and height of a PNG, as its header has them."""
    head = picture.read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def test_a_report_and_a_picture_of_each_page(tmp_path: Path) -> None:
    require(PROGRAM, "make test installs Debian's package where it runs as root")
    said = run_demo(tmp_path)
    assert f"Pictures of the dashboard: {tmp_path}/*.png" in said
    names = {f"{name}.png" for name in views("x")}
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", *names}
    assert "Flights that left New York" in (tmp_path / "report.html").read_text("utf-8")
    for name in names:
        width, height = size_of(tmp_path / name)
        assert width == DESK["width"]
        assert height >= DESK["height"]


def test_without_a_browser_the_report_is_there_alone(tmp_path: Path) -> None:
    said = run_demo(tmp_path, PATH=str(Path(sys.executable).parent))
    assert "no chromium here" in said
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
