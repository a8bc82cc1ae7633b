"""How a client prints what tasks say: whole lines, each with its task."""

from __future__ import annotations

import io
import sys
import threading

import pytest

from gdistributed.client.printing import WAITING_MAX, Printing, short
from gdistributed.v1 import task_pb2

STDERR = task_pb2.OUTPUT_STREAM_STDERR


def part(text: str, key: str = "x", stream: int = 1, left_out: int = 0) -> task_pb2.TaskOutput:
    return task_pb2.TaskOutput(key=key, text=text, stream=stream, left_out=left_out, worker="w")


def printed(capsys: pytest.CaptureFixture[str], *parts: task_pb2.TaskOutput) -> tuple[str, str]:
    printing = Printing()
    printing.show(parts)
    printing.close()
    out, err = capsys.readouterr()
    return out, err


def test_each_line_has_the_name_of_its_task(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = printed(capsys, part("a\n\nb\n"), part("c\n", key="y"), part("d\n", stream=STDERR))
    assert out == "(x on w) a\n(x on w) \n(x on w) b\n(y on w) c\n"
    assert err == "(x on w) d\n"


def test_a_line_that_was_not_finished_is_ended(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = printed(capsys, part("a"), part("b\n", key="y"), part("\nc\n"), part("\n"))
    assert out == "(x on w) a\n(y on w) b\n(x on w) c\n(x on w) \n"


def test_of_a_line_that_is_written_over_the_last_form_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert (
        printed(capsys, part("1 %\r2 %\r3 %\nwindows\r\n"))[0] == "(x on w) 3 %\n(x on w) windows\n"
    )


def test_what_is_left_out_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = printed(capsys, part("a\n"), part("z\n", left_out=123))
    assert out == "(x on w) a\n(x on w) ... 123 bytes left out ...\n(x on w) z\n"


def test_a_long_key_is_shown_without_its_middle() -> None:
    assert short("inc-1") == "inc-1"
    long = short("('add-" + "0123456789abcdef" * 2 + "', 3, 14)")
    assert len(long) <= 32
    assert (long[:6], long[-8:]) == ("('add-", ", 3, 14)"[-8:])


class Stuck(io.StringIO):
    """Standard output that nobody reads until the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go_on = threading.Event()

    def write(self, text: str) -> int:
        self.may_go_on.wait(30)
        return super().write(text)


def test_nobody_waits_for_who_reads_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck, printing = Stuck(), Printing()
    monkeypatch.setattr(sys, "stdout", stuck)
    for _ in range(3 * WAITING_MAX):
        printing.show([part("x\n")])
    stuck.may_go_on.set()
    printing.close()
    lines = stuck.getvalue().splitlines()
    assert WAITING_MAX <= len(lines) <= WAITING_MAX + 2


def test_a_stream_that_is_closed_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    printing = Printing()
    printing.show([part("x\n"), part("y\n")])
    printing.close()
    assert "cannot be printed" in caplog.text
